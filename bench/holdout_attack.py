"""How much a submitter who adapts can make of the answers, where there is truly nothing to be found.

    python -m bench.holdout_attack [--submissions 100 500 2000] [--rows 2000 10000] [--seeds 5]

The hidden rows' mistakes (of finds) and labels (of fixes) have nothing to do with their features, so whatever
an attacker claims is false. Three attacks, each with that many submissions:

- majority: random submissions; at the end every row goes with the majority of those that did better than
  nothing.
- weighted: the same, each submission with the weight of what it was told above nothing.
- climbing: the best so far with 2 % of the rows changed; kept when the answer says that it is better.

The attacker sees of each submission, by regime:

- exact: the score to the last digit.
- digits: the score rounded to three digits.
- ladder: the Ladder of Blum and Hardt (2015) with a fixed step of 0.01: the best score so far, moved only
  where a submission beats it by a step, and rounded to it.
- ours: whether it was accepted, its code, and the team's total rounded down to 0.1 point. K is the number of
  submissions, alpha 0.05, and accepted submissions count for the later ones. Finish times are rounded up to
  the second and tell nothing of labels, as no label is in the sandbox.

Scores. Of groups (finds): 15 % of the rows are wrong, and the score is the group's share of the rows times
its gap, the best that points could be. Of predictors (fixes): labels are coin flips, and the score is
accuracy on all rows minus the half that is true. What is printed is the final score that the attacker claims,
on the same rows, averaged over seeds: it is all false.

Then the attacker who owns a true group, one that is worse by 50 points of error on a tenth of the rows: it is
cut into slices, each padded with half of a set of ordinary rows that the attacker wants to learn about, and
submitted as long as slices last. What the steps of the total tell of these rows is used to claim a group
among them.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.support import save
from fairness.fixes import judge_fix
from fairness.pointer_list import PointerList
from fairness.ranking import round_down
from fairness.verdict import Evidence, judge_find

Bits = NDArray[np.bool_]
Floats = NDArray[np.float64]

ALPHA, STEP, CHANGED, WRONG = 0.05, 0.01, 0.02, 0.15
REGIMES = ("exact", "digits", "ladder", "ours")
ATTACKS = ("majority", "weighted", "climbing")
WORTH = {"groups": "share x gap", "predictors": "accuracy above 1/2"}


@dataclass
class Finds:
    """Submissions are groups; the hidden errors are independent of everything."""

    errors: Floats
    level: float
    accepted: list[Bits] = field(default_factory=list)
    total: float = 0.0

    def score(self, group: Bits) -> float:
        inside = int(group.sum())
        if not 0 < inside < len(group):
            return 0.0
        return inside / len(group) * float(self.errors[group].mean() - self.errors[~group].mean())

    def judge(self, group: Bits) -> tuple[bool, float]:
        evidence = Evidence(self.errors, np.ones(len(group)))
        verdict = judge_find(evidence, group, self.accepted, self.level)
        if verdict.accepted:
            self.accepted.append(group)
            self.total += verdict.points
        return verdict.accepted, round_down(self.total)


@dataclass
class Fixes:
    """Submissions are labels for all rows, sent as a fix for the rows they call 1 of a model that says 0."""

    labels: Bits
    level: float
    model: PointerList = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.model = PointerList.start(self.labels.astype(np.int64))

    def score(self, said: Bits) -> float:
        return float((said == self.labels).mean()) - 0.5

    def judge(self, said: Bits) -> tuple[bool, float]:
        costs = (~self.labels[said]).astype(np.int64)
        differs = self.model.source[said] == 0
        verdict, self.model = judge_fix(self.model, said, costs, differs, self.level)
        self.total += verdict.points
        return verdict.accepted, round_down(self.total)


def feedback(regime: str, hidden: Finds | Fixes) -> Callable[[Bits], float]:
    """What a submission is told, as one number; 0 is nothing."""
    best = 0.0

    def told(sent: Bits) -> float:
        nonlocal best
        if regime == "ours":
            accepted, total = hidden.judge(sent)
            return total if accepted else 0.0
        score = hidden.score(sent)
        if regime == "exact":
            return score
        if regime == "digits":
            return round(score, 3)
        if score > best + STEP:
            best = round(score / STEP) * STEP
            return best
        return 0.0

    return told


def attack(
    kind: str, told: Callable[[Bits], float], n: int, submissions: int, rng: np.random.Generator
) -> Bits:
    """The last submission, made of all answers."""
    if kind == "climbing":
        best, told_best = rng.random(n) < 0.5, 0.0
        for _ in range(submissions):
            tried = best ^ (rng.random(n) < CHANGED)
            answer = told(tried)
            if answer > told_best:
                best, told_best = tried, answer
        return best
    votes = np.zeros(n)
    for _ in range(submissions):
        sent = rng.random(n) < 0.5
        answer = told(sent)
        # What did worse than nothing votes the other way, where the answer tells how it did.
        weight = answer if kind == "weighted" else float(np.sign(answer))
        votes += weight * np.where(sent, 1, -1)
    # Rows without a vote, or where the votes tie, go by chance.
    return np.where(votes == 0, rng.random(n) < 0.5, votes > 0)


def false_gain(world: str, regime: str, kind: str, n: int, submissions: int, seed: int) -> float:
    rng = np.random.default_rng([seed, n, submissions])
    level = ALPHA / submissions
    if world == "groups":
        hidden: Finds | Fixes = Finds((rng.random(n) < WRONG).astype(np.float64), level)
    else:
        hidden = Fixes(rng.random(n) < 0.5, level)
    return hidden.score(attack(kind, feedback(regime, hidden), n, submissions, rng))


def sliced(n: int, slices: int, seed: int) -> tuple[float, float, int]:
    """What is learned about ordinary rows from the total's steps: the claim, one by chance, and pieces
    accepted.
    """
    rng = np.random.default_rng([seed, n, slices])
    errors = (rng.random(n) < WRONG).astype(np.float64)
    bad = np.arange(n) < n // 10
    errors[bad] = (rng.random(int(bad.sum())) < WRONG + 0.5).astype(np.float64)
    hidden = Finds(errors, ALPHA / slices)
    piece_of = rng.integers(0, slices, n)
    probed = ~bad & (rng.random(n) < 0.2)
    votes, before, accepted = np.zeros(n), 0.0, 0
    for piece in range(slices):
        half = probed & (rng.random(n) < 0.5)
        took, total = hidden.judge((bad & (piece_of == piece)) | half)
        accepted += took
        votes += (total - before) * np.where(half, 1, -1)
        before = total
    others = Finds(errors[probed], 0.05)
    chance = others.score(rng.random(int(probed.sum())) < 0.5)
    tied = votes[probed] == 0
    claimed = np.where(tied, rng.random(int(probed.sum())) < 0.5, votes[probed] > 0)
    return others.score(claimed), chance, accepted


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--submissions", type=int, nargs="+", default=[100, 500, 2000])
    parser.add_argument("--rows", type=int, nargs="+", default=[2000, 10_000])
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    numbers: dict[str, float] = {}
    started = time.monotonic()
    for world, worth in WORTH.items():
        print(f"\nFalse gain of {world} ({worth}), mean of {options.seeds} seeds")
        print(f"{'rows':>7} {'sent':>5}  {'attack':<9}" + "".join(f"{regime:>9}" for regime in REGIMES))
        for n in options.rows:
            for submissions in options.submissions:
                for kind in ATTACKS:
                    gains = {}
                    for regime in REGIMES:
                        seeds = range(options.seeds)
                        gains[regime] = float(
                            np.mean([false_gain(world, regime, kind, n, submissions, seed) for seed in seeds])
                        )
                        numbers[f"{world} {n} {submissions} {kind} {regime}"] = gains[regime]
                    cells = "".join(f"{gain:>9.4f}" for gain in gains.values())
                    print(f"{n:>7,} {submissions:>5,}  {kind:<9}{cells}", flush=True)
    print(
        "\nA true group in slices, each padded with ordinary rows: what is claimed among those, and by chance"
    )
    for n in options.rows:
        for slices in (5, 10, 20):
            runs = np.array([sliced(n, slices, seed) for seed in range(20)])
            claim, chance, accepted = runs.mean(axis=0)
            numbers[f"sliced {n} {slices}"] = float(claim)
            print(
                f"{n:>7,} {slices:>5,}  claimed {claim:.4f}  by chance {chance:.4f}  accepted {accepted:.1f}"
            )
    save("holdout_attack", numbers)
    print(f"\n{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()

"""What gets through as a fix: predictors without a gain, and planted gains.

    python -m bench.fixes [--bounties 2000] [--rows 10000] [--submissions 100]

Null. Labels are coin flips, so no predictor is truly better than the model. In each simulated bounty somebody
sends as many fixes as K allows, each judged at 0.05 / K against the list as it stands; what is counted is the
share of bounties in which anything at all was accepted (95 % interval: Clopper and Pearson), which is
promised to be at most 5 %. Beside it: the share of the same fixes that would have got in with no test but a
gain above nothing, or of 0.1 point. Three submitters: random groups with random answers; one who keeps a copy
of what did best on a public sample; one who changes the last fix a little, as long as it is refused. Once
more with people of 5 rows each, whose rows are alike.

Power. A model that is wrong in 15 % of the rows; in a group of some rows it is wrong in more by the gap, and
a predictor is wrong in 15 % there. How often that is accepted at 0.05 / 100.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from bench.support import save
from fairness.fixes import judge_fix
from fairness.pointer_list import PointerList

ALPHA = 0.05
Bits = NDArray[np.bool_]
Fix = tuple[Bits, Bits]  # the group, and where the predictor says something else than the model, as bool [n]
Submitter = Callable[[int, int, np.random.Generator], Iterator[Fix]]


def at_random(n: int, submissions: int, rng: np.random.Generator) -> Iterator[Fix]:
    for _ in range(submissions):
        yield rng.random(n) < rng.uniform(0.02, 0.6), rng.random(n) < rng.uniform(0.05, 1)


def best_on_sample(n: int, submissions: int, rng: np.random.Generator) -> Iterator[Fix]:
    """Of ten, the one that was luckiest on 2,000 rows with labels of their own: it says nothing of these."""
    for _ in range(submissions):
        lucky = max(range(10), key=lambda _: rng.binomial(2000, 0.5))
        size, share = np.random.default_rng([lucky, int(rng.integers(1 << 30))]).uniform(0.05, 0.6, 2)
        yield rng.random(n) < size, rng.random(n) < share


def step_by_step(n: int, submissions: int, rng: np.random.Generator) -> Iterator[Fix]:
    """All answers are refusals, which look alike: the next fix is the last one with 5 % of its rows
    changed.
    """
    group, other = rng.random(n) < 0.3, rng.random(n) < 0.5
    for _ in range(submissions):
        group, other = group ^ (rng.random(n) < 0.05), other ^ (rng.random(n) < 0.05)
        yield group, other


SUBMITTERS: dict[str, Submitter] = {
    "at random": at_random,
    "best on sample": best_on_sample,
    "step by step": step_by_step,
}


def bounty(
    submitter: Submitter, n: int, submissions: int, people: int, rng: np.random.Generator
) -> tuple[bool, int, int]:
    """Whether anything was accepted, and how many of the fixes before that have a gain, or one of 0.1
    point.
    """
    owner = np.arange(n) // people
    labels = (rng.random(n // people + 1) < 0.5)[owner]  # the rows of a person have one label
    model = PointerList.start(labels.astype(np.int64))
    clusters = owner if people > 1 else None
    gains = large = 0
    for group, other in submitter(n, submissions, rng):
        costs = (labels ^ other)[group].astype(np.int64)
        gain = model.gain(group, costs) / n
        gains, large = gains + (gain > 0), large + (gain >= 0.001)
        verdict, _ = judge_fix(model, group, costs, other[group], ALPHA / submissions, clusters=clusters)
        if verdict.accepted:
            return True, gains, large
    return False, gains, large


def share(hits: int, n: int) -> str:
    low = beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, n - hits) if hits < n else 1.0
    return f"{hits / n:7.2%}  ({low:.2%} to {high:.2%})"


def null(bounties: int, n: int, submissions: int, numbers: dict[str, float]) -> None:
    print(f"\nNo predictor is better: {submissions} fixes a bounty on {n:,} rows, alpha {ALPHA:.0%}\n")
    print("submitter        rows a person  bounties   any accepted              gain > 0   gain >= 0.1 point")
    for name, submitter in SUBMITTERS.items():
        for people, times in ((1, bounties), (5, max(bounties // 10, 1))):
            rng = np.random.default_rng([len(name), people])
            ended = [bounty(submitter, n, submissions, people, rng) for _ in range(times)]
            hits = sum(one[0] for one in ended)
            gains, large = (sum(one[place] for one in ended) / (times * submissions) for place in (1, 2))
            shares = f"{share(hits, times):<26}  {gains:8.1%}  {large:8.1%}"
            print(f"{name:<15}  {people:>13}  {times:>8,}  {shares}", flush=True)
            numbers[f"null {name} {people}"] = hits / times


def power(n: int, numbers: dict[str, float]) -> None:
    print(f"\nPower: predictor wrong in 15 %, model in more by the gap; {n:,} rows, level 0.05 / 100\n")
    gaps = (0.02, 0.05, 0.1, 0.2, 0.4)
    print("rows of the group" + "".join(f"{gap:>8.0%}" for gap in gaps))
    rng = np.random.default_rng(7)
    for size in (50, 100, 300, 1000, 3000):
        cells = []
        for gap in gaps:
            hits = 0
            for _ in range(200):
                base = (rng.random(n) < 0.15).astype(np.int64)
                base[:size] = rng.random(size) < 0.15 + gap
                costs = (rng.random(size) < 0.15).astype(np.int64)
                group = np.arange(n) < size
                differs = base[:size] != costs
                hits += judge_fix(PointerList.start(base), group, costs, differs, ALPHA / 100)[0].accepted
            cells.append(hits / 200)
            numbers[f"power {size} {gap}"] = hits / 200
        print(f"{size:>17,}" + "".join(f"{cell:>8.0%}" for cell in cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bounties", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--submissions", type=int, default=100)
    options = parser.parse_args()
    numbers: dict[str, float] = {}
    started = time.monotonic()
    null(options.bounties, options.rows, options.submissions, numbers)
    power(options.rows, numbers)
    save("fixes", numbers)
    print(f"\n{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()

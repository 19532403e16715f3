"""The promise of a bounty, simulated: without a worse group, anything is accepted with chance alpha at most.

    python -m bench.promise [--bounties 2000] [--draws 200] [--seed 1] [--json FILE]

Each simulated bounty has fresh errors and a cap of K verdicts. Every group is put to the core's own test,
and each that passes it to `judge_find`, whose word counts. Beside the share of bounties with any acceptance
stands its one-sided binomial p against alpha (small: the promise is broken), and below it the power to prove
planted groups.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from fairness.clustered import ClusterSums, cluster_score
from fairness.intervals import fisher_p
from fairness.verdict import Evidence, Mask, judge_find

ALPHA = 0.05
MIN_ROWS, MIN_CLUSTERS = 30, 20
BOUNTIES_PER_LAYOUT = 10


@dataclass(frozen=True)
class Setting:
    """A kind of hidden set. Its cells, rows or halves of clusters, are what groups are made of."""

    name: str
    rate: float
    rows: int = 2000
    clusters: int = 0
    cluster_rows: tuple[int, int] = (1, 1)
    spread: str = "equal"
    weighted: bool = False
    cap: int = 60


NULLS = (
    Setting("0/1, 2 %", 0.02),
    Setting("0/1, 5 %", 0.05),
    Setting("0/1, 15 %", 0.15),
    Setting("0/1, 15 %, K = 500", 0.15, rows=600, cap=500),
    Setting("0/1 with weights, 5 %", 0.05, rows=400, weighted=True, cap=40),
    Setting("40 clusters, 5 %, alike", 0.05, clusters=40, cluster_rows=(25, 25)),
    Setting("40 clusters, 15 %, varying", 0.15, clusters=40, cluster_rows=(5, 60), spread="varying"),
    Setting("200 clusters, 2 %, varying", 0.02, clusters=200, cluster_rows=(5, 40), spread="varying"),
    Setting("200 clusters, 5 %, a few bad", 0.05, clusters=200, cluster_rows=(5, 40), spread="few"),
    Setting("200 clusters, 95 %, varying", 0.95, clusters=200, cluster_rows=(5, 40), spread="varying"),
    Setting("600 clusters, 2 %, varying", 0.02, clusters=600, cluster_rows=(1, 6), spread="varying"),
    Setting(
        "200 clusters with weights, 5 %",
        0.05,
        clusters=200,
        cluster_rows=(5, 40),
        spread="few",
        weighted=True,
    ),
)


@dataclass(frozen=True)
class Layout:
    """The rows of a hidden set without their errors: the cell and cluster of every row, and its weight."""

    cells: NDArray[np.int64]
    n_cells: int
    clusters: NDArray[np.int64] | None
    weights: NDArray[np.float64] | None


@dataclass(frozen=True)
class Outcome:
    """Of how many simulated bounties one or more finds were accepted."""

    setting: str
    bounties: int
    cap: int
    accepted: int

    @property
    def share(self) -> float:
        return self.accepted / self.bounties

    @property
    def p_value(self) -> float:
        """One-sided binomial p that the share is above alpha."""
        return float(binomtest(self.accepted, self.bounties, ALPHA, alternative="greater").pvalue)


def lay_out(setting: Setting, rng: np.random.Generator) -> Layout:
    if not setting.clusters:
        weights = np.sort(rng.lognormal(0, 1, setting.rows)) if setting.weighted else None
        return Layout(np.arange(setting.rows), setting.rows, None, weights)
    low, high = setting.cluster_rows
    sizes = rng.integers(low, high + 1, setting.clusters)
    left = rng.binomial(sizes, 0.5)
    cells = np.repeat(np.arange(2 * setting.clusters), np.stack([left, sizes - left], axis=1).ravel())
    weights = rng.lognormal(0, 0.7, len(cells)) if setting.weighted else None
    return Layout(cells, 2 * setting.clusters, cells // 2, weights)


def draw_errors(setting: Setting, layout: Layout, rng: np.random.Generator) -> NDArray[np.float64]:
    """Errors of every row, 0 or 1, with the setting's rate in expectation whatever the row's group."""
    rare = min(setting.rate, 1 - setting.rate)
    units = np.arange(layout.n_cells) if layout.clusters is None else layout.clusters
    n_units = int(units.max()) + 1
    if setting.spread == "varying":
        rates = rng.beta(1, 1 / rare - 1, n_units)
    elif setting.spread == "few":
        rates = np.where(rng.random(n_units) < 0.1, 5 * rare, rare * 5 / 9)
    else:
        rates = np.full(n_units, rare)
    hits = rng.random(len(layout.cells)) < rates[units]
    return (hits if setting.rate <= 0.5 else ~hits).astype(float)


def draw_groups(setting: Setting, layout: Layout, rng: np.random.Generator) -> Mask:
    """Groups as bool[cap, cells]: the smallest allowed, all but the smallest, and three larger kinds."""
    n = setting.clusters or layout.n_cells
    least = MIN_CLUSTERS if setting.clusters else MIN_ROWS
    kinds = [_pick(n, size, -(-setting.cap // 5), rng) for size in (least, n - least, n // 4, n // 2, n // 4)]
    if not setting.clusters:
        # The last kind is all but half of the last rows, the heaviest where there are weights.
        kinds[-1][:, : n - 4 * least] = True
        return np.concatenate(kinds)[: setting.cap]
    # The last kind takes one half of each of its clusters, so that these stand on both sides.
    whole = [np.repeat(kind, 2, axis=1) for kind in kinds]
    side = rng.random(kinds[-1].shape) < 0.5
    whole[-1] &= np.stack([side, ~side], axis=2).reshape(len(side), -1)
    return np.concatenate(whole)[: setting.cap]


def _pick(n: int, size: int, count: int, rng: np.random.Generator) -> Mask:
    picked = np.zeros((count, n), dtype=bool)
    np.put_along_axis(picked, rng.random((count, n)).argpartition(size - 1, axis=1)[:, :size], True, axis=1)
    return picked


def p_values(layout: Layout, errors: NDArray[np.float64], groups: Mask) -> NDArray[np.float64]:
    """The core's p of every group against all other rows."""
    if layout.clusters is None and layout.weights is None:
        inside, size = groups @ errors, groups.sum(axis=1)
        return fisher_p(inside, size, errors.sum() - inside, len(errors) - size)
    return cluster_score(_sums(layout, errors, groups), _sums(layout, errors, ~groups)).p_value


def _sums(layout: Layout, errors: NDArray[np.float64], groups: Mask) -> ClusterSums:
    ones = np.ones(len(errors))
    weight = ones if layout.weights is None else layout.weights

    def by_cell(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(layout.cells, weights=values, minlength=layout.n_cells)

    def by_cluster(values: NDArray[np.float64]) -> NDArray[np.float64]:
        chosen = groups * by_cell(values)
        return chosen if layout.clusters is None else chosen[:, 0::2] + chosen[:, 1::2]

    wrong, rows, squares = (groups @ by_cell(values) for values in (errors, ones, weight * weight))
    return ClusterSums(
        errors=by_cluster(errors * weight),
        exposure=by_cluster(weight),
        raw_errors=by_cluster(errors),
        raw_exposure=by_cluster(ones),
        error_squares=wrong,
        error_exposure=wrong,
        exposure_squares=rows,
        variance_units=squares,
        weighted_squares=squares,
    )


def simulate(setting: Setting, bounties: int, seed: int) -> Outcome:
    """Share of bounties without a worse group in which any of the cap's groups is accepted."""
    rng = np.random.default_rng(seed)
    level = ALPHA / setting.cap
    accepted = 0
    for bounty in range(bounties):
        if bounty % BOUNTIES_PER_LAYOUT == 0:
            layout = lay_out(setting, rng)
            groups = draw_groups(setting, layout, rng)
        errors = draw_errors(setting, layout, rng)
        passing = np.flatnonzero(p_values(layout, errors, groups) <= level / 2)
        evidence = Evidence(errors, np.ones(len(errors)), layout.clusters, layout.weights)
        accepted += any(
            judge_find(evidence, groups[position][layout.cells], [], level).accepted for position in passing
        )
    return Outcome(setting.name, bounties, setting.cap, accepted)


def simulate_adaptive(
    bounties: int, seed: int, *, rows: int = 300, cap: int = 20, rate: float = 0.15
) -> Outcome:
    """Share of bounties in which a submitter who builds on each answer gets anything accepted.

    It splits, joins and trades rows of its earlier groups by the code each of them was answered with.
    """
    rng = np.random.default_rng(seed)
    won = 0
    for _ in range(bounties):
        evidence = Evidence((rng.random(rows) < rate).astype(float), np.ones(rows))
        found: list[Mask] = []
        tried = [rng.random(rows) < 0.5]
        for _ in range(cap):
            verdict = judge_find(evidence, tried[-1], found, ALPHA / cap)
            if verdict.accepted:
                found.append(tried[-1])
            tried.append(_next_group(tried, verdict.code, rng))
        won += bool(found)
    return Outcome("adaptive submitter, 15 %", bounties, cap, won)


def _next_group(tried: Sequence[Mask], code: str, rng: np.random.Generator) -> Mask:
    last, other = tried[-1], tried[rng.integers(len(tried))]
    if code == "too_little_exposure":
        return last | (rng.random(len(last)) < 0.3)
    if code == "nothing_new":
        return ~last
    if code == "accepted":
        return last & (rng.random(len(last)) < 0.6)
    moves: tuple[Callable[[], Mask], ...] = (
        lambda: last & (rng.random(len(last)) < 0.5),
        lambda: last ^ (rng.random(len(last)) < 0.1),
        lambda: last | other,
        lambda: ~last,
    )
    return moves[rng.integers(len(moves))]()


@dataclass(frozen=True)
class Power:
    """How often a planted group is accepted, and the mean of the points it earns then."""

    setting: str
    group: str
    gap: float
    share: float
    points: float
    true_points: float


def measure_power(setting: Setting, size: int, gap: float, draws: int, seed: int) -> Power:
    """Plant a gap in a random group of `size` rows, or clusters where there are any, and judge it."""
    rng = np.random.default_rng(seed)
    verdicts = []
    for _ in range(draws):
        layout = lay_out(setting, rng)
        picked = _pick(setting.clusters or layout.n_cells, size, 1, rng)[0]
        member = picked[layout.cells if layout.clusters is None else layout.clusters]
        worse = draw_errors(replace(setting, rate=setting.rate + gap), layout, rng)
        errors = np.where(member, worse, draw_errors(setting, layout, rng))
        evidence = Evidence(errors, np.ones(len(errors)), layout.clusters, layout.weights)
        verdicts.append(judge_find(evidence, member, [], ALPHA / setting.cap))
    won = [verdict.points for verdict in verdicts if verdict.accepted]
    weight = float(np.mean([verdict.group_weight for verdict in verdicts]))
    unit = "clusters" if setting.clusters else "rows"
    mean = float(np.mean(won)) if won else 0.0
    return Power(setting.name, f"{size} {unit}", gap, len(won) / draws, mean, 100 * weight * gap)


PLANTED = (
    (NULLS[1], 30, 0.25),
    (NULLS[1], 100, 0.15),
    (NULLS[2], 100, 0.15),
    (NULLS[2], 400, 0.10),
    (NULLS[4], 100, 0.25),
    (NULLS[5], 20, 0.20),
    (NULLS[7], 60, 0.08),
    (NULLS[8], 60, 0.15),
    (NULLS[11], 60, 0.15),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bounties", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=200, help="draws of each planted group")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    outcomes, powers = [], []
    print(
        f"{'no group is worse':34}{'K':>5}{'bounties':>10}{'any accepted':>14}{'p against ' + str(ALPHA):>16}"
    )
    for position in range(len(NULLS) + 1):
        if position < len(NULLS):
            outcome = simulate(NULLS[position], options.bounties, options.seed + position)
        else:
            outcome = simulate_adaptive(options.bounties, options.seed + position)
        outcomes.append(outcome)
        figures = f"{outcome.cap:5}{outcome.bounties:10}{outcome.share:14.2%}{outcome.p_value:16.3f}"
        print(f"{outcome.setting:34}{figures}", flush=True)
    print(f"\n{'a group is worse':34}{'group':>14}{'gap':>7}{'accepted':>10}{'points':>8}{'true':>7}")
    for position, (setting, size, gap) in enumerate(PLANTED):
        power = measure_power(setting, size, gap, options.draws, options.seed + 100 + position)
        powers.append(power)
        figures = f"{power.gap:7.0%}{power.share:10.0%}{power.points:8.2f}{power.true_points:7.2f}"
        print(f"{power.setting:34}{power.group:>14}{figures}", flush=True)
    if options.json:
        rows = [asdict(outcome) | {"p_value": outcome.p_value} for outcome in outcomes]
        options.json.write_text(json.dumps({"null": rows, "power": [asdict(p) for p in powers]}, indent=1))


if __name__ == "__main__":
    main()

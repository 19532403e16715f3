"""Two systems on the same rows: how much they differ in each group, from people and from rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit

from fairness.bootstrap import studentised_interval
from fairness.cells import Cells, Ints
from fairness.corrections import holm
from fairness.disaggregate import FEW_CLUSTERS, TOO_SMALL, groups_of, inside_of, known
from fairness.kinds.base import Kind, Metric, Settings
from fairness.rates import Floats
from fairness.sides import LEVEL, Selection, Sides, influence, ratio

ALIKE = "both systems do alike with all {people}, so there is no interval"
NO_CLUSTERS = "no {people} are named, so only rows are compared"


@dataclass(frozen=True)
class Difference:
    """A group: the first system's value less the second's. low, high, p: by clusters; row_*: by matched rows.

    p values are two-sided, p_adjusted by Holm over the groups of the table. What is too small to show has
    only its group and a note; what cannot be told is None.
    """

    group: Mapping[str, str]
    n: int | None
    clusters: int | None
    first: float | None
    second: float | None
    difference: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    row_low: float | None = None
    row_high: float | None = None
    row_p: float | None = None
    note: str = ""


@dataclass(frozen=True)
class PairedTable:
    """Everyone first, then the groups."""

    first: str
    second: str
    metric: str
    columns: tuple[str, ...]
    where: tuple[tuple[str, str], ...]
    rows: tuple[Difference, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare_systems(
    cells: Cells,
    kind: Kind,
    metric: Metric,
    systems: tuple[str, str],
    settings: Settings,
    *,
    by: Sequence[str] = (),
    where: Sequence[tuple[str, str]] = (),
) -> PairedTable:
    """The difference of two systems' pooled values in every group.

    By clusters: the studentised bootstrap over the cluster's differences, d_c = (e_c - r x_c)/X of the first
    less that of the second, and the one-sample score test sum(d_c) / sqrt(sum(d_c^2)) on C - 1 degrees of
    freedom. By rows, where both systems have the same exposure (words said): matched pairs (Gillick and Cox
    1989), the mean difference of a row's errors over its standard error, against t. Rows of one person are
    not independent, so where the two disagree the clusters are to be believed. Raises ValueError for what the
    cells do not have, or for a metric that is a product.
    """
    if metric.product_of:
        raise ValueError(f"{metric.name} cannot be compared row by row; choose another metric.")
    places = [_place(cells, system) for system in systems]
    inside = inside_of(cells, where)
    labels, code = groups_of(cells, by, inside)
    selection = Selection.of(cells, inside)
    count = partial(_differences, selection, kind, metric, places, settings=settings, filtered=bool(where))
    everyone = count([{}], np.zeros(len(code), np.int64))
    rows = count(labels, code) if labels else []
    p = holm(np.array([np.nan if row.p is None else row.p for row in rows]))
    adjusted = [
        Difference(**(vars(row) | {"p_adjusted": known(value)})) for row, value in zip(rows, p, strict=True)
    ]
    return PairedTable(systems[0], systems[1], metric.key, tuple(by), tuple(where), (*everyone, *adjusted))


def _place(cells: Cells, system: str) -> int:
    if system not in cells.systems:
        raise ValueError(f"There is no system “{system}”. Choose among {', '.join(cells.systems)}.")
    return cells.systems.index(system)


def _differences(
    selection: Selection,
    kind: Kind,
    metric: Metric,
    places: Sequence[int],
    labels: list[dict[str, str]],
    code: Ints,
    *,
    settings: Settings,
    filtered: bool,
) -> list[Difference]:
    first, second = (selection.sides(place, metric.key, code, len(labels)) for place in places)
    values = [ratio(side.sums.e, side.sums.x) for side in (first, second)]
    low, high, p = _by_cluster(first, second, settings)
    row_low, row_high, row_p = _by_row(selection, metric, places, code, first, second)
    people = kind.cluster_word[1] if first.by_cluster is not None else kind.row_word[1]
    found = []
    for place, label in enumerate(labels):
        clusters = None if first.by_cluster is None else int(np.count_nonzero(first.by_cluster[1][place]))
        n = round(float(first.sums.n[place]))
        count = n if clusters is None else clusters
        if (label or filtered) and count < settings.smallest:
            note = TOO_SMALL.format(least=settings.smallest, people=people)
            found.append(Difference(label, None, None, None, None, None, note=note))
            continue
        note = ""
        if clusters is None:
            note = NO_CLUSTERS.format(people=kind.cluster_word[1])
        elif clusters < FEW_CLUSTERS:
            note = f"only {clusters} {people}: read the interval with care"
        ours, theirs = (known(value[place]) for value in values)
        if clusters is not None and not np.isfinite(low[place]) and p[place] == 1:
            note = ALIKE.format(people=people)
        found.append(
            Difference(
                group=label,
                n=n,
                clusters=clusters,
                first=ours,
                second=theirs,
                difference=None if ours is None or theirs is None else ours - theirs,
                low=known(low[place]),
                high=known(high[place]),
                p=known(p[place]),
                row_low=known(row_low[place]),
                row_high=known(row_high[place]),
                row_p=known(row_p[place]),
                note=note,
            )
        )
    return found


def _by_cluster(first: Sides, second: Sides, settings: Settings) -> tuple[Floats, Floats, Floats]:
    """The interval of each group's difference from its clusters, and the p value."""
    size = len(first.sums.n)
    if first.by_cluster is None or second.by_cluster is None:
        return np.full(size, np.nan), np.full(size, np.nan), np.full(size, np.nan)
    exposure = first.by_cluster[1]
    gap = ratio(first.sums.e, first.sums.x) - ratio(second.sums.e, second.sums.x)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = exposure / exposure.sum(-1, keepdims=True)
    # A ratio whose value is the difference and whose residuals are the influence of each cluster on it.
    pseudo = np.nan_to_num(influence(first) - influence(second) + gap[:, None] * share)
    groups, clusters = np.nonzero(exposure)
    interval = studentised_interval(
        pseudo[groups, clusters],
        share[groups, clusters],
        groups,
        size,
        level=LEVEL,
        replicates=settings.replicates,
        random_state=settings.random_state,
        signed=True,
    )
    count = np.count_nonzero(exposure, axis=-1)
    return interval.low, interval.high, _t_test(pseudo.sum(-1), (pseudo * pseudo).sum(-1), count)


def _by_row(
    selection: Selection, metric: Metric, places: Sequence[int], code: Ints, first: Sides, second: Sides
) -> tuple[Floats, Floats, Floats]:
    """The same from matched rows, where both systems were counted against the same exposure."""
    a, b = first.sums, second.sums
    nothing = np.full(len(a.n), np.nan)
    crossed = selection.cells.crossed(places[0], places[1], metric.key)
    if crossed is None or not np.array_equal(a.x, b.x):
        return nothing, nothing, nothing
    both = np.bincount(code, weights=crossed[selection.places], minlength=len(a.n))
    total, squares = a.e - b.e, a.ee + b.ee - 2 * both
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(np.maximum(squares - total**2 / a.n, 0) * a.n / (a.n - 1))
        half = np.where(a.n > 1, stdtrit(np.maximum(a.n - 1, 1), 1 - LEVEL / 2) * spread / a.x, np.nan)
        p = np.where(a.n > 1, 2 * stdtr(np.maximum(a.n - 1, 1), -np.abs(total / spread)), np.nan)
        gap = total / a.x
    return gap - half, gap + half, np.where(total == 0, 1.0, p)


def _t_test(total: Floats, squares: Floats, count: Ints) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        p = 2 * stdtr(np.maximum(count - 1.0, 1.0), -np.abs(total) / np.sqrt(squares))
    return np.where(count < 2, np.nan, np.where(squares > 0, p, 1.0))

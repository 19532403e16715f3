"""The sums of a table's groups, and of what each is compared with.

A side is a set of rows: a group, its rest, a baseline. Where clusters are named its evidence is sums by
cluster; where rows are their own clusters, sums of squares are enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from fairness.bootstrap import studentised_interval
from fairness.cells import Cells, Ints
from fairness.clustered import ClusterSums, ScoreTest, cluster_score
from fairness.intervals import fisher_p, wilson
from fairness.rates import Floats

LEVEL = 0.05


@dataclass(frozen=True)
class Sums:
    """Of k sides: rows with exposure, errors and exposure, and the raw and weighted squares of
    cells.moment.
    """

    n: Floats
    e: Floats
    x: Floats
    ee: Floats
    ex: Floats
    xx: Floats
    raw_e: Floats
    raw_x: Floats
    vee: Floats
    vex: Floats
    vxx: Floats
    vx: Floats

    def __sub__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(Sums)))

    def take(self, places: NDArray[np.intp] | slice) -> "Sums":
        return Sums(*(getattr(self, f.name)[places] for f in fields(Sums)))


@dataclass(frozen=True)
class Sides:
    """k sides: their sums and, where clusters are named, sums by cluster, float64[k, clusters].

    by_cluster: errors, exposure and both without weights, in this order.
    """

    sums: Sums
    by_cluster: tuple[Floats, Floats, Floats, Floats] | None

    def take(self, places: NDArray[np.intp] | slice) -> "Sides":
        parts = self.by_cluster
        taken = (
            None
            if parts is None
            else (parts[0][places], parts[1][places], parts[2][places], parts[3][places])
        )
        return Sides(self.sums.take(places), taken)

    def rest_of(self, groups: "Sides") -> "Sides":
        """One side less each of the groups within it."""
        mine, theirs = self.by_cluster, groups.by_cluster
        if mine is None or theirs is None:
            return Sides(self.sums - groups.sums, None)
        left = [a - b for a, b in zip(mine, theirs, strict=True)]
        for rest, all_rows in zip(left, mine, strict=True):
            # What is nothing must be exactly nothing: sums of weights leave dust.
            rest[np.abs(rest) <= 1e-12 * np.abs(all_rows)] = 0.0
        return Sides(self.sums - groups.sums, (left[0], left[1], left[2], left[3]))


@dataclass(frozen=True)
class Estimates:
    """Of k sides: value and its 95 % interval, each float64[k], NaN where unknown."""

    value: Floats
    low: Floats
    high: Floats

    def take(self, places: NDArray[np.intp] | slice) -> "Estimates":
        return Estimates(self.value[places], self.low[places], self.high[places])


@dataclass(frozen=True)
class Selection:
    """The cells that a table is made of: which of them (int[m]) and, where clusters are named, each one's
    cluster.
    """

    cells: Cells
    places: NDArray[np.intp]
    cluster: NDArray[np.intp]
    n_clusters: int

    @staticmethod
    def of(cells: Cells, inside: NDArray[np.bool_]) -> "Selection":
        places = np.flatnonzero(inside)
        if not cells.clustered:
            return Selection(cells, places, np.zeros(len(places), np.intp), 0)
        names, cluster = np.unique(cells.frame.get_column("cluster").to_numpy()[places], return_inverse=True)
        return Selection(cells, places, cluster, len(names))

    def sides(self, system: int, metric: str, code: Ints, n_groups: int, by_row: bool = False) -> Sides:
        """Sum by group, int[m] in 0..n_groups-1 (others are left out), and by cluster."""
        part = (code >= 0) & (code < n_groups)
        group, places = code[part], self.places[part]

        def pooled(name: str) -> Floats:
            values = self.cells.moment(system, metric, name, by_row)[places]
            return np.bincount(group, weights=values, minlength=n_groups).astype(np.float64)

        sums = Sums(*(pooled(f.name) for f in fields(Sums)))
        if not self.cells.clustered:
            return Sides(sums, None)
        shape = (n_groups, self.n_clusters)
        place = group * self.n_clusters + self.cluster[part]

        def spread(name: str) -> Floats:
            values = self.cells.moment(system, metric, name, by_row)[places]
            summed = np.bincount(place, weights=values, minlength=shape[0] * shape[1])
            return summed.astype(np.float64, copy=False).reshape(shape)

        e, x = spread("e"), spread("x")
        raw = (spread("raw_e"), spread("raw_x")) if self.cells.weighted else (e, x)
        return Sides(sums, (e, x, *raw))


def each_cluster_once(sides: Sides) -> Sides:
    """Sides in which every cluster is one row: its own rate, with exposure 1."""
    assert sides.by_cluster is not None
    errors, exposure = sides.by_cluster[:2]
    x = (exposure > 0).astype(np.float64)
    e = np.divide(errors, exposure, out=np.zeros_like(errors), where=exposure > 0)
    total, squares = x.sum(-1), (e * e).sum(-1)
    rates = e.sum(-1)
    sums = Sums(total, rates, total, squares, rates, total, rates, total, squares, rates, total, total)
    return Sides(sums, (e, x, e, x))


def product(first: Sides, second: Sides) -> Sides:
    """Sides whose ratio is 1 - r * p for the ratios r and p of two, with the influence that linearising it
    gives.

    For r = H/N and p = H/M (recall and precision of words) this is word information lost (Morris, Maier and
    Green 2004). Its errors are no counts, so it can be estimated and not tested.
    """
    if first.by_cluster is None or second.by_cluster is None:
        a, b = first.sums, second.sums
        value = 1 - ratio(a.e, a.x) * ratio(b.e, b.x)
        return Sides(replace(a, e=np.nan_to_num(value) * a.x), None)
    (h, n, *_), (g, m, *_) = first.by_cluster, second.by_cluster
    with np.errstate(invalid="ignore", divide="ignore"):
        N, M = n.sum(-1, keepdims=True), m.sum(-1, keepdims=True)
        r, p = h.sum(-1, keepdims=True) / N, g.sum(-1, keepdims=True) / M
        influence = -(p * (h - r * n) / N + r * (g - p * m) / M)
        share = n / N
        errors = influence + (1 - r * p) * share
    e, x = np.nan_to_num(errors), np.nan_to_num(share)
    return Sides(first.sums, (e, x, e, x))


def estimate(sides: Sides, *, binary: bool, signed: bool, replicates: int, random_state: int) -> Estimates:
    """Value and interval of each side; `signed` where errors by cluster may be negative, as those of a
    product.

    0/1 rows without clusters: Wilson, with weights on the effective number of rows that the linearised
    variance implies. Clusters: the studentised bootstrap. Other rows: linearised, against t.
    """
    if sides.by_cluster is None:
        value = ratio(sides.sums.e, sides.sums.x)
        low, high = _row_interval(sides.sums, value, binary)
        return Estimates(value, low, high)
    errors, exposure = sides.by_cluster[:2]
    value = ratio(errors.sum(-1), exposure.sum(-1))
    groups, clusters = np.nonzero((exposure != 0) | (errors != 0))
    interval = studentised_interval(
        errors[groups, clusters],
        exposure[groups, clusters],
        groups,
        len(value),
        level=LEVEL,
        replicates=replicates,
        random_state=random_state,
        signed=signed,
    )
    return Estimates(value, np.maximum(interval.low, 0) if signed else interval.low, interval.high)


def influence(sides: Sides) -> Floats:
    """What each cluster does to the value of each side, float64[k, clusters]: the residual over all
    exposure.
    """
    assert sides.by_cluster is not None
    errors, exposure = sides.by_cluster[:2]
    with np.errstate(invalid="ignore", divide="ignore"):
        value = errors.sum(-1, keepdims=True) / exposure.sum(-1, keepdims=True)
        residual = (errors - value * exposure) / exposure.sum(-1, keepdims=True)
    return np.where(np.isfinite(residual), residual, 0.0)


def correlation(ours: Sides, theirs: Sides) -> Floats:
    """Of two values by the clusters both sides share; 0 where rows are their own clusters."""
    if ours.by_cluster is None or theirs.by_cluster is None:
        return np.zeros(len(ours.sums.n))
    u, v = influence(ours), influence(theirs)
    both, size = (u * v).sum(-1), np.sqrt((u * u).sum(-1) * (v * v).sum(-1))
    return np.where(size > 0, both / np.where(size > 0, size, 1), 0.0)


def two_sided_p(group: Sides, other: Sides, *, binary: bool) -> Floats:
    """Two-sided p that both sides have one rate: twice the smaller one-sided p, at most 1; NaN where none is
    known.

    Fisher's exact test for 0/1 rows without clusters or weights, otherwise the cluster score test, of rows
    where no clusters are named.
    """
    a, b = group.sums, other.sums
    if group.by_cluster is not None and other.by_cluster is not None:
        test = cluster_score(_cluster_sums(group), _cluster_sums(other))
    elif binary and np.array_equal(a.x, a.vx) and np.array_equal(b.x, b.vx):
        more = fisher_p(a.e, a.x, b.e, b.x)
        less = fisher_p(a.x - a.e, a.x, b.x - b.e, b.x)
        p = np.minimum(1, 2 * np.minimum(more, less))
        return np.where((a.x > 0) & (b.x > 0), p, np.nan)
    else:
        test = row_score(a, b)
    known = test.degrees >= 1
    tail = stdtr(np.where(known, test.degrees, 1), -np.abs(test.statistic))
    return np.where(known, np.minimum(1, 2 * tail), np.nan)


def row_score(group: Sums, rest: Sums) -> ScoreTest:
    """`fairness.clustered.cluster_score` with rows as their own clusters, from sums of squares alone.

    Agrees with it on `sum_by_row` of the same rows to rounding.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = (group.e + rest.e) / (group.x + rest.x)
        share = group.x / (group.x + rest.x)
        ours, theirs = (1 - share) ** 2, share**2
        score = (1 - share) * (group.e - rate * group.x) - share * (rest.e - rate * rest.x)
        empirical = sum(
            part * (side.vee - 2 * rate * side.vex + rate**2 * side.vxx)
            for part, side in ((ours, group), (theirs, rest))
        )
        raw = sum(side.ee - 2 * rate * side.ex + rate**2 * side.xx for side in (group, rest))
        pooled = raw / (group.raw_x + rest.raw_x) * (ours * group.vx + theirs * rest.vx)
        variance = np.maximum(empirical, pooled)
        statistic = score / np.sqrt(variance)
    degrees = np.minimum(group.n, rest.n) - 1.0
    provable = (degrees >= 1) & (variance > 0)
    statistic = np.where(provable, statistic, 0.0)
    return ScoreTest(statistic, degrees, np.where(provable, stdtr(np.maximum(degrees, 1), -statistic), 1.0))


def _cluster_sums(sides: Sides) -> ClusterSums:
    assert sides.by_cluster is not None
    e, x, raw_e, raw_x = sides.by_cluster
    sums = sides.sums
    return ClusterSums(e, x, raw_e, raw_x, sums.ee, sums.ex, sums.xx, sums.vx, sums.vxx)


def _row_interval(sums: Sums, value: Floats, binary: bool) -> tuple[Floats, Floats]:
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = np.maximum(sums.vee - 2 * value * sums.vex + value**2 * sums.vxx, 0)
        variance = sums.n / (sums.n - 1) * squares / sums.x**2
        if binary:
            kish = sums.x**2 / sums.vx
            unweighted = np.isclose(kish, sums.n)
            implied = value * (1 - value) / variance
            size = np.where(unweighted, sums.n, np.where((value > 0) & (value < 1), implied, kish))
            size = np.where(np.isfinite(size) & (sums.n > 0), size, 0)
            interval = wilson(np.minimum(np.nan_to_num(value), 1) * size, size, LEVEL)
            return interval.low, interval.high
        half = np.where(
            sums.n > 1, stdtrit(np.maximum(sums.n - 1, 1), 1 - LEVEL / 2) * np.sqrt(variance), np.nan
        )
    return np.maximum(value - half, 0), value + half


def ratio(errors: Floats, exposure: Floats) -> Floats:
    """Errors over exposure, NaN without exposure."""
    return np.where(exposure > 0, errors / np.where(exposure > 0, exposure, 1), np.nan)


def chunks(n_groups: int, n_clusters: int, most: int = 4_000_000) -> Sequence[slice]:
    """Groups in pieces whose sums by cluster fit in memory."""
    step = max(1, most // max(n_clusters, 1))
    return [slice(start, start + step) for start in range(0, n_groups, step)]

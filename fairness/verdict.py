"""Judging a find: is the model provably worse on this group, and by how much more than is known already?"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fairness.clustered import ClusterSums, cluster_score, linearised_lower, sum_by_cluster, sum_by_row
from fairness.intervals import fisher_p, newcombe_lower
from fairness.rates import Floats

Mask = NDArray[np.bool_]

ACCEPTED = "accepted"
NOT_PROVEN = "not_proven"
NOTHING_NEW = "nothing_new"
TOO_LITTLE_EXPOSURE = "too_little_exposure"
CODES = (ACCEPTED, NOT_PROVEN, NOTHING_NEW, TOO_LITTLE_EXPOSURE)

DUPLICATE_JACCARD = 0.5


@dataclass(frozen=True)
class Evidence:
    """The hidden rows a find is judged on: errors, exposure and weights float64[n], clusters int64[n].

    A weight multiplies errors and exposure. Rows without exposure take no part in any rate. Raises ValueError
    for unequal lengths and for negative or non-finite errors, exposure or weights. Build it once and judge
    many finds with it.

    >>> Evidence(np.array([1.0, 0.0]), np.ones(2)).binary
    True
    """

    errors: Floats
    exposure: Floats
    clusters: NDArray[np.int64] | None = None
    weights: Floats | None = None

    def __post_init__(self) -> None:
        for name in ("errors", "exposure", "weights"):
            values = getattr(self, name)
            if values is None:
                continue
            array = np.asarray(values, dtype=np.float64)
            if array.shape != (len(self.errors),):
                raise ValueError(f"{name} holds {array.size} values for {len(self.errors)} rows.")
            if not np.all(np.isfinite(array)) or (array < 0).any():
                raise ValueError(f"{name} holds a negative, missing or infinite value.")
            object.__setattr__(self, name, array)
        if self.clusters is not None:
            codes = np.asarray(self.clusters)
            if codes.shape != (len(self.errors),):
                raise ValueError(f"clusters holds {codes.size} values for {len(self.errors)} rows.")
            object.__setattr__(self, "clusters", _dense(codes))

    @cached_property
    def counted(self) -> Mask:
        """Rows with a weight, where there are weights: known without any label."""
        return np.ones(len(self.errors), dtype=np.bool_) if self.weights is None else self.weights > 0

    @cached_property
    def exposed(self) -> Mask:
        """Rows that make up rates: those with exposure and, where there are weights, a weight."""
        return (self.exposure > 0) & self.counted

    @cached_property
    def weighted(self) -> tuple[Floats, Floats]:
        """Errors and exposure times weight, errors only where there is exposure."""
        weight = self.exposed if self.weights is None else self.exposed * self.weights
        return self.errors * weight, self.exposure * weight

    @cached_property
    def binary(self) -> bool:
        """Whether Fisher's exact test applies: errors and exposure 0 or 1, no clusters, no weights."""
        if self.clusters is not None or self.weights is not None:
            return False
        whole = (self.exposure == 0) | (self.exposure == 1)
        return bool(np.all(whole & ((self.errors == 0) | (self.errors == 1))))

    @cached_property
    def n_clusters(self) -> int:
        """Length of the sums by cluster; rows are their own clusters where none is named."""
        if self.clusters is None:
            return len(self.errors)
        return int(self.clusters.max()) + 1 if len(self.clusters) else 0


@dataclass(frozen=True)
class Part:
    """One part of a find against its rest. Rows are those with exposure; clusters is None if none are named.

    `p_value` is one-sided, `lower` and `gap` are in units of the rate, `weight` is the part's share of all
    exposure, and `points` are percentage points of the overall rate, 0 for a part that is not proven.
    """

    name: str
    rows: int
    exposure: float
    errors: float
    clusters: int | None
    rest_rows: int
    rest_exposure: float
    rest_errors: float
    rest_clusters: int | None
    test: str
    p_value: float
    gap: float
    lower: float
    weight: float
    points: float


@dataclass(frozen=True)
class FindVerdict:
    """What scoring says of a find. A code but accepted follows from masks, not from errors or exposure.

    `rows` are those with exposure; a rate is None without exposure; `parts` holds the parts that were large
    enough to be tested; `duplicate_of` is the position among the earlier finds of the likeliest duplicate.
    """

    accepted: bool
    code: str
    points: float
    group_weight: float
    rows: int
    exposure: float
    errors: float
    rate: float | None
    rest_rate: float | None
    gap: float | None
    parts: tuple[Part, ...]
    duplicate_of: int | None
    jaccard: float


@dataclass(frozen=True)
class _Side:
    """The rows of a group or of its rest, with their totals."""

    mask: Mask
    rows: int
    exposure: float
    errors: float
    clusters: int | None


def judge_find(
    evidence: Evidence,
    group: Mask,
    earlier: Sequence[Mask],
    level: float,
    *,
    min_rows: int = 30,
    min_clusters: int = 20,
) -> FindVerdict:
    """Judge a group of rows at `level`, given the earlier accepted finds in the order they were accepted.

    The group is judged in two parts, each at half the level: its rows outside all earlier finds against all
    other rows, and its rows inside them. Those are cut by which earlier finds hold them, and each piece is
    compared with the other rows of exactly the same finds, the half level shared out equally: a known group
    would else be paid again and again for being worse than other known ones. A part whose gap is proven
    (Fisher's exact test for 0/1 errors without clusters or weights, the cluster score test otherwise) earns
    100 * its share of all exposure * the one-sided lower bound of its gap (Newcombe, or linearised); the find
    is accepted when the points are positive. Each side of a comparison needs `min_rows` rows with exposure
    and, where clusters are named, `min_clusters` clusters with exposure. If no group is worse, the chance of
    being accepted is at most `level`.

    The code of a find that is not accepted follows from its mask alone: whether one row has exposure may be
    its hidden label. So it reckons with the exposure that as many rows have on average.

    `group` and each of `earlier` are bool[n]. Points 0 means nothing was proven. Raises ValueError for masks
    of another length or type and for a level outside 0..1.

    >>> errors = np.r_[np.ones(40), np.zeros(960)]
    >>> verdict = judge_find(Evidence(errors, np.ones(1000)), np.arange(1000) < 100, [], level=0.001)
    >>> verdict.code, verdict.gap, round(verdict.points, 2)
    ('accepted', 0.4, 2.56)
    """
    _check(evidence, [group, *earlier], level)
    part_level = level / 2
    covered = np.zeros(len(group), dtype=np.bool_)
    for mask in earlier:
        covered |= mask
    inside, outside = _side(evidence, group), _side(evidence, ~group)
    total = inside.exposure + outside.exposure
    duplicate_of, jaccard = _nearest(group, earlier)
    parts: list[Part] = []
    fresh = group & ~covered

    def large_enough(pairs: Iterable[tuple[Mask, Mask]]) -> list[tuple[_Side, _Side]]:
        sides = [(_side(evidence, mask), _side(evidence, rest)) for mask, rest in pairs]
        return [pair for pair in sides if all(_reaches(side, min_rows, min_clusters) for side in pair)]

    if large_enough([(group, ~group)]):
        known = large_enough(_split_atoms(group, earlier, covered, min_rows))
        for pair in large_enough([(fresh, ~fresh)]):
            parts.append(_judge_part(evidence, "new", *pair, total, part_level))
        for pair in known:
            parts.append(_judge_part(evidence, "known", *pair, total, part_level / len(known)))
    points = sum(part.points for part in parts)
    if points > 0:
        code = ACCEPTED
    elif not _seems_to_reach(evidence, group, min_rows, min_clusters):
        code = TOO_LITTLE_EXPOSURE
    elif not _seems_to_reach(evidence, fresh, min_rows, min_clusters):
        code = NOTHING_NEW
    else:
        code = NOT_PROVEN
    rate, rest_rate = _rate(inside), _rate(outside)
    return FindVerdict(
        accepted=code == ACCEPTED,
        code=code,
        points=points,
        group_weight=inside.exposure / total if total else 0.0,
        rows=inside.rows,
        exposure=inside.exposure,
        errors=inside.errors,
        rate=rate,
        rest_rate=rest_rate,
        gap=None if rate is None or rest_rate is None else rate - rest_rate,
        parts=tuple(parts),
        duplicate_of=duplicate_of,
        jaccard=jaccard,
    )


def _split_atoms(
    group: Mask, earlier: Sequence[Mask], covered: Mask, min_rows: int
) -> Iterator[tuple[Mask, Mask]]:
    """The rows held by exactly the same earlier finds, for each such set that the group divides: in, out."""
    rows = np.flatnonzero(covered)
    codes = np.zeros(len(rows), dtype=np.int64)
    for start in range(0, len(earlier), 62):
        word = np.zeros(len(rows), dtype=np.int64)
        for bit, mask in enumerate(earlier[start : start + 62]):
            word |= mask[rows].astype(np.int64) << bit
        values, ranks = np.unique(word, return_inverse=True)
        codes = np.unique(codes * len(values) + ranks, return_inverse=True)[1]
    size = np.bincount(codes)
    inside = np.bincount(codes[group[rows]], minlength=len(size))
    for code in np.flatnonzero((inside >= max(min_rows, 1)) & (size - inside >= max(min_rows, 1))):
        atom = np.zeros(len(group), dtype=np.bool_)
        atom[rows[codes == code]] = True
        yield group & atom, atom & ~group


def _judge_part(evidence: Evidence, name: str, side: _Side, rest: _Side, total: float, level: float) -> Part:
    if evidence.binary:
        table = (side.errors, side.exposure, rest.errors, rest.exposure)
        test, p_value = "fisher", float(fisher_p(*table))
        lower = float(newcombe_lower(*table, level))
    else:
        sums = sum_side(evidence, side.mask), sum_side(evidence, rest.mask)
        test, p_value = "cluster_score", float(cluster_score(*sums).p_value)
        lower = float(linearised_lower(*sums, level))
    weight = side.exposure / total
    return Part(
        name=name,
        rows=side.rows,
        exposure=side.exposure,
        errors=side.errors,
        clusters=side.clusters,
        rest_rows=rest.rows,
        rest_exposure=rest.exposure,
        rest_errors=rest.errors,
        rest_clusters=rest.clusters,
        test=test,
        p_value=p_value,
        gap=side.errors / side.exposure - rest.errors / rest.exposure,
        lower=lower,
        weight=weight,
        points=100 * weight * max(lower, 0.0) if p_value <= level else 0.0,
    )


def _side(evidence: Evidence, mask: Mask) -> _Side:
    errors, exposure = evidence.weighted
    clusters = None
    if evidence.clusters is not None:
        present = np.compress(mask & evidence.exposed, evidence.clusters)
        clusters = int(np.count_nonzero(np.bincount(present, minlength=evidence.n_clusters)))
    return _Side(
        mask=mask,
        rows=int(np.count_nonzero(mask & evidence.exposed)),
        exposure=float((exposure * mask).sum()),
        errors=float((errors * mask).sum()),
        clusters=clusters,
    )


def sum_side(evidence: Evidence, mask: Mask) -> ClusterSums:
    """The masked rows' sums by cluster, as the cluster score test and the linearised bound take them."""
    kept = mask & evidence.exposed
    errors, exposure, weights = evidence.errors, evidence.exposure, evidence.weights
    if evidence.clusters is None:
        return sum_by_row(errors * kept, exposure * kept, weights)
    codes = np.compress(kept, evidence.clusters)
    weights = None if weights is None else np.compress(kept, weights)
    n = evidence.n_clusters
    return sum_by_cluster(np.compress(kept, errors), np.compress(kept, exposure), codes, n, weights)


def _reaches(side: _Side, min_rows: int, min_clusters: int) -> bool:
    """Whether a side is large enough to be judged; no test learns a spread from one row or one cluster."""
    enough = side.clusters is None or side.clusters >= max(min_clusters, 2)
    return enough and side.rows >= max(min_rows, 2)


def _seems_to_reach(evidence: Evidence, mask: Mask, min_rows: int, min_clusters: int) -> bool:
    """Whether a mask and its complement would be large enough if its rows had exposure as all rows have."""
    share = int(np.count_nonzero(evidence.exposed)) / max(int(np.count_nonzero(evidence.counted)), 1)
    for side in (mask & evidence.counted, ~mask & evidence.counted):
        clusters = None
        if evidence.clusters is not None:
            clusters = len(np.unique(np.compress(side, evidence.clusters)))
        # To the nearest row, or a share of 1/3 would make 90 rows 29.999.
        rows = round(int(np.count_nonzero(side)) * share)
        if not _reaches(_Side(side, rows, 0.0, 0.0, clusters), min_rows, min_clusters):
            return False
    return True


def _rate(side: _Side) -> float | None:
    return side.errors / side.exposure if side.exposure else None


def _nearest(group: Mask, earlier: Sequence[Mask]) -> tuple[int | None, float]:
    """The earlier find most like this group by Jaccard's index of rows, if above one half, and the index."""
    size = int(np.count_nonzero(group))
    best, highest = None, 0.0
    for position, mask in enumerate(earlier):
        both = int(np.count_nonzero(group & mask))
        jaccard = both / max(size + int(np.count_nonzero(mask)) - both, 1)
        if jaccard > highest:
            best, highest = position, jaccard
    return best if highest > DUPLICATE_JACCARD else None, highest


def _dense(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Codes 0, 1, ... in their order, so that sums come in one order and agree to the last digit."""
    if not np.issubdtype(codes.dtype, np.integer):
        raise ValueError("clusters holds whole numbers, one code a cluster.")
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)


def _check(evidence: Evidence, masks: Sequence[Mask], level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"A level lies between 0 and 1, not at {level}.")
    for mask in masks:
        if mask.dtype != np.bool_ or mask.shape != evidence.errors.shape:
            raise ValueError(f"A mask holds one boolean for each of the {len(evidence.errors)} rows.")

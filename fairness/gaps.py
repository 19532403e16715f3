"""How a group compares with everyone else, with an interval: for reading, not for proof."""

from dataclasses import dataclass

import numpy as np

from fairness.clustered import ClusterSums, linearised_lower, sum_by_cluster
from fairness.intervals import newcombe
from fairness.rates import Floats
from fairness.verdict import Evidence, Mask


@dataclass(frozen=True)
class Comparison:
    """A group against the rest: rows with exposure, rates, their gap and its interval.

    Rates and gap are None without exposure on a side; the interval is None where it cannot be estimated.
    """

    rows: int
    exposure: float
    errors: float
    rate: float | None
    rest_rate: float | None
    gap: float | None
    low: float | None
    high: float | None


def compare(evidence: Evidence, group: Mask, level: float = 0.05) -> Comparison:
    """The gap rate(group) - rate(rest) with its two-sided interval, which misses with probability `level`.

    Newcombe's hybrid score interval for 0/1 errors without clusters or weights, otherwise the linearised one
    over clusters. `group` is bool[n]; a gap of 0 means that the group fares like everyone else. Raises
    ValueError for a level outside 0..1.

    >>> errors = np.r_[np.ones(56), np.zeros(14), np.ones(48), np.zeros(32)]
    >>> result = compare(Evidence(errors, np.ones(150)), np.arange(150) < 70)
    >>> round(result.gap, 4), round(result.low, 4), round(result.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    errors, exposure = evidence.weighted
    totals = [(errors.sum(where=side), exposure.sum(where=side)) for side in (group, ~group)]
    (x, n), (y, m) = totals
    rate, rest_rate = (x / n if n else None), (y / m if m else None)
    low = high = None
    if n and m and evidence.binary:
        interval = newcombe(x, n, y, m, level)
        low, high = float(interval.low), float(interval.high)
    elif n and m:
        inside, outside = _cluster_sums(evidence, group), _cluster_sums(evidence, ~group)
        low = _known(linearised_lower(inside, outside, level / 2))
        high = _known(-linearised_lower(outside, inside, level / 2))
    return Comparison(
        rows=int(np.count_nonzero(group & evidence.exposed)),
        exposure=float(n),
        errors=float(x),
        rate=rate,
        rest_rate=rest_rate,
        gap=None if rate is None or rest_rate is None else float(rate - rest_rate),
        low=low,
        high=high,
    )


def _cluster_sums(evidence: Evidence, mask: Mask) -> ClusterSums:
    kept = np.flatnonzero(mask & evidence.exposed)
    codes = kept if evidence.clusters is None else evidence.clusters[kept]
    weights = None if evidence.weights is None else evidence.weights[kept]
    return sum_by_cluster(evidence.errors[kept], evidence.exposure[kept], codes, evidence.n_clusters, weights)


def _known(value: Floats) -> float | None:
    return float(value) if np.isfinite(value) else None

"""A group's rate, and how it compares with everyone else, with intervals: for reading, not for proof."""

from dataclasses import dataclass

import numpy as np

from fairness.clustered import cluster_interval, linearised_lower
from fairness.intervals import newcombe, wilson
from fairness.rates import Floats
from fairness.verdict import Evidence, Mask, sum_side


@dataclass(frozen=True)
class Rate:
    """A group's pooled rate: rows with exposure, and an interval, each None where it cannot be estimated."""

    rows: int
    exposure: float
    errors: float
    rate: float | None
    low: float | None
    high: float | None


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


def rate_of(evidence: Evidence, group: Mask, level: float = 0.05) -> Rate:
    """The rate of a group, bool[n], with its two-sided interval, which misses with probability `level`.

    Wilson's interval for 0/1 errors without clusters or weights, otherwise the linearised one over clusters.
    A rate of 0 means no error. Raises ValueError for a level outside 0..1.

    >>> result = rate_of(Evidence(np.r_[np.ones(81), np.zeros(182)], np.ones(263)), np.ones(263, dtype=bool))
    >>> round(result.rate, 3), round(result.low, 4), round(result.high, 4)
    (0.308, 0.2553, 0.3662)
    """
    errors, exposure = evidence.weighted
    x, n = float(errors.sum(where=group)), float(exposure.sum(where=group))
    if evidence.binary:
        interval = wilson(x, n, level)
    else:
        sums = sum_side(evidence, group)
        interval = cluster_interval(sums.errors, sums.exposure, level)
    return Rate(
        rows=int(np.count_nonzero(group & evidence.exposed)),
        exposure=n,
        errors=x,
        rate=x / n if n else None,
        low=_known(interval.low),
        high=_known(interval.high),
    )


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
        inside, outside = sum_side(evidence, group), sum_side(evidence, ~group)
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


def _known(value: Floats) -> float | None:
    return float(value) if np.isfinite(value) else None

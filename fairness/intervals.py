"""Intervals and proofs for 0/1 errors: Wilson, Newcombe, and Fisher's exact test."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri
from scipy.stats import hypergeom

from fairness.rates import Floats


@dataclass(frozen=True)
class Interval:
    """Both ends of an interval, float64 of one shape; NaN where there is nothing to estimate."""

    low: Floats
    high: Floats


def wilson(errors: ArrayLike, exposure: ArrayLike, level: float = 0.05) -> Interval:
    """Wilson's score interval of a rate (Wilson 1927), two-sided: it misses with probability about `level`.

    The ends are the roots of (n + z^2) p^2 - (2x + z^2) p + x^2 / n = 0 for x errors in n rows. Counts of any
    one shape; ends are rates in 0..1, and 0 means that no error at all is plausible. NaN where exposure is 0.
    Raises ValueError for a level outside 0..1 and for errors outside 0..exposure.

    >>> interval = wilson(81, 263)
    >>> round(float(interval.low), 4), round(float(interval.high), 4)
    (0.2553, 0.3662)
    """
    x, n = _counts(errors, exposure)
    return _wilson(x, n, _quantile(level / 2))


def newcombe(
    errors: ArrayLike,
    exposure: ArrayLike,
    rest_errors: ArrayLike,
    rest_exposure: ArrayLike,
    level: float = 0.05,
) -> Interval:
    """Newcombe's hybrid score interval of a gap (Newcombe 1998, method 10), two-sided at `level`.

    With p and [l, u] the rate and Wilson interval of the group, q and [m, v] those of the rest:
    low = (p - q) - sqrt((p - l)^2 + (v - q)^2) and high = (p - q) + sqrt((u - p)^2 + (q - m)^2).
    Counts of any shapes that broadcast; ends are differences of rates in -1..1, and 0 means no gap. NaN where
    either exposure is 0. Raises ValueError as `wilson` does.

    >>> interval = newcombe(56, 70, 48, 80)
    >>> round(float(interval.low), 4), round(float(interval.high), 4)
    (0.0524, 0.3339)
    """
    x, n = _counts(errors, exposure)
    y, m = _counts(rest_errors, rest_exposure)
    z = _quantile(level / 2)
    gap, below, above = _hybrid(x, n, y, m, z)
    return Interval(np.asarray(gap - below), np.asarray(gap + above))


def newcombe_lower(
    errors: ArrayLike, exposure: ArrayLike, rest_errors: ArrayLike, rest_exposure: ArrayLike, level: float
) -> Floats:
    """One-sided lower bound of a gap: the low end of Newcombe's interval with all of `level` on that side.

    It says how large a gap is and not whether there is one: far in the tail it errs too often in small
    groups, so a gap is proven by `fisher_p` first. Shapes, units and errors as `newcombe`; 0 or less shows no
    gap.

    >>> round(float(newcombe_lower(56, 70, 48, 80, level=0.025)), 4)
    0.0524
    """
    x, n = _counts(errors, exposure)
    y, m = _counts(rest_errors, rest_exposure)
    gap, below, _ = _hybrid(x, n, y, m, _quantile(level))
    return np.asarray(gap - below)


def fisher_p(
    errors: ArrayLike, exposure: ArrayLike, rest_errors: ArrayLike, rest_exposure: ArrayLike
) -> Floats:
    """One-sided exact p that a group's rate is above the rest's (Fisher 1935).

    P(X >= errors) for X hypergeometric: a draw of `exposure` rows out of all rows, of which `errors` plus
    `rest_errors` are errors. Whole counts of any shapes that broadcast; a p near 0 is strong evidence, 1
    none, and a group or rest without rows proves nothing. Raises ValueError for errors outside 0..exposure.

    >>> round(float(fisher_p(3, 4, 1, 4)), 6)
    0.242857
    """
    x, n = _counts(errors, exposure)
    y, m = _counts(rest_errors, rest_exposure)
    return np.asarray(hypergeom.sf(x - 1, n + m, x + y, n), dtype=np.float64)


def _wilson(x: Floats, n: Floats, z: float) -> Interval:
    return Interval(_wilson_low(x, n, z), np.asarray(1 - _wilson_low(n - x, n, z)))


def _wilson_low(x: Floats, n: Floats, z: float) -> Floats:
    # The low root as product of roots over the high one: subtracting would lose all digits far in the tail.
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(z * z + 4 * x * (n - x) / n)
        return np.asarray(2 * x * x / n / (2 * x + z * z + z * root))


def _hybrid(x: Floats, n: Floats, y: Floats, m: Floats, z: float) -> tuple[Floats, Floats, Floats]:
    """The gap and its distances to both ends."""
    group, rest = _wilson(x, n, z), _wilson(y, m, z)
    with np.errstate(invalid="ignore", divide="ignore"):
        p, q = x / n, y / m
    below = np.hypot(p - group.low, rest.high - q)
    above = np.hypot(group.high - p, q - rest.low)
    return p - q, below, above


def _quantile(tail: float) -> float:
    if not 0 < tail < 1:
        raise ValueError(f"A level lies between 0 and 1, not at {tail}.")
    return max(0.0, -float(ndtri(tail)))


def _counts(errors: ArrayLike, exposure: ArrayLike) -> tuple[Floats, Floats]:
    x, n = np.asarray(errors, dtype=np.float64), np.asarray(exposure, dtype=np.float64)
    if not np.all((x >= 0) & (x <= n)):
        raise ValueError("Errors lie between 0 and their exposure.")
    return x, n


def mover_gap(
    rate: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    rest_rate: ArrayLike,
    rest_low: ArrayLike,
    rest_high: ArrayLike,
    correlation: ArrayLike = 0.0,
) -> Interval:
    """Interval of a gap from the intervals of both rates: the method of variance estimates recovery (Zou and
    Donner 2008; with correlation Zou 2007).

    With p and [l, u] the rate and interval of the group, q and [m, v] those of the rest and c the correlation
    of the two estimates: low = (p - q) - sqrt((p - l)^2 + (v - q)^2 - 2 c (p - l) (v - q)), and high =
    (p - q) + sqrt((u - p)^2 + (q - m)^2 - 2 c (u - p) (q - m)). On Wilson's intervals, without correlation,
    it is Newcombe's. Any shapes that broadcast; in units of the rates, 0 means no gap, and NaN in gives NaN
    at both ends. Raises ValueError for a correlation outside -1..1.

    >>> group, rest = wilson(7, 34), wilson(1, 34)
    >>> interval = mover_gap(7 / 34, group.low, group.high, 1 / 34, rest.low, rest.high)
    >>> round(float(interval.low), 4), round(float(interval.high), 4)
    (0.0189, 0.3404)
    """
    p, p_low, p_high, q, q_low, q_high, c = _sides(
        rate, low, high, rest_rate, rest_low, rest_high, correlation
    )
    below = _distance(p - p_low, q_high - q, c)
    above = _distance(p_high - p, q - q_low, c)
    known = ~np.isnan(below + above)
    return Interval(np.where(known, p - q - below, np.nan), np.where(known, p - q + above, np.nan))


def mover_ratio(
    rate: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    rest_rate: ArrayLike,
    rest_low: ArrayLike,
    rest_high: ArrayLike,
    correlation: ArrayLike = 0.0,
) -> Interval:
    """Interval of the ratio rate / rest_rate from the intervals of both rates (Donner and Zou 2012, MOVER-R).

    The ends are the ratios k at which `mover_gap` of the rate and k times the rest's ends at 0: in its
    letters, roots of a k^2 - 2 b k + d = 0 with a = v (2 q - v), b = p q - c (p - l) (v - q), d = l (2 p - l)
    for the low end and a = m (2 q - m), b = p q - c (u - p) (q - m), d = u (2 p - u) for the high one. Rates
    are not negative, and low ends below 0 count as 0. Any shapes that broadcast; 1 means equal rates. Where
    the rest's interval reaches 0 the high end is infinite; NaN in gives NaN at both ends. Raises ValueError
    for a correlation outside -1..1.

    >>> group, rest = wilson(7, 34), wilson(1, 34)
    >>> interval = mover_ratio(7 / 34, group.low, group.high, 1 / 34, rest.low, rest.high)
    >>> round(float(interval.low), 4), round(float(interval.high), 4)
    (1.1537, 41.9763)
    """
    p, p_low, p_high, q, q_low, q_high, c = _sides(
        rate, low, high, rest_rate, rest_low, rest_high, correlation
    )
    p_low, q_low = np.maximum(p_low, 0), np.maximum(q_low, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        # The low root as d over the high one, which stays right where a is 0 or less.
        b, d = p * q - c * (p - p_low) * (q_high - q), p_low * (2 * p - p_low)
        root = np.sqrt(np.maximum(b * b - q_high * (2 * q - q_high) * d, 0))
        lowest = np.where(d == 0, 0.0, d / (b + root))
        b, a = p * q - c * (p_high - p) * (q - q_low), q_low * (2 * q - q_low)
        root = np.sqrt(np.maximum(b * b - a * p_high * (2 * p - p_high), 0))
        highest = np.where(a == 0, np.inf, (b + root) / a)
    known = ~np.isnan(lowest + highest + c)
    return Interval(np.where(known, lowest, np.nan), np.where(known, highest, np.nan))


def _sides(*values: ArrayLike) -> tuple[Floats, ...]:
    """The six rates and ends and their correlation, in one shape."""
    sides = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in values))
    if np.any(np.abs(sides[-1]) > 1):
        raise ValueError("A correlation lies between -1 and 1.")
    return tuple(sides)


def _distance(one: Floats, other: Floats, correlation: Floats) -> Floats:
    return np.sqrt(np.maximum(one * one + other * other - 2 * correlation * one * other, 0))

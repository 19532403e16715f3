"""Intervals of rates whose rows come in clusters: the studentised cluster bootstrap and its stand-ins."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from fairness.intervals import Interval, wilson
from fairness.rates import Floats

# Clusters are drawn in groups of so many. With 6 or 7, draws would add 0.1 to 1.6 points of coverage and a
# fifth to a half of the width; with 200 the interval from the standard error covers 0.1 to 0.5 points less
# than the drawn one (speakers' rates that vary by a coefficient of 0.3 to 1, as in bench/coverage.py).
FEWEST_DRAWN, MOST_DRAWN = 8, 200
GROUPS_AT_ONCE = 256  # of them 1,000 replicates take about 20 MB
# So few that a product stays on one core: threads that wait for each other on a busy machine take 50 times as
# long.
REPLICATES_AT_ONCE = 250


@dataclass(frozen=True)
class Linearised:
    """Rates of groups, and how they hang on their clusters.

    By group, [n_groups]: `rate` (NaN without exposure), `standard_error` (NaN with fewer than two clusters
    with exposure) and `clusters`, those with exposure or errors. By unit, float64[units]: `influence`, in
    units of the rate and summing to 0 over a group. Groups that share clusters are correlated by
    sum(u_c * v_c) / sqrt(sum(u_c^2) * sum(v_c^2)) for their influences u and v, 0 in an absent cluster.
    """

    rate: Floats
    standard_error: Floats
    clusters: NDArray[np.int64]
    influence: Floats


def linearise(errors: ArrayLike, exposure: ArrayLike, groups: ArrayLike, n_groups: int) -> Linearised:
    """Linearise the rate sum(errors) / sum(exposure) of every group (Woodruff 1971; Cochran 1977, 6.3).

    A unit is what one cluster sums to in one group, float64[units], with the group's code, int[units],
    negative for none. The influence of a cluster is u_c = (e_c - rate * x_c) / X, and the standard error
    sqrt(C / (C - 1) * sum(u_c^2)) for C clusters; 0 means that all clusters have one rate. Raises ValueError
    for negative or unknown exposure, unknown errors and codes of n_groups or more.

    >>> line = linearise([1, 2, 3], [10, 10, 10], [0, 0, 0], n_groups=1)
    >>> line.rate.tolist(), line.standard_error.round(4).tolist(), line.influence.round(4).tolist()
    ([0.2], [0.0577], [-0.0333, 0.0, 0.0333])
    """
    return _linearise(*_units(errors, exposure, groups, n_groups), n_groups)


def studentised_interval(
    errors: ArrayLike,
    exposure: ArrayLike,
    groups: ArrayLike,
    n_groups: int,
    *,
    level: float = 0.05,
    replicates: int = 1000,
    random_state: int = 0,
    signed: bool = False,
) -> Interval:
    """Studentised (bootstrap-t) cluster interval of every group's rate, two-sided, float64[n_groups].

    Clusters are drawn with replacement within their group; a replicate has its own rate r_b and linearised
    standard error s_b, t_b = (r_b - r) / s_b, and the ends are r - s * t for t the quantiles of t_b at
    1 - level / 2 and level / 2 (Efron 1982, 10.10; Hall 1988; Davison and Hinkley 1997, 5.2). Units as
    `linearise` takes them. Where draws say little the interval comes from s and t with C - 1 degrees of
    freedom: with fewer than 8 clusters, with more than 200, and where more than level / 50 of the replicates
    have no spread, as when only a few clusters hold an error. Then it is Wilson's with a variance in
    proportion to p (1 - p) that is s^2 at p = r, which is Wilson on an effective number of rows (Dean and
    Pagano 2015); for rates of 1 and more r -+ t * s. Where all clusters have one rate it is Wilson's on the
    number of clusters.

    In units of the rate. The low end is held at 0, and the high end at 1 where no cluster has more errors
    than exposure. `signed` is for values that may be negative (differences of systems): nothing is held, and
    t stands where Wilson would. NaN with fewer than two clusters with exposure, and where all clusters have
    one rate that is signed or above 1. The draws depend on `random_state` and the number of clusters alone,
    so that neither the order of the units nor other groups change a group's interval. Raises ValueError as
    `linearise` does, for negative errors without `signed`, and for a level outside 0..1 or too fine for the
    number of replicates.

    >>> interval = studentised_interval(range(20), [40] * 20, [0] * 20, n_groups=1)
    >>> interval.low.round(3).tolist(), interval.high.round(3).tolist()
    ([0.16], [0.307])
    """
    e, x, code = _units(errors, exposure, groups, n_groups)
    if not signed and np.any(e < 0):
        raise ValueError("Errors are not negative, unless `signed` says that they may be.")
    rank = _rank(level, replicates)
    line = _linearise(e, x, code, n_groups)
    low, high = _without_draws(line, level, signed)
    drawn = (line.clusters >= FEWEST_DRAWN) & (line.clusters <= MOST_DRAWN) & (line.standard_error > 0)
    unit = np.flatnonzero((code >= 0) & ((x > 0) | (e != 0)))
    unit = unit[drawn[code[unit]]]
    unit = unit[np.lexsort((x[unit], e[unit], code[unit]))]
    start = np.searchsorted(code[unit], np.arange(n_groups))
    for count in np.unique(line.clusters[drawn]):
        draws = draw_clusters(int(count), replicates, random_state)
        alike = np.flatnonzero(drawn & (line.clusters == count))
        for some in np.split(alike, range(GROUPS_AT_ONCE, len(alike), GROUPS_AT_ONCE)):
            chosen = unit[start[some, None] + np.arange(count)]
            rate, spread = line.rate[some], line.standard_error[some]
            t, steady = _replicate(e[chosen] - rate[:, None] * x[chosen], x[chosen], draws, level)
            ends, kept = t[steady], some[steady]
            low[kept] = rate[steady] - ends[:, replicates - rank] * spread[steady]
            high[kept] = rate[steady] - ends[:, rank - 1] * spread[steady]
    if signed:
        return Interval(low, high)
    inside = code >= 0
    bounded = np.bincount(code[inside], e[inside] > x[inside], n_groups) == 0
    return Interval(np.maximum(low, 0), np.where(bounded, np.minimum(high, 1), high))


@lru_cache(maxsize=64)  # the tables of a report draw the same again; at most 1.6 MB each
def draw_clusters(count: int, replicates: int, random_state: int) -> Floats:
    """How often each of `count` clusters is drawn in each replicate, float64[replicates, count], read-only.

    >>> draw_clusters(4, replicates=2, random_state=0).sum(axis=1).tolist()
    [4.0, 4.0]
    """
    rng = np.random.default_rng([random_state, count])
    drawn = rng.integers(count, size=(replicates, count)) + np.arange(replicates)[:, None] * count
    times = np.bincount(drawn.ravel(), minlength=replicates * count)
    counts = times.reshape(replicates, count).astype(np.float64)
    counts.flags.writeable = False
    return counts


def _replicate(
    residuals: Floats, exposure: Floats, draws: Floats, level: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """t of the replicates from the smallest up, [groups, replicates], and which groups nearly always spread.

    With D, X and C the residuals, exposure and clusters drawn, and X cancelled from (r_b - r) / s_b:
    t = D / sqrt(C / (C - 1) * sum((d_c - D / X * x_c)^2)).
    """
    count = residuals.shape[1]
    moments = (residuals, exposure, residuals**2, residuals * exposure, exposure**2)
    by_cluster = np.stack(moments, axis=-1)
    parts = np.split(draws, range(REPLICATES_AT_ONCE, len(draws), REPLICATES_AT_ONCE))
    sums = np.concatenate([part @ by_cluster for part in parts], axis=1)
    d, x, dd, dx, xx = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = d / x
        squares = dd - 2 * shift * dx + shift * shift * xx
        spread = squares > 1e-12 * (residuals * residuals).sum(-1, keepdims=True)
        t = np.where(spread, d / np.sqrt(count / (count - 1) * squares), np.copysign(np.inf, d))
    return np.sort(t, axis=-1), np.count_nonzero(~spread, axis=-1) <= level / 50 * len(draws)


def _without_draws(line: Linearised, level: float, signed: bool) -> tuple[Floats, Floats]:
    """The ends from standard errors alone; NaN where there is none."""
    rate, spread = line.rate, line.standard_error
    quantile = -stdtrit(np.maximum(line.clusters - 1.0, 1), level / 2)
    half = np.where(spread > 0, quantile * spread, np.nan)
    low, high = rate - half, rate + half
    if signed:
        return low, high
    inner = (rate > 0) & (rate < 1) & (spread > 0)
    p, a = rate[inner], half[inner] ** 2 / (rate[inner] * (1 - rate[inner]))
    # The roots of (1 + a) q^2 - (2 p + a) q + p^2 = 0; the low one as product of the roots over the high one.
    root = np.sqrt(a * a + 4 * a * p * (1 - p))
    low[inner], high[inner] = 2 * p * p / (2 * p + a + root), (2 * p + a + root) / (2 * (1 + a))
    alike = (spread == 0) & (rate <= 1)
    clusters = line.clusters[alike]
    by_cluster = wilson(rate[alike] * clusters, clusters, level)
    low[alike], high[alike] = by_cluster.low, by_cluster.high
    return low, high


def _linearise(e: Floats, x: Floats, code: NDArray[np.int64], n_groups: int) -> Linearised:
    inside = code >= 0
    # One place more than groups, the last, for units of none.
    place = np.where(inside, code, n_groups)

    def gather(values: NDArray[np.float64 | np.bool_]) -> Floats:
        return np.bincount(place, values, n_groups + 1).astype(np.float64, copy=False)

    total, count = gather(x), gather((x > 0) | (e != 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = gather(e) / np.where(total > 0, total, np.nan)
        influence = np.where(inside & (total[place] > 0), (e - rate[place] * x) / total[place], 0.0)
        error = np.sqrt(count / (count - 1) * gather(influence * influence))
        # What rounding leaves of residuals that are 0 is no spread.
        error = np.where(error > 1e-9 * np.sqrt(gather(e * e)) / total, error, 0.0)
    error = np.where(gather(x > 0) >= 2, error, np.nan)
    return Linearised(rate[:-1], error[:-1], count[:-1].astype(np.int64), influence)


def _rank(level: float, replicates: int) -> int:
    """Which replicate from either end stands for the quantile at level / 2."""
    if not 0 < level < 1:
        raise ValueError(f"A level lies between 0 and 1, not at {level}.")
    rank = int(level / 2 * (replicates + 1))
    if rank < 1:
        raise ValueError(f"A level of {level} needs {2 / level:,.0f} replicates or more, not {replicates:,}.")
    return rank


def _units(
    errors: ArrayLike, exposure: ArrayLike, groups: ArrayLike, n_groups: int
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    e, x = np.asarray(errors, dtype=np.float64), np.asarray(exposure, dtype=np.float64)
    code = np.asarray(groups, dtype=np.int64)
    if not (np.isfinite(e).all() and np.isfinite(x).all() and np.all(x >= 0)):
        raise ValueError("Errors and exposure are known numbers, and exposure is not negative.")
    if code.size and code.max() >= n_groups:
        raise ValueError(f"Code {code.max()} names no group: there are {n_groups}.")
    return e, x, code

"""Intervals and proofs where rows come in clusters, carry weights, or hold more than one error."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from fairness.intervals import Interval
from fairness.rates import Floats


@dataclass(frozen=True)
class ClusterSums:
    """One side of a comparison, the group or its rest, as sums over its rows.

    By cluster, float64[..., clusters], 0 for a cluster with no row on this side: `errors` and `exposure` with
    their weights, `raw_errors` and `raw_exposure` without. Over all rows, float64[...]: the raw sums of
    error * error, error * exposure and exposure * exposure, and with weights the sums of
    weight^2 * exposure and weight^2 * exposure^2.
    """

    errors: Floats
    exposure: Floats
    raw_errors: Floats
    raw_exposure: Floats
    error_squares: Floats
    error_exposure: Floats
    exposure_squares: Floats
    variance_units: Floats
    weighted_squares: Floats

    @property
    def clusters(self) -> NDArray[np.int64]:
        """How many clusters have exposure on this side."""
        return np.asarray(np.count_nonzero(self.exposure > 0, axis=-1))


@dataclass(frozen=True)
class ScoreTest:
    """The statistic T, its degrees of freedom and the one-sided p, each float64[...]."""

    statistic: Floats
    degrees: Floats
    p_value: Floats


def sum_by_cluster(
    errors: Floats,
    exposure: Floats,
    clusters: NDArray[np.int64],
    n_clusters: int,
    weights: Floats | None = None,
) -> ClusterSums:
    """Sum one side's rows, float64[n], by their cluster, codes int64[n] in 0..n_clusters-1.

    >>> side = sum_by_cluster(np.array([1.0, 0.0, 1.0]), np.ones(3), np.array([0, 0, 2]), n_clusters=3)
    >>> side.errors.tolist(), side.exposure.tolist(), int(side.clusters)
    ([1.0, 0.0, 1.0], [2.0, 0.0, 1.0], 2)
    """

    def gather(values: Floats) -> Floats:
        return np.bincount(clusters, weights=values, minlength=n_clusters).astype(np.float64, copy=False)

    rows = sum_by_row(errors, exposure, weights)
    raw_errors, raw_exposure = gather(errors), gather(exposure)
    return replace(
        rows,
        errors=raw_errors if weights is None else gather(rows.errors),
        exposure=raw_exposure if weights is None else gather(rows.exposure),
        raw_errors=raw_errors,
        raw_exposure=raw_exposure,
    )


def sum_by_row(errors: Floats, exposure: Floats, weights: Floats | None = None) -> ClusterSums:
    """One side's rows as their own clusters, float64[n] with zeros in the rows of the other side."""
    squares = np.asarray((exposure * exposure).sum())
    weighted = exposure if weights is None else exposure * weights
    return ClusterSums(
        errors=errors if weights is None else errors * weights,
        exposure=weighted,
        raw_errors=errors,
        raw_exposure=exposure,
        error_squares=np.asarray((errors * errors).sum()),
        error_exposure=np.asarray((errors * exposure).sum()),
        exposure_squares=squares,
        variance_units=np.asarray((exposure if weights is None else weighted * weights).sum()),
        weighted_squares=squares if weights is None else np.asarray((weighted * weighted).sum()),
    )


def cluster_score(group: ClusterSums, rest: ClusterSums) -> ScoreTest:
    """One-sided score test that the group's rate is above the rest's, clusters being independent.

    T = sum(u_c) / sqrt(max(S, M)), where u_c sums over a cluster's rows
    (in group - group weight) * (errors - R * exposure), R is the pooled rate, S = sum(u_c^2) the empirical
    variance of the score (Liang and Zeger 1986; as a test Boos 1992) and M its variance under one
    exchangeable correlation shared by all clusters. T is held against t with
    min(clusters in the group, clusters in the rest) - 1 degrees of freedom. S alone lets 30 rows without an
    error beside thousands with 2 % prove a gap at p = 3e-6, as their own spread is then nearly nothing.
    M takes clusters to vary alike on both sides: where those of a small rest vary far more, at the same rate,
    the test is too easy (10 to 80 times at p = 1e-4 for a coefficient of variation of 2 against 0).

    A p near 0 is strong evidence; T of 0 is no gap; without two clusters or any error on either side p is 1.

    >>> cluster = np.repeat(np.arange(6), 10)
    >>> errors = (np.arange(60) % 10 < np.repeat([5, 4, 6, 1, 2, 1], 10)).astype(float)
    >>> group = sum_by_cluster(errors[:30], np.ones(30), cluster[:30], n_clusters=6)
    >>> rest = sum_by_cluster(errors[30:], np.ones(30), cluster[30:], n_clusters=6)
    >>> test = cluster_score(group, rest)
    >>> round(float(test.statistic), 3), float(test.degrees), round(float(test.p_value), 4)
    (2.302, 2.0, 0.074)
    """
    total = _total(group) + _total(rest)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = (group.errors.sum(-1) + rest.errors.sum(-1)) / total
        share = _total(group) / total
        u = _by_cluster(1 - share) * _residuals(group, rate) - _by_cluster(share) * _residuals(rest, rate)
        variance = np.maximum((u * u).sum(-1), _pooled_variance(group, rest, rate, rate))
        statistic = u.sum(-1) / np.sqrt(variance)
    degrees = _degrees(group, rest)
    provable = (degrees >= 1) & (variance > 0)
    p = np.where(provable, stdtr(np.maximum(degrees, 1), -np.where(provable, statistic, 0)), 1.0)
    return ScoreTest(np.where(provable, statistic, 0.0), degrees, p)


def linearised_lower(group: ClusterSums, rest: ClusterSums, level: float) -> Floats:
    """One-sided lower bound of the gap of two ratios by linearisation (Woodruff 1971), clusters independent.

    gap - t * sqrt(max(C / (C - 1) * sum(v_c^2), M)), with v_c = residual in group / exposure of group -
    residual in rest / exposure of rest, each side's residuals from its own rate, C the clusters with
    exposure, and M and the degrees of freedom as in `cluster_score`. In units of the rate; 0 or less shows no
    gap, and without two clusters on either side the bound is minus infinity. Raises ValueError for a level
    outside 0..1.
    """
    quantile = _t_quantile(_degrees(group, rest), level)
    in_group, in_rest = _total(group), _total(rest)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate, rest_rate = group.errors.sum(-1) / in_group, rest.errors.sum(-1) / in_rest
        v = _residuals(group, rate) / _by_cluster(in_group) - _residuals(rest, rest_rate) / _by_cluster(
            in_rest
        )
        count = np.count_nonzero(group.exposure + rest.exposure > 0, axis=-1)
        linearised = count / (count - 1) * (v * v).sum(-1)
        pooled = _pooled_variance(group, rest, rate, rest_rate) * (1 / in_group + 1 / in_rest) ** 2
        bound = rate - rest_rate - quantile * np.sqrt(np.maximum(linearised, pooled))
    return np.where(np.isfinite(quantile), bound, -np.inf)


def cluster_interval(errors: ArrayLike, exposure: ArrayLike, level: float = 0.05) -> Interval:
    """Two-sided interval of one group's rate by linearisation, from its sums by cluster, float[...,
    clusters].

    rate -+ t * sqrt(C / (C - 1) * sum((errors_c - rate * exposure_c)^2)) / exposure with C - 1 degrees of
    freedom (Cochran 1977, 6.3), the low end held at 0. NaN with fewer than two clusters with exposure.
    Raises ValueError for a level outside 0..1.

    >>> interval = cluster_interval([1, 2, 3], [10, 10, 10])
    >>> round(float(interval.low), 4), round(float(interval.high), 4)
    (0.0, 0.4484)
    """
    e, x = np.asarray(errors, dtype=np.float64), np.asarray(exposure, dtype=np.float64)
    count = np.count_nonzero(x > 0, axis=-1)
    quantile = _t_quantile(np.asarray(count - 1.0), level / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = e.sum(-1) / x.sum(-1)
        residual = e - _by_cluster(rate) * x
        half = quantile * np.sqrt(count / (count - 1) * (residual * residual).sum(-1)) / x.sum(-1)
    known = np.isfinite(quantile)
    low, high = np.where(known, np.maximum(rate - half, 0), np.nan), np.where(known, rate + half, np.nan)
    return Interval(low, high)


def _pooled_variance(group: ClusterSums, rest: ClusterSums, rate: Floats, rest_rate: Floats) -> Floats:
    """Variance of the score if all clusters share one row variance and one covariance within a cluster.

    Both are moments of the residuals of all rows and of all pairs of rows within a cluster, taken without
    weights: a few heavy rows would otherwise judge themselves. A negative covariance counts as 0.
    """
    share = _total(group) / (_total(group) + _total(rest))
    ours, theirs = (1 - share) ** 2, share**2
    squares = _row_squares(group, rate) + _row_squares(rest, rest_rate)
    row_variance = squares / (group.raw_exposure.sum(-1) + rest.raw_exposure.sum(-1))
    rows = np.asarray(row_variance * (ours * group.variance_units + theirs * rest.variance_units))
    covariance = _covariance(group, rest, rate, rest_rate, squares)
    if not covariance.any():
        return rows
    z = _by_cluster(1 - share) * group.exposure - _by_cluster(share) * rest.exposure
    within = (z * z).sum(-1) - ours * group.weighted_squares - theirs * rest.weighted_squares
    return np.asarray(rows + covariance * within)


def _covariance(
    group: ClusterSums, rest: ClusterSums, rate: Floats, rest_rate: Floats, squares: Floats
) -> Floats:
    exposure = group.raw_exposure + rest.raw_exposure
    rows = group.exposure_squares + rest.exposure_squares
    pairs = np.asarray((exposure * exposure).sum(-1) - rows)
    paired = pairs > 1e-9 * rows
    if not paired.any():
        return np.zeros_like(pairs)
    expected = _by_cluster(rate) * group.raw_exposure + _by_cluster(rest_rate) * rest.raw_exposure
    residuals = group.raw_errors + rest.raw_errors - expected
    product = np.maximum((residuals * residuals).sum(-1) - squares, 0)
    return np.where(paired, product / np.where(paired, pairs, 1), 0)


def _row_squares(side: ClusterSums, rate: Floats) -> Floats:
    return side.error_squares - 2 * rate * side.error_exposure + rate * rate * side.exposure_squares


def _residuals(side: ClusterSums, rate: Floats) -> Floats:
    return side.errors - _by_cluster(rate) * side.exposure


def _total(side: ClusterSums) -> Floats:
    return np.asarray(side.exposure.sum(-1))


def _by_cluster(value: Floats) -> Floats:
    return np.asarray(value)[..., None]


def _degrees(group: ClusterSums, rest: ClusterSums) -> Floats:
    return np.minimum(group.clusters, rest.clusters) - 1.0


def _t_quantile(degrees: Floats, tail: float) -> Floats:
    """The upper quantile of t; infinite without a degree of freedom."""
    if not 0 < tail < 1:
        raise ValueError(f"A level lies between 0 and 1, not at {tail}.")
    return np.where(degrees >= 1, -stdtrit(np.maximum(degrees, 1), tail), np.inf)

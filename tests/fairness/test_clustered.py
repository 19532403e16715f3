import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from fairness.clustered import (
    cluster_interval,
    cluster_score,
    linearised_lower,
    sum_by_cluster,
    sum_by_row,
)
from fairness.verdict import Evidence, judge_find


def speakers(seed, n_clusters=30, straddle=False, weighted=False):
    """Rows of speakers whose rates vary, half of them in the group, or half of each one's rows."""
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(n_clusters), rng.integers(3, 15, n_clusters))
    n = len(clusters)
    group = rng.random(n) < 0.5 if straddle else clusters < n_clusters // 2
    rate = rng.beta(2, 6, n_clusters)[clusters] + 0.2 * group
    return {
        "errors": (rng.random(n) < rate).astype(float),
        "exposure": np.ones(n),
        "clusters": clusters,
        "group": group,
        "weights": rng.uniform(0.2, 3, n) if weighted else np.ones(n),
    }


def both_sides(rows):
    codes, n = rows["clusters"], rows["clusters"].max() + 1
    e, x, w = rows["errors"], rows["exposure"], rows["weights"]
    return tuple(
        sum_by_cluster(e[side], x[side], codes[side], n, w[side]) for side in (rows["group"], ~rows["group"])
    )


def variances_by_loops(rows):
    """The empirical and the pooled variance of the score, from their definitions and row by row."""
    w, e, x = rows["weights"], rows["errors"], rows["exposure"]
    rate, share = sum(w * e) / sum(w * x), sum(w * x * rows["group"]) / sum(w * x)
    residual, lever, n = e - rate * x, w * (rows["group"] - share), len(e)
    row_variance = sum(residual**2) / sum(x)
    pairs = [
        (i, j) for i in range(n) for j in range(n) if i != j and rows["clusters"][i] == rows["clusters"][j]
    ]
    covariance = sum(residual[i] * residual[j] for i, j in pairs) / sum(x[i] * x[j] for i, j in pairs)
    pooled = row_variance * sum(lever**2 * x)
    pooled += max(covariance, 0) * sum(lever[i] * lever[j] * x[i] * x[j] for i, j in pairs)
    empirical = sum(
        sum(lever[i] * residual[i] for i in range(n) if rows["clusters"][i] == c) ** 2
        for c in np.unique(rows["clusters"])
    )
    return sum(lever * residual), empirical, pooled


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("straddle", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_score_is_what_its_definition_gives_row_by_row(seed, straddle, weighted):
    rows = speakers(seed, straddle=straddle, weighted=weighted)
    score, empirical, pooled = variances_by_loops(rows)
    test = cluster_score(*both_sides(rows))
    assert float(test.statistic) == pytest.approx(score / max(empirical, pooled) ** 0.5, rel=1e-9)
    group, rest = (len(set(rows["clusters"][side])) for side in (rows["group"], ~rows["group"]))
    assert float(test.degrees) == min(group, rest) - 1
    assert float(test.p_value) == pytest.approx(stats.t.sf(test.statistic, test.degrees), rel=1e-9)


def test_the_empirical_variance_is_that_of_the_generalised_score_test_of_statsmodels():
    compared = 0
    for seed in range(12):
        rows = speakers(seed, straddle=True)
        _, empirical, pooled = variances_by_loops(rows)
        if empirical < pooled:
            continue
        constant, group = np.ones(len(rows["errors"])), rows["group"].astype(float)
        full = sm.GEE(rows["errors"], np.column_stack([constant, group]), groups=rows["clusters"])
        null = sm.GEE(rows["errors"], constant[:, None], groups=rows["clusters"]).fit()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = full.compare_score_test(null)["statistic"]
        assert float(cluster_score(*both_sides(rows)).statistic) ** 2 == pytest.approx(theirs, rel=1e-9)
        compared += 1
    assert compared >= 3


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("level", [0.05, 1e-3, 1e-6])
def test_the_lower_bound_is_that_of_a_clustered_regression_where_its_variance_is_the_greater(level, weighted):
    equal = 0
    for seed in range(12):
        rows = speakers(seed, weighted=weighted)
        design = sm.add_constant(rows["group"].astype(float))
        fit = sm.WLS(rows["errors"], design, weights=rows["weights"]).fit(
            cov_type="cluster", cov_kwds={"groups": rows["clusters"], "use_correction": False}
        )
        spread = fit.bse[1] * (30 / 29) ** 0.5
        theirs = fit.params[1] - stats.t.isf(level, 14) * spread
        ours = float(linearised_lower(*both_sides(rows), level))
        assert ours <= theirs + 1e-9
        equal += ours == pytest.approx(theirs, rel=1e-9)
    assert equal >= 3


def test_a_small_rest_without_errors_proves_nothing():
    # 30 rows without an error beside 4,970 at 2 % happen in more than half of all draws.
    errors = (np.arange(5000) % 50 == 0).astype(float)
    errors[-30:] = 0
    group = np.arange(5000) < 4970
    sides = (sum_by_row(errors * side, side.astype(float)) for side in (group, ~group))
    assert float(cluster_score(*sides).p_value) > 0.1


def test_sums_may_be_stacked():
    sums = [both_sides(speakers(seed, n_clusters=30)) for seed in range(3)]
    stacked = [
        type(sums[0][0])(*(np.stack([getattr(s[k], f) for s in sums]) for f in vars(sums[0][0])))
        for k in (0, 1)
    ]
    test, lower = cluster_score(*stacked), linearised_lower(*stacked, 0.01)
    for position, sides in enumerate(sums):
        assert test.p_value[position] == pytest.approx(float(cluster_score(*sides).p_value))
        assert lower[position] == pytest.approx(float(linearised_lower(*sides, 0.01)))


def test_too_few_clusters_or_no_error_prove_nothing():
    one = sum_by_cluster(np.array([1.0, 1.0]), np.ones(2), np.array([0, 0]), 4)
    many = sum_by_cluster(np.array([0.0, 0.0, 1.0]), np.ones(3), np.array([1, 2, 3]), 4)
    clean = sum_by_cluster(np.zeros(2), np.ones(2), np.array([0, 1]), 4)
    assert float(cluster_score(one, many).p_value) == 1
    assert float(linearised_lower(one, many, 0.05)) == -np.inf
    assert float(cluster_score(clean, clean).p_value) == 1


def test_rows_repeated_within_their_cluster_are_no_new_evidence():
    rows = speakers(1)
    twice = {name: np.repeat(values, 2) for name, values in rows.items()}
    before, after = cluster_score(*both_sides(rows)), cluster_score(*both_sides(twice))
    assert float(after.statistic) <= float(before.statistic) * (1 + 1e-9)


def test_a_constant_weight_changes_nothing():
    rows = speakers(2)
    heavy = rows | {"weights": np.full(len(rows["errors"]), 7.0)}
    assert float(cluster_score(*both_sides(heavy)).p_value) == pytest.approx(
        float(cluster_score(*both_sides(rows)).p_value), rel=1e-9
    )
    assert float(linearised_lower(*both_sides(heavy), 1e-3)) == pytest.approx(
        float(linearised_lower(*both_sides(rows), 1e-3)), rel=1e-9
    )


def test_the_interval_of_one_rate_is_that_of_a_clustered_mean():
    rows = speakers(3)
    fit = sm.OLS(rows["errors"], np.ones(len(rows["errors"]))).fit(
        cov_type="cluster", cov_kwds={"groups": rows["clusters"], "use_correction": False}
    )
    half = stats.t.isf(0.025, 29) * fit.bse[0] * (30 / 29) ** 0.5
    errors = np.bincount(rows["clusters"], weights=rows["errors"])
    interval = cluster_interval(errors, np.bincount(rows["clusters"]))
    assert float(interval.low) == pytest.approx(fit.params[0] - half, rel=1e-9)
    assert float(interval.high) == pytest.approx(fit.params[0] + half, rel=1e-9)
    assert np.isnan(cluster_interval([1, 0], [4, 0]).low)


def test_clusters_of_one_row_and_no_clusters_agree():
    rng = np.random.default_rng(5)
    errors, group = rng.integers(0, 4, 300).astype(float), np.arange(300) < 100
    exposure = rng.integers(1, 9, 300) + errors
    errors += group
    plain = judge_find(Evidence(errors, exposure), group, [], 0.05)
    single = judge_find(Evidence(errors, exposure, np.arange(300)), group, [], 0.05)
    assert plain.parts[0].test == single.parts[0].test == "cluster_score"
    assert plain.points == pytest.approx(single.points, rel=1e-9)
    assert plain.parts[0].clusters is None
    assert single.parts[0].clusters == 100

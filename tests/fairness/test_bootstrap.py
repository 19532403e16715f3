"""The studentised cluster bootstrap; bench/coverage.py prints what the simulations here assert."""

import numpy as np
import pytest
from scipy import stats

from bench.coverage import SETTINGS, measure
from fairness import bootstrap
from fairness.bootstrap import FEWEST_DRAWN, MOST_DRAWN, draw_clusters, linearise, studentised_interval
from fairness.clustered import cluster_interval
from fairness.intervals import wilson

ALIKE, VARYING, WILD = SETTINGS[:3]


def units(seed, counts=(8, 30, 9, 30, 100), signed=False):
    """Clusters of several groups: errors, exposure and codes."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(counts)), counts)
    exposure = rng.integers(30, 500, len(codes)).astype(float)
    errors = rng.poisson(rng.gamma(3, 0.05, len(codes)) * exposure).astype(float)
    return (errors - 0.15 * exposure if signed else errors), exposure, codes


def one_group(errors, exposure, **options):
    interval = studentised_interval(errors, exposure, np.zeros(len(errors), dtype=int), 1, **options)
    return float(interval.low[0]), float(interval.high[0])


def standard_error(errors, exposure):
    rate, count = sum(errors) / sum(exposure), len(errors)
    squares = sum((e - rate * x) ** 2 for e, x in zip(errors, exposure, strict=True))
    return (count / (count - 1) * squares) ** 0.5 / sum(exposure)


def by_loops(errors, exposure, replicates, random_state, level):
    """The interval from its definition, one replicate and one cluster at a time."""
    clusters = sorted(zip(errors, exposure, strict=True))
    rate, found = sum(errors) / sum(exposure), []
    for times in draw_clusters(len(clusters), replicates, random_state):
        drawn = [cluster for cluster, often in zip(clusters, times, strict=True) for _ in range(int(often))]
        e, x = zip(*drawn, strict=True)
        found.append((sum(e) / sum(x) - rate) / standard_error(e, x))
    found.sort()
    rank, spread = int(level / 2 * (replicates + 1)), standard_error(errors, exposure)
    return rate - found[-rank] * spread, rate - found[rank - 1] * spread


def wilson_with(rate, spread, count):
    """The roots of |rate - p| = t * spread * sqrt(p (1 - p) / (rate (1 - rate))), found by search."""
    quantile = stats.t.isf(0.025, count - 1) * spread / (rate * (1 - rate)) ** 0.5
    grid = np.linspace(0, 1, 2_000_001)
    inside = grid[np.abs(rate - grid) <= quantile * np.sqrt(grid * (1 - grid))]
    return inside[0], inside[-1]


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("seed", "level", "replicates"), [(0, 0.05, 300), (1, 0.2, 99), (2, 0.01, 400)])
def test_it_is_what_its_definition_gives_replicate_by_replicate(seed, level, replicates, signed):
    errors, exposure, codes = units(seed, signed=signed)
    options = {"level": level, "replicates": replicates, "random_state": seed}
    found = studentised_interval(errors, exposure, codes, 5, **options, signed=signed)
    for group in range(5):
        inside = codes == group
        low, high = by_loops(errors[inside], exposure[inside], replicates, seed, level)
        assert (found.low[group], found.high[group]) == pytest.approx((low, high), rel=1e-9)


def test_neither_order_nor_other_groups_change_an_interval():
    errors, exposure, codes = units(3)
    before = studentised_interval(errors, exposure, codes, 5)
    mixed = np.random.default_rng(0).permutation(len(codes))
    after = studentised_interval(errors[mixed], exposure[mixed], (4 - codes)[mixed], 5)
    np.testing.assert_allclose(after.low[::-1], before.low, rtol=1e-12)
    np.testing.assert_allclose(after.high[::-1], before.high, rtol=1e-12)
    for group in range(5):
        inside = codes == group
        alone = one_group(errors[inside], exposure[inside])
        assert alone == pytest.approx((before.low[group], before.high[group]), rel=1e-12)
    part = studentised_interval(errors, exposure, np.where(codes == 1, 0, -1), 1)
    assert (part.low[0], part.high[0]) == pytest.approx((before.low[1], before.high[1]), rel=1e-12)


def test_many_groups_of_one_size_are_as_each_alone():
    errors, exposure, codes = units(4, counts=(12,) * 600)
    found = studentised_interval(errors, exposure, codes, 600)
    for group in (0, 255, 256, 599):
        inside = codes == group
        alone = one_group(errors[inside], exposure[inside])
        assert alone == pytest.approx((found.low[group], found.high[group]), rel=1e-12)


def test_the_seed_changes_the_draws_and_the_interval_a_little():
    errors, exposure, _ = units(5, counts=(30,))
    ends = [one_group(errors, exposure, random_state=seed) for seed in (0, 0, 1)]
    assert ends[0] == ends[1] != ends[2]
    assert ends[2] == pytest.approx(ends[0], rel=0.1)


def test_units_of_measure_cancel_and_shifts_move_the_interval():
    errors, _, _ = units(6, counts=(20,))
    exposure = np.full(20, 400.0)
    before = one_group(errors, exposure)
    assert one_group(errors * 7, exposure * 7) == pytest.approx(before, rel=1e-9)
    shifted = one_group(errors - 0.5 * exposure, exposure, signed=True)
    assert shifted == pytest.approx((before[0] - 0.5, before[1] - 0.5), rel=1e-9)


@pytest.mark.parametrize("count", [2, FEWEST_DRAWN - 1, MOST_DRAWN + 1])
def test_very_few_and_very_many_clusters_have_the_interval_of_the_standard_error(count):
    errors, exposure, _ = units(7, counts=(count,))
    rate = errors.sum() / exposure.sum()
    expected = wilson_with(rate, standard_error(errors, exposure), count)
    assert one_group(errors, exposure) == pytest.approx(expected, abs=1e-6)
    signed, theirs = one_group(errors, exposure, signed=True), cluster_interval(errors, exposure)
    assert signed[1] == pytest.approx(float(theirs.high), rel=1e-12)
    assert signed[0] == pytest.approx(2 * rate - float(theirs.high), rel=1e-9)


@pytest.mark.parametrize("count", [FEWEST_DRAWN, MOST_DRAWN])
def test_clusters_are_drawn_up_to_the_limits(count):
    errors, exposure, _ = units(8, counts=(count,))
    assert one_group(errors, exposure) == pytest.approx(by_loops(errors, exposure, 1000, 0, 0.05), rel=1e-9)


def test_rates_above_1_have_the_linearised_interval_where_draws_say_little():
    errors, exposure = np.array([90.0, 130.0, 160.0, 110.0]), np.full(4, 100.0)
    theirs = cluster_interval(errors, exposure)
    assert one_group(errors, exposure) == pytest.approx((float(theirs.low), float(theirs.high)))


@pytest.mark.parametrize("holding", [1, 2, 3])
def test_a_few_clusters_with_all_the_errors_still_have_a_sensible_interval(holding):
    errors, exposure = np.zeros(30), np.full(30, 500.0)
    errors[:holding] = 10
    rate = errors.sum() / exposure.sum()
    low, high = one_group(errors, exposure)
    assert (low, high) == pytest.approx(
        wilson_with(rate, standard_error(errors, exposure), 30), rel=2e-3, abs=1e-6
    )
    assert 0 < low < rate < high < 7 * rate


def test_clusters_that_are_single_rows_have_nearly_wilsons_interval():
    errors = np.repeat([1.0, 0.0], [4, 26])
    ours, theirs = one_group(errors, np.ones(30)), wilson(4, 30)
    assert ours == pytest.approx((float(theirs.low), float(theirs.high)), abs=0.02)


@pytest.mark.parametrize("count", [2, 20, 500])
@pytest.mark.parametrize("rate", [0.0, 0.1, 1.0])
def test_clusters_of_one_rate_have_wilsons_interval_on_their_number(count, rate):
    exposure = np.arange(1, count + 1) * 3.0
    theirs = wilson(rate * count, count)
    assert one_group(rate * exposure, exposure) == pytest.approx((float(theirs.low), float(theirs.high)))


@pytest.mark.parametrize(
    ("errors", "exposure", "signed"),
    [
        ([], [], False),
        ([3], [10], False),
        ([3, 0, 0], [10, 0, 0], False),
        ([3, 2], [10, 0], False),
        ([12] * 20, [10] * 20, False),
        ([0] * 20, [10] * 20, True),
        ([-2] * 20, [10] * 20, True),
    ],
    ids=["none", "one", "one with exposure", "one and errors", "above 1", "no difference", "one difference"],
)
def test_it_says_nothing_where_nothing_can_be_said(errors, exposure, signed):
    assert np.isnan(one_group(errors, exposure, signed=signed)).all()


def test_ends_stay_within_what_a_rate_can_be():
    rng = np.random.default_rng(9)
    codes = np.repeat(np.arange(200), 8)
    exposure = rng.integers(1, 6, len(codes)).astype(float)
    for rate in (0.05, 0.9):
        errors = rng.binomial(exposure.astype(int), rate).astype(float)
        found = studentised_interval(errors, exposure, codes, 200)
        pooled = np.bincount(codes, errors) / np.bincount(codes, exposure)
        assert np.all((found.low >= 0) & (found.low <= pooled) & (pooled <= found.high) & (found.high <= 1))
    errors = rng.poisson(exposure * 1.2).astype(float)
    assert studentised_interval(errors, exposure, codes, 200).high.max() > 1


def test_a_cluster_without_errors_and_exposure_is_not_there():
    errors, exposure, _ = units(10, counts=(20,))
    more = one_group(np.append(errors, 0), np.append(exposure, 0))
    assert more == one_group(errors, exposure)


def test_errors_without_exposure_count():
    errors, exposure, _ = units(11, counts=(20,))
    low, high = one_group(np.append(errors, 30), np.append(exposure, 0))
    assert np.isfinite([low, high]).all()
    assert low < (errors.sum() + 30) / exposure.sum() < high
    assert high > one_group(errors, exposure)[1]


def test_influences_are_what_leaving_a_cluster_out_changes():
    errors, exposure, codes = units(12, counts=(5, 40))
    line = linearise(errors, exposure, codes, 3)
    assert line.clusters.tolist() == [5, 40, 0]
    assert np.isnan([line.rate[2], line.standard_error[2]]).all()
    for group in (0, 1):
        inside = codes == group
        e, x = errors[inside], exposure[inside]
        assert line.rate[group] == pytest.approx(e.sum() / x.sum())
        assert line.standard_error[group] == pytest.approx(standard_error(e, x))
        without = (e.sum() - e) / (x.sum() - x)
        left_out = (line.rate[group] - without) * (1 - x / x.sum())
        np.testing.assert_allclose(line.influence[inside], left_out, atol=1e-12)


def test_influences_give_the_correlation_of_groups_that_share_clusters():
    rng = np.random.default_rng(13)
    level = rng.gamma(4, 0.05, (2000, 40))
    exposure = np.full((2000, 40), 100.0)
    noisy, clean = (rng.poisson(level * factor * exposure).astype(float) for factor in (1.5, 1.0))
    codes = np.repeat(np.arange(2000), 40)
    u, v = (
        linearise(e.ravel(), exposure.ravel(), codes, 2000).influence.reshape(2000, 40)
        for e in (noisy, clean)
    )
    estimated = (u * v).sum(1) / np.sqrt((u * u).sum(1) * (v * v).sum(1))
    actual = np.corrcoef(noisy.sum(1) / 4000, clean.sum(1) / 4000)[0, 1]
    assert np.median(estimated) == pytest.approx(actual, abs=0.04)


@pytest.mark.parametrize(
    ("errors", "exposure", "codes", "options", "says"),
    [
        ([-1, 2], [5, 5], [0, 0], {}, "not negative, unless"),
        ([1, 2], [5, -5], [0, 0], {}, "exposure is not negative"),
        ([1, np.nan], [5, 5], [0, 0], {}, "known numbers"),
        ([1, 2], [5, np.inf], [0, 0], {}, "known numbers"),
        ([1, 2], [5, 5], [0, 1], {}, "Code 1 names no group"),
        ([1, 2], [5, 5], [0, 0], {"level": 0.0}, "between 0 and 1"),
        ([1, 2], [5, 5], [0, 0], {"level": 0.001}, "needs 2,000 replicates"),
    ],
)
def test_it_refuses_what_it_cannot_use(errors, exposure, codes, options, says):
    with pytest.raises(ValueError, match=says):
        studentised_interval(errors, exposure, codes, 1, **options)


@pytest.mark.parametrize("setting", [ALIKE, VARYING], ids=lambda setting: setting.name)
def test_with_30_speakers_it_covers_93_to_97_percent(setting):
    ours, linearised = measure(setting, 30, 5000, seed=2, methods=["studentised", "linearised t"])
    assert (0.95 * 0.05 / ours.groups) ** 0.5 < 0.006
    assert 0.93 <= ours.covered <= 0.97
    assert ours.width < 1.1 * linearised.width


def test_with_10_speakers_that_vary_wildly_it_covers_better_at_no_absurd_width():
    ours, linearised = measure(WILD, 10, 5000, seed=2, methods=["studentised", "linearised t"])
    assert ours.covered > linearised.covered + 0.03
    assert ours.covered > 0.91
    assert ours.width < 1.3 * linearised.width


def test_where_drawing_ends_the_standard_error_covers_as_well(monkeypatch):
    (drawn,) = measure(WILD, MOST_DRAWN, 5000, seed=2, methods=["studentised"])
    monkeypatch.setattr(bootstrap, "MOST_DRAWN", 0)
    (undrawn,) = measure(WILD, MOST_DRAWN, 5000, seed=2, methods=["studentised"])
    assert 0.93 <= undrawn.covered <= 0.97
    assert drawn.covered != undrawn.covered
    assert abs(drawn.covered - undrawn.covered) < 0.01
    assert 0.95 < undrawn.width / drawn.width < 1.05

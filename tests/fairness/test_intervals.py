from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact, norm
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from fairness.intervals import fisher_p, newcombe, newcombe_lower, wilson

# Newcombe, Statistics in Medicine 17 (1998): table I of the paper on one proportion, table II of that on two.
NEWCOMBE_ONE = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
]
NEWCOMBE_TWO = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0),
    (10, 10, 0, 10, 0.6075, 1.0),
]


@st.composite
def tables(draw):
    n, m = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    return draw(st.integers(0, n)), n, draw(st.integers(0, m)), m


@pytest.mark.parametrize(("errors", "exposure", "low", "high"), NEWCOMBE_ONE)
def test_wilson_gives_the_published_intervals(errors, exposure, low, high):
    interval = wilson(errors, exposure)
    assert (round(float(interval.low), 4), round(float(interval.high), 4)) == (low, high)


@pytest.mark.parametrize(("x", "n", "y", "m", "low", "high"), NEWCOMBE_TWO)
def test_newcombe_gives_the_published_intervals(x, n, y, m, low, high):
    interval = newcombe(x, n, y, m)
    assert (round(float(interval.low), 4), round(float(interval.high), 4)) == (low, high)


@settings(deadline=None)
@given(tables(), st.sampled_from([0.2, 0.05, 1e-3, 1e-6]))
def test_wilson_and_newcombe_agree_with_statsmodels(table, level):
    x, n, y, m = table
    theirs = proportion_confint(x, n, alpha=level, method="wilson")
    np.testing.assert_allclose((wilson(x, n, level).low, wilson(x, n, level).high), theirs, atol=1e-12)
    theirs = confint_proportions_2indep(x, n, y, m, method="newcomb", compare="diff", alpha=level)
    ours = newcombe(x, n, y, m, level)
    np.testing.assert_allclose((ours.low, ours.high), theirs, atol=1e-9)
    assert newcombe_lower(x, n, y, m, level / 2) == ours.low


@settings(deadline=None)
@given(tables())
def test_fisher_agrees_with_scipy_and_with_counting_the_tables(table):
    x, n, y, m = table
    ours = float(fisher_p(x, n, y, m))
    theirs = fisher_exact([[x, n - x], [y, m - y]], alternative="greater").pvalue
    assert ours == pytest.approx(theirs, rel=1e-9)
    total = sum(comb(n, k) * comb(m, x + y - k) for k in range(x, min(n, x + y) + 1))
    assert ours == pytest.approx(float(Fraction(total, comb(n + m, x + y))), rel=1e-9)


def test_fisher_is_exact_far_in_the_tail_of_a_million_rows():
    p = float(fisher_p(60, 60, 0, 1_000_000 - 60))
    exact = Fraction(1, comb(1_000_000, 60))
    assert p == pytest.approx(float(exact), rel=1e-6)
    assert 0 < p < 1e-200


def test_the_wilson_root_keeps_its_digits_far_in_the_tail():
    z = float(norm.isf(0.5e-6))
    low = float(wilson(1, 10**9, 1e-6).low)
    # One error in n rows: low is 2 / (n (2 + z^2 + z sqrt(z^2 + 4))) but for terms of 1 / n^2.
    assert low == pytest.approx(2 / (1e9 * (2 + z * z + z * (z * z + 4) ** 0.5)), rel=1e-7)
    assert float(wilson(0, 30, 1e-6).low) == 0
    assert float(wilson(30, 30, 1e-6).high) == 1


def test_results_are_vectorised_and_broadcast():
    p = fisher_p([1, 2, 3], 10, 5, [100, 100, 100])
    assert p.shape == (3,)
    assert p.tolist() == [float(fisher_p(x, 10, 5, 100)) for x in (1, 2, 3)]
    assert newcombe_lower(np.ones((2, 3)), 10, 5, 100, 0.01).shape == (2, 3)


def test_nothing_is_known_without_exposure():
    assert np.isnan(wilson(0, 0).low)
    assert np.isnan(newcombe(0, 0, 1, 5).high)
    assert float(fisher_p(0, 0, 3, 10)) == 1


@pytest.mark.parametrize(
    "call", [lambda: wilson(3, 2), lambda: fisher_p(1, 2, -1, 2), lambda: newcombe(1, 2, 3, 2)]
)
def test_more_errors_than_exposure_are_refused(call):
    with pytest.raises(ValueError, match="between 0 and their exposure"):
        call()


@pytest.mark.parametrize("level", [0, 1, -0.1, 2])
def test_a_level_outside_0_to_1_is_refused(level):
    with pytest.raises(ValueError, match="level lies between 0 and 1"):
        newcombe_lower(1, 2, 1, 2, level)

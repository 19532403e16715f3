import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairness.intervals import mover_gap, mover_ratio, newcombe, wilson

CORRELATIONS = st.sampled_from([-0.9, -0.3, 0.0, 0.3, 0.9])


@st.composite
def tables(draw):
    n, m = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    return draw(st.integers(0, n)), n, draw(st.integers(0, m)), m


def sides(x, n, y, m):
    group, rest = wilson(x, n), wilson(y, m)
    return x / n, group.low, group.high, y / m, rest.low, rest.high


# Perondi et al. 2004 in Fagerland, Lydersen and Laake, Statistical Analysis of Contingency Tables, chapter 4.
def test_it_gives_the_published_gap_and_ratio():
    gap, ratio = mover_gap(*sides(7, 34, 1, 34)), mover_ratio(*sides(7, 34, 1, 34))
    assert (round(float(gap.low), 4), round(float(gap.high), 4)) == (0.0189, 0.3404)
    assert (round(float(ratio.low), 4), round(float(ratio.high), 4)) == (1.1537, 41.9763)


@settings(deadline=None)
@given(tables())
def test_the_gap_of_wilsons_intervals_is_newcombes(table):
    ours, theirs = mover_gap(*sides(*table)), newcombe(*table)
    np.testing.assert_allclose((ours.low, ours.high), (theirs.low, theirs.high), atol=1e-14)


@settings(deadline=None)
@given(tables(), CORRELATIONS)
def test_at_the_ends_of_the_ratio_the_gap_to_so_many_times_the_rest_ends_at_0(table, correlation):
    p, p_low, p_high, q, q_low, q_high = sides(*table)
    ratio = mover_ratio(p, p_low, p_high, q, q_low, q_high, correlation)
    low, high = float(ratio.low), float(ratio.high)
    assert 0 <= low <= high
    if p > 0:
        assert low > 0
        times = mover_gap(p, p_low, p_high, low * q, low * q_low, low * q_high, correlation)
        assert float(times.low) == pytest.approx(0, abs=1e-7)
    if q_low > 1e-9:
        times = mover_gap(p, p_low, p_high, high * q, high * q_low, high * q_high, correlation)
        assert float(times.high) == pytest.approx(0, abs=1e-7 * max(1, high))
    if q > 0 and np.isfinite(high):
        assert low <= p / q * (1 + 1e-12) and p / q <= high * (1 + 1e-12)


@settings(deadline=None)
@given(tables(), CORRELATIONS)
def test_the_gap_the_other_way_round_is_the_same_with_signs_changed(table, correlation):
    there = mover_gap(*sides(*table), correlation)
    back = mover_gap(*sides(*table[2:], *table[:2]), correlation)
    np.testing.assert_allclose((there.low, there.high), (-back.high, -back.low), atol=1e-15)


def test_sides_that_move_together_have_a_narrower_gap_and_ratio():
    for make in (mover_gap, mover_ratio):
        widths = [
            float(found.high - found.low)
            for found in (make(0.2, 0.1, 0.35, 0.3, 0.2, 0.45, c) for c in (-0.5, 0.0, 0.5, 1.0))
        ]
        assert widths == sorted(widths, reverse=True)
        assert len(set(widths)) == 4


def test_correlated_intervals_have_the_width_of_the_known_normal_interval():
    # Symmetric intervals of half widths 3 and 4: the gap's is sqrt(9 + 16 - 2 * 0.5 * 12).
    gap = mover_gap(10, 7, 13, 6, 2, 10, 0.5)
    assert (float(gap.low), float(gap.high)) == pytest.approx((4 - 13**0.5, 4 + 13**0.5))


def test_the_ratio_has_no_upper_end_where_the_rest_may_be_0():
    ratio = mover_ratio([0.2, 0.2, 0.0], [0.1, 0.1, 0.0], 0.4, [0.1, 0.0, 0.0], [0.0, 0.0, 0.0], 0.2)
    assert np.all(np.isposinf(ratio.high))
    assert np.all(ratio.low[:2] > 0)
    assert ratio.low[2] == 0


def test_a_low_end_below_0_counts_as_0():
    below, held = (mover_ratio(0.1, low, 0.3, 0.2, low, 0.3) for low in (-0.05, 0.0))
    assert (below.low, below.high) == (held.low, held.high) == (0, np.inf)


@pytest.mark.parametrize("make", [mover_gap, mover_ratio])
@pytest.mark.parametrize("place", range(7))
def test_what_is_not_known_gives_no_interval(make, place):
    values = [0.2, 0.1, 0.35, 0.3, 0.2, 0.45, 0.1]
    values[place] = [values[place], np.nan]
    found = make(*values)
    assert np.isfinite([found.low[0], found.high[0]]).all()
    assert np.isnan([found.low[1], found.high[1]]).all()


@pytest.mark.parametrize("make", [mover_gap, mover_ratio])
def test_it_refuses_a_correlation_above_1(make):
    with pytest.raises(ValueError, match="between -1 and 1"):
        make(0.2, 0.1, 0.3, 0.2, 0.1, 0.3, [0.5, 1.1])

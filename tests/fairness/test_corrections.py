import gc
from functools import partial
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from fairness.corrections import benjamini_hochberg, holm

P_VALUES = st.lists(
    st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1e-12, 0.01, 0.05, 1.0])), min_size=1, max_size=40
)


def test_a_table_worked_by_hand():
    p = [0.01, 0.04, 0.03, 0.005]
    np.testing.assert_allclose(holm(p), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(benjamini_hochberg(p), [0.02, 0.04, 0.04, 0.02])


# multipletests collects the garbage of all tests at every call.
@patch.object(gc, "collect", int)
@settings(deadline=None)
@given(P_VALUES)
def test_they_are_those_of_statsmodels_and_scipy(p):
    # The smallest floats have no twelve digits.
    same = partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-300)
    same(holm(p), multipletests(p, method="holm")[1])
    same(benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1])
    same(benjamini_hochberg(p), false_discovery_control(p))


@settings(deadline=None)
@given(P_VALUES, st.integers(0, 5), st.randoms())
def test_what_was_not_tested_stays_unknown_and_does_not_count(p, untested, random):
    mixed = [*p, *[np.nan] * untested]
    random.shuffle(mixed)
    for correct in (holm, benjamini_hochberg):
        found, tested = correct(mixed), ~np.isnan(mixed)
        np.testing.assert_array_equal(found[tested], correct(np.array(mixed)[tested]))
        assert np.isnan(found[~tested]).all()


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_the_shape_stays_and_the_input_is_left_alone(correct):
    p = np.array([[0.01, np.nan, 0.2], [0.04, 0.03, 0.5]])
    before = p.copy()
    np.testing.assert_array_equal(correct(p).ravel(), correct(p.ravel()))
    np.testing.assert_array_equal(p, before)
    assert correct([]).shape == (0,)
    assert np.isnan(correct([np.nan])).all()


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
@pytest.mark.parametrize("p", [[0.2, -0.1], [0.2, 1.5]])
def test_it_refuses_what_is_no_p_value(correct, p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        correct(p)

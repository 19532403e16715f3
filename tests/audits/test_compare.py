"""Two audits side by side: the change from one to the other, and its interval."""

from types import SimpleNamespace

import pytest

from audits.views.compare import line


def row(value, low, high):
    return SimpleNamespace(value=value, low=low, high=high)


def test_a_change_has_the_interval_of_two_independent_rates():
    found = line("everyone", row(0.2, 0.1, 0.3), row(0.5, 0.4, 0.7))
    assert found["change"] == pytest.approx(0.3)
    # The roots of 0.1² + 0.1² below and of 0.2² + 0.1² above.
    assert found["low"] == pytest.approx(0.3 - 0.02**0.5)
    assert found["high"] == pytest.approx(0.3 + 0.05**0.5)


@pytest.mark.parametrize(("low", "high"), [(None, None), (0.1, None)])
def test_there_is_no_interval_where_a_rate_has_none(low, high):
    found = line("a group of one", row(0.2, low, high), row(0.5, 0.4, 0.7))
    assert found["change"] == pytest.approx(0.3)
    assert (found["low"], found["high"]) == (None, None)


def test_there_is_no_change_from_a_group_too_small_to_show():
    found = line("few", row(None, None, None), row(0.5, 0.4, 0.7))
    assert (found["change"], found["low"], found["high"]) == (None, None, None)

"""What the sample's page shows, against pandas and statsmodels."""

import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from bounty import parts, sample


def test_the_overview_counts_errors_of_the_model_and_of_the_best_constant(open_bounty):
    part = parts.sample_part(open_bounty)
    frame = pd.DataFrame(part.truth.to_dict(as_series=False))
    shown = sample.overview(open_bounty)
    wrong = (frame.label != frame.prediction).sum()
    assert shown["model_error"]["rate"] == pytest.approx(wrong / len(frame))
    assert (shown["model_error"]["low"], shown["model_error"]["high"]) == pytest.approx(
        proportion_confint(wrong, len(frame), method="wilson")
    )
    assert shown["constant"] == frame.label.mode()[0]
    assert shown["constant_error"]["rate"] == pytest.approx((frame.label != shown["constant"]).mean())


def test_rates_by_a_declared_group_are_those_of_a_groupby(open_bounty):
    part = parts.sample_part(open_bounty)
    frame = pd.DataFrame(part.features.to_dict(as_series=False)).assign(
        errors=part.truth["errors"].to_numpy()
    )
    expected = frame.groupby("home").errors.mean().sort_values(ascending=False)
    rows = sample.group_rates(open_bounty, "home")
    assert [row["value"] for row in rows] == list(expected.index)
    assert [row["rate"] for row in rows] == pytest.approx(list(expected))
    assert all(row["low"] < row["rate"] < row["high"] for row in rows)

"""What the sample's page shows, against pandas and statsmodels."""

import pandas as pd
import polars as pl
import pytest
from statsmodels.stats.proportion import proportion_confint

from bounty import parts, sample
from bounty.entry import Group
from bounty.intake import check_rules


@pytest.fixture
def frame(open_bounty) -> pd.DataFrame:
    part = parts.sample_part(open_bounty)
    return pd.DataFrame((part.features.hstack(part.truth)).to_dict(as_series=False))


def test_the_overview_counts_errors_of_the_model_and_of_the_best_constant(open_bounty, frame):
    shown = sample.overview(open_bounty)
    wrong = (frame.label != frame.prediction).sum()
    assert shown["model_error"]["rate"] == pytest.approx(wrong / len(frame))
    assert (shown["model_error"]["low"], shown["model_error"]["high"]) == pytest.approx(
        proportion_confint(wrong, len(frame), method="wilson")
    )
    assert shown["constant"] == frame.label.mode()[0]
    assert shown["constant_error"]["rate"] == pytest.approx((frame.label != shown["constant"]).mean())


def test_rates_by_a_declared_group_are_those_of_a_groupby(open_bounty, frame):
    expected = frame.groupby("home").errors.agg(["mean", "sum", "size"]).sort_values("mean", ascending=False)
    shown = sample.rates_by_group(open_bounty, "home")
    assert [row.label for row in shown.table] == list(expected.index)
    assert [row.rate for row in shown.table] == pytest.approx(list(expected["mean"]))
    for row, (_, wrong, rows) in zip(shown.table, expected.itertuples(index=False, name=None), strict=True):
        assert (row.low, row.high) == pytest.approx(proportion_confint(wrong, rows, method="wilson"))
    assert shown.overall.rate == pytest.approx(frame.errors.mean())


def test_the_bountys_own_minimum_decides_what_is_too_small_to_say(open_bounty, frame):
    smallest = frame.home.value_counts().min()
    open_bounty.min_rows = int(smallest) + 1
    shown = {row.label: row for row in sample.rates_by_group(open_bounty, "home").table}
    assert shown["family"].rate is None and shown["family"].rows == smallest
    assert shown["rent"].rate is not None


def test_columns_count_every_row_once(open_bounty, frame):
    shown = sample.columns(open_bounty, open_bounty.schema)
    assert [(c.name, c.dtype) for c in shown] == [
        ("age", "number"),
        ("income", "number"),
        ("home", "text"),
        ("sex", "text"),
    ]
    for column in shown:
        assert sum(row.rows for row in column.distribution.table) == len(frame)
    home = {row.label: row.rows for row in shown[2].distribution.table}
    assert home == frame.home.value_counts().to_dict()


def test_what_was_read_once_is_not_read_again(open_bounty):
    first = sample.columns(open_bounty, open_bounty.schema)
    again = sample.columns(open_bounty, open_bounty.schema)
    assert all(one.distribution is two.distribution for one, two in zip(first, again, strict=True))
    assert sample.rates_by_group(open_bounty, "sex") is sample.rates_by_group(open_bounty, "sex")


def test_the_example_of_a_rule_holds_for_some_of_the_sample(open_bounty):
    shown = check_rules(open_bounty, Group("rule", sample.rule_help(open_bounty).example))
    assert 0 < shown["sample_rows"] < open_bounty.parts["sample"]["rows"]


@pytest.mark.parametrize(
    ("values", "hint", "example"),
    [
        ([1.0, 0.0, 1.0, None], "0, 1", "x < 1"),
        ([0.0, 0.0, 1.0], "0, 1", "x > 0"),
        ([*range(7), 2_500_000.0], "0 to 2500000", "x < 3.5"),
        ([4.0, 4.0], "4", ""),
        ([None, None], "always missing", ""),
        (["b", "it's", "b"], "'b', 'it''s'", "x = 'b'"),
        ([*"aabcdefg"], "'a', 'b', 'c', 'd', 'e', 'f', …", "x = 'a'"),
        (["y" * 40, "y" * 40, "n"], f"'{'y' * 29}…', 'n'", f"x = '{'y' * 40}'"),
    ],
)
def test_hints_say_which_values_a_column_has(values, hint, example):
    dtype = pl.String if any(isinstance(value, str) for value in values) else pl.Float64
    column = pl.Series("x", values, dtype)
    assert (sample.hint(column), sample.example(column)) == (hint, example)


@pytest.mark.parametrize("name", ["count", "value", "rows", "two words"])
def test_a_column_may_have_any_name(name):
    column = pl.Series(name, ["a", "b", "a"])
    assert sample.hint(column) == "'a', 'b'"
    assert sample.example(column).endswith(" = 'a'")

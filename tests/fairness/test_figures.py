import dataclasses
import json

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import polars as pl
import pytest
from statsmodels.stats.proportion import proportion_confint

from fairness.clustered import cluster_interval
from fairness.figures import GREY, MOST_BINS, ORANGE, TEAL, show_distribution, show_group_rates


def plotly_accepts(figure: dict) -> bool:
    """Whether Plotly knows every property, and JSON every value."""
    assert json.loads(json.dumps(figure, allow_nan=False)) == figure
    return len(go.Figure(figure).data) == len(figure["data"])


def test_a_histogram_counts_every_value_once():
    rng = np.random.default_rng(1)
    values = rng.normal(40, 12, 5_000).round(1)
    column = pl.Series("age", [*values, None, None])
    shown = show_distribution(column)
    assert plotly_accepts(shown.figure)
    assert (shown.rows, shown.missing) == (5_002, 2)
    assert sum(row.rows for row in shown.table) == 5_002
    assert sum(row.share for row in shown.table) == pytest.approx(1)
    assert shown.table[-1].label == "missing"
    assert shown.figure["data"][0]["y"] == [row.rows for row in shown.table[:-1]]
    low, high = (float(part) for part in shown.table[3].label.split(" to < "))
    assert shown.table[3].rows == pd.Series(values).between(low, high, inclusive="left").sum()


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 1), (-3.7, 12), (1e-9, 2e-9), (1e9, 1e9 + 50), (0, 3e38), (-3e38, 3e38), (1e15, 1e15 + 20)],
)
def test_bins_are_few_and_cover_everything(low, high):
    values = np.linspace(low, high, 101)
    shown = show_distribution(pl.Series("x", values))
    assert plotly_accepts(shown.figure)
    assert 2 <= len(shown.table) <= MOST_BINS
    assert sum(row.rows for row in shown.table) == 101


def test_few_numbers_keep_their_order_and_texts_stand_by_count():
    grades = show_distribution(pl.Series("grade", [3.0, 1.0, 3.0, 2.0, None]))
    assert [(r.label, r.rows) for r in grades.table] == [("1", 1), ("2", 1), ("3", 2), ("missing", 1)]
    words = show_distribution(pl.Series("word", ["b", "a", "b", None, "c", "c", "c"]))
    assert [(r.label, r.rows) for r in words.table] == [("c", 3), ("b", 2), ("a", 1), ("missing", 1)]
    assert words.figure["data"][0]["marker"]["color"] == [TEAL, TEAL, TEAL, GREY]
    assert plotly_accepts(grades.figure)
    assert plotly_accepts(words.figure)


def test_rare_texts_are_counted_together():
    texts = [f"v{i}" for i in range(50) for _ in range(51 - i)]
    shown = show_distribution(pl.Series("x", [*texts, None]))
    assert [row.label for row in shown.table] == [
        *(f"v{i}" for i in range(20)),
        "other (30 values)",
        "missing",
    ]
    assert sum(row.rows for row in shown.table) == len(texts) + 1
    assert shown.table[20].rows == sum(51 - i for i in range(20, 50))


@pytest.mark.parametrize("column", [pl.Series("x", [None, None], dtype=pl.String), pl.Series("x", [1.0])])
def test_a_column_of_one_value(column):
    shown = show_distribution(column)
    assert len(shown.table) == 1
    assert plotly_accepts(shown.figure)


def test_a_column_without_rows():
    with pytest.raises(ValueError, match="without rows"):
        show_distribution(pl.Series("x", [], dtype=pl.String))


def test_texts_of_the_data_cannot_be_tags():
    odd = "<a href='javascript:alert(1)'>x</a>"
    groups = pl.Series("<b>", [odd, "y" * 90] * 40)
    for figure in (show_distribution(groups).figure, show_group_rates(groups, [0] * 80, [1] * 80).figure):
        text = json.dumps(figure)
        assert "<a" not in text
        assert "<b>" not in text
        assert max(len(label) for label in figure["layout"]["yaxis"]["ticktext"]) < 60


def test_rates_are_those_of_pandas_and_intervals_those_of_statsmodels():
    rng = np.random.default_rng(2)
    group = rng.choice(["a", "b", "c"], 900, p=[0.6, 0.3, 0.1])
    exposure = (rng.random(900) < 0.8).astype(float)
    errors = exposure * (rng.random(900) < 0.2)
    shown = show_group_rates(pl.Series("g", group), errors, exposure)
    table = pd.DataFrame({"g": group, "e": errors, "x": exposure}).groupby("g").sum()
    assert plotly_accepts(shown.figure)
    assert [row.rate for row in shown.table] == sorted((table.e / table.x).tolist(), reverse=True)
    for row in shown.table:
        e, x = table.loc[row.label]
        assert (row.rows, row.exposure, row.errors, row.clusters, row.note) == (x, x, e, None, "")
        assert (row.low, row.high) == pytest.approx(proportion_confint(e, x, method="wilson"))
    assert shown.overall.rate == errors.sum() / exposure.sum()
    assert shown.overall.rows == exposure.sum()
    dots = shown.figure["data"][0]
    assert np.add(dots["x"], dots["error_x"]["array"]).tolist() == pytest.approx(
        [r.high for r in shown.table]
    )


def test_clusters_widen_the_interval():
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(60), 20)
    errors = (rng.random(1_200) < np.repeat(rng.random(60) * 0.4, 20)).astype(float)
    group = pl.Series("g", ["a", "b"] * 600)
    alone = show_group_rates(group, errors, np.ones(1_200))
    joined = show_group_rates(group, errors, np.ones(1_200), clusters=clusters * 7)
    by_label = {row.label: row for row in alone.table}
    for row in joined.table:
        assert row.clusters == 60
        inside = (group == row.label).to_numpy()
        want = cluster_interval(
            np.bincount(clusters[inside], errors[inside]), np.bincount(clusters[inside], minlength=60)
        )
        assert (row.low, row.high) == pytest.approx((float(want.low), float(want.high)))
        assert row.high - row.low > by_label[row.label].high - by_label[row.label].low


def test_no_error_at_all_is_not_certainty():
    clusters = np.repeat(np.arange(40), 10)
    none = show_group_rates(pl.Series("g", ["a"] * 400), np.zeros(400), np.ones(400), clusters=clusters)
    assert none.table[0].high == pytest.approx(proportion_confint(0, 40, method="wilson")[1])
    weighted = show_group_rates(
        pl.Series("g", ["a"] * 400), np.zeros(400), np.ones(400), weights=[1, 3] * 200
    )
    assert weighted.table[0].high == pytest.approx(proportion_confint(0, 400 * 16 / 20, method="wilson")[1])


def test_equal_weights_change_nothing():
    errors = (np.random.default_rng(1).random(300) < 0.1).astype(float)
    group = pl.Series("g", ["a", "b", "c"] * 100)
    plain = show_group_rates(group, errors, np.ones(300))
    weighted = show_group_rates(group, errors, np.ones(300), weights=[2.0] * 300)
    for one, two in zip(plain.table, weighted.table, strict=True):
        assert (one.label, one.rate, one.low, one.high) == pytest.approx(
            (two.label, two.rate, two.low, two.high)
        )


def test_counts_of_words_are_their_own_clusters():
    rng = np.random.default_rng(5)
    words = rng.integers(1, 20, 200).astype(float)
    errors = np.minimum(rng.poisson(2, 200), words)
    row = show_group_rates(pl.Series("g", ["a"] * 200), errors, words).table[0]
    want = cluster_interval(errors, words)
    assert (row.low, row.high, row.clusters) == (pytest.approx(want.low), pytest.approx(want.high), None)


def test_groups_too_small_to_say_come_last_and_say_so():
    group = pl.Series("g", ["tiny"] * 3 + ["big"] * 100 + [None] * 29)
    errors = np.ones(132)
    shown = show_group_rates(group, errors, np.ones(132))
    assert [row.label for row in shown.table] == ["big", "missing", "tiny"]
    assert [row.rate for row in shown.table] == [1, None, None]
    assert shown.table[2].note == "too small to say: 3 rows, 30 needed"
    assert shown.figure["data"][1]["text"] == ["too small to say (29 rows)", "too small to say (3 rows)"]
    assert plotly_accepts(shown.figure)
    few = show_group_rates(group, errors, np.ones(132), clusters=np.arange(132) // 10, min_rows=20)
    assert {row.note for row in few.table[:1]} == {"too small to say: 11 clusters, 20 needed"}


def test_nothing_exposed_is_too_small():
    shown = show_group_rates(pl.Series("g", ["a"] * 50), np.zeros(50), np.zeros(50), min_rows=0)
    assert shown.table[0].rate is None
    assert shown.overall.rate is None
    assert plotly_accepts(shown.figure)


def test_numbers_are_grouped_in_five_bins():
    shown = show_group_rates(pl.Series("age", np.arange(1_000.0)), np.zeros(1_000), np.ones(1_000))
    assert sorted(row.label for row in shown.table) == [
        "200 to < 400",
        "400 to < 600",
        "600 to < 800",
        "< 200",
        "≥ 800",
    ]
    assert {row.rows for row in shown.table} == {200}


def test_the_order_of_rows_changes_nothing():
    rng = np.random.default_rng(7)
    group, errors = pl.Series("g", rng.choice(list("abcd"), 500)), (rng.random(500) < 0.2).astype(float)
    order = rng.permutation(500)
    one = show_group_rates(group, errors, np.ones(500))
    two = show_group_rates(group[order.tolist()], errors[order], np.ones(500))
    assert dataclasses.asdict(one) == dataclasses.asdict(two)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", [TEAL, ORANGE, GREY])
@pytest.mark.parametrize("background", ["#ffffff", "#212529"])
def test_colours_stand_out_on_light_and_on_dark(colour, background):
    high, low = sorted((luminance(colour), luminance(background)), reverse=True)
    assert (high + 0.05) / (low + 0.05) > 3


def test_backgrounds_are_transparent_and_fonts_left_to_the_page():
    layout = show_distribution(pl.Series("x", ["a", "b"])).figure["layout"]
    assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == "rgba(0, 0, 0, 0)"
    assert "font" not in layout
    assert "title" not in layout

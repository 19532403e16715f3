"""Tables from the stored cells, against fairlearn and statsmodels, and against loops over the rows."""

import fairlearn.metrics
import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, precision_score
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from fairness.cells import NOT_STATED, SMALLER, Cells, Grouping, group_rows, sum_cells
from fairness.clustered import cluster_score, sum_by_cluster, sum_by_row
from fairness.disaggregate import View, tabulate
from fairness.intervals import fisher_p
from fairness.kinds import CLASSIFICATION, SPEECH
from fairness.kinds.base import Roles, Settings

ROWS = 900
SETTINGS = Settings(favourable="1", smallest=10)


def labels(seed: int = 3) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    place = random.choice(["north", "south", "east"], ROWS, p=[0.5, 0.3, 0.2])
    true = random.random(ROWS) < 0.6
    wrong = random.random(ROWS) < np.where(place == "east", 0.35, 0.12)
    return pl.DataFrame(
        {
            "true": true.astype(float),
            "said": (true ^ wrong).astype(float),
            "place": place,
            "age": random.choice(["young", "old", None], ROWS, p=[0.5, 0.4, 0.1]),
            "person": random.integers(0, 120, ROWS).astype(float),
            "weight": random.uniform(0.2, 3, ROWS),
        }
    )


def cells_of(frame: pl.DataFrame, clusters=None, weights=None, settings=SETTINGS) -> tuple[Cells, tuple]:
    roles = Roles({"true": "y_true", "said": "y_pred", "place": "group", "age": "group"})
    kept = np.ones(frame.height, np.bool_)
    grouping = group_rows(frame, roles, settings, clusters, kept)
    counted = CLASSIFICATION.count(frame, roles, settings, lambda share: None)
    cells = sum_cells(
        counted,
        grouping,
        clusters=clusters,
        weights=weights,
        duration=None,
        aggregations=("pooled", "row_mean"),
    )
    return cells, counted.metrics


def table(view: View, frame: pl.DataFrame | None = None, settings=SETTINGS, **options):
    cells, metrics = cells_of(labels() if frame is None else frame, settings=settings, **options)
    return tabulate(cells, CLASSIFICATION, metrics, view, settings)


def by_group(found, column: str) -> dict:
    return {row.group[column]: row for row in found.groups}


def people(frame: pl.DataFrame) -> np.ndarray:
    return frame["person"].to_numpy().astype(np.int64)


def test_rates_are_those_of_fairlearn():
    frame = labels()
    theirs = fairlearn.metrics.MetricFrame(
        metrics={
            "error": lambda y, p: 1 - accuracy_score(y, p),
            "selection_rate": fairlearn.metrics.selection_rate,
            "false_rejection": fairlearn.metrics.false_negative_rate,
            "false_acceptance": fairlearn.metrics.false_positive_rate,
            "precision": precision_score,
        },
        y_true=frame["true"].to_numpy(),
        y_pred=frame["said"].to_numpy(),
        sensitive_features=frame["place"].to_numpy(),
    )
    for metric in theirs.by_group.columns:
        found = table(View("said", metric, by=("place",)))
        assert found.overall.value == pytest.approx(theirs.overall[metric], abs=1e-12)
        for group, row in by_group(found, "place").items():
            assert row.value == pytest.approx(theirs.by_group.loc[group, metric], abs=1e-12)


def test_intervals_are_those_of_statsmodels():
    for row in table(View("said", "error", by=("place",))).rows:
        low, high = proportion_confint(row.errors, row.n, method="wilson")
        assert (row.low, row.high) == pytest.approx((low, high), abs=1e-12)


def test_gaps_and_ratios_against_the_rest():
    found = table(View("said", "error", by=("place",)))
    whole = found.overall
    for row in found.groups:
        rest = (whole.errors - row.errors, whole.n - row.n)
        low, high = confint_proportions_2indep(row.errors, row.n, *rest, method="newcomb")
        assert (row.gap_low, row.gap_high) == pytest.approx((low, high), abs=1e-9)
        assert row.gap == pytest.approx(row.errors / row.n - rest[0] / rest[1])
        assert row.ratio == pytest.approx(row.errors / row.n / (rest[0] / rest[1]))
        assert row.ratio_low < row.ratio < row.ratio_high
        once = float(fisher_p(row.errors, row.n, *rest)), float(fisher_p(*rest, row.errors, row.n))
        assert row.p == pytest.approx(min(1, 2 * min(once)), rel=1e-9)


def test_p_values_are_corrected_over_the_table_shown():
    found = table(View("said", "error", by=("place", "age")))
    p = [row.p for row in found.groups]
    assert found.tests == len(p) == 9
    for name, method in (("p_adjusted", "holm"), ("p_bh", "fdr_bh")):
        expected = multipletests(p, method=method)[1]
        assert [getattr(row, name) for row in found.groups] == pytest.approx(list(expected))


@pytest.mark.parametrize("weighted", [False, True])
def test_with_clusters_p_is_that_of_the_score_test_on_the_rows(weighted):
    frame = labels()
    weights = frame["weight"].to_numpy() if weighted else None
    found = table(View("said", "error", by=("place",)), frame, clusters=people(frame), weights=weights)
    errors = (frame["true"] != frame["said"]).to_numpy().astype(float)
    for group, row in by_group(found, "place").items():
        inside = (frame["place"] == group).to_numpy()
        sides = [
            sum_by_cluster(
                errors[part],
                np.ones(part.sum()),
                people(frame)[part],
                120,
                None if weights is None else weights[part],
            )
            for part in (inside, ~inside)
        ]
        once = float(cluster_score(*sides).p_value)
        assert row.p == pytest.approx(2 * min(once, 1 - once), rel=1e-9)
        assert row.clusters == np.unique(people(frame)[inside]).size


def test_with_weights_alone_rows_are_their_own_clusters():
    frame = labels()
    weights = frame["weight"].to_numpy()
    found = table(View("said", "error", by=("place",)), frame, weights=weights)
    errors = (frame["true"] != frame["said"]).to_numpy().astype(float)
    for group, row in by_group(found, "place").items():
        inside = (frame["place"] == group).to_numpy()
        test = cluster_score(
            *(sum_by_row(errors * part, part.astype(float), weights) for part in (inside, ~inside))
        )
        once = float(test.p_value)
        assert row.p == pytest.approx(2 * min(once, 1 - once), rel=1e-9)
        assert row.value == pytest.approx(np.average(errors[inside], weights=weights[inside]))


def test_equal_weights_change_nothing():
    frame = labels()
    plain = table(View("said", "error", by=("place",)), frame)
    weighted = table(View("said", "error", by=("place",)), frame, weights=np.full(ROWS, 2.0))
    for one, other in zip(plain.rows, weighted.rows, strict=True):
        assert (one.value, one.low, one.high, one.n) == pytest.approx(
            (other.value, other.low, other.high, other.n)
        )


def test_a_mean_over_people_counts_each_once():
    frame = labels()
    found = table(
        View("said", "error", by=("place",), aggregation="cluster_mean"), frame, clusters=people(frame)
    )
    wrong = frame.with_columns((pl.col("true") != pl.col("said")).cast(pl.Float64).alias("wrong"))
    each = (
        wrong.group_by("place", "person")
        .agg(pl.col("wrong").mean())
        .group_by("place")
        .agg(pl.col("wrong").mean())
    )
    for group, value in each.iter_rows():
        assert by_group(found, "place")[group].value == pytest.approx(value)
    everyone = wrong.group_by("person").agg(pl.col("wrong").mean())["wrong"].mean()
    assert found.overall.value == pytest.approx(everyone)


def test_macro_counts_each_group_once():
    found = table(View("said", "error", by=("place",), aggregation="macro"))
    assert found.overall.value == pytest.approx(np.mean([row.value for row in found.groups]))
    assert found.overall.low < found.overall.value < found.overall.high


def test_a_filter_is_the_table_of_the_rows_it_keeps():
    frame = labels()
    filtered = table(View("said", "error", by=("place",), where=(("age", "old"),)), frame)
    alone = table(View("said", "error", by=("place",)), frame.filter(pl.col("age") == "old").with_columns(
        # Two ages are needed for a column: the filter above has the other one out of sight.
        pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("a")).otherwise(pl.lit("b")).alias("age")
    ))  # fmt: skip
    assert [(row.n, row.errors, row.value, row.p) for row in filtered.rows] == [
        (row.n, row.errors, row.value, row.p) for row in alone.rows
    ]


def test_missing_values_are_a_group_of_their_own():
    found = table(View("said", "error", by=("age",)))
    assert set(by_group(found, "age")) == {"young", "old", NOT_STATED}


def test_permuting_the_rows_changes_nothing():
    frame = labels()
    shuffled = frame.sample(fraction=1, shuffle=True, seed=1)
    view = View("said", "error", by=("place", "age"))
    ours, theirs = (table(view, one, clusters=people(one)) for one in (frame, shuffled))
    assert ours == theirs


def test_small_groups_are_merged_and_the_next_smallest_absorbed():
    frame = labels().with_columns(
        pl.when(pl.int_range(pl.len()) < 4)
        .then(pl.lit("tiny"))
        .when(pl.int_range(pl.len()) < 16)
        .then(pl.lit("small"))
        .otherwise(pl.col("place"))
        .alias("place")
    )
    cells, _ = cells_of(frame)
    assert cells.columns[0].groups == ("east", "north", "south", SMALLER)
    assert cells.columns[0].merged == 2
    assert int(cells.frame.filter(pl.col("c0") == 3)["rows"].sum()) == 16


def test_a_small_intersection_shows_nothing_of_itself():
    frame = labels().with_columns(
        pl.when((pl.col("place") == "east") & (pl.col("age") == "old") & (pl.int_range(pl.len()) > 60))
        .then(pl.lit("young"))
        .otherwise(pl.col("age"))
        .alias("age")
    )
    found = table(View("said", "error", by=("place", "age")), frame)
    hidden = next(row for row in found.groups if row.group == {"place": "east", "age": "old"})
    assert (hidden.n, hidden.value, hidden.errors, hidden.p) == (None, None, None, None)
    assert "fewer than 10" in hidden.note


def test_the_baseline_and_the_best_group_are_not_compared_with_themselves():
    base = table(View("said", "error", by=("place",), versus="baseline", baseline="north"))
    rows = by_group(base, "place")
    assert rows["north"].gap is None
    assert rows["east"].gap == pytest.approx(rows["east"].value - rows["north"].value)
    assert base.tests == 2
    best = table(View("said", "error", by=("place",), versus="best"))
    assert best.baseline == min(best.groups, key=lambda row: row.value).group["place"]
    assert best.tests == 0


def test_what_is_worst_of_precision_is_the_lowest():
    best = table(View("said", "precision", by=("place",), versus="best"))
    assert best.baseline == max(best.groups, key=lambda row: row.value).group["place"]


def test_the_cells_survive_their_file():
    cells, metrics = cells_of(labels(), clusters=people(labels()))
    back = Cells.from_parquet(cells.to_parquet())
    view = View("said", "error", by=("place", "age"))
    assert (back.columns, back.systems, back.clustered) == (cells.columns, cells.systems, True)
    assert tabulate(back, CLASSIFICATION, metrics, view, SETTINGS) == tabulate(
        cells, CLASSIFICATION, metrics, view, SETTINGS
    )


@pytest.mark.parametrize(
    ("view", "says"),
    [
        (View("sayd", "error"), "no system"),
        (View("said", "eror"), "Did you mean"),
        (View("said", "error", by=("plaice",)), "no group column"),
        (View("said", "error", by=("place", "place")), "two different columns"),
        (View("said", "error", where=(("place", "west"),)), "no group"),
        (View("said", "error", by=("place",), versus="baseline", baseline="west"), "baseline group among"),
        (View("said", "error", by=("place",), aggregation="cluster_mean"), "column that names them"),
        (View("said", "error", aggregation="row_mean"), "no aggregation"),
    ],
)
def test_what_is_not_there_is_a_sentence(view, says):
    with pytest.raises(ValueError, match=says):
        table(view)


def test_word_information_lost_is_one_less_recall_times_precision():
    random = np.random.default_rng(5)
    words = random.integers(3, 15, 400)
    deletions = random.binomial(words, 0.05)
    substitutions = random.binomial(words - deletions, 0.1)
    insertions = random.poisson(0.4, 400)
    frame = pl.DataFrame(
        {
            "w": words.astype(float),
            "s": substitutions.astype(float),
            "d": deletions.astype(float),
            "i": insertions.astype(float),
            "accent": random.choice(["a", "b"], 400),
        }
    )
    roles = Roles(
        {"w": "words", "s": "substitutions", "d": "deletions", "i": "insertions", "accent": "group"}
    )
    speakers = np.arange(400) // 10
    kept = np.ones(400, np.bool_)
    counted = SPEECH.count(frame, roles, SETTINGS, lambda share: None)
    grouping = group_rows(frame, roles, SETTINGS, speakers, kept)
    cells = sum_cells(
        counted, grouping, clusters=speakers, weights=None, duration=None, aggregations=SPEECH.aggregations
    )
    found = tabulate(cells, SPEECH, counted.metrics, View("system", "wil", by=("accent",)), SETTINGS)
    hits, said, written = (words - substitutions - deletions), words, words - deletions + insertions
    for row in found.rows:
        part = kept if not row.group else (frame["accent"] == row.group["accent"]).to_numpy()
        expected = 1 - hits[part].sum() ** 2 / (said[part].sum() * written[part].sum())
        assert row.value == pytest.approx(expected, abs=1e-12)
        assert row.low < row.value < row.high
        assert row.p is None
    # The interval is that of the delta method: a jackknife over speakers has nearly the same standard error.
    left = [
        1 - hits[out].sum() ** 2 / (said[out].sum() * written[out].sum())
        for out in (speakers != speaker for speaker in range(40))
    ]
    error = np.sqrt(39 / 40 * np.sum((left - np.mean(left)) ** 2))
    assert (found.overall.high - found.overall.low) / 2 == pytest.approx(2.023 * error, rel=0.25)


def test_a_grouping_has_a_label_for_every_row():
    cells_of(labels())
    roles = Roles({"place": "group"})
    grouping: Grouping = group_rows(labels(), roles, SETTINGS, None, np.ones(ROWS, np.bool_))
    assert grouping.labels(0).cast(pl.String).to_list() == labels()["place"].to_list()

import numpy as np
import pandas as pd
import polars as pl
import pytest

from fairness.splits import split_rows
from fairness.tables import CheckedTable, TableError, check_bounty_table


def table(
    n: int, *, values: int | None = None, clusters: int | None = None, labels: int = 2, seed: int = 0
) -> CheckedTable:
    """A random table; `values` distinct values of its one visible column, or all different."""
    rng = np.random.default_rng(seed)
    columns = {
        "x": rng.permutation(n) if values is None else rng.integers(0, values, n),
        "y": rng.integers(0, labels, n),
        "p": rng.integers(0, labels, n),
    }
    if clusters is not None:
        columns["who"] = rng.integers(0, clusters, n)
    return check_bounty_table(
        pl.DataFrame(columns),
        measure="error",
        label="y",
        prediction="p",
        cluster=None if clusters is None else "who",
    )


def split(checked: CheckedTable, sample: float = 0.2, leaderboard: float = 0.45, seed: int = 7) -> np.ndarray:
    return split_rows(checked, sample_share=sample, leaderboard_share=leaderboard, seed=seed)


@pytest.mark.parametrize(("n", "labels"), [(10, 2), (97, 2), (2_000, 2), (2_000, 20), (50_000, 3)])
def test_every_part_has_its_share_of_every_label_and_prediction(n, labels):
    checked = table(n, labels=labels)
    parts = split(checked)
    shares = np.array([0.2, 0.45, 0.35])
    assert parts.dtype == np.int8
    assert np.abs(np.bincount(parts, minlength=3) - n * shares).max() <= 2
    frame = pd.DataFrame({"y": checked.y_true, "p": checked.y_pred, "part": parts})
    counts = frame.groupby(["y", "p"])["part"].value_counts().unstack(fill_value=0).to_numpy()
    assert np.abs(counts - counts.sum(axis=1, keepdims=True) * shares).max() <= 2


@pytest.mark.parametrize("clusters", [40, 400])
def test_clusters_stay_whole(clusters):
    checked = table(4_000, clusters=clusters)
    parts = split(checked)
    assert pd.Series(parts).groupby(checked.clusters).nunique().max() == 1
    largest = np.bincount(checked.clusters).max()
    assert np.abs(np.bincount(parts) - 4_000 * np.array([0.2, 0.45, 0.35])).max() <= largest


def test_identical_rows_stay_together():
    checked = table(3_000, values=200)
    parts = split(checked)
    assert pd.Series(parts).groupby(checked.features.get_column("x").to_numpy()).nunique().max() == 1


def test_missing_values_count_as_identical():
    columns = {"x": [None, 1, 2, 3, None, 5, 6, 7, None, 9], "s": [None, *"bcd", None, *"fgh", None, "j"]}
    frame = pl.DataFrame({**columns, "y": [0, 1] * 5, "p": [0] * 10})
    parts = split(check_bounty_table(frame, measure="error", label="y", prediction="p"), 0.3, 0.3)
    assert len(set(parts[[0, 4, 8]].tolist())) == 1


def test_rows_joined_through_others_stay_together():
    """Cluster a shares a row with b, and b with c: the three are one block, as a plain search finds."""
    checked = table(600, values=1500, clusters=400)
    parts = split(checked)
    x = checked.features.get_column("x").to_numpy()
    for start in range(0, 600, 50):
        block, todo = {start}, [start]
        while todo:
            row = todo.pop()
            same = np.flatnonzero((x == x[row]) | (checked.clusters == checked.clusters[row]))
            todo += [other for other in same.tolist() if other not in block]
            block.update(same.tolist())
        assert len(set(parts[list(block)].tolist())) == 1


def test_the_seed_decides():
    checked = table(1_000, clusters=200)
    assert split(checked, seed=1).tolist() == split(checked, seed=1).tolist()
    assert split(checked, seed=1).tolist() != split(checked, seed=2).tolist()


def test_the_largest_block_may_fall_on_any_side():
    frame = pl.DataFrame({"x": [*range(50), *[99] * 12], "y": [0, 1] * 31, "p": [0] * 62})
    checked = check_bounty_table(frame, measure="error", label="y", prediction="p")
    assert {split(checked, 0.3, 0.3, seed)[-1] for seed in range(40)} == {0, 1, 2}


@pytest.mark.parametrize(
    "shares", [(0, 0.5), (0.5, 0.5), (0.7, 0.6), (-0.1, 0.5), (0.5, 0), (float("nan"), 0.5)]
)
def test_shares_that_cannot_be(shares):
    with pytest.raises(ValueError, match="shares"):
        split(table(100), *shares)


def test_a_part_that_would_be_empty():
    with pytest.raises(TableError, match="public sample would be empty: 100 rows"):
        split(table(100), 0.001, 0.5)
    with pytest.raises(TableError, match="100 rows in 2 blocks"):
        split(table(100, values=2))
    with pytest.raises(TableError, match="100 rows in 1 blocks"):
        split(table(100, clusters=1))


def speech(
    speakers: int = 400, rows: int = 8, *, who: bool = True, groups: tuple[str, ...] = (), seed: int = 0
) -> CheckedTable:
    """Utterances of five words; every fourth speaker has an accent, and all rows of an accent look alike."""
    rng = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(speakers), rows)
    wrong = rng.binomial(5, rng.uniform(0, 0.4, speakers)[speaker])
    frame = pl.DataFrame(
        {
            "accent": np.where(speaker % 4 == 0, "some", "none"),
            "said": ["a b c d e" if place % 10 else "" for place in range(speaker.size)],
            "written": [" ".join("x" * n + "abcde"[n:]) for n in wrong.tolist()],
            "who": speaker,
        }
    )
    return check_bounty_table(
        frame,
        measure="wer",
        label="said",
        prediction="written",
        cluster="who" if who else None,
        visible=["accent"],
        groups=groups,
    )


def test_speakers_stay_whole_although_they_look_alike():
    checked = speech()
    parts = split(checked)
    assert pd.Series(parts).groupby(checked.clusters).nunique().max() == 1
    assert np.abs(np.bincount(parts) - 3_200 * np.array([0.2, 0.45, 0.35])).max() <= 8


def test_word_errors_are_spread_over_the_parts_alike():
    checked = speech()
    parts = split(checked)
    rates = np.bincount(parts, checked.errors) / np.bincount(parts, checked.exposure)
    assert np.ptp(rates) < 0.03 < np.ptp(np.bincount(checked.clusters, checked.errors))
    silent = np.bincount(parts, checked.exposure == 0) / np.bincount(parts)
    assert np.ptp(silent) < 0.02


def test_declared_groups_of_speakers_have_their_share_of_every_part():
    checked = speech(groups=("accent",))
    some = checked.features["accent"].to_numpy() == "some"
    for seed in range(5):
        speakers = pd.Series(checked.clusters[some]).groupby(split(checked, seed=seed)[some]).nunique()
        assert np.abs(speakers - 100 * np.array([0.2, 0.45, 0.35])).max() <= 2


def test_a_groups_errors_on_the_sample_do_not_tell_those_on_the_hidden_rows():
    """Spread within groups, errors would be alike on all sides, and luck could be read off the sample."""
    found = []
    for seed in range(150):
        checked = speech(200, 4, groups=("accent",), seed=seed)
        some = checked.features["accent"].to_numpy() == "some"
        parts = split(checked, 0.3, 0.5, seed)
        gaps = [
            np.subtract(*(checked.errors[rows].sum() / checked.exposure[rows].sum() for rows in sides))
            for part in (0, 1)
            for sides in [((parts == part) & some, (parts == part) & ~some)]
        ]
        found.append(gaps)
    assert abs(np.corrcoef(np.array(found).T)[0, 1]) < 0.25


def test_groups_too_many_to_spread_are_left_to_chance():
    few, undeclared = speech(9, groups=("accent",)), speech(9)
    assert split(few).tolist() == split(undeclared).tolist()
    many, undeclared = speech(10, groups=("accent",)), speech(10)
    assert split(many).tolist() != split(undeclared).tolist()


def test_of_unnamed_speakers_only_repeated_rows_stay_together():
    checked = speech(who=False)
    parts = split(checked)
    alike = pd.DataFrame({"x": checked.features["accent"], "y": checked.y_true, "p": checked.y_pred})
    block = alike.groupby(["x", "y", "p"]).ngroup()
    assert pd.Series(parts).groupby(block).nunique().max() == 1
    assert pd.Series(checked.clusters).groupby(block).nunique().max() == 1
    assert block.nunique() == np.unique(checked.clusters).size


def test_a_table_of_too_few_speakers_says_so():
    with pytest.raises(
        TableError, match=r"16 rows in 2 blocks that stay together \(a speaker\). Add speakers"
    ):
        split(speech(2))


def test_a_million_rows_are_split_evenly():
    checked = table(1_000_000, clusters=300_000)
    parts = split(checked)
    assert np.abs(np.bincount(parts) - np.array([200_000, 450_000, 350_000])).max() <= 10

"""Tables of references and hypotheses."""

import polars as pl
import pytest

from fairness.tables import CheckedTable, TableError, check_bounty_table, sample_columns

ROWS = {
    "accent": ["Cork", "Leeds", None],
    "said": ["One, two.", "three", None],
    "heard": ["one too", None, "oh"],
    "who": ["b", "a", "b"],
}


def check(changed: dict | None = None, **asked: object) -> CheckedTable:
    settings: dict[str, object] = {"label": "said", "prediction": "heard", "normaliser": "basic"}
    frame = pl.DataFrame(ROWS | (changed or {}))
    return check_bounty_table(frame, measure="wer", **(settings | asked))


def test_a_checked_table_of_speech():
    got = check(cluster="who", groups=["accent"])
    assert got.features.columns == ["accent"] and got.groups == ("accent",)
    assert got.y_true.tolist() == ["One, two.", "three", ""]
    assert got.y_pred.tolist() == ["one too", "", "oh"]
    assert (got.errors.tolist(), got.exposure.tolist()) == ([1, 1, 0], [2, 1, 0])
    assert got.clusters.tolist() == [1, 0, 1]
    assert (got.labels, got.favourable) == ((), None)


def test_the_normaliser_decides_what_is_an_error():
    assert check(normaliser="none").errors.tolist() == [2, 1, 0]
    with pytest.raises(ValueError, match="french"):
        check(normaliser="french")


def test_a_favourable_label_means_nothing_to_texts():
    assert check(favourable="one").favourable is None


def test_rows_of_unnamed_speakers_are_their_own_clusters_unless_repeated():
    assert check(visible=["accent"]).clusters is None
    twice = {name: [*values, values[0]] for name, values in ROWS.items()}
    clusters = check(twice, visible=["accent"]).clusters.tolist()
    assert clusters[0] == clusters[3] and len(set(clusters)) == 3
    other = twice | {"accent": ["Cork", "Leeds", None, "Perth"]}
    assert check(other, visible=["accent"]).clusters is None


@pytest.mark.parametrize(
    ("changed", "asked", "message"),
    [
        ({"said": ["", None, " ... "]}, {}, 'The reference column "said" holds no words'),
        ({"heard": ["", None, "  "]}, {}, 'The hypothesis column "heard" is empty in every row'),
        ({"said": [1.0, 2.0, 3.0]}, {}, 'Column "said" holds numbers; for wer it must hold text'),
        ({}, {"label": "heard"}, 'Column "heard" is given both as reference and as hypothesis'),
        ({}, {"prediction": "herd"}, 'There is no column "herd". Did you mean "heard"?'),
        ({}, {"visible": ["said"]}, 'Column "said" is the reference; it cannot be visible'),
        ({"Errors": [1, 2, 3]}, {"visible": ["Errors"]}, 'cannot be called "Errors"'),
        ({"who": ["a", None, "b"]}, {"cluster": "who"}, 'Row 3 of the cluster column "who" is empty'),
    ],
)
def test_it_says_what_is_wrong_with_a_table_of_speech(changed, asked, message):
    with pytest.raises(TableError) as caught:
        check(changed, **asked)
    assert message in str(caught.value)


def test_only_what_a_sample_carries_is_a_reserved_name():
    assert check({"label": [1, 2, 3]}, visible=["label"]).features.columns == ["label"]
    assert sample_columns("error") == ("label", "prediction")
    frame = pl.DataFrame({"errors": [1, 2], "y": [0, 1], "p": [0, 1]})
    assert check_bounty_table(frame, measure="error", label="y", prediction="p").features.columns == [
        "errors"
    ]

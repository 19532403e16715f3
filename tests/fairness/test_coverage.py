"""Coverage: who is in the data, by hand-worked tables."""

import json

import numpy as np
import polars as pl
import pytest

from fairness.cells import Cells, group_rows, sum_cells
from fairness.coverage import MOST_UNSEEN, count_people, coverage
from fairness.kinds import CLASSIFICATION, SPEECH
from fairness.kinds.base import Roles, Settings

EIGHT = pl.DataFrame(
    {
        "reference": ["a b c", "a b", "", "a", "a b c d", "a", "a b", "a"],
        "said": ["a b c", "a x", "uh oh", "a", "a b c", "a", "a b", ""],
        "speaker": ["p", "p", "p", "q", "q", "r", "s", "s"],
        "accent": ["north", "north", "north", "north", "north", "south", None, None],
        "noise": ["clean", "noisy", "clean", "clean", "clean", "clean", "clean", "noisy"],
        "seconds": [3.0, 2.0, 1.0, 1.0, 5.0, 1.0, 2.0, 3.0],
    }
)
ROLES = Roles(
    {
        "reference": "reference",
        "said": "hypothesis",
        "speaker": "speaker",
        "accent": "group",
        "noise": "condition",
        "seconds": "duration",
    }
)


def speech_cells(
    frame: pl.DataFrame,
    *,
    smallest: int = 1,
    clustered: bool = True,
    timed: bool = True,
    roles: Roles = ROLES,
) -> Cells:
    settings = Settings(smallest=smallest, marks={"accent": "self-reported"})
    people = frame["speaker"].rank("dense").cast(pl.Int64).to_numpy() - 1 if clustered else None
    grouping = group_rows(frame, roles, settings, people, np.ones(frame.height, np.bool_))
    counted = SPEECH.count(frame, roles, settings, lambda share: None)
    duration = frame["seconds"].to_numpy() if timed else None
    return sum_cells(
        counted, grouping, clusters=people, weights=None, duration=duration, aggregations=("pooled",)
    )


def groups_of(found: dict, column: str) -> dict[str, dict]:
    part = next(part for part in found["columns"] if part["name"] == column)
    return {group["group"]: group for group in part["groups"]}


def test_a_table_worked_by_hand():
    excluded = {"accent": {"north": 2, "south": 0, "not stated": 1}, "noise": {"clean": 3, "noisy": 0}}
    found = coverage(speech_cells(EIGHT), SPEECH, excluded, smallest=2)
    assert found["overall"] == {
        "rows": 8,
        "people": 4,
        "exposure": 14.0,
        "hours": 18 / 3600,
        "empty": 1,
        "empty_errors": 2.0,
        "excluded": 3,
    }
    accents = groups_of(found, "accent")
    assert list(accents) == ["north", "south", "not stated"]
    assert accents["north"] == {
        "group": "north",
        "rows": 5,
        "people": 2,
        "exposure": 10.0,
        "hours": 12 / 3600,
        "empty": 1,
        "empty_errors": 2.0,
        "excluded": 2,
    }
    assert (accents["not stated"]["people"], accents["not stated"]["excluded"]) == (1, 1)
    # Two of the four people stand on both sides of this column.
    assert [group["people"] for group in groups_of(found, "noise").values()] == [4, 2]
    assert (found["exposure_name"], found["people_word"]) == ("reference words", "speakers")


def test_marks_roles_and_undeclared_shares_stand_with_their_columns():
    accent, noise = coverage(speech_cells(EIGHT), SPEECH, {}, smallest=2)["columns"]
    assert (accent["mark"], accent["role"], accent["not_stated"]) == ("self-reported", "group", 0.25)
    assert (noise["mark"], noise["role"], noise["not_stated"]) == ("not said", "condition", 0.0)
    assert coverage(speech_cells(EIGHT), SPEECH, {}, smallest=2)["overall"]["excluded"] is None


def test_merged_groups_are_counted():
    accent = coverage(speech_cells(EIGHT, smallest=2), SPEECH, {}, smallest=2)["columns"][0]
    assert accent["merged"] == 2
    assert [(group["group"], group["people"]) for group in accent["groups"]] == [
        ("north", 2),
        ("smaller groups", 2),
    ]


def test_thin_cells_are_named_and_not_counted():
    found = coverage(speech_cells(EIGHT), SPEECH, {}, smallest=2)
    thin = {tuple(cell["groups"]): cell for cell in found["thin"]["cells"]}
    assert set(thin) == {
        ("north", "noisy"),
        ("south", "clean"),
        ("not stated", "clean"),
        ("not stated", "noisy"),
    }
    assert thin["north", "noisy"] == {
        "columns": ["accent", "noise"],
        "groups": ["north", "noisy"],
        "people": "fewer than 2",
    }
    assert found["thin"]["count"] == 4


def test_combinations_never_seen_are_named():
    found = coverage(speech_cells(EIGHT), SPEECH, {}, smallest=2)
    assert found["unseen"] == {
        "count": 1,
        "cells": [{"columns": ["accent", "noise"], "groups": ["south", "noisy"]}],
    }


def test_a_long_list_of_unseen_combinations_is_cut_and_its_length_told():
    rows = 30
    frame = pl.DataFrame(
        {
            "reference": ["a b"] * rows,
            "said": ["a b"] * rows,
            "speaker": [f"s{i:02}" for i in range(rows)],
            "accent": [f"a{i:02}" for i in range(rows)],
            "noise": [f"n{i:02}" for i in range(rows)],
            "seconds": [1.0] * rows,
        }
    )
    found = coverage(speech_cells(frame), SPEECH, {}, smallest=1)
    assert found["unseen"]["count"] == rows * (rows - 1)
    assert len(found["unseen"]["cells"]) == MOST_UNSEEN
    assert found["thin"] == {"smallest": 1, "count": 0, "cells": []}


def test_without_durations_hours_are_unknown_and_without_people_rows_count():
    found = coverage(speech_cells(EIGHT, clustered=False, timed=False), SPEECH, {}, smallest=2)
    assert (found["overall"]["hours"], found["overall"]["people"]) == (None, 8)
    assert (found["clustered"], found["people_word"]) == (False, "utterances")


def test_labels_and_predictions_are_covered_too():
    frame = pl.DataFrame({"y": [1.0, 0.0] * 20, "said": [1.0] * 40, "sex": ["f", "m"] * 20})
    roles = Roles({"y": "y_true", "said": "y_pred", "sex": "group"})
    settings = Settings(favourable="1")
    grouping = group_rows(frame, roles, settings, None, np.ones(40, np.bool_))
    counted = CLASSIFICATION.count(frame, roles, settings, lambda share: None)
    cells = sum_cells(counted, grouping, clusters=None, weights=None, duration=None, aggregations=("pooled",))
    found = coverage(cells, CLASSIFICATION, {}, smallest=10)
    assert found["overall"]["exposure"] == 40.0
    assert [group["rows"] for group in groups_of(found, "sex").values()] == [20, 20]


@pytest.mark.parametrize("clustered", [False, True])
def test_people_are_those_of_a_loop_over_rows(clustered):
    random = np.random.default_rng(1)
    rows = 500
    frame = pl.DataFrame(
        {
            "reference": ["a b"] * rows,
            "said": ["a"] * rows,
            "speaker": [f"s{i:02}" for i in random.integers(0, 60, rows)],
            "accent": random.choice(["x", "y", "z"], rows),
            "noise": random.choice(["c", "n"], rows),
            "seconds": np.ones(rows),
        }
    )
    cells = speech_cells(frame, clustered=clustered)
    names = cells.columns[0].groups
    expected = [
        frame.filter(pl.col("accent") == name)["speaker"].n_unique()
        if clustered
        else frame.filter(pl.col("accent") == name).height
        for name in names
    ]
    assert count_people(cells, cells.codes(0), 3).tolist() == expected


def test_it_is_ready_for_json():
    found = coverage(speech_cells(EIGHT), SPEECH, {"accent": {"north": 1}}, smallest=2)
    assert json.loads(json.dumps(found)) == found

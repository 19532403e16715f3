"""Verdicts on fixes are given again from a folder of files, and what differs is told."""

import json
from dataclasses import asdict

import numpy as np
import polars as pl
import pytest

from fairness.cli import BAD_INPUT, main
from fairness.fixes import judge_fix
from fairness.losses import scale_of, scaled, worst_case
from fairness.pointer_list import PointerList

LABELS = ["<=50K", ">50K"]
ROWS = 2000
PLACES = np.arange(ROWS)
Y_TRUE = (PLACES % 3 == 0).astype(np.uint16)
# The base model has every answer in the first 300 rows wrong, and of the others every ninth.
Y_BASE = np.where((PLACES < 300) | (PLACES % 9 == 4), 1 - Y_TRUE, Y_TRUE).astype(np.uint16)
# The second fix does better as a whole and worse where the first one was right, so the first is repaired.
GROUPS = {7: PLACES < 300, 8: PLACES >= 250, 12: PLACES < 20, 13: PLACES < 300}
ANSWERS = {7: Y_TRUE, 8: np.where(PLACES < 290, 1 - Y_TRUE, Y_TRUE), 12: Y_TRUE, 13: Y_TRUE}
SETTINGS = {
    "loss": "zero_one",
    "labels": LABELS,
    "unit": 1.0,
    "low": 0.0,
    "high": 1.0,
    "level": 0.05 / 100,
    "min_gain": 0.0,
    "min_rows": 30,
    "min_clusters": 20,
}
CODES = ["accepted", "accepted", "too_little_exposure", "nothing_new"]


def judged() -> list[dict]:
    """What the site would have stored, with the library alone."""
    model = PointerList.start((Y_TRUE != Y_BASE).astype(np.int64))
    now, verdicts = Y_BASE.copy(), []
    for number, group in GROUPS.items():
        answers = ANSWERS[number][group].astype(np.uint16)
        costs = (answers != Y_TRUE[group]).astype(np.int64)
        verdict, model = judge_fix(model, group, costs, answers != now[group], 0.05 / 100)
        if verdict.accepted:
            now = np.where(model.losses == 1, 1 - Y_TRUE, Y_TRUE)
        verdicts.append({"submission": number, "verdict": asdict(verdict)})
    return verdicts


@pytest.fixture
def folder(tmp_path):
    texts = np.array(LABELS)
    truth = pl.DataFrame({"label": texts[Y_TRUE], "prediction": texts[Y_BASE]})
    truth.write_parquet(tmp_path / "truth.parquet")
    for number, group in GROUPS.items():
        np.save(tmp_path / f"{number:08d}-mask.npy", group)
        np.save(tmp_path / f"{number:08d}-answers.npy", ANSWERS[number][group].astype(np.uint16))
    (tmp_path / "fixes.json").write_text(json.dumps(SETTINGS | {"fixes": judged()}))
    return tmp_path


def change(folder, **changes) -> None:
    path = folder / "fixes.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_verdicts_and_totals_come_out_as_stored(folder, capsys):
    assert main(["fixes", str(folder)]) == 0
    printed = capsys.readouterr().out
    rows = [line.split() for line in printed.splitlines()[1:-1]]
    assert [row[:2] for row in rows] == [
        [str(number), code] for number, code in zip(GROUPS, CODES, strict=True)
    ]
    # Right on the first 250 rows, repaired on the 50 it had won, right on all others.
    assert [row[-2] for row in rows] == ["0.094500", "0.000000", "0.000000", "0.000000"]
    assert [row[-1] for row in rows] == ["1", "3", "3", "3"]
    assert printed.splitlines()[-1] == "All 4 verdicts are the stored ones, to the last digit."


def test_json_holds_every_digit(folder, capsys):
    assert main(["fixes", str(folder), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    stored = json.loads((folder / "fixes.json").read_text())["fixes"]
    assert [one["verdict"] for one in again] == [one["verdict"] for one in stored]
    assert all(one["same"] for one in again)
    assert again[1]["verdict"]["repairs"] == [[1, 1]]


def test_a_verdict_that_differs_in_its_last_digit_is_named(folder, capsys):
    fixes = judged()
    fixes[1]["verdict"]["p_value"] = np.nextafter(fixes[1]["verdict"]["p_value"], 1)
    change(folder, fixes=fixes)
    assert main(["fixes", str(folder)]) == BAD_INPUT
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 5
    assert printed.err == "fixes: 1 of 4 verdicts are not the stored ones: fixes 8.\n"


def test_other_answers_are_noticed_in_that_fix_and_what_follows(folder, capsys):
    np.save(folder / "00000007-answers.npy", (1 - Y_TRUE[:300]).astype(np.uint16))
    assert main(["fixes", str(folder)]) == BAD_INPUT
    assert "fixes 7, 8, 12, 13." in capsys.readouterr().err


def test_clusters_and_the_smallest_gain_are_judged_by(folder, capsys):
    truth = pl.read_parquet(folder / "truth.parquet")
    names = [f"person {place // 10}" for place in PLACES]
    truth.with_columns(cluster=pl.Series(names)).write_parquet(folder / "truth.parquet")
    change(folder, min_gain=0.2, min_clusters=31)
    assert main(["fixes", str(folder), "--json"]) == BAD_INPUT
    first = json.loads(capsys.readouterr().out)[0]["verdict"]
    assert (first["clusters"], first["test"]) == (30, "")
    change(folder, min_clusters=30)
    main(["fixes", str(folder), "--json"])
    first = json.loads(capsys.readouterr().out)[0]["verdict"]
    assert (first["test"], first["code"]) == ("stake", "not_proven")
    change(folder, min_gain=0.1)
    main(["fixes", str(folder), "--json"])
    assert json.loads(capsys.readouterr().out)[0]["verdict"]["code"] == "accepted"


def test_numbers_are_judged_in_their_unit_and_by_their_worst_case(tmp_path, capsys):
    random = np.random.default_rng(5)
    label, group = random.normal(20, 4, ROWS), PLACES < 600
    prediction = label + random.normal(0, 2, ROWS)
    answers = label[group] + random.normal(0, 0.1, 600)
    unit, low, high = 16.0, float(label.min()), float(label.max())
    before, after = ((label - y) ** 2 / unit for y in (prediction, np.r_[answers, prediction[600:]]))
    scale = scale_of("squared", before)
    worst = worst_case("squared", prediction[group], answers, low, high) / unit
    model, differs = PointerList.start(scaled(before, scale)), np.ones(600, dtype=bool)
    verdict, _ = judge_fix(
        model, group, scaled(after[group], scale), differs, 0.05 / 100, scale=scale, worst=worst
    )
    assert verdict.accepted and verdict.test == "stake"
    pl.DataFrame({"label": label, "prediction": prediction}).write_parquet(tmp_path / "truth.parquet")
    np.save(tmp_path / "00000001-mask.npy", group)
    np.save(tmp_path / "00000001-answers.npy", answers)
    facts = {"loss": "squared", "labels": [], "unit": unit, "low": low, "high": high}
    fixes = [{"submission": 1, "verdict": asdict(verdict)}]
    (tmp_path / "fixes.json").write_text(json.dumps(SETTINGS | facts | {"fixes": fixes}))
    assert main(["fixes", str(tmp_path)]) == 0
    assert "All 1 verdicts are the stored ones" in capsys.readouterr().out
    np.save(tmp_path / "00000001-answers.npy", np.full(600, np.nan))
    assert main(["fixes", str(tmp_path)]) == BAD_INPUT
    assert "answers are numbers, none of them missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("00000007-answers.npy", np.zeros(300), "answers.npy: answers are the places of 2 labels"),
        ("00000007-answers.npy", np.zeros(3, int), "there are 3 answers for the 300 rows"),
        ("00000007-answers.npy", np.full(300, 2), "places of 2 labels, whole numbers from 0 on"),
        ("00000007-answers.npy", np.full(300, -1), "from 0 on"),
        ("00000007-answers.npy", np.zeros((300, 1), int), "answers are one column"),
        ("00000007-mask.npy", np.zeros(3, bool), "the mask has 3 rows"),
        ("00000007-mask.npy", np.full(ROWS, 2), "a mask holds 0 and 1"),
        ("00000007-mask.npy", b"no array", "this is no NumPy file"),
        ("fixes.json", b"{", "fixes.json: this is no JSON file"),
        ("fixes.json", b"[]", "one JSON object"),
        ("fixes.json", b'{"loss": "zero_one"}', "“labels” is missing"),
        ("truth.parquet", b"nothing", "truth.parquet: "),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence(folder, capsys, name, content, says):
    if isinstance(content, bytes):
        (folder / name).write_bytes(content)
    else:
        np.save(folder / name, content)
    assert main(["fixes", str(folder)]) == BAD_INPUT
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1


@pytest.mark.parametrize("name", ["fixes.json", "truth.parquet", "00000008-mask.npy", "00000008-answers.npy"])
def test_a_missing_file_is_named(folder, capsys, name):
    (folder / name).unlink()
    assert main(["fixes", str(folder)]) == BAD_INPUT
    assert name in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"labels": ["<=50K", "more"]}, "row 1 of column label is none of the labels: >50K"),
        ({"level": "low"}, "“level” is missing, or is no float"),
        ({"min_rows": True}, "“min_rows”"),
        ({"loss": "hinge"}, "“loss” is one of zero_one, squared"),
        ({"level": 2.0}, "between 0 and 1"),
        ({"fixes": [{"submission": "../7", "verdict": {}}]}, "the number of its submission"),
    ],
)
def test_settings_that_cannot_be_are_refused(folder, capsys, changes, says):
    change(folder, **changes)
    assert main(["fixes", str(folder)]) == BAD_INPUT
    assert says in capsys.readouterr().err

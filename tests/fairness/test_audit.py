"""A whole audit from a file: a table worked by hand, the command line, and files that cannot be audited."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fairness.audit import metrics_of, run_audit, settings_from
from fairness.cells import SMALLER
from fairness.cli import main
from fairness.columns import TableError
from fairness.disaggregate import View, tabulate
from fairness.kinds import KINDS
from fairness.kinds.base import Settings, Tolerance

# Two speakers an accent. Wales: 1 substitution in 6 words; Kent: 1 deletion, 1 insertion in 7 words.
HAND = """clip,who,accent,noise,said,heard,other
1,ann,wales,clean,the cat sat,the cat sat,the cat sat
2,ann,wales,noisy,a red hat,a bed hat,a red hat
3,bob,kent,clean,we go home now,we go home,we go home now
4,cyd,kent,noisy,it is so,it is is so,it is
5,cyd,kent,noisy,,um,
6,dee,wales,clean,[laughter],,
"""
ROLES = {
    "clip": "utterance_id",
    "who": "speaker",
    "accent": "group",
    "noise": "condition",
    "said": "reference",
    "heard": "hypothesis",
    "other": "hypothesis",
}
SETTINGS = Settings(smallest=1, exclude=(("said", r"^\["),), marks={"accent": "self-reported"})


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def hand(tmp_path):
    return write(tmp_path / "hand.csv", HAND)


def table_of(result: dict, system: str, metric: str, columns: list[str]) -> dict:
    found = [
        table
        for table in result["tables"]
        if (table["system"], table["metric"], table["columns"]) == (system, metric, columns)
    ]
    assert len(found) == 1
    return {tuple(row["group"].values()): row for row in found[0]["rows"]}


def test_a_table_worked_by_hand(hand):
    result = run_audit(hand, KINDS["speech"], ROLES, SETTINGS).result
    rows = table_of(result, "heard", "wer", ["accent"])
    # Kent: D in row 3, I in row 4, and the word added where nothing was said: 3 errors for 7 words.
    assert (rows["wales",]["errors"], rows["wales",]["exposure"]) == (1, 6)
    assert (rows["kent",]["errors"], rows["kent",]["exposure"]) == (3, 7)
    assert rows[()]["value"] == pytest.approx(4 / 13)
    assert rows["kent",]["gap"] == pytest.approx(3 / 7 - 1 / 6)
    assert (rows["wales",]["clusters"], rows["wales",]["low"]) == (1, None)
    assert "one speaker" in rows["wales",]["note"]
    overall = {metric: table_of(result, "heard", metric, [])[()]["value"] for metric in METRICS}
    assert overall == pytest.approx(METRICS)
    assert result["data"]["excluded"] == 1
    assert result["data"]["kept"] == 5
    assert result["columns"][0] | {"groups": None} == {
        "name": "accent", "role": "group", "mark": "self-reported", "groups": None, "merged": 0,
    }  # fmt: skip


# S 1, D 1, I 2, N 13: 11 hits, 14 words written.
METRICS = {
    "wer": 4 / 13,
    "substitution_rate": 1 / 13,
    "deletion_rate": 1 / 13,
    "insertion_rate": 2 / 13,
    "mer": 4 / 15,
    "wil": 1 - 11**2 / (13 * 14),
    "word_recall": 11 / 13,
    "word_precision": 11 / 14,
    "word_f1": 22 / 27,
}


def test_rows_can_be_read_and_hold_their_counts(hand):
    rows = run_audit(hand, KINDS["speech"], ROLES, SETTINGS).rows
    assert rows["row"].to_list() == [2, 3, 4, 5, 6]
    assert rows["person"].to_list() == ["ann", "ann", "bob", "cyd", "cyd"]
    assert rows["g:accent"].cast(pl.String).to_list() == ["wales", "wales", "kent", "kent", "kent"]
    assert rows["0:insertions"].to_list() == [0, 0, 0, 1, 1]
    assert rows["hypothesis:1"].to_list() == ["the cat sat", "a red hat", "we go home now", "it is", ""]


def test_the_result_is_plain_json_and_says_how_it_was_made(hand):
    result = run_audit(hand, KINDS["speech"], ROLES, SETTINGS).result
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert result["method"]["facts"]["normaliser"] == "basic 1"
    assert len(result["data"]["sha256"]) == 64
    assert settings_from(result["settings"]) == SETTINGS


def test_the_command_line_gives_the_same_result(hand, tmp_path, capsys):
    out = tmp_path / "result.json"
    roles = [f"--role={column}={role}" for column, role in ROLES.items()]
    options = ["--smallest=1", "--exclude", r"said=^\[", "--mark=accent=self-reported", f"--out={out}"]
    assert main(["audit", str(hand), "--kind=speech", *roles, *options, "--by=accent"]) == 0
    assert json.loads(out.read_text()) == run_audit(hand, KINDS["speech"], ROLES, SETTINGS).result
    printed = capsys.readouterr().out
    assert "Word error rate of heard by accent" in printed
    assert "42.9%" in printed


def test_any_table_comes_from_the_cells_alone(hand):
    run = run_audit(hand, KINDS["speech"], ROLES, SETTINGS)
    metrics = metrics_of(KINDS["speech"], run.result)
    view = View("heard", "wer", by=("accent",), where=(("noise", "noisy"),), aggregation="row_mean")
    rows = {
        tuple(row.group.values()): row
        for row in tabulate(run.cells, KINDS["speech"], metrics, view, SETTINGS).rows
    }
    # Means over utterances leave the empty reference out: Kent has 1/3 in its one noisy utterance.
    assert rows["kent",].value == pytest.approx(1 / 3)
    assert rows["wales",].value == pytest.approx(1 / 3)


def test_every_group_is_shown_under_each_normalisation(tmp_path):
    text = "who,accent,said,heard\n" + "".join(
        f"s{i},{'a' if i % 2 else 'b'},I'm going home,i am going home\n" for i in range(40)
    )
    roles = {"who": "speaker", "accent": "group", "said": "reference", "heard": "hypothesis"}
    result = run_audit(write(tmp_path / "t.csv", text), KINDS["speech"], roles, Settings()).result
    row = result["sensitivity"]["rows"][0]
    assert (row["column"], row["group"]) == ("", "")
    # none: "I'm" is substituted and a word added; basic too; English writes both as "i am".
    assert row["values"]["none"] == pytest.approx(2 / 3)
    assert row["values"]["basic"] == pytest.approx(2 / 3)
    assert row["values"]["english"] == 0


def labels(rows: int = 400) -> pl.DataFrame:
    random = np.random.default_rng(4)
    true = random.random(rows) < 0.6
    wrong = random.random(rows) < 0.2
    return pl.DataFrame(
        {
            "id": range(rows),
            "true": np.where(true, "yes", "no"),
            "said": np.where(true ^ wrong, "yes", "no"),
            "score": np.clip(np.where(true, 0.7, 0.3) + random.normal(0, 0.2, rows), 0, 1),
            "sex": random.choice(["f", "m"], rows),
            "age": random.integers(18, 80, rows),
            "weight": random.uniform(0.5, 2, rows),
        }
    )


CLASSIFIED = {"true": "y_true", "said": "y_pred", "score": "score", "sex": "group", "age": "group"}


def classified(tmp_path, frame: pl.DataFrame | None = None, roles=CLASSIFIED, **settings) -> dict:
    path = tmp_path / "labels.parquet"
    (labels() if frame is None else frame).write_parquet(path)
    return run_audit(
        path, KINDS["classification"], roles, Settings(**{"favourable": "yes"} | settings)
    ).result


def test_scores_are_systems_with_a_calibration(tmp_path):
    result = classified(tmp_path, threshold=0.5, tolerances=(Tolerance("false_rejection", "sex", 0.5),))
    assert result["systems"] == ["said", "score"]
    assert {entry["system"] for entry in result["calibration"]} == {"score"}
    assert result["tolerances"][0]["answer"] in ("met", "cannot tell")
    ages = next(column for column in result["columns"] if column["name"] == "age")["groups"]
    assert len(ages) == 5


def test_without_a_favourable_label_only_errors_are_counted(tmp_path):
    roles = {column: role for column, role in CLASSIFIED.items() if role != "score"}
    result = classified(tmp_path, roles=roles, favourable=None)
    assert [metric["key"] for metric in result["metrics"]] == ["error"]


def test_small_groups_are_merged_before_any_table(tmp_path):
    frame = labels().with_columns(
        pl.when(pl.col("id") < 3).then(pl.lit("x")).otherwise(pl.col("sex")).alias("sex")
    )
    result = classified(tmp_path, frame)
    assert SMALLER in next(column["groups"] for column in result["columns"] if column["name"] == "sex")
    assert '"x"' not in json.dumps(result)


BAD = [
    ({"accent": "group"}, {}, "No column is the reference"),
    (ROLES | {"nobody": "group"}, {}, 'no column "nobody"'),
    (ROLES | {"accent": "accent"}, {}, 'cannot be "accent"'),
    (ROLES | {"noise": "speaker"}, {}, "are all given as speaker"),
    (ROLES | {"heard": "words"}, {}, "not both"),
    (ROLES, {"exclude": (("said", "("),)}, "no regular expression"),
    (ROLES, {"exclude": (("sayd", "x"),)}, 'Did you mean "said"'),
    (ROLES, {"exclude": (("clip", "."),)}, "none is left"),
    (ROLES, {"baselines": {"accent": "walse"}}, 'Did you mean "wales"'),
    (ROLES, {"baselines": {"who": "ann"}}, "no group column"),
    (ROLES, {"tolerances": (Tolerance("werr", "accent", 0.1),)}, "A tolerance names"),
    (ROLES, {"marks": {"said": "perceived"}}, "no group column"),
]


@pytest.mark.parametrize(("roles", "settings", "says"), BAD)
def test_wrong_roles_and_settings_are_a_sentence(hand, roles, settings, says):
    with pytest.raises(TableError, match=says.replace("(", r"\(")):
        run_audit(hand, KINDS["speech"], roles, Settings(**{"smallest": 1} | settings))


@pytest.mark.parametrize(
    ("text", "roles", "says"),
    [
        ("who,said,heard\na,,x\nb,...,y\n", {"said": "reference", "heard": "hypothesis"}, "holds no words"),
        ("a,said,heard\n1,x,x\n1,y,y\n", {"a": "utterance_id"}, "Rows 2 and 3"),
        ("a,said,heard\nx,x,x\n,y,y\n", {"a": "speaker"}, "Row 3 of column"),
        ("a,said,heard\nx,x,x\nx,y,y\n", {"a": "group"}, "tells no groups apart"),
        ("a,said,heard\n1,x,x\n-2,y,y\n", {"a": "duration"}, "Row 3 of the duration"),
        ("a,said,heard\n1,x,x\ntwo,y,y\n", {"a": "duration"}, "row 3 does not"),
        ("a,said,heard\n0,x,x\n0,y,y\n", {"a": "sample_weight"}, "Every weight is 0"),
    ],
)
def test_a_wrong_value_names_its_row_and_column(tmp_path, text, roles, says):
    roles = {"said": "reference", "heard": "hypothesis"} | roles
    with pytest.raises(TableError, match=says):
        run_audit(write(tmp_path / "bad.csv", text), KINDS["speech"], roles, Settings(smallest=1))


COUNTS = {"w": "words", "s": "substitutions", "d": "deletions", "i": "insertions"}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("5,1,1,-1", "Row 3 of column"),
        ("5,1,1,0.5", "Row 3 of column"),
        ("5,1,1,", "is empty"),
        ("5,1,1,NaN", "is empty"),
        ("5,1,1,many", "row 3 does not"),
        ("5,4,4,0", "more substitutions and deletions than words"),
    ],
)
def test_wrong_counts_name_their_row(tmp_path, row, says):
    path = write(tmp_path / "counts.csv", f"w,s,d,i\n5,1,1,0\n{row}\n")
    with pytest.raises(TableError, match=says):
        run_audit(path, KINDS["speech"], COUNTS, Settings(smallest=1))


def test_counts_are_enough(tmp_path):
    path = write(tmp_path / "counts.csv", "w,s,d,i,a\n5,1,1,0,x\n5,0,0,1,y\n")
    result = run_audit(path, KINDS["speech"], COUNTS | {"a": "group"}, Settings(smallest=1)).result
    assert table_of(result, "system", "wer", [])[()]["value"] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("change", "settings", "says"),
    [
        ({"said": pl.lit("maybe")}, {}, "not among the labels"),
        ({"true": pl.lit("yes")}, {}, "two labels are needed"),
        ({"true": pl.col("id").cast(pl.String)}, {}, "at most 50"),
        ({"score": pl.lit(1.5)}, {}, "outside 0 to 1"),
        ({}, {"favourable": "yess"}, "not among the labels"),
        ({}, {"favourable": None}, "needs the favourable label"),
        ({"sex": pl.col("id").cast(pl.String)}, {}, "at most 200 are taken"),
    ],
)
def test_wrong_labels_are_a_sentence(tmp_path, change, settings, says):
    frame = labels().with_columns(**change)
    with pytest.raises(TableError, match=says):
        classified(tmp_path, frame, **settings)


def test_weights_multiply_errors_and_exposure(tmp_path):
    roles = {"true": "y_true", "said": "y_pred", "sex": "group", "weight": "sample_weight"}
    result = classified(tmp_path, roles=roles)
    frame = labels().with_columns((pl.col("true") != pl.col("said")).alias("wrong"))
    expected = np.average(frame["wrong"].to_numpy(), weights=frame["weight"].to_numpy())
    assert table_of(result, "said", "error", [])[()]["value"] == pytest.approx(expected)


def test_an_audit_without_groups_says_what_it_can(tmp_path):
    path = write(tmp_path / "texts.csv", "said,heard\na red hat,a bed hat\nwe go,we go\n")
    roles = {"said": "reference", "heard": "hypothesis"}
    result = run_audit(path, KINDS["speech"], roles, Settings(smallest=1)).result
    assert table_of(result, "heard", "wer", [])[()]["value"] == pytest.approx(0.2)
    assert result["disclosure"] == {"columns": [], "pairs": []}


def test_what_means_not_stated_is_a_setting(tmp_path):
    rows = "".join(
        f"{i},{'NA' if i % 3 == 0 else 'fr' if i % 3 == 1 else 'unknown'},a b,a b\n" for i in range(60)
    )
    path = write(tmp_path / "na.csv", f"who,accent,said,heard\n{rows}")
    roles = {"who": "speaker", "accent": "group", "said": "reference", "heard": "hypothesis"}
    usual = run_audit(path, KINDS["speech"], roles, Settings()).result
    assert usual["columns"][0]["groups"] == ["fr", "unknown", "not stated"]
    assert usual["coverage"]["columns"][0]["not_stated"] == pytest.approx(1 / 3)
    other = run_audit(path, KINDS["speech"], roles, Settings(not_stated=("unknown",))).result
    assert other["columns"][0]["groups"] == ["NA", "fr", "not stated"]
    assert settings_from(other["settings"]).not_stated == ("unknown",)


def test_another_release_on_the_same_test_set_is_recognised(tmp_path):
    def data(text: str, name: str) -> dict:
        return run_audit(write(tmp_path / name, text), KINDS["speech"], ROLES, SETTINGS).result["data"]

    first = data(HAND, "first.csv")
    release = data(HAND.replace("a bed hat", "a red hat"), "second.csv")
    other = data(HAND.replace("a red hat,a bed hat", "a red cap,a bed hat"), "third.csv")
    assert first["sha256"] != release["sha256"]
    assert first["test_set_sha256"] == release["test_set_sha256"] != other["test_set_sha256"]


def test_a_column_with_an_equals_sign_has_a_role_too(tmp_path, capsys):
    path = write(tmp_path / "odd.csv", "a=b,heard\na red hat,a bed hat\nwe go,we go\n")
    assert main(["audit", str(path), "--kind=speech", "--role=a=b=reference", "--role=heard=hypothesis"]) == 0
    assert "20.0%" in capsys.readouterr().out


def test_a_wrong_row_among_those_kept_is_named_as_the_file_counts_it(tmp_path):
    path = write(tmp_path / "counts.csv", "w,s,d,i,n\n5,1,1,0,skip\n5,1,1,0,x\n5,4,4,0,x\n")
    settings = Settings(smallest=1, exclude=(("n", "skip"),))
    with pytest.raises(TableError, match="Row 4 has more substitutions") as refused:
        run_audit(path, KINDS["speech"], COUNTS, settings)
    assert "without the 1 row that a pattern leaves out" in str(refused.value)


COUNTED = [{"n": "x", "w": 5, "s": 1, "d": 1, "i": 0, "p": "ann"} for _ in range(3)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("change", "roles", "message"),
    [
        ({"s": 5}, {}, "Row 3 has more substitutions"),
        ({"s": -1}, {}, 'Row 3 of column "s" is -1'),
        ({"s": "much"}, {}, "must hold numbers only; row 3 does not"),
        ({"p": None}, {"p": "speaker"}, 'Row 3 of column "p" is empty'),
        ({"p": "z"}, {"p": "utterance_id"}, 'Rows 1 and 2 of column "p" are both "ann"'),
        ({"w": 1e39}, {}, 'Row 3 of column "w" is infinite or too large'),
    ],
)
def test_rows_of_json_lines_are_counted_from_one(tmp_path, encoding, change, roles, message):
    lines = [json.dumps(row) for row in (*COUNTED[:2], COUNTED[2] | change)]
    path = tmp_path / "counts.jsonl"
    path.write_bytes("\n".join(lines).encode(encoding))
    with pytest.raises(TableError, match=message):
        run_audit(path, KINDS["speech"], COUNTS | roles, Settings(smallest=1))


def test_the_rows_to_read_are_numbered_as_the_file_is(tmp_path):
    lines = write(tmp_path / "counts.jsonl", "\n".join(map(json.dumps, COUNTED)))
    commas = write(tmp_path / "counts.csv", "w,s,d,i,n\n" + "5,1,1,0,x\n" * 3)
    for path, rows in ((lines, [1, 2, 3]), (commas, [2, 3, 4])):
        assert run_audit(path, KINDS["speech"], COUNTS, Settings(smallest=1)).rows["row"].to_list() == rows

"""The operator's commands for fixes: verdicts given again, here and from files, the close and credit."""

import io
import json
import re
import shlex
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from django.core.management import CommandError, call_command

from bounty import drafts
from bounty.entry import Predictor
from bounty.models import Answers, Submission
from fairness.cli import main
from tests.bounty.fixes import open_repairable, repairable_table, send_find, send_fix
from tests.bounty.speech import speech_draft, speech_table
from tests.conftest import as_upload

YOUNG = "age < 30 AND home = 'rent'"
# Answered by "no" it helps the old and harms those of the young it holds.
BOTH = "(age < 24 AND home = 'rent') OR age >= 60"


def send_all(cast, bounty, run_worker) -> None:
    """Two rounds, the second with a repair, two finds, and two fixes that are refused."""
    send_find(cast.participant, bounty, YOUNG)
    send_fix(cast.participant, bounty, YOUNG, "1")
    run_worker()
    send_fix(cast.rival, bounty, BOTH, "0")
    send_fix(cast.rival, bounty, "age BETWEEN 35 AND 50", "1")
    run_worker()
    send_fix(cast.participant, bounty, YOUNG, predictor=Predictor("rule", rule="age > 1"))
    send_find(cast.participant, bounty, "age >= 60")
    run_worker()


@pytest.fixture
def repaired(cast, run_worker):
    bounty = open_repairable(cast.owner, run_worker)
    send_all(cast, bounty, run_worker)
    return bounty


def call(*arguments, **options) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


def fix_of(bounty, code: str) -> Submission:
    return bounty.submissions.filter(kind="fix", code=code).order_by("id").last()


# rejudge


def test_all_verdicts_come_out_as_stored(repaired):
    codes = [one.code for one in repaired.submissions.filter(kind="fix").order_by("id")]
    assert codes == ["accepted", "accepted", "not_proven", "nothing_new"]
    assert call("rejudge", "repairs", check=True) == "6 of 6 verdicts come out as stored, to the last byte.\n"


def test_a_tampered_verdict_is_reported_and_nothing_is_changed(repaired):
    fix = fix_of(repaired, "accepted")
    for change in ({"points": 9.0}, {"code": "not_proven", "accepted": False}, {"solo_points": 9.0}):
        Submission.objects.filter(pk=fix.pk).update(**change)
        with pytest.raises(CommandError, match="1 of 6 verdicts differ"):
            call("rejudge", "repairs", check=True)
        stored = Submission.objects.get(pk=fix.pk)
        assert {name: getattr(stored, name) for name in change} == change
        fix.save()
    answers = bytes(fix.answers.leaderboard)
    Answers.objects.filter(pk=fix.pk).update(leaderboard=bytes(1 - code for code in answers))
    with pytest.raises(CommandError, match="verdicts differ"):
        call("rejudge", "repairs", check=True)
    Answers.objects.filter(pk=fix.pk).update(leaderboard=answers)
    call("rejudge", "repairs", check=True)


# export_fixes, and python -m fairness fixes


def test_the_sites_verdicts_come_out_of_files_to_the_last_digit(repaired, tmp_path, settings):
    said = call("export_fixes", "repairs", to=tmp_path / "fixes")
    assert "4 fixes written" in said
    command = shlex.split(said.splitlines()[-1])
    again = subprocess.run(
        [sys.executable, *command[1:]],
        cwd=tmp_path,
        env={"PYTHONPATH": str(settings.BASE_DIR)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert again.stdout.endswith("All 4 verdicts are the stored ones, to the last digit.\n")

    fixes = repaired.submissions.filter(kind="fix")
    names = {f"{fix.pk:08d}-{kind}.npy" for fix in fixes for kind in ("mask", "answers")}
    assert {path.name for path in (tmp_path / "fixes").iterdir()} == names | {"fixes.json", "truth.parquet"}
    truth = pl.read_parquet(tmp_path / "fixes" / "truth.parquet")
    assert truth.height == repaired.parts["leaderboard"]["rows"]
    assert truth.columns == ["label", "prediction"]
    assert "example.org" not in (tmp_path / "fixes" / "fixes.json").read_text()
    with pytest.raises(CommandError, match="exists already"):
        call("export_fixes", "repairs", to=tmp_path / "fixes")


def judged_again(folder, capsys) -> list[dict]:
    assert main(["fixes", str(folder), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("measure", ["error", "false_rejection", "clusters", "squared_error", "log_loss"])
def test_whatever_is_measured_files_give_what_the_site_gave(cast, run_worker, measure, tmp_path, capsys):
    table, values = measured_by(measure)
    bounty = open_repairable(cast.owner, run_worker, table=table, **values)
    first, second = {"squared_error": ("1", "0"), "log_loss": ("0.9", "0.1")}.get(measure, ("1", "0"))
    send_fix(cast.participant, bounty, YOUNG, first)
    run_worker()
    send_fix(cast.rival, bounty, BOTH, second)
    run_worker()
    call("export_fixes", "repairs", to=tmp_path / "fixes")
    judged = judged_again(tmp_path / "fixes", capsys)
    stored = [one.numbers for one in bounty.submissions.order_by("id")]
    for again, numbers in zip(judged, stored, strict=True):
        numbers.pop("solo")
        assert json.dumps(again["verdict"], sort_keys=True) == json.dumps(numbers, sort_keys=True)
        assert again["same"]
    assert judged[0]["verdict"]["accepted"] and judged[0]["verdict"]["points"] > 0
    assert judged[-1]["total"] <= judged[0]["total"]


def measured_by(measure: str) -> tuple[pl.DataFrame, dict]:
    """The table as it is judged by a measure, and the settings of its bounty."""
    table = repairable_table()
    if measure == "clusters":
        people = pl.Series("person", np.arange(table.height) // 2)
        return table.with_columns(people), {"cluster_column": "person"}
    if measure in ("squared_error", "log_loss"):
        table = table.with_columns(predicted=0.2 + 0.6 * pl.col("predicted"))
    favourable = {} if measure in ("error", "squared_error") else {"favourable_label": "1"}
    return table, {"measure": measure, **favourable}


def test_a_number_that_was_tampered_with_in_its_last_digit_is_told(repaired, tmp_path, capsys):
    fix = fix_of(repaired, "not_proven")
    p_value = float(np.nextafter(fix.numbers["p_value"], 1))
    Submission.objects.filter(pk=fix.pk).update(numbers=fix.numbers | {"p_value": p_value})
    said = call("rejudge", "repairs")
    assert f"Submission {fix.pk} differs." in said and "5 of 6 verdicts" in said
    call("export_fixes", "repairs", to=tmp_path / "fixes")
    assert main(["fixes", str(tmp_path / "fixes")]) != 0
    assert f"1 of 4 verdicts are not the stored ones: fixes {fix.pk}." in capsys.readouterr().err


# close_bounty and credit


def ranked(said: str) -> list[tuple[str, ...]]:
    return re.findall(r"^ +(\d+)  (\w+) +(-?\d+\.\d\d) +(-?\d+\.\d\d)$", said, re.MULTILINE)


def test_closing_prints_both_final_rankings_and_reads_the_final_half_once(repaired):
    said = call("close_bounty", "repairs")
    repaired.refresh_from_db()
    assert repaired.phase == "closed" and repaired.finalised_at is not None
    rows = [row for track in ("find", "fix") for row in repaired.final["tracks"][track]]
    assert ranked(said) == [
        (str(row["rank"]), row["team"], f"{row['points']:.2f}", f"{row['live_points']:.2f}") for row in rows
    ]
    assert "Finds on the final half" in said and "Fixes on the final half" in said
    assert {share["team"] for share in repaired.final["credit"]} == {"participant", "rival"}
    before = (repaired.finalised_at, repaired.final)
    assert call("close_bounty", "repairs") == said
    repaired.refresh_from_db()
    assert (repaired.finalised_at, repaired.final) == before


def test_closing_waits_for_what_was_sent_in_time(cast, repaired, run_worker):
    send_fix(cast.rival, repaired, "age < 40", "1")
    assert "1 submissions still wait" in call("close_bounty", "repairs")
    repaired.refresh_from_db()
    assert (repaired.phase, repaired.finalised_at, repaired.final) == ("closed", None, {})
    run_worker()
    assert "Fixes on the final half" in call("close_bounty", "repairs")
    assert call("rejudge", "repairs", check=True).startswith("7 of 7")


def test_credit_prints_points_and_shapley_values_that_add_up_to_the_drop(repaired):
    rows = re.findall(
        r"^  (\w+) +(\d+\.\d{3}) +(-?\d+\.\d{3})  exact$", call("credit", "repairs"), re.MULTILINE
    )
    assert {team for team, *_ in rows} == {"participant", "rival"}
    drop = sum(fix.points for fix in repaired.submissions.filter(kind="fix", accepted=True))
    for column in (1, 2):
        assert sum(float(row[column]) for row in rows) == pytest.approx(drop, abs=0.002)


# What cannot be


@pytest.mark.parametrize("command", ["rejudge", "close_bounty", "credit", "export_fixes"])
def test_a_bounty_that_is_not_there_or_not_open_is_one_sentence(draft_bounty, command, tmp_path):
    options = {"to": tmp_path / "new"} if command == "export_fixes" else {}
    for slug in ("nowhere", draft_bounty.slug):
        with pytest.raises(CommandError, match=f"no opened bounty “{slug}”"):
            call(command, slug, **options)
    assert not (tmp_path / "new").exists()


def test_of_a_bounty_of_finds_there_is_nothing_to_share_or_to_export(cast, run_worker, tmp_path):
    bounty = speech_draft(cast.owner)
    drafts.upload_table(bounty, as_upload(speech_table(speakers=160, utterances=4)))
    run_worker()
    drafts.open_bounty(bounty)
    send_find(cast.participant, bounty, "accent = 'Cork'")
    run_worker()
    with pytest.raises(CommandError, match="takes finds only"):
        call("credit", "speech")
    with pytest.raises(CommandError, match="takes finds only"):
        call("export_fixes", "speech", to=tmp_path / "new")
    assert call("rejudge", "speech", check=True).startswith("1 of 1")
    assert "Fixes" not in call("close_bounty", "speech")

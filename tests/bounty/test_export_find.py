"""A verdict leaves the platform as files, and comes out of them again without it."""

import json
import shlex
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from bounty import intake
from bounty.intake import Group


@pytest.fixture
def finds(open_bounty, cast, run_worker):
    rules = ("age < 30 AND home = 'rent'", "age < 32", "age >= 0 AND sex = 'male'")
    people = (cast.participant, cast.rival, cast.outsider)
    sent = [
        intake.submit(user, open_bounty, Group("rule", rule))[0]
        for user, rule in zip(people, rules, strict=True)
    ]
    run_worker()
    for find in sent:
        find.refresh_from_db()
    return sent


@pytest.mark.parametrize("which", [0, 1, 2])
def test_the_printed_command_gives_the_sites_verdict(finds, which, tmp_path, capsys, settings):
    find = finds[which]
    folder = tmp_path / "find"
    call_command("export_find", find.pk, to=folder)
    command = shlex.split(capsys.readouterr().out.splitlines()[-1])
    again = subprocess.run(
        [sys.executable, *command[1:]],
        cwd=folder,
        env={"PYTHONPATH": str(settings.BASE_DIR)},
        capture_output=True,
        text=True,
        check=True,
    )
    verdict = json.loads(again.stdout)
    assert verdict == json.loads(json.dumps(find.numbers))
    assert (verdict["accepted"], verdict["points"]) == (find.accepted, find.points)


def test_labels_and_predictions_stay_inside(finds, tmp_path):
    folder = tmp_path / "find"
    call_command("export_find", finds[0].pk, to=folder)
    assert sorted(path.name for path in folder.iterdir()) == ["mask.npy", "truth.parquet", "verdict.json"]


def test_bad_input_is_one_sentence(finds, tmp_path):
    with pytest.raises(CommandError, match="no scored find"):
        call_command("export_find", 10**9, to=tmp_path / "new")
    with pytest.raises(CommandError, match="exists already"):
        call_command("export_find", finds[0].pk, to=tmp_path)

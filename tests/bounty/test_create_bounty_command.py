"""A bounty from the command line, through the same door as from the pages."""

import io
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from bounty import evaluation
from bounty.models import Bounty
from tests.conftest import lending_table

ARGUMENTS = ("--title", "Loans in Boston", "--organiser", "owner")
ROLES = ("--label", "approve", "--prediction", "predicted")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "loans.csv"
    lending_table().write_csv(path)
    return path


def create(*arguments, **options) -> str:
    out = options.setdefault("stdout", io.StringIO())
    call_command("create_bounty", *map(str, arguments), **options)
    return out.getvalue()


def test_it_makes_prepares_and_opens_a_bounty_in_this_process(cast, table, tmp_path):
    (tmp_path / "text.md").write_text("*Hello*")
    said = create(
        table,
        *ARGUMENTS,
        *ROLES,
        "--here",
        "--open",
        "--groups",
        "sex",
        "home",
        "--visible",
        "age",
        "sex",
        "home",
        "--min-rows",
        40,
        "--description",
        f"@{tmp_path / 'text.md'}",
        "--closes-at",
        "2035-01-01T12:00",
    )
    bounty = Bounty.objects.get()
    rows = [f"{bounty.parts[name]['rows']:,} {name}" for name in ("sample", "leaderboard", "final")]
    assert f"Prepared: loans-in-boston ({', '.join(rows)})" in said
    assert "Opened: /bounties/loans-in-boston/" in said
    assert (bounty.phase, bounty.min_rows, bounty.description) == ("open", 40, "*Hello*")
    assert bounty.visible_columns == ["age", "sex", "home"] and bounty.group_columns == ["sex", "home"]
    assert list(bounty.organisers.all()) == [cast.owner]
    assert bounty.closes_at.isoformat() == "2035-01-01T12:00:00+00:00"


def test_what_concerns_fixes_can_be_said(cast, table):
    create(table, *ARGUMENTS, *ROLES, "--here")
    plain = Bounty.objects.get()
    said = (plain.takes_fixes, plain.min_gain, plain.house_teams, plain.publish_groups)
    assert said == (True, 0, False, True)
    options = ("--slug", "other", "--finds-only", "--min-gain", "0.25", "--house-teams", "--keep-groups")
    create(table, *ARGUMENTS, *ROLES, *options, "--here")
    other = Bounty.objects.get(slug="other")
    said = (other.takes_fixes, other.min_gain, other.house_teams, other.publish_groups)
    assert said == (False, 0.0025, True, False)


def test_without_here_it_waits_for_the_worker(transactional_db, cast, table, sandbox):
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.05):
            evaluation.work(sandbox)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        said = create(table, *ARGUMENTS, *ROLES, "--wait", 60)
    finally:
        done.set()
        worker.join()
    assert "queued" in said and "Prepared: loans-in-boston" in said
    assert Bounty.objects.get().phase == "draft"


def test_without_a_worker_it_says_so_and_keeps_the_draft(cast, table):
    with pytest.raises(CommandError, match=r"Is a worker running\? The draft is kept: loans-in-boston"):
        create(table, *ARGUMENTS, *ROLES, "--wait", 0)
    assert Bounty.objects.get().uploads.get().is_unfinished


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--label", "aprove", "--prediction", "predicted"), 'Did you mean "approve"'),
        ((*ROLES, "--groups", "predicted"), "predicted"),
        ((*ROLES, "--measure", "false_rejection"), "favourable label"),
    ],
)
def test_a_refused_table_ends_with_its_sentence(cast, table, arguments, says):
    with pytest.raises(CommandError, match=says) as refusal:
        create(table, *ARGUMENTS, *arguments, "--here")
    assert "The draft is kept: loans-in-boston" in str(refusal.value)
    assert refusal.value.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--organiser", "nobody"), "There is no user nobody"),
        (("--slug", "new"), "“new” is taken by the site"),
        (("--slug", "lending"), "--slug: "),
        (("--alpha", "0.5"), "--alpha: "),
        (("--title", "!"), "--slug: "),
        (("--sample-share", "0.7"), "final half"),
        (("--min-gain", "51"), "--min-gain: it is a number of percentage points from 0 to 50"),
        (("--min-gain", "-0.1"), "--min-gain"),
        (("--min-gain", "some"), "--min-gain: it is a number"),
        (("--team-cap", "5000"), "cannot exceed"),
        (("--model", "/nowhere.onnx"), "There is no file"),
        (("--description", "@/nowhere.md"), "There is no file"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_nothing_is_saved(cast, draft_bounty, table, arguments, says):
    with pytest.raises(CommandError, match=says):
        create(table, *ARGUMENTS, *ROLES, *arguments, "--here")
    assert list(Bounty.objects.all()) == [draft_bounty]


def test_a_missing_or_broken_table_is_one_sentence(cast, tmp_path):
    with pytest.raises(CommandError, match="There is no file"):
        create(tmp_path / "nowhere.csv", *ARGUMENTS, *ROLES)
    (tmp_path / "bad.csv").write_bytes(b"age,age\n1,2\n")
    with pytest.raises(CommandError, match="both called"):
        create(tmp_path / "bad.csv", *ARGUMENTS, *ROLES)
    assert not Bounty.objects.exists()

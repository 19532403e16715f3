"""The demo as a newcomer runs it: real services, real data, the real HTTP API."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from config.embedded import socket_folder

REPOSITORY = Path(__file__).resolve().parents[2]
NOT_OURS = {"DATABASE_URL", "CELERY_BROKER_URL", "SECRET_KEY", "SITE_URL", "PORT", "DJANGO_SETTINGS_MODULE"}
PEOPLE = ["olivia", "ada", "ben", "chloe", "dara", "emil", "fay", "gus", "hana", "mallory", "trudy", "admin"]


def start(argv: list[str], data: Path, **environ: str) -> subprocess.Popen:
    inherited = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    return subprocess.Popen(
        [sys.executable, *argv],
        cwd=REPOSITORY,
        env=inherited | {"FAULTLINE_DATA": str(data), "DEBUG": "1"} | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_demo(data: Path) -> subprocess.Popen:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "manage.py", "demo", "--once"]
    return start(["-m", "config.embedded", "serve", "--once", "--port", port, "--", *command], data)


def run_demo(data: Path) -> SimpleNamespace:
    process = start_demo(data)
    out, errors = process.communicate(timeout=280)
    out = re.sub(r"127\.0\.0\.1:\d+", "SITE", out)
    return SimpleNamespace(
        code=process.returncode,
        errors=errors,
        results=out[out.index("\nMortgage approvals") :],
        out=out,
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    yield folder
    shutil.rmtree(socket_folder(folder), ignore_errors=True)


@pytest.fixture(scope="module")
def interrupted(data):
    """Stopped when the first submission has been judged and others are on their way."""
    process = start_demo(data)
    shown = []
    for line in process.stdout:
        shown.append(line)
        if line.startswith("  "):
            process.send_signal(signal.SIGINT)
            break
    rest, errors = process.communicate(timeout=60)
    return SimpleNamespace(out="".join(shown) + rest, errors=errors)


@pytest.fixture(scope="module")
def completed(data, interrupted):
    return run_demo(data)


@pytest.fixture(scope="module")
def repeated(data, completed):
    return run_demo(data)


def test_it_stops_quietly(interrupted):
    assert "Sign in" not in interrupted.out
    assert interrupted.errors == ""


def test_the_next_start_completes_it_and_every_submission_ends_as_it_should(completed):
    assert (completed.code, completed.errors) == (0, "")


def test_it_shows_every_leaderboard_and_who_can_sign_in(completed):
    live, final = completed.results.split("  Closed: ")
    first = r"^  (finds|fixes)  rank .*\n +1 +(?:1 +)?(\S+)"
    assert re.findall(first, live, re.MULTILINE) == [
        ("finds", "ada"),
        ("finds", "chloe"),
        ("fixes", "ada"),
        ("finds", "chloe"),
        ("finds", "ada"),
        ("fixes", "House:"),
    ]
    assert re.findall(first, final, re.MULTILINE) == [("finds", "ada"), ("fixes", "House:")]
    assert re.findall(r"^  (\w+) +[\w-]{12}  ", completed.results.split("Sign in")[1], re.MULTILINE) == PEOPLE


def test_fixes_repair_the_census_model(completed):
    """At least five people send fixes; of these one is not proven, one useless, and one is repaired."""
    census = completed.results.split("\nCensus income")[1].split("\nA recogniser")[0]
    fixes = dict(re.findall(r"^  (\w+) +fix   .+?  +(\w+)  ", census, re.MULTILINE))
    assert fixes == {
        "dara": "accepted",
        "ada": "accepted",
        "hana": "unknown_labels",
        "chloe": "accepted",
        "fay": "depends_on_other_rows",
        "gus": "nothing_new",
        "ben": "not_proven",
    }
    assert re.search(r"chloe +fix .* accepted .* Earlier groups would have lost by it: 2 repairs\.", census)
    before, after = re.search(
        r"3 fixes and 2 repairs brought that from ([\d.]+)% to ([\d.]+)%", census
    ).groups()
    assert float(after) < float(before) - 2


def test_the_pilot_is_closed_and_its_final_ranking_shown(completed):
    """Who contributed most is not who came first."""
    final = completed.results.split("  Closed: ")[1].split("\nAudit")[0]
    assert final.startswith("http://SITE/bounties/income-pilot/final/")
    ranking = final.split("fixes  rank")[1]
    credit = {
        team: float(share)
        for team, share in re.findall(r"^ +\d+ +\d+  (.+?)  .* ([\d.]+)$", ranking, re.MULTILINE)
    }
    assert list(credit) == [
        "House: cost-sensitive search",
        "chloe",
        "House: slices and trees",
        "dara",
        "ben",
    ]
    assert max(credit, key=credit.get) == "chloe"


def test_every_verdict_comes_out_again_with_the_site_and_without(data, completed):
    folder, file = data / "fixes", data / "repaired.onnx"
    steps = [
        "manage.py rejudge census-income --check",
        "manage.py rejudge income-pilot --check",
        f"manage.py export_fixes census-income --to {folder}",
        f"-m fairness fixes {folder}",
        f"manage.py export_bundle income-pilot --to {file}",
    ]
    script = " && ".join(f"{sys.executable} {step}" for step in steps)
    out, errors = start(["-m", "config.embedded", "run", "--", "sh", "-c", script], data).communicate(
        timeout=120
    )
    assert errors == ""
    assert "10 of 10 verdicts" in out
    assert "6 of 6 verdicts" in out
    assert "All 5 verdicts are the stored ones" in out
    assert f"Written to {file}" in out


def test_both_audits_are_done_and_printed(completed):
    assert completed.results.count("Audit: ") == 2
    assert "synthetic accents: word error rate of moonshine_tiny" in completed.results
    assert re.search(r"everyone +[\d,]+ utterances +\d\d\.\d% +\d\d\.\d% to \d\d\.\d%", completed.results)


def test_a_start_after_that_finds_all_of_it_again(completed, repeated):
    """The same results and passwords; nothing is sent twice, so the results are all there is to print."""
    assert (repeated.code, repeated.errors) == (0, "")
    assert repeated.results == completed.results
    assert "sent to the API" not in repeated.out


def test_passwords_are_for_their_owner_alone(data, completed):
    assert (data / "demo_accounts.json").stat().st_mode & 0o777 == 0o600


def test_it_refuses_where_the_site_does_not_run(tmp_path):
    process = start(["manage.py", "demo"], tmp_path, SECRET_KEY=50 * "x")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "not running here" in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize(
    ("debug", "url", "sentence"),
    [
        (False, "http://127.0.0.1:8000", "only with DEBUG=1"),
        (True, "http://example.org", "only to a site on this machine"),
        (True, "https://127.0.0.1:8000", "only to a site on this machine"),
    ],
)
def test_it_refuses_elsewhere(settings, debug, url, sentence):
    settings.DEBUG = debug
    with pytest.raises(CommandError, match=f"^[^\n]*{sentence}[^\n]*$"):
        call_command("demo", "--url", url)

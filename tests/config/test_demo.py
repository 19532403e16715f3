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
    boards = completed.results.split("rank  team")[1:]
    assert [re.search(r"\n +1 +(\w+)", board)[1] for board in boards] == ["ada", "ben", "chloe"]
    assert re.findall(r"^  (\w+) +[\w-]{12}  ", completed.results.split("Sign in")[1], re.MULTILINE) == PEOPLE


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


@pytest.mark.parametrize(
    ("environ", "arguments", "sentence"),
    [
        ({}, [], "not running here"),
        ({"DEBUG": "0"}, [], "only with DEBUG=1"),
        ({}, ["--url", "http://example.org"], "only to a site on this machine"),
        ({}, ["--url", "https://127.0.0.1:8000"], "only to a site on this machine"),
    ],
)
def test_it_refuses_elsewhere(tmp_path, environ, arguments, sentence):
    process = start(["manage.py", "demo", *arguments], tmp_path, SECRET_KEY="x", **environ)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert sentence in errors
    assert len(errors.splitlines()) == 1

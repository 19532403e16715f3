"""What Sentry would be sent: where it broke, and nothing of anybody's. Off unless it is asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config import sentry
from tests.config.broken_site import SECRET

REPOSITORY = Path(__file__).parents[2]


def sent(dsn: str) -> list[dict]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.config.broken_site"],
        cwd=REPOSITORY,
        env={**os.environ, "DSN": dsn, "SENTRY_DSN": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def events():
    found = sent("https://key@sentry.invalid/1")
    assert {item["type"] for item in found} == {"event"}
    return [item["event"] for item in found]


def test_it_says_what_broke_and_where(events):
    request, job = events
    (raised,) = request["exception"]["values"]
    assert raised["type"] == "ValueError" and raised["value"].startswith("Key (email)=(…@…) already exists")
    frame = raised["stacktrace"]["frames"][-1]
    assert frame["function"] == "fail" and "raise ValueError" in frame["context_line"]
    assert request["release"].startswith("faultline@") and request["environment"] == "test"
    assert request["tags"]["route"] == "reset" and len(request["tags"]["request_id"]) == 32
    assert job["tags"] == {"job": "submission", "job_id": "7", "bounty": "3"}
    assert job["logentry"]["message"].startswith("failed at try 2 of")


def test_nothing_of_anybody_is_in_it(events):
    for event in events:
        frames = [frame for one in event["exception"]["values"] for frame in one["stacktrace"]["frames"]]
        for frame in frames:
            # Lines of the source, which name no person.
            for name in ("pre_context", "context_line", "post_context"):
                frame.pop(name, None)
            assert set(frame) <= {"filename", "abs_path", "function", "module", "lineno", "in_app"}
        text = json.dumps(event)
        for secret in (SECRET, "example.org", "203.0.113.9", "sessionid", "Bearer"):
            assert secret not in text
        assert frames and set(event) <= {*sentry.KEPT}


def test_without_a_dsn_nothing_is_sent():
    assert sent("") == []

"""The public page of the site's state: true, quick, and silent about anybody's own."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audits.models import Audit
from bounty.entry import Group
from bounty.intake import submit
from bounty.models import Check, Submission
from common.models import Worker
from config import health, status


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """Nothing is kept from one question to the next."""
    for kept in (status.numbers, status.parts):
        monkeypatch.setattr(kept, "seconds", 0.0)
        kept.forget()


@pytest.fixture
def workers(db):
    for host, processes, silent in (("one", 2, 1), ("two", 3, 5), ("dead", 8, 90)):
        seen = Now() - timedelta(seconds=silent)
        Worker.objects.create(host=host, pid=1, processes=processes, version="0", started=Now(), seen=seen)


def ask(client) -> dict:
    answer = client.get("/api/v1/status/")
    assert answer.status_code == 200
    return answer.json()


def test_where_nothing_waits_it_says_so(client, workers):
    assert ask(client) == {
        "state": "idle",
        "explanation": status.IDLE,
        "down": [],
        "queue": {"submissions": 0, "dry_runs": 0, "tables": 0, "audits": 0},
        "oldest_seconds": None,
        "verdict": None,
        "workers": 2,
        "processes": 5,
    }
    page = client.get("/status/").content.decode()
    assert status.IDLE in page and "too few in the last day" in page


def test_what_waits_is_counted(client, workers, cast, open_bounty):
    find, _ = submit(cast.participant, open_bounty, Group("rule", "age < 30"))
    Check.objects.create(team=find.team, group_format="onnx")
    Submission.objects.update(created=Now() - timedelta(seconds=100))
    found = ask(client)
    assert found["state"] == "busy" and found["explanation"] == status.BUSY
    assert found["queue"] == {"submissions": 1, "dry_runs": 1, "tables": 0, "audits": 0}
    assert 95 <= found["oldest_seconds"] < 200
    page = client.get("/status/").content.decode()
    assert status.BUSY in page and "and 1 dry run, 0 tables, 0 audits" in page


def test_times_to_a_verdict_come_from_enough_recent_ones_or_not_at_all(
    client, workers, cast, open_bounty, run_worker
):
    for number in range(5):
        submit(cast.participant, open_bounty, Group("rule", f"age < {30 + number}"))
        run_worker()
    for place, submission in enumerate(Submission.objects.order_by("id")):
        sent = submission.finished - timedelta(seconds=10 * (place + 1) - 0.5)
        Submission.objects.filter(pk=submission.pk).update(created=sent)
    assert ask(client)["verdict"] == {"n": 5, "median_seconds": 30, "p95_seconds": 50}
    assert "median; 95 % within 50\xa0s, of the last 5 in a day" in client.get("/status/").content.decode()
    newest = Submission.objects.order_by("id").last()
    Submission.objects.filter(pk=newest.pk).update(finished=Now() - timedelta(days=2))
    assert ask(client)["verdict"] is None


def test_without_a_worker_it_is_degraded_and_says_what_that_means(client, db):
    found = ask(client)
    assert (found["state"], found["workers"], found["explanation"]) == ("degraded", 0, status.NO_WORKERS)
    assert status.NO_WORKERS in client.get("/status/").content.decode()


@pytest.mark.parametrize("name", ["broker", "storage"])
def test_what_is_down_is_explained(client, workers, monkeypatch, name):
    def refuse() -> None:
        raise OSError("at 10.0.0.7")

    monkeypatch.setitem(health.CHECKS, name, refuse)
    found = ask(client)
    assert (found["state"], found["down"], found["explanation"]) == ("degraded", [name], status.PARTS[name])
    assert found["workers"] == 2 and "10.0.0.7" not in client.get("/status/").content.decode()


def test_without_the_database_it_still_answers_also_who_is_signed_in(client, cast, monkeypatch):
    client.force_login(cast.participant)
    monkeypatch.setattr(status.parts, "function", lambda: ["database"])

    def refuse(*_: object) -> None:
        raise DatabaseError("no connection")

    with connection.execute_wrapper(refuse):
        page, call = client.get("/status/"), client.get("/api/v1/status/")
    assert page.status_code == call.status_code == 200
    assert status.PARTS["database"] in page.content.decode()
    found = call.json()
    assert found["state"] == "degraded" and found["queue"] is found["workers"] is None


def test_a_database_that_goes_away_in_between_is_said_too(client, workers, monkeypatch):
    def refuse() -> None:
        raise DatabaseError

    monkeypatch.setattr(status.numbers, "function", refuse)
    assert ask(client)["down"] == ["database"]


def test_a_database_that_hangs_keeps_nobody_waiting(client, workers, monkeypatch):
    over = threading.Event()
    monkeypatch.setitem(health.CHECKS, "database", lambda: over.wait(60))
    monkeypatch.setattr(health, "asked", {})
    monkeypatch.setattr(status.parts, "function", list)
    started = time.monotonic()
    assert ask(client)["down"] == ["database"]
    assert time.monotonic() - started < 3.5
    over.set()
    health.asked["database"].join(10)


def test_the_part_that_updates_itself_is_the_page_without_its_frame(client, workers):
    part = client.get("/status/", headers={"HX-Request": "true"}).content.decode()
    assert 'hx-get="/status/"' in part and "<html" not in part
    assert part.strip().splitlines()[1] in client.get("/status/").content.decode()


def test_it_names_nobody_and_no_bounty(client, workers, cast, open_bounty, run_worker):
    submit(cast.participant, open_bounty, Group("rule", "age < 30 AND home = 'rent'"))
    run_worker()
    submit(cast.rival, open_bounty, Group("rule", "age < 40"))
    said = client.get("/status/").content.decode() + client.get("/api/v1/status/").content.decode()
    for secret in (open_bounty.slug, open_bounty.title, "participant", "rival", "accepted", "one"):
        assert f">{secret}<" not in said and f'"{secret}"' not in said
    assert set(ask(client)) == set(status.StatusSerializer().fields)


def test_however_many_ask_the_database_is_asked_once_in_a_while(workers, monkeypatch):
    monkeypatch.setattr(status.numbers, "seconds", 60.0)
    monkeypatch.setattr(status.parts, "seconds", 60.0)
    first = ask(Client())
    with CaptureQueriesContext(connection) as queries:
        assert all(ask(Client()) == first for _ in range(5))
    assert not len(queries)


def test_every_page_leads_to_it(client, db):
    assert 'href="/status/"' in client.get("/").content.decode()


def test_audits_wait_in_it_too(client, workers, cast):
    Audit.objects.create(owner=cast.owner, kind="speech", title="Mine", status="queued")
    assert ask(client)["queue"]["audits"] == 1
    assert "Mine" not in client.get("/status/").content.decode()

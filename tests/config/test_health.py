"""Whether the process answers, and whether what it needs is there."""

import threading
import time

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from config import health


@pytest.fixture(autouse=True)
def nothing_asked(monkeypatch):
    """No check of another test is still on its way, and no answer is kept."""
    monkeypatch.setattr(health, "asked", {})
    monkeypatch.setattr(health.ready, "seconds", 0.0)
    health.ready.forget()


def test_healthz_answers_without_anything_else(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_readyz_says_ready_and_leaves_nothing_behind(client, db):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "down": []})
    assert not default_storage.exists(health.PROBE)


def test_readyz_names_a_broker_that_is_down_and_nothing_more(client, db, monkeypatch, tmp_path):
    monkeypatch.setattr(health.app.conf, "broker_write_url", f"redis+socket://{tmp_path}/nobody.sock")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "down": ["broker"]})
    assert str(tmp_path) not in answer.content.decode()


def test_readyz_names_storage_that_cannot_be_written(client, db, settings, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": blocked},
        }
    }
    assert client.get("/readyz").json() == {"ready": False, "down": ["storage"]}


@pytest.mark.parametrize("name", ["database", "broker", "storage", "migrations"])
def test_readyz_names_what_is_down_and_never_why(client, db, monkeypatch, name):
    def refuse() -> None:
        raise OSError("no such host: db.internal")

    monkeypatch.setitem(health.CHECKS, name, refuse)
    answer = client.get("/readyz")
    assert answer.status_code == 503 and answer.json()["down"] == [name]
    assert "internal" not in answer.content.decode()


def test_without_the_database_nothing_is_said_of_its_migrations(client, db, monkeypatch):
    def refuse() -> None:
        raise OSError

    monkeypatch.setitem(health.CHECKS, "database", refuse)
    monkeypatch.setitem(health.CHECKS, "migrations", refuse)
    assert client.get("/readyz").json()["down"] == ["database"]


def test_a_database_older_than_the_code_is_not_ready(client, db, monkeypatch):
    newest = health.newest_migrations()
    assert newest <= set(MigrationRecorder(connection).applied_migrations())
    monkeypatch.setattr(health, "newest_migrations", lambda: newest | {("bounty", "9999_to_come")})
    assert client.get("/readyz").json() == {"ready": False, "down": ["migrations"]}


def test_readyz_answers_in_time_whatever_hangs_and_asks_nothing_twice(client, db, monkeypatch):
    begun, over = [], threading.Event()

    def hang() -> None:
        begun.append(True)
        over.wait(60)

    monkeypatch.setitem(health.CHECKS, "storage", hang)
    monkeypatch.setitem(health.CHECKS, "broker", hang)
    for _ in range(2):
        started = time.monotonic()
        assert client.get("/readyz").json()["down"] == ["broker", "storage"]
        assert time.monotonic() - started < 3.5
    assert len(begun) == 2
    monkeypatch.setattr(health, "GIVEN_UP_SECONDS", 0.0)
    first = dict(health.asked)
    assert client.get("/readyz").json()["down"] == ["broker", "storage"]
    assert len(begun) == 4
    over.set()
    for thread in first.values():
        thread.join(10)
    for thread in health.asked.values():
        thread.join(10)
    monkeypatch.undo()
    assert client.get("/readyz").json()["ready"]


def test_however_many_ask_the_parts_are_asked_once_in_a_while(client, db, monkeypatch):
    asked = []
    monkeypatch.setattr(health.ready, "seconds", 60.0)
    monkeypatch.setitem(health.CHECKS, "storage", lambda: asked.append(True))
    assert all(client.get("/readyz").json()["ready"] for _ in range(5))
    assert len(asked) == 1
    health.ready.forget()
    assert client.get("/readyz").json()["ready"] and len(asked) == 2


def test_a_load_balancer_sees_a_change_within_seconds():
    assert 1 <= health.READY_SECONDS <= 3


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_health_is_never_cached(client, db, address):
    assert "no-store" in client.get(address)["Cache-Control"]

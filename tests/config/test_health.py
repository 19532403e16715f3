"""Whether the process answers, and whether what it needs is there."""

import pytest
from django.core.files.storage import default_storage

from config import views


def test_healthz_answers_without_anything_else(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_readyz_says_ready_and_leaves_nothing_behind(client, db):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "down": []})
    assert not default_storage.exists("readyz")


def test_readyz_names_a_broker_that_is_down_and_nothing_more(client, db, monkeypatch, tmp_path):
    monkeypatch.setattr(views.app.conf, "broker_write_url", f"redis+socket://{tmp_path}/nobody.sock")
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


def test_readyz_names_a_database_that_is_down(client, monkeypatch):
    def refuse() -> None:
        raise OSError("no such host: db.internal")

    monkeypatch.setattr(views, "ask_database", refuse)
    answer = client.get("/readyz")
    assert answer.status_code == 503 and answer.json()["down"] == ["database"]
    assert "internal" not in answer.content.decode()


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_health_is_never_cached(client, db, address):
    assert "no-store" in client.get(address)["Cache-Control"]

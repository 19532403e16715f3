"""A body that is too large is refused unread."""

import pytest
from django.test import Client
from django.urls import reverse

from config import uploads
from config.uploads import TAKEN
from tests.conftest import as_upload, lending_table

PLACES = {
    "audits:setup": ["a"],
    **{name: ["loans"] for name in TAKEN if name.startswith(("bounty:", "api:"))},
}
TAKING = {name: PLACES.get(name, []) for name in TAKEN} | {"bounty:new": []}


@pytest.fixture
def small_caps(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = settings.TABLE_MAX_BYTES = settings.MODEL_MAX_BYTES = 1000


def send(client, rows: int):
    return client.post(reverse("bounty:new"), {"title": "Loans", "table": as_upload(lending_table(rows))})


def test_a_table_within_the_cap_is_taken(client, cast):
    client.force_login(cast.owner)
    assert send(client, 20).status_code == 302


def test_a_body_over_the_caps_is_refused(client, cast, small_caps):
    client.force_login(cast.owner)
    assert send(client, 4000).status_code == 400


def test_a_table_over_its_cap_gets_a_sentence(client, cast, small_caps):
    client.force_login(cast.owner)
    answer = send(client, 60)
    assert answer.status_code == 200 and "at most 1,000 are taken" in answer.content.decode()


def test_what_strangers_send_is_not_read_when_it_is_large(db, small_caps):
    client = Client(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32
    assert send(client, 60).status_code == 400
    assert send(client, 1).status_code == 403


def test_only_addresses_that_take_files_take_large_bodies(cast, open_bounty, small_caps):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.participant)
    client.cookies["csrftoken"] = "a" * 32
    for name, args in TAKING.items():
        if not name.startswith("admin:"):
            assert send_to(client, reverse(name, args=args)) == 403, name
    for path in ("/tokens/", reverse("bounty:leaderboard", args=["loans"]), "/accounts/email/"):
        assert send_to(client, path) == 400, path


@pytest.mark.parametrize("reading", [["owner"] * 2, ["rival"] * 5], ids=["two of one", "five of others"])
def test_files_that_come_slowly_leave_threads_for_pages(client, cast, settings, monkeypatch, reading):
    """Each thread holds what it reads until its request ends."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    client.force_login(cast.owner)
    assert send(client, 60).status_code == 302 and not uploads.READING
    busy = {-place: getattr(cast, name).pk for place, name in enumerate(reading, 1)}
    monkeypatch.setattr(uploads, "READING", busy.copy())
    client.raise_request_exception = False
    answer = send(client, 60)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert client.get("/").status_code == 200
    uploads.READING.popitem()
    assert send(client, 60).status_code == 302
    assert len(uploads.READING) == len(busy) - 1


def send_to(client: Client, path: str) -> int:
    return client.post(path, {"table": as_upload(lending_table(60))}).status_code


def test_an_audits_file_has_a_cap_of_its_own(client, cast, small_caps, settings):
    client.force_login(cast.owner)
    sent = {"kind": "classification", "title": "Loans", "file": as_upload(lending_table(400))}
    assert client.post(reverse("audits:new"), sent).status_code == 302
    settings.AUDIT_MAX_BYTES = 1000
    assert (
        client.post(reverse("audits:new"), sent | {"file": as_upload(lending_table(400))}).status_code == 400
    )

"""Who serves pages reads no hidden row: pages and calls answer while the hidden storage gives nothing out."""

import pytest
from django.core.files.storage import storages
from django.test import Client

from bounty import drafts, evaluation, parts
from bounty.models import Bounty, Live
from tests.api_caller import Caller
from tests.bounty.fixes import open_repairable, send_fix
from tests.conftest import as_upload, lending_table

PAGES = "", "data/", "leaderboard/", "model/", "model/1/", "groups/", "guard/", "submit/", "submissions/"
OWN_PAGES = "manage/", "manage/submissions/", "manage/submissions.csv", "manage/repaired.zip"
CALLS = "", "sample/", "leaderboard/", "model/", "groups/", "guard/"


@pytest.fixture
def repaired_bounty(cast, run_worker):
    bounty = open_repairable(cast.owner, run_worker)
    send_fix(cast.participant, bounty, "age < 30 AND home = 'rent'", "1")
    run_worker()
    return bounty


@pytest.fixture
def put_only(monkeypatch):
    """From here on the hidden storage is as web processes have it: files go in, none come out."""

    def refuse(*args, **kwargs):
        raise PermissionError("the hidden storage was read")

    def shut() -> None:
        for kept in (parts.read_part, parts._feature_table, parts._answered):
            kept.cache_clear()
        for name in ("_open", "delete", "listdir", "size"):
            monkeypatch.setattr(storages["hidden"], name, refuse)

    return shut


def body(answer) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


@pytest.mark.parametrize("closed", [False, True])
def test_pages_and_calls_read_no_hidden_row(cast, repaired_bounty, put_only, closed):
    if closed:
        drafts.close_bounty(repaired_bounty)
        evaluation.reap()
    put_only()
    for user in (None, cast.participant, cast.owner):
        browser, own = Client(), user == cast.owner
        if user:
            browser.force_login(user)
        for page in (*PAGES, *(OWN_PAGES if own else ()), *(("final/",) if closed else ())):
            answer = browser.get(f"/bounties/repairs/{page}", follow=True)
            assert answer.status_code == 200 and body(answer), page
        for call in (*CALLS, *(("bundle/",) if own else ()), *(("final/",) if closed else ())):
            answer = Caller(user).get(f"bounties/repairs/{call}")
            assert answer.status_code == 200 and body(answer), call


def test_drafts_are_made_changed_opened_and_deleted_without_reading(cast, run_worker, put_only):
    values = {"slug": "loans", "title": "Loans", "label_column": "approve", "prediction_column": "predicted"}
    kept = drafts.create_bounty(cast.owner, values, as_upload(lending_table()))
    dropped = drafts.create_bounty(cast.owner, values | {"slug": "more"}, as_upload(lending_table()))
    run_worker()
    put_only()
    drafts.open_bounty(kept)
    drafts.save_settings(dropped, {"sample_share": 0.3})
    drafts.upload_table(dropped, as_upload(lending_table(seed=2)))
    drafts.delete_draft(dropped)
    assert Bounty.objects.get().phase == "open"


def test_a_model_of_before_it_was_recorded_is_recorded_by_the_reaper(repaired_bounty):
    fields = ("last", "nodes", "rounds", "life", "coverage")
    recorded = Live.objects.values(*fields).get()
    assert recorded["rounds"] == [1]
    Live.objects.all().delete()
    evaluation.reap()
    assert Live.objects.values(*fields).get() == recorded

"""While a part is away the site says so, loses nothing, and takes the same again later."""

import errno
import os
import time
from pathlib import Path

import pytest
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.db import OperationalError

from bounty import intake, tasks
from bounty.models import Bounty, Submission
from config import gunicorn
from config.storage import PrivateStorage
from tests.api_caller import RULE, Caller
from tests.onnx_models import below

FULL = OSError(errno.ENOSPC, "No space left on device")


def raising(error: Exception):
    def fail(*args, **kwargs):
        raise error

    return fail


@pytest.fixture
def caller(cast):
    return Caller(cast.participant)


def model(bounty: Bounty) -> dict:
    return {"kind": "find", "group_format": "onnx", "group_file": below(bounty, "age", 30.0)}


def test_storage_that_is_away_is_answered_so_and_the_same_again_is_taken(open_bounty, caller, monkeypatch):
    path, key = f"bounties/{open_bounty.slug}/submissions/", {"headers": {"Idempotency-Key": "once"}}
    with monkeypatch.context() as patch:
        patch.setattr(PrivateStorage, "save", raising(OSError("The storage did not do it")))
        answer = caller.post(path, data=model(open_bounty), **key)
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "unavailable", "5")
    assert not Submission.objects.exists()
    assert caller.post(path, data=model(open_bounty), **key).status_code == 202
    assert Submission.objects.count() == 1


def test_a_full_disk_is_answered_so(open_bounty, caller, monkeypatch, settings):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 0
    monkeypatch.setattr(TemporaryFileUploadHandler, "receive_data_chunk", raising(FULL))
    answer = caller.post(f"bounties/{open_bounty.slug}/check/", data=model(open_bounty))
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


def test_pages_say_that_the_database_is_away(client, db, monkeypatch):
    client.raise_request_exception = False
    monkeypatch.setattr(Bounty.objects, "taking_submissions", raising(OperationalError("connection lost")))
    answer = client.get("/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "away for the moment" in answer.content.decode()


def test_our_own_mistake_is_still_told_as_one(client, db, monkeypatch):
    client.raise_request_exception = False
    monkeypatch.setattr(Bounty.objects, "taking_submissions", raising(ValueError()))
    assert client.get("/").status_code == 500


def test_a_full_disk_does_not_kill_who_counts_requests(monkeypatch):
    monkeypatch.setenv(gunicorn.FOLDER, "")
    gunicorn.on_starting(None)
    try:
        assert Path(os.environ[gunicorn.FOLDER]).parent == Path("/dev/shm")
    finally:
        gunicorn.on_exit(None)


def test_a_wake_up_that_cannot_be_sent_fails_nothing_and_is_not_waited_for(
    open_bounty, cast, monkeypatch, django_capture_on_commit_callbacks, tmp_path, caplog
):
    monkeypatch.setattr(tasks.work.app.conf, "broker_write_url", f"redis+socket://{tmp_path}/nobody.sock")
    monkeypatch.setattr(tasks.work.app, "_pool", None)
    monkeypatch.setattr(tasks.work.app.amqp, "_producer_pool", None)
    began = time.monotonic()
    with django_capture_on_commit_callbacks(execute=True):
        group = intake.Group("rule", RULE["group_rule"])
        intake.submit(cast.participant, open_bounty, group)
    assert Submission.objects.count() == 1
    assert "on_commit" in caplog.text
    assert time.monotonic() - began < 3

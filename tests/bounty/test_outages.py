"""What is away comes back: an outage of database, storage or disk is no try, and a stop hands jobs on."""

import errno
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.db.models.functions import Now

from bounty import drafts, evaluation, intake, tasks
from bounty.entry import Group
from bounty.models import Status, Submission
from bounty.sandbox import SandboxFailure
from common import jobs
from config.storage import PrivateStorage
from tests.conftest import as_upload, draft, lending_table
from tests.onnx_models import below


@pytest.fixture
def find(cast, open_bounty) -> Submission:
    return intake.submit(cast.participant, open_bounty, Group("onnx", file=below(open_bounty, "age", 30.0)))[
        0
    ]


def wait_over(job: Submission) -> None:
    Submission.objects.filter(pk=job.pk).update(leased_until=Now() - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (OperationalError("the connection is lost"), True),
        (OSError("The storage did not do it"), True),
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (ConnectionRefusedError(), True),
        (FileNotFoundError(), False),
        (SandboxFailure("the zygote died"), False),
        (ValueError(), False),
    ],
)
def test_what_is_an_outage(error, away):
    assert jobs.is_outage(error) is away


def test_storage_that_is_away_costs_no_try_however_long(find, sandbox, monkeypatch, run_worker):
    def away(*args, **kwargs):
        raise OSError("The storage did not do it")

    with monkeypatch.context() as patch:
        patch.setattr(PrivateStorage, "open", away)
        for _ in range(5):
            assert evaluation.work(sandbox)
            find.refresh_from_db()
            assert (find.status, find.tries, find.lease) == (Status.QUEUED, 0, None)
            assert not evaluation.work(sandbox), "it is waited for, not tried again at once"
            wait_over(find)
    find.refresh_from_db()
    assert (find.status, find.lease_expiries) == (Status.QUEUED, 0)
    run_worker()
    find.refresh_from_db()
    assert (find.status, find.tries) == (Status.SCORED, 1)


def test_a_job_that_waits_is_taken_after_a_moment_and_not_before(find, sandbox):
    jobs.give_back(evaluation.claim(), OSError())
    jobs.reap_lost(Submission)
    assert evaluation.claim() is None
    wait_over(find)
    assert evaluation.claim() == find


def test_a_table_that_always_meets_an_outage_holds_up_no_other(cast, monkeypatch):
    for name in ("first", "second"):
        bounty = draft(cast.owner, slug=name, label_column="approve", prediction_column="predicted")
        drafts.upload_table(bounty, as_upload(lending_table(200)))
    first = evaluation.claim()
    assert evaluation.claim() is None, "one table at a time"
    jobs.give_back(first, OSError(errno.ENOSPC, "No space left on device"))
    second = evaluation.claim()
    assert (first.bounty.slug, second.bounty.slug) == ("first", "second")


def test_a_job_is_given_back_as_soon_as_the_database_is_there_again(find, settings, monkeypatch):
    job, update, away = evaluation.claim(), jobs.held, iter([True, True])

    def held(job):
        if next(away, False):
            raise OperationalError("the server closed the connection")
        return update(job)

    monkeypatch.setattr(jobs, "held", held)
    monkeypatch.setattr(jobs, "AGAIN_SECONDS", 0)
    monkeypatch.setattr(connection, "close", lambda: None)
    jobs.give_back(job, OperationalError())
    find.refresh_from_db()
    assert (find.tries, find.lease) == (0, None)


def test_a_missed_heartbeat_is_followed_by_the_next(find, settings, monkeypatch):
    settings.HEARTBEAT_SECONDS = 0.01
    beats, enough = [], jobs.threading.Event()

    def held(job):
        beats.append(job)
        if len(beats) == 3:
            enough.set()
        raise OperationalError("the server closed the connection")

    job = evaluation.claim()
    monkeypatch.setattr(jobs, "held", held)
    with jobs.heartbeat(job):
        assert enough.wait(10)


def test_a_worker_that_is_told_to_stop_hands_its_job_on(find, sandbox, monkeypatch):
    def told_to_stop(*args):
        raise SystemExit

    monkeypatch.setitem(evaluation.RUN, Submission, told_to_stop)
    with pytest.raises(SystemExit):
        evaluation.work(sandbox)
    find.refresh_from_db()
    assert (find.status, find.tries, find.lease) == (Status.QUEUED, 0, None)


def test_no_wake_up_expires_by_a_clock_and_the_reaper_comes_first(find, settings, monkeypatch):
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert "expires" not in entry.get("options", {})
    sent = []
    monkeypatch.setattr(tasks.work, "apply_async", lambda *args, **options: sent.append(options))
    tasks.cache.delete("bounty-reaped")
    tasks.reap()
    assert sent == [{}]
    routes = settings.CELERY_TASK_ROUTES
    assert routes[tasks.work.name]["priority"] > 0
    assert tasks.reap.name not in routes


def test_reapers_that_have_gathered_reap_once(find, monkeypatch):
    tasks.cache.delete("bounty-reaped")
    reaped = []
    monkeypatch.setattr(evaluation, "reap", lambda: reaped.append(1) or 0)
    for _ in range(5):
        tasks.reap()
    assert len(reaped) == 1

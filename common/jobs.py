"""Work for a worker, held by a lease: the database is the truth, a task is only a wake-up.

A job is claimed with a lease, worked on outside any transaction, and its outcome is written only while the
lease is still held: a job that runs twice changes nothing the second time.
"""

import logging
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, models, transaction
from django.db.models import F
from django.db.models.functions import Now

from .context import about

logger = logging.getLogger(__name__)

LOG_CHARACTERS = 8000
# How long a job waits that met an outage, and how often it is tried to write that down.
WAIT_SECONDS, AGAIN_SECONDS = 5, 0.5


class Status(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SCORED = "scored", "Scored"
    REJECTED = "rejected", "Rejected"
    FAILED = "failed", "Failed"


UNFINISHED = (Status.QUEUED, Status.RUNNING)


def round_up(when: datetime | None) -> datetime | None:
    """To the second: how long a run on hidden rows took is not to be read off."""
    return when and when + timedelta(microseconds=-when.microsecond % 1_000_000)


class Job(models.Model):
    """Work for a worker. A running job is leased: a lease that runs out is another worker's to take."""

    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    created = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True, editable=False)
    finished = models.DateTimeField(null=True, editable=False)
    tries = models.PositiveSmallIntegerField(default=0, editable=False)
    lease = models.UUIDField(null=True, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    # How often a lease ran out: a worker died or stood still. The default is the database's too, for code of
    # the release before.
    lease_expiries = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    # For a rejection, a code and a sentence that may be shown to its author.
    error = models.CharField(max_length=40, blank=True, editable=False)
    error_detail = models.CharField(max_length=500, blank=True, editable=False)
    # What the run printed and our own tracebacks: for organisers and operators only.
    log = models.TextField(blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def is_unfinished(self) -> bool:
        return self.status in UNFINISHED

    @property
    def finished_second(self) -> datetime | None:
        """When it finished, rounded up to the second: what participants may see of it."""
        return round_up(self.finished)

    @property
    def seconds(self) -> float | None:
        """From being sent to its outcome."""
        return (self.finished - self.created).total_seconds() if self.finished else None


def kind_of(model: type[Job]) -> str:
    """One word for a kind of job, in logs and metrics: submission, audit, check, table_upload, ..."""
    return model._meta.verbose_name.replace(" ", "_")


@contextmanager
def logged(job: Job, bounty: int | None = None) -> Iterator[None]:
    """Every line that is logged meanwhile says which job it is about."""
    with about(job=kind_of(type(job)), job_id=job.pk, bounty=bounty):
        started = time.monotonic()
        yield
        logger.info("try %s ended after %.2f s", job.tries, time.monotonic() - started)


def claim(model: type[Job]) -> Job | None:
    """Lease the earliest queued job of a kind that no other worker is taking."""
    with transaction.atomic():
        job = (
            model.objects.select_for_update(skip_locked=True)
            .filter(status=Status.QUEUED)
            .exclude(leased_until__gt=Now())
            .order_by("id")
            .first()
        )
        if job is not None:
            job.status, job.lease, job.tries = Status.RUNNING, uuid.uuid4(), job.tries + 1
            model.objects.filter(pk=job.pk).update(
                status=job.status,
                lease=job.lease,
                tries=job.tries,
                started=Now(),
                leased_until=lease_end(),
            )
    return job


def lease_end() -> models.Expression:
    return Now() + timedelta(seconds=settings.LEASE_SECONDS)


def held(job: Job) -> models.QuerySet:
    """The job as long as this lease holds it: every write goes through here."""
    return type(job).objects.filter(pk=job.pk, lease=job.lease, status=Status.RUNNING)


@contextmanager
def heartbeat(job: Job) -> Iterator[None]:
    """Renew the lease from a thread of its own while the work goes on."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(settings.HEARTBEAT_SECONDS):
            try:
                held(job).update(leased_until=lease_end())
            except Exception:
                # The next one may still come in time.
                logger.exception("a heartbeat was missed")
            finally:
                connection.close()

    thread = threading.Thread(target=copy_context().run, args=(beat,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def finish(job: Job, status: Status, **outcome) -> bool:
    """Write a job's outcome and end its lease; False when the lease was lost and nothing is written."""
    written = held(job).update(status=status, finished=Now(), lease=None, leased_until=None, **outcome)
    if written:
        logger.info("%s", status)
    return bool(written)


def is_outage(error: BaseException) -> bool:
    """Whether the database, the storage or the disk is away: it comes back, and nobody's model did it."""
    away = (OperationalError, InterfaceError, OSError)
    return isinstance(error, away) and not isinstance(error, FileNotFoundError)


def give_back(job: Job, error: BaseException) -> None:
    """Our failure: queue the job again at its old place, or fail it after its last try.

    An outage is no try and is waited for: until then nobody takes the job, and others go before it.
    """
    log = "".join(traceback.format_exception(error))[-LOG_CHARACTERS:]
    queued = {"status": Status.QUEUED, "lease": None, "leased_until": None, "log": log}
    if is_outage(error):
        later = Now() + timedelta(seconds=WAIT_SECONDS)
        waiting = {"leased_until": later, "tries": F("tries") - 1}
        when_it_is_back(lambda: held(job).update(**(queued | waiting)))
    elif job.tries < settings.JOB_TRIES:
        when_it_is_back(lambda: held(job).update(**queued))
    else:
        when_it_is_back(lambda: finish(job, Status.FAILED, log=log))


def hand_back(job: Job) -> None:
    """This worker is told to stop: another one takes the job at once."""
    queued = {"status": Status.QUEUED, "lease": None, "leased_until": None, "tries": F("tries") - 1}
    when_it_is_back(lambda: held(job).update(**queued))


def when_it_is_back(write: Callable[[], object]) -> None:
    """Write even if the database is away for a moment: as long as a lease lasts, then it is lost anyhow."""
    deadline = time.monotonic() + settings.LEASE_SECONDS
    while True:
        try:
            write()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(AGAIN_SECONDS)
        else:
            return


def reap_lost(model: type[Job]) -> None:
    """Queue the jobs again whose lease ran out, and fail those on their last try."""
    lost = model.objects.filter(status=Status.RUNNING, leased_until__lt=Now())
    ended = {"lease": None, "leased_until": None, "lease_expiries": F("lease_expiries") + 1}
    failed = lost.filter(tries__gte=settings.JOB_TRIES).update(status=Status.FAILED, finished=Now(), **ended)
    queued = lost.update(status=Status.QUEUED, **ended)
    if failed or queued:
        name = model._meta.verbose_name
        logger.warning(
            "%s leases of a %s ran out: %s queued again, %s failed", failed + queued, name, queued, failed
        )

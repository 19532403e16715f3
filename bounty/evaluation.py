"""From a queued job to its outcome. The database is the truth; a task is only a wake-up.

A job is claimed with a lease, run in the sandbox outside any transaction, and its outcome is written only
while the lease is still held: a job that runs twice changes nothing the second time. Verdicts of one bounty
are given under its row lock, in the order of submission.
"""

import logging
import threading
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta

import numpy as np
from django.conf import settings
from django.db import connection, models, transaction
from django.db.models.functions import Now

from fairness.verdict import judge_find

from . import parts
from .models import UNFINISHED, Bounty, Check, Job, Masks, Status, Submission, TableUpload
from .preparation import prepare
from .sample import describe
from .sandbox import Rejected, Sandbox, judge_group

logger = logging.getLogger(__name__)

LOG_CHARACTERS = 8000
# Scored work first; dry runs wait behind it.
JOBS: tuple[type[Job], ...] = (Submission, TableUpload, Check)


def work(sandbox: Sandbox) -> bool:
    """Do the next waiting job; False when there is none."""
    job = claim()
    if job is None:
        return False
    try:
        with heartbeat(job):
            RUN[type(job)](job, sandbox)
    except Rejected as rejection:
        reject(job, rejection)
    except Exception:
        logger.exception("%s %s failed at try %s", job._meta.model_name, job.pk, job.tries)
        give_back(job, traceback.format_exc())
    if isinstance(job, Submission):
        settle(job.bounty_id)
    return True


def claim() -> Job | None:
    for model in JOBS:
        # A table may take minutes: one at a time, so that another worker stays free for finds.
        if model is TableUpload and TableUpload.objects.filter(status=Status.RUNNING).exists():
            continue
        with transaction.atomic():
            job = (
                model.objects.select_for_update(skip_locked=True)
                .filter(status=Status.QUEUED)
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
    return None


def lease_end() -> models.Expression:
    return Now() + timedelta(seconds=settings.LEASE_SECONDS)


def held(job: Job) -> models.QuerySet:
    """The job as long as this lease holds it: every write goes through here."""
    return type(job).objects.filter(pk=job.pk, lease=job.lease, status=Status.RUNNING)


@contextmanager
def heartbeat(job: Job) -> Iterator[None]:
    """Renew the lease from a thread of its own while the sandbox works."""
    done = threading.Event()

    def beat() -> None:
        try:
            while not done.wait(settings.HEARTBEAT_SECONDS):
                held(job).update(leased_until=lease_end())
        except Exception:
            logger.exception("heartbeat of %s %s ended", job._meta.model_name, job.pk)
        finally:
            connection.close()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def run_submission(submission: Submission, sandbox: Sandbox) -> None:
    bounty = submission.bounty
    hidden, cut = parts.hidden_table(bounty), parts.leaderboard_rows(bounty)
    output = judge_group(
        sandbox,
        submission.group_format,
        payload(submission),
        parts.sample_table(bounty),
        hidden,
        wall_seconds=bounty.wall_seconds,
    )
    with transaction.atomic():
        if held(submission).update(
            lease=None, leased_until=None, sample_share=float(np.mean(output.sample_mask)), log=output.log
        ):
            Masks.objects.create(
                submission_id=submission.pk,
                leaderboard=parts.pack(output.hidden_mask[:cut]),
                final=parts.pack(output.hidden_mask[cut:]),
            )


def run_check(check: Check, sandbox: Sandbox) -> None:
    bounty = check.team.bounty
    table = parts.sample_table(bounty)
    output = judge_group(
        sandbox, check.group_format, payload(check), table, table, wall_seconds=bounty.wall_seconds
    )
    result = describe(bounty, output.sample_mask)
    held(check).update(status=Status.SCORED, finished=Now(), lease=None, log=output.log, result=result)


def drop_models() -> None:
    """Nothing is ever recomputed from a dry run's model."""
    for check in Check.objects.exclude(status__in=UNFINISHED).exclude(group_file=""):
        check.group_file.delete()


def run_upload(upload: TableUpload, sandbox: Sandbox) -> None:
    """The raw table stays until the bounty opens: a changed setting prepares it again."""
    facts = prepare(upload, sandbox)
    with transaction.atomic():
        bounty = (
            Bounty.objects.select_for_update().filter(pk=upload.bounty_id, opened_at__isnull=True).first()
        )
        kept = bounty is not None and held(upload).update(
            status=Status.SCORED, finished=Now(), lease=None, leased_until=None
        )
        if kept:
            Bounty.objects.filter(pk=bounty.pk).update(**facts)
    if not kept:
        parts.discard(facts["parts"])


RUN = {Submission: run_submission, TableUpload: run_upload, Check: run_check}


def payload(job: Submission | Check) -> bytes:
    if job.group_format == "rule":
        return job.group_rule.encode()
    with job.group_file.open() as file:
        return file.read()


def reject(job: Job, rejection: Rejected) -> None:
    outcome = {
        "status": Status.REJECTED,
        "error": rejection.code,
        "error_detail": rejection.detail[:500],
        "log": rejection.log[-LOG_CHARACTERS:],
    }
    if isinstance(job, Submission):
        outcome["on_hidden"] = rejection.on_hidden
    held(job).update(finished=Now(), lease=None, leased_until=None, **outcome)


def give_back(job: Job, log: str) -> None:
    """Our failure: queue the job again at its old place, or fail it after its last try."""
    log = log[-LOG_CHARACTERS:]
    if job.tries < settings.JOB_TRIES:
        held(job).update(status=Status.QUEUED, lease=None, leased_until=None, log=log)
    else:
        held(job).update(status=Status.FAILED, finished=Now(), lease=None, leased_until=None, log=log)


def settle(bounty_id: int) -> None:
    """Give every verdict that is due: the earliest unfinished submission first, none before it."""
    with transaction.atomic():
        bounty = Bounty.objects.select_for_update().get(pk=bounty_id)
        waiting = bounty.submissions.filter(status__in=UNFINISHED).select_related("masks").order_by("id")
        due = []
        for submission in waiting:
            if not hasattr(submission, "masks"):
                break
            due.append(submission)
        if due:
            judge(bounty, due)
        used = bounty.submissions.using_verdicts().exclude(status__in=UNFINISHED).count()
        if used >= bounty.verdict_cap:
            Bounty.objects.filter(pk=bounty_id, closed_at__isnull=True).update(closed_at=Now())


def judge(bounty: Bounty, due: list[Submission]) -> None:
    rows = parts.leaderboard_rows(bounty)
    evidence = parts.leaderboard_evidence(bounty)
    accepted = list(bounty.submissions.filter(accepted=True).select_related("masks").order_by("id"))
    earlier = [parts.unpack(find.masks.leaderboard, rows) for find in accepted]
    for submission in due:
        group = parts.unpack(submission.masks.leaderboard, rows)
        verdict = judge_find(evidence, group, earlier, bounty.level, min_rows=bounty.min_rows)
        duplicate_of = None if verdict.duplicate_of is None else accepted[verdict.duplicate_of]
        Submission.objects.filter(pk=submission.pk).update(
            status=Status.SCORED,
            finished=Now(),
            accepted=verdict.accepted,
            code=verdict.code,
            points=verdict.points,
            numbers=asdict(verdict),
            duplicate_of=duplicate_of,
        )
        if verdict.accepted:
            accepted.append(submission)
            earlier.append(group)


def reap() -> int:
    """Bring every unfinished job on its way again; how many wait for a worker."""
    for model in JOBS:
        lost = model.objects.filter(status=Status.RUNNING, leased_until__lt=Now())
        lost.filter(tries__gte=settings.JOB_TRIES).update(
            status=Status.FAILED, finished=Now(), lease=None, leased_until=None
        )
        lost.update(status=Status.QUEUED, lease=None, leased_until=None)
    drop_models()
    due = Bounty.objects.filter(submissions__status__in=UNFINISHED, submissions__masks__isnull=False)
    for bounty_id in due.distinct().values_list("pk", flat=True):
        try:
            settle(bounty_id)
        except Exception:
            # One bounty's damaged file must not hold up the others; it is tried again at the next round.
            logger.exception("bounty %s could not be settled", bounty_id)
    return sum(model.objects.filter(status=Status.QUEUED).count() for model in JOBS)

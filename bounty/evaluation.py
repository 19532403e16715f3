"""From a queued job to its outcome, under a lease (common.jobs) and with no transaction open while it runs.

Verdicts of one bounty are given under its row lock, in the order of submission.
"""

import logging
import traceback
from dataclasses import asdict

import numpy as np
from django.db import transaction
from django.db.models.functions import Now

from common import jobs
from common.jobs import LOG_CHARACTERS, UNFINISHED, Job, Status, finish, give_back, heartbeat, held
from fairness.verdict import judge_find

from . import parts
from .models import Bounty, Check, Masks, Submission, TableUpload
from .preparation import prepare
from .sample import describe
from .sandbox import Rejected, Sandbox, judge_group

logger = logging.getLogger(__name__)

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
        job = jobs.claim(model)
        if job is not None:
            return job
    return None


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
    finish(check, Status.SCORED, log=output.log, result=result)


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
        kept = bounty is not None and finish(upload, Status.SCORED)
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
        "error": rejection.code,
        "error_detail": rejection.detail[:500],
        "log": rejection.log[-LOG_CHARACTERS:],
    }
    if isinstance(job, Submission):
        outcome["on_hidden"] = rejection.on_hidden
    finish(job, Status.REJECTED, **outcome)


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
        jobs.reap_lost(model)
    drop_models()
    due = Bounty.objects.filter(submissions__status__in=UNFINISHED, submissions__masks__isnull=False)
    for bounty_id in due.distinct().values_list("pk", flat=True):
        try:
            settle(bounty_id)
        except Exception:
            # One bounty's damaged file must not hold up the others; it is tried again at the next round.
            logger.exception("bounty %s could not be settled", bounty_id)
    return sum(model.objects.filter(status=Status.QUEUED).count() for model in JOBS)

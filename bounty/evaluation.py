"""From a queued job to its outcome, under a lease (common.jobs) and with no transaction open while it runs.

Verdicts of one bounty are given under its row lock, in the order of submission.
"""

import logging

import numpy as np
from django.db import transaction
from django.db.models.functions import Now

from common import jobs
from common.context import about
from common.jobs import (
    LOG_CHARACTERS,
    UNFINISHED,
    Job,
    Status,
    finish,
    give_back,
    heartbeat,
    held,
    kind_of,
    logged,
)

from . import closing, credit, house, parts, repaired
from .models import Answers, Bounty, Check, Credit, HouseTurn, Masks, Submission, TableUpload
from .payloads import group_payload, predictor_payload
from .preparation import prepare
from .sample import describe, describe_fix
from .sandbox import (
    FeatureTable,
    FixOutput,
    GroupOutput,
    Rejected,
    Sandbox,
    Wanted,
    group_uses,
    judge_fix,
    judge_group,
)
from .verdicts import Referee, accepted_of

logger = logging.getLogger(__name__)

# Scored work first; dry runs wait behind it, house teams behind everybody, and credit takes what is left.
JOBS: tuple[type[Job], ...] = (Submission, TableUpload, Check, HouseTurn, Credit)


def work(sandbox: Sandbox) -> bool:
    """Do the next waiting job; False when there is none."""
    job = claim()
    if job is None:
        return False
    with logged(job, bounty=bounty_of(job)):
        do(job, sandbox)
    return True


def bounty_of(job: Job) -> int:
    return job.team.bounty_id if isinstance(job, Check) else job.bounty_id


def do(job: Job, sandbox: Sandbox) -> None:
    try:
        with heartbeat(job):
            outcome_of(job, sandbox)
    except SystemExit:
        jobs.hand_back(job)
        raise
    except Exception as error:
        logger.exception("failed at try %s", job.tries)
        give_back(job, error)
    if isinstance(job, Submission):
        settle(job.bounty_id)


def outcome_of(job: Job, sandbox: Sandbox) -> None:
    try:
        RUN[type(job)](job, sandbox)
    except Rejected as rejection:
        reject(job, rejection)


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
    cut = parts.leaderboard_rows(bounty)
    output = run_models(bounty, submission, sandbox, parts.hidden_table(bounty))
    group = output.group if isinstance(output, FixOutput) else output
    uses = group_uses(
        sandbox, group_payload(submission), parts.sample_table(bounty), wall_seconds=bounty.wall_seconds
    )
    with transaction.atomic():
        if not held(submission).update(
            lease=None,
            leased_until=None,
            sample_share=float(np.mean(group.sample_mask)),
            uses=uses,
            log=output.log,
        ):
            return
        Masks.objects.create(
            submission_id=submission.pk,
            leaderboard=parts.pack(group.hidden_mask[:cut]),
            final=parts.pack(group.hidden_mask[cut:]),
        )
        if isinstance(output, FixOutput):
            first = int(np.count_nonzero(group.hidden_mask[:cut]))
            Answers.objects.create(
                submission_id=submission.pk,
                leaderboard=parts.pack_answers(bounty, output.hidden[:first]),
                final=parts.pack_answers(bounty, output.hidden[first:]),
            )


def run_models(
    bounty: Bounty, job: Submission | Check, sandbox: Sandbox, hidden: FeatureTable
) -> GroupOutput | FixOutput:
    """The group's and, for a fix, the predictor's answers on the public sample and on other rows."""
    group, sample, wall = group_payload(job), parts.sample_table(bounty), bounty.wall_seconds
    if not job.predictor_format:
        return judge_group(sandbox, group.format, group.data, sample, hidden, wall_seconds=wall)
    predictor = predictor_payload(job)
    wanted = Wanted(bounty.predicts, tuple(bounty.labels), bounty.positive_label)
    return judge_fix(sandbox, group, predictor, wanted, sample, hidden, wall_seconds=wall)


def run_check(check: Check, sandbox: Sandbox) -> None:
    bounty = check.team.bounty
    output = run_models(bounty, check, sandbox, parts.sample_table(bounty))
    if isinstance(output, FixOutput):
        result = describe_fix(bounty, output.group.sample_mask, output.sample)
    else:
        result = describe(bounty, output.sample_mask)
    finish(check, Status.SCORED, log=output.log, result=result)


def drop_models() -> None:
    """Nothing is ever recomputed from a dry run's model."""
    done = Check.objects.exclude(status__in=UNFINISHED).exclude(group_file="", predictor_file="")
    for check in done:
        for file in (check.group_file, check.predictor_file):
            if file:
                file.delete()


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
        parts.discard_files(parts.stored_files(facts["parts"]))


def run_turn(turn: HouseTurn, sandbox: Sandbox) -> None:
    sent = house.play(turn)
    finish(turn, Status.SCORED, log=f"{sent} submissions")


def run_credit(job: Credit, sandbox: Sandbox) -> None:
    credit.run(job)


RUN = {
    Submission: run_submission,
    TableUpload: run_upload,
    Check: run_check,
    HouseTurn: run_turn,
    Credit: run_credit,
}


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
        unfinished = bounty.submissions.filter(status__in=UNFINISHED)
        waiting = unfinished.select_related("masks", "answers", "team").order_by("id")
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
    for submission in due:
        # It may be another worker's than the one that ran it.
        with about(job=kind_of(Submission), job_id=submission.pk, bounty=bounty_id):
            logger.info("%s", Status.SCORED)


def judge(bounty: Bounty, due: list[Submission]) -> None:
    referee, accepted = Referee(bounty, accepted_of(bounty)), False
    for submission in due:
        written = referee.judge(submission)
        Submission.objects.filter(pk=submission.pk).update(status=Status.SCORED, finished=Now(), **written)
        accepted = accepted or written["accepted"]
    if accepted:
        repaired.record(bounty, referee)


def due_bounties() -> list[int]:
    """Those with verdicts to give, left over by a worker that ended in between."""
    due = Bounty.objects.filter(submissions__status__in=UNFINISHED, submissions__masks__isnull=False)
    return list(due.distinct().values_list("pk", flat=True))


def reap() -> int:
    """Bring every unfinished job on its way again; how many wait for a worker."""
    for model in JOBS:
        jobs.reap_lost(model)
    house.make_turns()
    for step, bounties in (
        (settle, due_bounties),
        (repaired.record_anew, repaired.unrecorded),
        (closing.finalise, closing.due),
    ):
        for bounty_id in bounties():
            try:
                step(bounty_id)
            except Exception:
                # One bounty's damaged file must not hold up the others; it is tried again at the next round.
                logger.exception("bounty %s: %s failed", bounty_id, step.__name__)
    # After the close, which gives it its work.
    credit.make_jobs()
    for tidy in (drop_models, parts.delete_discarded):
        try:
            tidy()
        except OSError:
            logger.exception("%s waits for the storage", tidy.__name__)
    return sum(model.objects.filter(status=Status.QUEUED).count() for model in JOBS)

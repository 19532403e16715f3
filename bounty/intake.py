"""The one door for what people send: page, API and command line call the same functions here.

Everything is checked before anything is saved; a wake-up for the worker is sent after the commit.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models.functions import Now

from common.intake import FILE_EMPTY, FILE_TOO_BIG, IntakeError, db_now
from common.jobs import UNFINISHED, Status
from fairness.slices import RuleError, compile_rule

from . import tasks
from .models import Bounty, Check, Submission, Team
from .parts import sample_part, schema_of
from .sample import describe

UNFINISHED_PER_TEAM = 2
CHECKS_PER_HOUR = 30

CLOSED = "This bounty takes no submissions: it is {phase}."
OWN_BOUNTY = "You organise this bounty, so you cannot submit to it."
ALL_VERDICTS_USED = "All {cap} verdicts of this bounty are used or waiting, so it takes no more submissions."
TEAM_VERDICTS_USED = "Your team has used its {cap} verdicts in this bounty."
DAY_USED = "Your team has used its {cap} verdicts for today. The next are free at {resets:%H:%M} UTC."
REJECTED_DAY_USED = (
    "{cap} submissions of your team were rejected today, which is the cap. You can submit again at "
    "{resets:%H:%M} UTC; try your model on the public sample first, which costs nothing."
)
TWO_WAITING = "Your team has {cap} unfinished submissions. Wait for one to finish, then send the next."
CHECKS_USED = (
    "Your team has made {cap} dry runs of models in the last hour. Try again later, or dry-run a rule."
)
KEY_REUSED = "This Idempotency-Key was used for a different submission. Send a new key."
NO_FORMAT = "This bounty does not take the format “{name}”. Choose one of: {names}."
RULE_MISSING = "Write the rule: an SQL condition such as age < 30."
FILE_MISSING = "Attach the model's file."
BOTH_GIVEN = "Send either a rule or a file, to match the format, not both."
NOT_PREPARED = "Upload a table first: the bounty can open when its data is prepared."


@dataclass(frozen=True)
class Quota:
    """What a team may still send, and when the day's share is full again."""

    bounty_left: int
    team_left: int
    today_left: int
    rejected_left: int
    unfinished_left: int
    resets_at: datetime


@dataclass(frozen=True)
class Group:
    """What was sent to name a group."""

    format: str
    rule: str = ""
    file: UploadedFile | None = None

    def sha256(self) -> str:
        digest = hashlib.sha256(f"{self.format}\n{self.rule}\n".encode())
        if self.file is not None:
            for chunk in self.file.chunks():
                digest.update(chunk)
            self.file.seek(0)
        return digest.hexdigest()

    def fields(self) -> dict:
        if self.file is None:
            return {"group_format": self.format, "group_rule": self.rule}
        return {"group_format": self.format, "group_file": self.file, "group_file_name": self.file.name[:200]}


# Submissions


def quota_of(bounty: Bounty, team: Team | None) -> Quota:
    now = db_now()
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    using = bounty.submissions.using_verdicts()
    mine = bounty.submissions.filter(team=team) if team else Submission.objects.none()
    mine_using = mine.using_verdicts()
    rejected = mine.filter(status=Status.REJECTED, on_hidden=False, created__gte=midnight)
    left = {
        "bounty_left": bounty.verdict_cap - using.count(),
        "team_left": bounty.team_cap - mine_using.count(),
        "today_left": bounty.daily_cap - mine_using.filter(created__gte=midnight).count(),
        "rejected_left": bounty.rejected_daily_cap - rejected.count(),
        "unfinished_left": UNFINISHED_PER_TEAM - mine.filter(status__in=UNFINISHED).count(),
    }
    return Quota(**{name: max(0, n) for name, n in left.items()}, resets_at=midnight + timedelta(days=1))


def refuse_unless_allowed(bounty: Bounty, user: AbstractBaseUser) -> None:
    if bounty.is_organised_by(user):
        raise IntakeError("own_bounty", OWN_BOUNTY)
    if not Bounty.objects.taking_submissions().filter(pk=bounty.pk).exists():
        raise IntakeError("bounty_closed", CLOSED.format(phase=bounty.phase))


def refuse_over_quota(bounty: Bounty, quota: Quota) -> None:
    resets = quota.resets_at
    for left, code, sentence, cap in (
        (quota.bounty_left, "no_verdicts_left", ALL_VERDICTS_USED, bounty.verdict_cap),
        (quota.team_left, "team_verdicts_used", TEAM_VERDICTS_USED, bounty.team_cap),
        (quota.today_left, "daily_verdicts_used", DAY_USED, bounty.daily_cap),
        (quota.rejected_left, "daily_rejections_used", REJECTED_DAY_USED, bounty.rejected_daily_cap),
        (quota.unfinished_left, "too_many_unfinished", TWO_WAITING, UNFINISHED_PER_TEAM),
    ):
        if left <= 0:
            raise IntakeError(code, sentence.format(cap=cap, resets=resets))


def refuse_bad_group(bounty: Bounty, group: Group) -> None:
    """Errors that show without running anything; a rule is compiled, so its author hears at once."""
    if group.format not in bounty.group_formats:
        names = ", ".join(bounty.group_formats)
        raise IntakeError(
            "unknown_format", NO_FORMAT.format(name=group.format[:40], names=names), "group_format"
        )
    if group.format == "rule":
        if group.file is not None:
            raise IntakeError("rule_and_file", BOTH_GIVEN, "group_file")
        if not group.rule.strip():
            raise IntakeError("rule_missing", RULE_MISSING, "group_rule")
        try:
            compile_rule(group.rule, schema_of(bounty))
        except RuleError as error:
            raise IntakeError("rule_error", str(error), "group_rule") from error
        return
    if group.rule.strip():
        raise IntakeError("rule_and_file", BOTH_GIVEN, "group_rule")
    if group.file is None:
        raise IntakeError("file_missing", FILE_MISSING, "group_file")
    if group.file.size == 0:
        raise IntakeError("file_empty", FILE_EMPTY, "group_file")
    if group.file.size > settings.MODEL_MAX_BYTES:
        raise IntakeError(
            "file_too_big",
            FILE_TOO_BIG.format(size=group.file.size, cap=settings.MODEL_MAX_BYTES),
            "group_file",
        )


def team_of(user: AbstractBaseUser, bounty: Bounty) -> Team:
    return Team.objects.get_or_create(bounty=bounty, user=user, defaults={"name": user.get_username()})[0]


def submit(
    user: AbstractBaseUser, bounty: Bounty, group: Group, *, note: str = "", idempotency_key: str = ""
) -> tuple[Submission, bool]:
    """Queue a find. Returns it and whether it is new: the same key again gives the first one back."""
    digest = group.sha256()
    with transaction.atomic():
        # The lock makes ids follow the order of submission and quotas hold under concurrent requests.
        bounty = Bounty.objects.select_for_update().get(pk=bounty.pk)
        if idempotency_key:
            earlier = Submission.objects.filter(
                team__user=user, team__bounty=bounty, idempotency_key=idempotency_key
            ).first()
            if earlier and earlier.request_sha256 != digest:
                raise IntakeError("idempotency_key_reused", KEY_REUSED)
            if earlier:
                return earlier, False
        refuse_unless_allowed(bounty, user)
        refuse_bad_group(bounty, group)
        team = team_of(user, bounty)
        refuse_over_quota(bounty, quota_of(bounty, team))
        submission = Submission.objects.create(
            bounty=bounty,
            team=team,
            note=note[:2000],
            idempotency_key=idempotency_key,
            request_sha256=digest,
            **group.fields(),
        )
        transaction.on_commit(tasks.work.delay, robust=True)
    return submission, True


def queue_places(submissions: Iterable[Submission]) -> dict[int, int]:
    """By id, how many wait in front of each for a worker, itself included; running ones are left out."""
    queued = [submission.pk for submission in submissions if submission.status == Status.QUEUED]
    if not queued:
        return {}
    waiting = Submission.objects.filter(status=Status.QUEUED, id__lte=max(queued)).order_by("id")
    places = {pk: place for place, pk in enumerate(waiting.values_list("pk", flat=True), 1)}
    return {pk: places[pk] for pk in queued if pk in places}


def queue_place(submission: Submission) -> int | None:
    return queue_places([submission]).get(submission.pk)


# Dry runs on the public sample


def check_rule(bounty: Bounty, rule: str) -> dict:
    refuse_bad_group(bounty, Group("rule", rule))
    mask = compile_rule(rule, schema_of(bounty)).mask(sample_part(bounty).features)
    return describe(bounty, mask)


def check_model(user: AbstractBaseUser, bounty: Bounty, group: Group) -> Check:
    with transaction.atomic():
        bounty = Bounty.objects.select_for_update().get(pk=bounty.pk)
        refuse_unless_allowed(bounty, user)
        refuse_bad_group(bounty, group)
        team = team_of(user, bounty)
        if team.checks.filter(created__gte=Now() - timedelta(hours=1)).count() >= CHECKS_PER_HOUR:
            raise IntakeError("too_many_checks", CHECKS_USED.format(cap=CHECKS_PER_HOUR))
        check = Check.objects.create(team=team, **group.fields())
        transaction.on_commit(tasks.work.delay, robust=True)
    return check

"""What a submission must pass before it is saved: what it names, and what its team may still send.

Pages, API, command line and house teams all enter here.
"""

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.files import File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from common.files import private_path
from common.intake import FILE_EMPTY, FILE_TOO_BIG, IntakeError, db_now
from common.jobs import UNFINISHED, Status
from fairness.losses import LARGEST
from fairness.slices import RuleError, compile_rule

from .models import Bounty, Submission, Team
from .parts import OPEN, discard_files, schema_of

UNFINISHED_PER_TEAM = 2

CLOSED = "This bounty takes no submissions: it is {phase}."
OWN_BOUNTY = "You organise this bounty, so you cannot submit to it."
ALL_VERDICTS_USED = "All {cap} verdicts of this bounty are used or waiting, so it takes no more submissions."
TEAM_VERDICTS_USED = "Your team has used its {cap} verdicts in this bounty."
DAY_USED = "Your team has used its {cap} verdicts for today. The next are free at {resets:%H:%M} UTC."
REJECTED_DAY_USED = (
    "{cap} submissions of your team were rejected, or failed on our side, today, which is the cap. You can "
    "submit again at {resets:%H:%M} UTC; try your model on the public sample first, which costs nothing."
)
TWO_WAITING = "Your team has {cap} unfinished submissions. Wait for one to finish, then send the next."
KEY_REUSED = "This Idempotency-Key was used for a different submission. Send a new key."
NO_FORMAT = "This bounty does not take a {part} of the format “{name}”. Choose one of: {names}."
FIXES_NOT_TAKEN = "This bounty takes finds only: groups without a predictor. Send kind=find."
VALUE_NOT_TAKEN = "Send a value only with the format “constant”; leave it out for a model or a rule."
VALUE_ONLY = "Of the format “constant”, send the value alone, without a rule or a file."
NOT_A_NUMBER = f"A constant answers one number in this bounty, such as 12.5, not beyond {LARGEST:.0e}."
NOT_A_PROBABILITY = "A constant answers one probability in this bounty, from 0 to 1."
UNKNOWN_LABEL = "A constant answers one label of this bounty: {labels}."
RULE_MISSING = "Write the rule: an SQL condition such as age < 30."
FILE_MISSING = "Attach the model's file."
BOTH_GIVEN = "Send either a rule or a file, to match the format, not both."


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

    def fields(self) -> dict:
        if self.file is None:
            return {"group_format": self.format, "group_rule": self.rule}
        return {"group_format": self.format, "group_file": self.file, "group_file_name": self.file.name[:200]}


@dataclass(frozen=True)
class Predictor:
    """What was sent to do better on a group."""

    format: str
    rule: str = ""
    value: str = ""
    file: UploadedFile | None = None

    def fields(self) -> dict:
        fields = {"predictor_format": self.format}
        if self.file is not None:
            return fields | {"predictor_file": self.file, "predictor_file_name": self.file.name[:200]}
        return fields | {"predictor_rule": self.rule, "predictor_value": self.value}


def sha256_of(group: Group, predictor: Predictor | None = None) -> str:
    """Of all that was sent: the same again is the same submission."""
    digest = hashlib.sha256()
    for sent in filter(None, (group, predictor)):
        digest.update(f"{sent.format}\n{sent.rule}\n{getattr(sent, 'value', '')}\n".encode())
        if sent.file is not None:
            for chunk in sent.file.chunks():
                digest.update(chunk)
            sent.file.seek(0)
    return digest.hexdigest()


def quota_of(bounty: Bounty, team: Team | None) -> Quota:
    now = db_now()
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    using = bounty.submissions.using_verdicts()
    mine = bounty.submissions.filter(team=team) if team else Submission.objects.none()
    mine_using = mine.using_verdicts()
    # Our own failures are among them, or a model that makes us fail could be sent without end.
    rejected = mine.filter(
        status__in=(Status.REJECTED, Status.FAILED), on_hidden=False, created__gte=midnight
    )
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


def refuse_bad_models(bounty: Bounty, group: Group, predictor: Predictor | None = None) -> None:
    """Errors that show without running anything; a rule is compiled, so its author hears at once."""
    if predictor is not None and not bounty.accepts_fixes:
        raise IntakeError("fixes_not_taken", FIXES_NOT_TAKEN, "kind")
    refuse_bad_format(group.format, bounty.group_formats, "group")
    if group.format == "rule":
        refuse_bad_rule(bounty, group, "group")
    else:
        refuse_bad_file(group, "group")
    if predictor is None:
        return
    refuse_bad_format(predictor.format, bounty.predictor_formats, "predictor")
    if predictor.value.strip() and predictor.format != "constant":
        raise IntakeError("value_and_model", VALUE_NOT_TAKEN, "predictor_value")
    if predictor.format == "rule":
        refuse_bad_rule(bounty, predictor, "predictor")
    elif predictor.format == "constant":
        refuse_bad_constant(bounty, predictor)
    else:
        refuse_bad_file(predictor, "predictor")


def refuse_bad_format(name: str, taken: dict[str, str], part: str) -> None:
    if name not in taken:
        sentence = NO_FORMAT.format(part=part, name=name[:40], names=", ".join(taken))
        raise IntakeError("unknown_format", sentence, f"{part}_format")


def refuse_bad_rule(bounty: Bounty, sent: Group | Predictor, part: str) -> None:
    if sent.file is not None:
        raise IntakeError("rule_and_file", BOTH_GIVEN, f"{part}_file")
    if not sent.rule.strip():
        raise IntakeError("rule_missing", RULE_MISSING, f"{part}_rule")
    try:
        compile_rule(sent.rule, schema_of(bounty))
    except RuleError as error:
        raise IntakeError("rule_error", str(error), f"{part}_rule") from error


def refuse_bad_constant(bounty: Bounty, predictor: Predictor) -> None:
    if predictor.file is not None or predictor.rule.strip():
        raise IntakeError("value_and_model", VALUE_ONLY, "predictor_value")
    if bounty.predicts != "label":
        refuse_bad_number(bounty, predictor.value)
    elif predictor.value not in bounty.labels:
        labels = ", ".join(bounty.labels)
        raise IntakeError("unknown_label", UNKNOWN_LABEL.format(labels=labels), "predictor_value")


def refuse_bad_number(bounty: Bounty, text: str) -> None:
    try:
        # Python also reads 1_000 and other scripts' digits; other readers of the repaired model do not.
        number = float(text) if text.isascii() and "_" not in text and len(text) <= 200 else math.nan
    except ValueError:
        number = math.nan
    if bounty.predicts == "probability" and not 0 <= number <= 1:
        raise IntakeError("not_a_probability", NOT_A_PROBABILITY, "predictor_value")
    if not abs(number) <= LARGEST:
        raise IntakeError("not_a_number", NOT_A_NUMBER, "predictor_value")


def refuse_bad_file(sent: Group | Predictor, part: str) -> None:
    if sent.rule.strip():
        raise IntakeError("rule_and_file", BOTH_GIVEN, f"{part}_rule")
    if sent.file is None:
        raise IntakeError("file_missing", FILE_MISSING, f"{part}_file")
    if sent.file.size == 0:
        raise IntakeError("file_empty", FILE_EMPTY, f"{part}_file")
    if sent.file.size > settings.MODEL_MAX_BYTES:
        sentence = FILE_TOO_BIG.format(size=sent.file.size, cap=settings.MODEL_MAX_BYTES)
        raise IntakeError("file_too_big", sentence, f"{part}_file")


def team_of(user: AbstractBaseUser, bounty: Bounty) -> Team:
    return Team.objects.get_or_create(bounty=bounty, user=user, defaults={"name": user.get_username()})[0]


def enter(
    user: AbstractBaseUser,
    bounty: Bounty,
    group: Group,
    predictor: Predictor | None = None,
    *,
    note: str = "",
    idempotency_key: str = "",
    origin: str = "",
) -> tuple[Submission, bool]:
    """Save a find, or a fix where there is a predictor. Returns it and whether it is new.

    The same key again gives the first one back.
    """
    digest = sha256_of(group, predictor)
    earlier = sent_before(user, bounty, idempotency_key, digest)
    if earlier:
        return earlier, False
    refuse_at_sight(user, bounty, group, predictor)
    if group.file or (predictor and predictor.file):
        # Before it is stored; what was asked without the lock is asked again under it.
        quota = quota_of(bounty, Team.objects.filter(user=user, bounty=bounty).first())
        earlier = sent_before(user, bounty, idempotency_key, digest)  # perhaps at this very moment
        if earlier:
            return earlier, False
        refuse_over_quota(bounty, quota)
    with in_storage(group, predictor) as sent:
        with transaction.atomic():
            # The lock makes ids follow the order of submission and quotas hold under concurrent requests.
            bounty = Bounty.objects.select_for_update().get(pk=bounty.pk)
            earlier = sent_before(user, bounty, idempotency_key, digest)
            if earlier:
                return earlier, False
            refuse_unless_allowed(bounty, user)
            team = team_of(user, bounty)
            refuse_over_quota(bounty, quota_of(bounty, team))
            submission = Submission.objects.create(
                bounty=bounty,
                team=team,
                kind=Submission.Kind.FIX if predictor else Submission.Kind.FIND,
                note=note[:2000],
                idempotency_key=idempotency_key,
                request_sha256=digest,
                origin=origin,
                **sent.fields,
            )
        sent.taken = True
    return submission, True


def sent_before(user: AbstractBaseUser, bounty: Bounty, key: str, digest: str) -> Submission | None:
    """What came with this key before, which must be the same."""
    earlier = (
        Submission.objects.filter(team__user=user, team__bounty=bounty, idempotency_key=key).first()
        if key
        else None
    )
    if earlier and earlier.request_sha256 != digest:
        raise IntakeError("idempotency_key_reused", KEY_REUSED)
    return earlier


def refuse_at_sight(
    user: AbstractBaseUser, bounty: Bounty, group: Group, predictor: Predictor | None
) -> None:
    """What is refused before any file is stored."""
    bounty = Bounty.objects.get(pk=bounty.pk)
    refuse_unless_allowed(bounty, user)
    refuse_bad_models(bounty, group, predictor)


@dataclass
class Sent:
    """The fields of a submission or dry run, its files stored; whether it was taken."""

    fields: dict
    taken: bool = False


@contextmanager
def in_storage(group: Group, predictor: Predictor | None) -> Iterator[Sent]:
    """What was sent, with its files stored before anything is locked: a slow storage holds up nobody else.

    Files of what is then not taken are discarded.
    """
    fields = group.fields() | (predictor.fields() if predictor else {})
    files = {name: value for name, value in fields.items() if isinstance(value, File)}
    sent = Sent(fields)
    try:
        for name, file in files.items():
            fields[name] = default_storage.save(private_path(Submission, file.name), file)
        yield sent
    finally:
        if not sent.taken:
            discard_files((OPEN, fields[name]) for name in files if isinstance(fields[name], str))

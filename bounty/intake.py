"""The one door for what people send: page, API and command line call the same functions here.

Everything is checked before anything is saved; a wake-up for the worker is sent after the commit.
"""

from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models.functions import Now

from common.intake import IntakeError
from fairness.slices import compile_rule

from . import tasks
from .entry import (
    Group,
    Predictor,
    enter,
    in_storage,
    refuse_at_sight,
    refuse_bad_models,
    refuse_unless_allowed,
    team_of,
)
from .models import Bounty, Check, Submission
from .parts import constant_answers, rule_answers, sample_part, schema_of
from .sample import describe, describe_fix

CHECKS_PER_HOUR = 30

CHECKS_USED = (
    "Your team has made {cap} dry runs of models in the last hour. Try again later, or dry-run a rule."
)
NOT_PREPARED = "Upload a table first: the bounty can open when its data is prepared."


def submit(
    user: AbstractBaseUser,
    bounty: Bounty,
    group: Group,
    predictor: Predictor | None = None,
    *,
    note: str = "",
    idempotency_key: str = "",
    origin: str = "",
) -> tuple[Submission, bool]:
    """Queue a find, or a fix where there is a predictor. Returns it and whether it is new."""
    entered = enter(user, bounty, group, predictor, note=note, idempotency_key=idempotency_key, origin=origin)
    transaction.on_commit(tasks.work.delay, robust=True)
    return entered


# Dry runs on the public sample


def is_answered_at_once(group: Group, predictor: Predictor | None = None) -> bool:
    """Rules and constants are our own code; only models wait for the sandbox."""
    return group.format == "rule" and (predictor is None or predictor.format in ("rule", "constant"))


def check_rules(bounty: Bounty, group: Group, predictor: Predictor | None = None) -> dict:
    """A dry run answered at once."""
    refuse_bad_models(bounty, group, predictor)
    features, schema = sample_part(bounty).features, schema_of(bounty)
    mask = compile_rule(group.rule, schema).mask(features)
    if predictor is None:
        return describe(bounty, mask)
    if predictor.format == "rule":
        positive = compile_rule(predictor.rule, schema).mask(features.filter(mask))
        return describe_fix(bounty, mask, rule_answers(bounty, positive))
    return describe_fix(bounty, mask, constant_answers(bounty, predictor.value, int(mask.sum())))


def check_model(
    user: AbstractBaseUser, bounty: Bounty, group: Group, predictor: Predictor | None = None
) -> Check:
    refuse_at_sight(user, bounty, group, predictor)
    refuse_too_many_checks(user, bounty)
    with in_storage(group, predictor) as sent:
        with transaction.atomic():
            bounty = Bounty.objects.select_for_update().get(pk=bounty.pk)
            refuse_unless_allowed(bounty, user)
            refuse_too_many_checks(user, bounty)
            check = Check.objects.create(team=team_of(user, bounty), **sent.fields)
        sent.taken = True
    transaction.on_commit(tasks.work.delay, robust=True)
    return check


def refuse_too_many_checks(user: AbstractBaseUser, bounty: Bounty) -> None:
    lately = Check.objects.filter(
        team__user=user, team__bounty=bounty, created__gte=Now() - timedelta(hours=1)
    )
    if lately.count() >= CHECKS_PER_HOUR:
        raise IntakeError("too_many_checks", CHECKS_USED.format(cap=CHECKS_PER_HOUR))

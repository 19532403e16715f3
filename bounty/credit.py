"""What each team's fixes contributed to the repaired model, whoever came first: Shapley values over teams.

They are computed after the close by a job of their own, a few seconds at a time, so that verdicts of other
bounties need not wait for them.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import cache, lru_cache

from django.db import transaction

from common.jobs import Status, finish, held
from fairness.credit import EXACT_UP_TO, Plan

from . import parts
from .models import Bounty, Credit, Submission
from .verdicts import Repaired, accepted_of, answers_of

SLICE_SECONDS = 5.0
# Rows judged: some minutes. Beyond it orders are drawn, as many as fit in, and at least the fewest.
WORK = 4_000_000_000
MOST_PAIRS, FEWEST_PAIRS = 100, 10
# Each list kept holds some 20 bytes a row.
KEPT_BYTES, LIST_BYTES = 256 << 20, 20

Value = Callable[[frozenset[int]], float]


def make_jobs() -> None:
    """A job for each bounty whose final half has been read."""
    final = Bounty.objects.filter(finalised_at__isnull=False, credit=None)
    new = final.exclude(final__has_key="credit").values_list("pk", flat=True)
    Credit.objects.bulk_create([Credit(bounty_id=pk) for pk in new], ignore_conflicts=True)


def run(job: Credit) -> None:
    """Go on for some seconds, then publish or queue again at the end of everybody's work."""
    plan, value = plan_of(job.bounty)
    until, found = time.monotonic() + SLICE_SECONDS, list(job.found)
    while len(found) < plan.steps:
        found.append(plan.step(len(found), value))
        if time.monotonic() > until:
            break
    if len(found) < plan.steps:
        held(job).update(found=found, status=Status.QUEUED, tries=0, lease=None, leased_until=None)
        return
    rows = rows_of(job.bounty, plan, found)
    with transaction.atomic():
        if finish(job, Status.SCORED, found=[]):
            publish(job.bounty_id, rows)


def add_credit(bounty_id: int) -> bool:
    """All at once, where nobody waits: for the command that closes a bounty."""
    bounty = Bounty.objects.get(pk=bounty_id)
    if bounty.finalised_at is None or "credit" in bounty.final:
        return False
    return publish(bounty_id, credit_of(bounty))


def publish(bounty_id: int, rows: list[dict]) -> bool:
    """Once: what is published stays."""
    with transaction.atomic():
        bounty = Bounty.objects.select_for_update().get(pk=bounty_id)
        if bounty.finalised_at is None or "credit" in bounty.final:
            return False
        Bounty.objects.filter(pk=bounty_id).update(final=bounty.final | {"credit": rows})
    return True


def credit_of(bounty: Bounty) -> list[dict]:
    """By team: points in the order of acceptance, and the Shapley value, both on the leaderboard half."""
    plan, value = plan_of(bounty)
    return rows_of(bounty, plan, [plan.step(place, value) for place in range(plan.steps)])


def rows_of(bounty: Bounty, plan: Plan[int], found: list[list[float]]) -> list[dict]:
    names = dict(bounty.teams.values_list("pk", "name"))
    fixes = bounty.submissions.filter(kind=Submission.Kind.FIX, accepted=True)
    points: dict[int, float] = {}
    for team, one in fixes.order_by("id").values_list("team_id", "points"):
        points[team] = points.get(team, 0.0) + one
    shares = plan.shares(found)
    return [
        {"team": names[team], "points": points.get(team, 0.0), **asdict(share)}
        for team, share in sorted(shares.items(), key=lambda item: (-item[1].value, item[0]))
    ]


def plan_of(bounty: Bounty) -> tuple[Plan[int], Value]:
    """Teams count that have a fix accepted on the shared list or on their own; the others would get 0, but
    where one of their fixes would pass only beside somebody else's.
    """
    fixes = [fix for fix in accepted_of(bounty) if fix.kind == Submission.Kind.FIX]
    teams = tuple(sorted({fix.team_id for fix in fixes}))
    pairs = pairs_of(len(teams), len(fixes), parts.leaderboard_rows(bounty))
    return Plan(teams, pairs), value_of(bounty, fixes)


def pairs_of(teams: int, fixes: int, rows: int) -> int | None:
    """How many pairs of orders are drawn, None where all sets are looked at: by the work it is, no clock."""
    judged = max(fixes * rows, 1)
    if teams <= EXACT_UP_TO and judged * 2**teams // 2 <= WORK:
        return None
    return max(FEWEST_PAIRS, min(MOST_PAIRS, WORK // (judged * (teams + 1))))


def value_of(bounty: Bounty, fixes: list[Submission]) -> Value:
    """How far a set of teams brings the overall error down, in percentage points on the leaderboard half.

    It reaches what the list would have reached with their fixes alone, judged in the recorded order.
    """
    if not fixes:
        return lambda teams: 0.0
    rows = parts.leaderboard_rows(bounty)
    start = Repaired.start(parts.answered(bounty, "leaderboard"))
    whole = start.answered.scale * max(rows, 1)

    def sent(place: int) -> tuple:
        fix = fixes[place]
        return parts.unpack(fix.masks.leaderboard, rows), answers_of(bounty, fix)

    # Few lists are kept, and the others made again from the ones before.
    @lru_cache(maxsize=max(2, min(128, KEPT_BYTES // (LIST_BYTES * max(rows, 1)))))
    def model_of(taken: tuple[int, ...]) -> Repaired:
        if not taken:
            return start
        *before, last = taken
        return model_of(tuple(before)).take(fixes[last], *sent(last))

    @cache
    def passes(taken: tuple[int, ...], place: int) -> bool:
        """Whether the fix at a place is accepted where these are in the list before it."""
        return model_of(taken).judge(*sent(place), bounty).accepted

    def value(teams: frozenset[int]) -> float:
        taken: tuple[int, ...] = ()
        for place, fix in enumerate(fixes):
            if fix.team_id in teams and passes(taken, place):
                taken = (*taken, place)
        return 100 * (start.list.totals[0] - model_of(taken).list.totals[-1]) / whole

    return value

"""The close: the final half's labels are read here, once, and what they say of the recorded verdicts is
published.

Nothing is chosen or repaired on the final half: finds are judged again in the recorded order with the level
of as many verdicts as were accepted, and the recorded list is evaluated as it stands.
"""

import math
from dataclasses import asdict, dataclass

import numpy as np
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from common.jobs import UNFINISHED
from fairness.gains import gain_interval
from fairness.gaps import compare
from fairness.pointer_list import choose, versions
from fairness.verdict import judge_find

from . import parts
from .models import Bounty, Submission
from .standings import standings
from .verdicts import Referee, accepted_of


def due() -> list[int]:
    """Bounties that have closed with every submission finished, and are not final yet."""
    over = Q(closed_at__isnull=False) | Q(closes_at__lte=Now())
    closed = Bounty.objects.filter(over, opened_at__isnull=False, finalised_at__isnull=True)
    return list(closed.exclude(submissions__status__in=UNFINISHED).values_list("pk", flat=True))


def finalise(bounty_id: int) -> bool:
    """Publish what the final half says, in one transaction; False where it is too early, done or being
    done.
    """
    with transaction.atomic():
        bounty = locked(bounty_id)
        if bounty is None or bounty.phase != "closed" or bounty.finalised_at is not None:
            return False
        if bounty.submissions.unfinished().exists():
            return False
        Bounty.objects.filter(pk=bounty_id).update(final=final_of(bounty), finalised_at=Now())
    return True


def locked(bounty_id: int) -> Bounty | None:
    """The bounty, unless somebody else is at it: its close may take a minute, and nobody need wait for
    that.
    """
    return Bounty.objects.select_for_update(skip_locked=True).filter(pk=bounty_id).first()


def final_of(bounty: Bounty) -> dict:
    """Everything that is published at the close, as it is shown and stored."""
    accepted = [one for one in accepted_of(bounty) if one.accepted]
    level = bounty.alpha / max(len(accepted), 1)
    finds = final_finds(bounty, [one for one in accepted if one.kind == Submission.Kind.FIND], level)
    fixes, model, teams = final_fixes(bounty)
    return {
        "rows": bounty.parts["final"]["rows"],
        "accepted": len(accepted),
        "level": level,
        "finds": finds,
        "fixes": fixes,
        "model": model,
        "tracks": {"find": ranking(bounty, "find", finds, {}), "fix": ranking(bounty, "fix", fixes, teams)},
    }


def final_finds(bounty: Bounty, finds: list[Submission], level: float) -> list[dict]:
    """The accepted finds judged again in their order, with each gap and its 95 % interval."""
    if not finds:
        return []
    evidence, rows = parts.part(bounty, "final").evidence, bounty.parts["final"]["rows"]
    judged, groups = [], []
    for find in finds:
        group = parts.unpack(find.masks.final, rows)
        verdict = judge_find(evidence, group, groups, level, min_rows=bounty.min_rows)
        gap = compare(evidence, group)
        groups.append(group)
        judged.append(
            {
                "submission": find.pk,
                "team": find.team.name,
                "rows": gap.rows,
                "exposure": gap.exposure,
                "group_weight": verdict.group_weight,
                "rate": gap.rate,
                "rest_rate": gap.rest_rate,
                "gap": gap.gap,
                "low": gap.low,
                "high": gap.high,
                "code": verdict.code,
                "live_points": find.points,
                "points": verdict.points,
            }
        )
    return judged


@dataclass(frozen=True)
class Drop:
    """By how much the mean loss fell, with a 95 % interval, in percentage points; negative where it rose."""

    points: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, rows: np.ndarray, clusters: np.ndarray | None) -> "Drop":
        interval = gain_interval(rows, clusters)
        low, high = (100 * float(end) if np.isfinite(end) else None for end in (interval.low, interval.high))
        return cls(100 * float(rows.mean()), low, high)


def final_fixes(bounty: Bounty) -> tuple[list[dict], dict | None, dict[str, Drop]]:
    """The recorded list on the final half: what each accepted fix changed with its repairs, the model before
    and after, and the drop by team.
    """
    if not bounty.accepts_fixes:
        return [], None, {}
    live = Referee(bounty, accepted_of(bounty)).model()
    answered, n = parts.answered(bounty, "final"), bounty.parts["final"]["rows"]
    groups = [parts.unpack(fix.masks.final, n) for fix in live.fixes]
    given = [parts.unpack_answers(bounty, fix.answers.final) for fix in live.fixes]
    ends = set(live.list.rounds)
    now, fixes, by_team = answered.base_losses, [], {}
    for version, source in enumerate(versions(live.list.nodes, groups, n)):
        if version not in ends:
            continue
        fix, group = live.fixes[len(fixes)], groups[len(fixes)]
        before, now = now, answered.losses(choose(source, answered.y_base, groups, given))
        drop = Drop.of(before - now, answered.clusters)
        by_team[fix.team.name] = by_team.get(fix.team.name, 0) + before - now
        fixes.append(
            {
                "submission": fix.pk,
                "number": len(fixes) + 1,
                "team": fix.team.name,
                "rows": int(np.count_nonzero(group)),
                "group_before": float(before[group].mean()) if group.any() else None,
                "group_after": float(now[group].mean()) if group.any() else None,
                "before": float(before.mean()),
                "after": float(now.mean()),
                "live_points": fix.points,
                **asdict(drop),
            }
        )
    whole = Drop.of(answered.base_losses - now, answered.clusters)
    model = {"before": float(answered.base_losses.mean()), "after": float(now.mean()), **asdict(whole)}
    return fixes, model, {team: Drop.of(rows, answered.clusters) for team, rows in by_team.items()}


def ranking(bounty: Bounty, track: str, accepted: list[dict], drops: dict[str, Drop]) -> list[dict]:
    """Teams by their points on the final half; of equal ones, who stood first live."""
    totals: dict[str, float] = {}
    for one in accepted:
        totals[one["team"]] = totals.get(one["team"], 0.0) + one["points"]
    live = standings(bounty, track)
    order = sorted(live, key=lambda row: (-totals.get(row.team, 0.0), row.rank))
    return [
        {
            "rank": rank,
            "team": row.team,
            "points": totals.get(row.team, 0.0),
            "low": drops[row.team].low if row.team in drops else None,
            "high": drops[row.team].high if row.team in drops else None,
            "accepted": row.accepted,
            "live_rank": row.rank,
            "live_points": math.fsum(one["live_points"] for one in accepted if one["team"] == row.team),
        }
        for rank, row in enumerate(order, start=1)
    ]

"""The repaired model as pages and API show it. Everything is computed from what is stored, and kept until
another fix is accepted.

Exact numbers on hidden rows are the organisers' until the close; others see who got what in, in which order,
and what a rounded total says.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl
from django.db.models import Count

from common.jobs import round_up
from fairness.ranking import round_down

from . import parts
from .models import Bounty, Submission
from .verdicts import Referee, Repaired, accepted_of

FEWEST_ROWS = 10  # of a declared group, for a share of its rows to be told


@dataclass(frozen=True)
class Round:
    """An accepted fix. `drop` is the overall error's fall so far, in points, rounded down to 0.1 for
    everybody.

    `exact` holds the verdict's numbers, for those who may see them.
    """

    number: int
    submission: Submission
    version: int
    repairs: tuple[dict, ...]
    drop: float
    exact: dict | None


def repaired(bounty: Bounty) -> Repaired:
    """The shared list on the leaderboard half."""
    return _repaired(bounty.pk, last_accepted(bounty))


def last_accepted(bounty: Bounty) -> int:
    """Changes whenever anything that is shown here does."""
    last = bounty.submissions.filter(accepted=True).order_by("-id").values_list("id", flat=True).first()
    return last or 0


@lru_cache(maxsize=8)
def _repaired(bounty_id: int, last: int) -> Repaired:
    bounty = Bounty.objects.get(pk=bounty_id)
    return Referee(bounty, accepted_of(bounty)).model()


def nodes(bounty: Bounty) -> list[dict]:
    """The list from its first node to its last: version made, whose group, and whose answer or which
    version.
    """
    return [
        {"version": version, "group": node.group, "points_to": node.version}
        for version, node in enumerate(repaired(bounty).list.nodes, start=1)
    ]


def rounds(bounty: Bounty, *, exact: bool) -> list[Round]:
    model = repaired(bounty)
    shown, total, before = [], 0.0, 0
    for number, (fix, version) in enumerate(zip(model.fixes, model.list.rounds, strict=True), start=1):
        total += fix.points
        pointers = [node for node in nodes(bounty)[before:version] if node["points_to"] is not None]
        shown.append(
            Round(number, fix, version, tuple(pointers), round_down(total), fix.numbers if exact else None)
        )
        before = version
    return shown


def life(bounty: Bounty) -> dict:
    """Error after every round, of all rows and of each accepted group from its round on: exact, leaderboard
    half.

    `overall` starts with the base model; `groups[k]` is None before fix k + 1 was in.
    """
    model = repaired(bounty)
    ends, scale = (0, *model.list.rounds), model.answered.scale
    n = len(model.answered.y_true)
    return {
        "overall": [model.list.totals[end] / (scale * n) for end in ends],
        "groups": [
            [None] * number + [costs[end] / (scale * max(len(rows), 1)) for end in ends[number:]]
            for number, (costs, rows) in enumerate(
                zip(model.list.by_group, model.list.groups, strict=True), start=1
            )
        ],
    }


def coverage(bounty: Bounty) -> list[dict]:
    """Shares of the leaderboard half's rows, in whole percent, that accepted groups hold once and more often.

    By declared group, the whole half first, for finds and fixes apart. Where a value has few rows nothing is
    told.
    """
    return _coverage(bounty.pk, last_accepted(bounty))


@lru_cache(maxsize=32)
def _coverage(bounty_id: int, last: int) -> list[dict]:
    bounty = Bounty.objects.get(pk=bounty_id)
    rows = parts.leaderboard_rows(bounty)
    held = {kind: np.zeros(rows, dtype=np.int64) for kind in Submission.Kind.values}
    for submission in accepted_of(bounty):
        if submission.accepted:
            held[submission.kind] += parts.unpack(submission.masks.leaderboard, rows)
    features = parts.part(bounty, "leaderboard").features
    shown = [covered(None, "", np.ones(rows, dtype=bool), held)]
    for column in bounty.group_columns:
        values = features[column].cast(pl.String).fill_null("").to_numpy()
        for value in sorted(set(values.tolist())):
            shown.append(covered(column, value, values == value, held))
    return shown


def covered(column: str | None, value: str, members: np.ndarray, held: dict[str, np.ndarray]) -> dict:
    size = int(members.sum())
    told = size >= FEWEST_ROWS
    return {
        "column": column,
        "value": value,
        **{
            kind: {
                "once": percent(times[members] == 1) if told else None,
                "more": percent(times[members] > 1) if told else None,
            }
            for kind, times in held.items()
        },
    }


def percent(flags: np.ndarray) -> int:
    return round(100 * float(flags.mean()))


def uses(bounty: Bounty) -> list[dict]:
    """By team, in the order of their first accepted group: how much its accepted groups use each column.

    The mean over them of the share of public rows whose answer changes when the column's values are shuffled.
    """
    teams: dict[str, list[dict]] = {}
    accepted = bounty.submissions.filter(accepted=True).order_by("id")
    for team, used in accepted.values_list("team__name", "uses"):
        if used:
            teams.setdefault(team, []).append(used)
    names = [column["name"] for column in bounty.schema]
    return [
        {
            "team": team,
            "groups": len(used),
            "uses": {name: float(np.mean([one.get(name, 0.0) for one in used])) for name in names},
        }
        for team, used in teams.items()
    ]


def guard(bounty: Bounty) -> dict:
    """What is left of the hidden set's protection: K, who used how much of it, and what the promise covers
    now.
    """
    counted = bounty.submissions.using_verdicts().order_by().values_list("team__name", "team__is_house")
    teams = counted.annotate(used=Count("id")).order_by("-used", "team__name")
    used = sum(used for *_, used in teams)
    accepted = bounty.submissions.filter(accepted=True)
    first = accepted.order_by("id").first()
    return {
        "verdict_cap": bounty.verdict_cap,
        "used": used,
        "left": max(0, bounty.verdict_cap - used),
        "alpha": bounty.alpha,
        "level": bounty.level,
        "accepted": accepted.count(),
        "first_accepted": round_up(first.finished) if first else None,
        "teams": [{"team": team, "is_house": is_house, "used": used} for team, is_house, used in teams],
    }

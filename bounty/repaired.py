"""The repaired model as pages and API show it. What needs hidden rows is recorded by the worker with each
acceptance; pages read the record.

Exact numbers on hidden rows are the organisers' until the close; others see who got what in, in which order,
and what a rounded total says.
"""

from dataclasses import dataclass

import numpy as np
from django.db import transaction
from django.db.models import Count

from common.jobs import round_up
from fairness.ranking import round_down
from fairness.slices import compile_rule
from fairness.slices.coding import code_column

from . import parts
from .models import Bounty, Live, Submission
from .verdicts import Referee, Repaired, accepted_of

FEWEST_ROWS = 10  # of a declared group, for a share of its rows to be told
BINS = 5  # of a column of numbers, as on the page of the data


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


def record(bounty: Bounty, referee: Referee) -> None:
    """Write what the accepted submissions have made of the hidden rows, under the bounty's row lock."""
    last = bounty.submissions.filter(accepted=True).order_by("-id").values_list("id", flat=True).first()
    facts = {"last": last, "coverage": measured_coverage(bounty, referee)}
    if bounty.accepts_fixes:
        model = referee.model()
        facts |= {
            "nodes": [
                {"version": version, "group": node.group, "points_to": node.version}
                for version, node in enumerate(model.list.nodes, start=1)
            ],
            "rounds": list(model.list.rounds),
            "life": measured_life(model),
        }
    Live.objects.update_or_create(bounty=bounty, defaults=facts)


def unrecorded() -> list[int]:
    """Bounties with accepted submissions of before these facts were kept."""
    found = Bounty.objects.filter(live=None, submissions__accepted=True).distinct()
    return list(found.values_list("pk", flat=True))


def record_anew(bounty_id: int) -> None:
    with transaction.atomic():
        bounty = Bounty.objects.select_for_update().get(pk=bounty_id)
        record(bounty, Referee(bounty, accepted_of(bounty)))


def live_of(bounty: Bounty) -> Live:
    """As it was last recorded; before that the model is as it came."""
    unrepaired = {"overall": [bounty.parts["leaderboard"]["model_error"]], "groups": []}
    return Live.objects.filter(bounty=bounty).first() or Live(bounty=bounty, last=0, life=unrepaired)


def fixes_in(live: Live) -> list[Submission]:
    fixes = live.bounty.submissions.filter(kind=Submission.Kind.FIX, accepted=True, id__lte=live.last)
    return list(fixes.select_related("team").defer("log").order_by("id"))


def rounds(live: Live, *, exact: bool) -> list[Round]:
    """The fixes in the model; `live.nodes` is its list from its first node to its last: version made, whose
    group, and whose answer or which version.
    """
    shown, total, before = [], 0.0, 0
    for number, (fix, version) in enumerate(zip(fixes_in(live), live.rounds, strict=True), start=1):
        total += fix.points
        pointers = [node for node in live.nodes[before:version] if node["points_to"] is not None]
        shown.append(
            Round(number, fix, version, tuple(pointers), round_down(total), fix.numbers if exact else None)
        )
        before = version
    return shown


def numbers_of(bounty: Bounty) -> dict[int, int]:
    """By id of the submission, the number of each fix in the model."""
    fixes = bounty.submissions.filter(kind=Submission.Kind.FIX, accepted=True).order_by("id")
    return {pk: number for number, pk in enumerate(fixes.values_list("pk", flat=True), start=1)}


def measured_life(model: Repaired) -> dict:
    """Error after every round, of all rows and of each accepted group from its round on: exact, leaderboard
    half.

    `overall` starts with the base model; `groups[k]` is None before fix k + 1 was in.
    """
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


def measured_coverage(bounty: Bounty, referee: Referee) -> list[dict]:
    """Shares of the leaderboard half's rows, in whole percent, that accepted groups hold once and more often.

    By declared group, the whole half first, for finds and fixes apart. Groups are the public sample's values
    and bins, so that nothing is told of values that only hidden rows have. Where a group has few rows nothing
    is told.
    """
    rows = parts.leaderboard_rows(bounty)
    held = {kind: np.zeros(rows, dtype=np.int64) for kind in Submission.Kind.values}
    for group in referee.found:
        held[Submission.Kind.FIND] += group
    for group in referee.model().list.groups if bounty.accepts_fixes else ():
        held[Submission.Kind.FIX][group] += 1
    shown = [covered(None, "", np.ones(rows, dtype=bool), held)]
    for column in bounty.group_columns:
        for value, members in declared_groups(bounty, column):
            shown.append(covered(column, value, members, held))
    return shown


def declared_groups(bounty: Bounty, column: str) -> list[tuple[str, np.ndarray]]:
    """A declared column's groups as the public sample has them: who is in each on the leaderboard half."""
    coded = code_column(parts.sample_part(bounty).features[column], bins=BINS)
    features, schema = parts.part(bounty, "leaderboard").features, parts.schema_of(bounty)
    held = [compile_rule(condition, schema).mask(features) for condition in coded.conditions]
    groups = list(zip(coded.labels, held, strict=False))
    others = ~np.logical_or.reduce(held)
    if others.any():
        groups.append((coded.labels[-1] if len(coded.labels) > len(held) else "other", others))
    return groups


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
    teams: dict[tuple[str, bool], list[list[float]]] = {}
    names = [column["name"] for column in bounty.schema]
    accepted = bounty.submissions.filter(accepted=True).order_by("id")
    for team, is_house, used in accepted.values_list("team__name", "team__is_house", "uses"):
        if used:
            teams.setdefault((team, is_house), []).append([used.get(name, 0.0) for name in names])
    return [
        {
            "team": team,
            "is_house": is_house,
            "groups": len(used),
            "uses": dict(zip(names, np.mean(used, axis=0).tolist(), strict=True)),
        }
        for (team, is_house), used in teams.items()
    ]


def guard(bounty: Bounty) -> dict:
    """What is left of the hidden set's protection: K, who used how much of it, and what the promise covers
    now.
    """
    names = {pk: name for pk, *name in bounty.teams.values_list("pk", "name", "is_house")}
    # Counted by team before anything is joined: from an index alone, however many there are.
    counted = bounty.submissions.using_verdicts().order_by().values_list("team").annotate(used=Count("*"))
    teams = sorted(((*names[team], used) for team, used in counted), key=lambda row: (-row[2], row[0]))
    used = sum(used for *_, used in teams)
    accepted = bounty.submissions.filter(accepted=True)
    first = accepted.order_by("id").only("finished").first()
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

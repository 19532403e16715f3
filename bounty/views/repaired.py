"""Pages of the repaired model, of what accepted groups use and cover, and of what guards the hidden set."""

from collections.abc import Iterable

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse

from .. import figures, repaired
from ..models import Bounty, Submission
from .public import frame, visible_bounty

HEAT_STEPS = 8
NODES_SHOWN = 30
ROUNDS_ON_A_PAGE = 30
TEAMS_ON_A_PAGE = 100
UNUSED_SHOWN = 12


def model(request: HttpRequest, slug: str) -> HttpResponse:
    bounty = visible_bounty(request, slug)
    exact = bounty.shows_numbers_to(request.user)
    context = frame(request, bounty, tab="model", exact=exact)
    live = repaired.live_of(bounty) if has_model(bounty) else None
    rounds = repaired.rounds(live, exact=exact) if live else []
    if rounds:
        page = Paginator(rounds[::-1], ROUNDS_ON_A_PAGE).get_page(request.GET.get("page"))
        shown = page.object_list[::-1]
        numbers = [one.number for one in shown]
        nodes = [node for node in drawn(rounds, live.nodes) if node["round"].number in numbers]
        context |= {
            "page": page,
            "rounds": shown,
            "fixes": len(rounds),
            "nodes": nodes[:NODES_SHOWN],
            "older_nodes": nodes[NODES_SHOWN:],
            "repairs": sum(len(one.repairs) for one in rounds),
            "teams": len({one.submission.team_id for one in rounds}),
            "drop": rounds[-1].drop,
        }
        if exact:
            pages = [reverse("bounty:round", args=[slug, one.number]) for one in rounds]
            context |= {
                "figure": figures.life(rounds, shown, live.life, pages, context["loss_name"]),
                "table": life_table(rounds, shown, live.life),
                "before": live.life["overall"][0],
                "after": live.life["overall"][-1],
            }
    return render(request, "bounty/model.html", context)


def has_model(bounty: Bounty) -> bool:
    return bounty.is_prepared and bounty.accepts_fixes


def drawn(rounds: list[repaired.Round], nodes: list[dict]) -> list[dict]:
    """The list's nodes, newest first: whose group each asks for, and in which round it came."""
    came = [one for one in rounds for _ in range(1 + len(one.repairs))]
    return [
        node | {"fix": rounds[node["group"] - 1], "round": came[node["version"] - 1]}
        for node in reversed(nodes)
    ]


def life_table(rounds: list[repaired.Round], shown: list[repaired.Round], history: dict) -> list[dict]:
    """Round by round, the error of all rows and of each shown fix's group, from just before that fix."""
    table, first = [], shown[0].number - 1
    for number in range(first, shown[-1].number + 1):
        cells = [history["groups"][one.number - 1][number] for one in shown]
        if number < shown[-1].number:
            cells[number - first] = rounds[number].exact["group_before"]
        row = {"round": rounds[number - 1] if number else None, "overall": history["overall"][number]}
        table.append(row | {"cells": cells})
    return table


def round_page(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """An accepted fix and what it did to the model."""
    bounty = visible_bounty(request, slug)
    exact = bounty.shows_numbers_to(request.user)
    rounds = repaired.rounds(repaired.live_of(bounty), exact=exact) if has_model(bounty) else []
    if not 1 <= number <= len(rounds):
        raise Http404
    shown = rounds[number - 1]
    fix = shown.submission
    is_theirs = Submission.objects.visible_to(request.user).filter(pk=fix.pk).exists()
    used = sorted(fix.uses.items(), key=lambda use: (-use[1], use[0]))
    context = frame(
        request,
        bounty,
        tab="model",
        shown=shown,
        fix=fix,
        exact=exact,
        is_theirs=is_theirs,
        shows_group=is_theirs or bounty.publishes_groups,
        repairs=[node | {"fix": rounds[node["group"] - 1]} for node in shown.repairs],
        used=[use for use in used if use[1] > 0],
        **left_out([name for name, share in used if not share]),
        previous=rounds[number - 2] if number > 1 else None,
        next=rounds[number] if number < len(rounds) else None,
        final=bounty.final["fixes"][number - 1] if bounty.finalised_at else None,
    )
    return render(request, "bounty/round.html", context)


def groups(request: HttpRequest, slug: str) -> HttpResponse:
    """Which columns teams' accepted groups use, and how much of the hidden rows they cover."""
    bounty = visible_bounty(request, slug)
    context = frame(request, bounty, tab="model")
    if bounty.is_prepared and bounty.submissions.filter(accepted=True).exists():
        teams = repaired.uses(bounty)
        page = Paginator(teams, TEAMS_ON_A_PAGE).get_page(request.GET.get("page"))
        coverage = repaired.live_of(bounty).coverage
        context |= heat_map(teams, page) | {"page": page, "coverage": by_column(coverage)}
    return render(request, "bounty/groups.html", context)


def heat_map(teams: list[dict], shown: Iterable[dict]) -> dict:
    """The shown teams by columns that any team uses; how dark a cell is says how much."""
    names = list(teams[0]["uses"]) if teams else []
    used = [name for name in names if any(team["uses"][name] > 0 for team in teams)]
    most = max((use for team in teams for use in team["uses"].values()), default=0.0)
    rows = [
        team
        | {"cells": [{"use": use, "heat": heat(use, most)} for use in (team["uses"][name] for name in used)]}
        for team in shown
    ]
    return {"columns": used, "uses": rows, **left_out([name for name in names if name not in used])}


def left_out(names: list[str]) -> dict:
    """Columns that are not used; beyond the first ones only how many."""
    return {"unused": names, "unused_more": max(0, len(names) - UNUSED_SHOWN)}


def heat(use: float, most: float) -> int:
    """0 where a column is not used, else 1 to 8: the most that any team uses one."""
    return max(1, round(HEAT_STEPS * use / most)) if use > 0 else 0


def by_column(coverage: list[dict]) -> list[dict]:
    """All rows, then each declared column with its groups."""
    columns: dict[str, list[dict]] = {}
    for row in coverage[1:]:
        columns.setdefault(row["column"], []).append(row)
    return [{"column": None, "rows": coverage[:1]}] + [
        {"column": name, "rows": rows} for name, rows in columns.items()
    ]


def guard(request: HttpRequest, slug: str) -> HttpResponse:
    bounty = visible_bounty(request, slug)
    shown = repaired.guard(bounty)
    most = max((team["used"] for team in shown["teams"]), default=0)
    page = Paginator(shown["teams"], TEAMS_ON_A_PAGE).get_page(request.GET.get("page"))
    context = frame(request, bounty, tab="model", guard=shown, most=most, page=page)
    return render(request, "bounty/guard.html", context)


urlpatterns = [
    path("bounties/<slug:slug>/model/", model, name="model"),
    path("bounties/<slug:slug>/model/<int:number>/", round_page, name="round"),
    path("bounties/<slug:slug>/groups/", groups, name="groups"),
    path("bounties/<slug:slug>/guard/", guard, name="guard"),
]

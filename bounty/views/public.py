"""A bounty's pages that need no account."""

from django.core.paginator import Paginator
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path

from .. import repaired, sample
from ..entry import quota_of
from ..models import PARTS, Bounty
from ..standings import standings

TEAMS_ON_A_PAGE = 100
BOUNTIES_ON_A_PAGE = 24
COLUMNS_ON_A_PAGE = 24
LATEST = 5
PART_NAMES = {"sample": "Public sample", "leaderboard": "Leaderboard half", "final": "Final half"}


def visible_bounty(request: HttpRequest, slug: str) -> Bounty:
    return get_object_or_404(Bounty.objects.visible_to(request.user), slug=slug)


def frame(request: HttpRequest, bounty: Bounty, *, tab: str = "", **context) -> dict:
    """What the heading and tabs of every bounty page show; `tab` names the one that several pages share."""
    user = request.user
    team = bounty.teams.filter(user=user.pk).first() if user.pk else None
    return {
        "bounty": bounty,
        "team": team,
        "is_organiser": bounty.is_organised_by(user),
        "sent": team.submissions.count() if team else None,
        # What fixes lower: every mistake counts, also where finds count one kind.
        "loss_name": "error rate" if bounty.predicts == "label" else bounty.get_measure_display().lower(),
        "in_leaderboard": tab == "leaderboard",
        "in_model": tab == "model",
        **context,
    }


def house_of(bounty: Bounty) -> set[str]:
    """Names of the teams that are automatic participants."""
    return set(bounty.teams.filter(is_house=True).values_list("name", flat=True))


def bounty_list(request: HttpRequest) -> HttpResponse:
    mine = Bounty.objects.none()
    if request.user.is_authenticated:
        drafts = Bounty.objects.filter(organisers=request.user, opened_at__isnull=True)
        mine = drafts.for_lists()[:BOUNTIES_ON_A_PAGE]
    over = ExpressionWrapper(
        Q(closed_at__isnull=False) | Q(closes_at__isnull=False, closes_at__lte=Now()), BooleanField()
    )
    opened = Bounty.objects.filter(opened_at__isnull=False).with_counts().order_by(over, "-opened_at")
    page = Paginator(opened, BOUNTIES_ON_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "bounty/list.html", {"page": page, "drafts": mine})


def overview(request: HttpRequest, slug: str) -> HttpResponse:
    bounty = visible_bounty(request, slug)
    prepared = bounty.is_prepared
    context = frame(
        request,
        bounty,
        facts=sample.overview(bounty) if prepared else None,
        quota=quota_of(bounty, None),
        parts=[{"title": PART_NAMES[name], **bounty.parts[name]} for name in PARTS if name in bounty.parts],
        hidden_rows=sum(bounty.parts[name]["rows"] for name in PARTS[1:]) if prepared else None,
        accepted=latest_accepted(bounty),
    )
    return render(request, "bounty/overview.html", context)


def latest_accepted(bounty: Bounty) -> list[dict]:
    """The newest accepted submissions; of a fix, its number in the model."""
    newest = list(bounty.submissions.filter(accepted=True).select_related("team").order_by("-id")[:LATEST])
    numbers = repaired.numbers_of(bounty) if any(one.kind == "fix" for one in newest) else {}
    return [{"submission": one, "number": numbers.get(one.pk)} for one in newest]


def data(request: HttpRequest, slug: str) -> HttpResponse:
    """The public sample: rates by declared group on the first page, then a page of columns at a time."""
    bounty = visible_bounty(request, slug)
    context = frame(request, bounty)
    if bounty.is_prepared:
        page = Paginator(bounty.schema, COLUMNS_ON_A_PAGE).get_page(request.GET.get("page"))
        groups = bounty.group_columns if page.number == 1 else ()
        context |= {
            "facts": sample.overview(bounty),
            "groups": [{"column": name, **vars(sample.rates_by_group(bounty, name))} for name in groups],
            "page": page,
            "columns": sample.columns(bounty, list(page)),
        }
    return render(request, "bounty/data.html", context)


def leaderboard(request: HttpRequest, slug: str) -> HttpResponse:
    """Finds, or fixes by the shared list or by each team's own; where no fixes are taken, finds alone."""
    bounty = visible_bounty(request, slug)
    track = "fix" if bounty.accepts_fixes and request.GET.get("track") == "fix" else "find"
    which = "solo" if track == "fix" and request.GET.get("list") == "solo" else "shared"
    rows = standings(bounty, track, which)
    page = Paginator(rows, TEAMS_ON_A_PAGE).get_page(request.GET.get("page"))
    context = frame(
        request,
        bounty,
        tab="leaderboard",
        track=track,
        which=which,
        page=page,
        teams=len(rows),
        accepted=sum(row.accepted for row in rows),
        house=house_of(bounty),
    )
    # Verdicts are given in the order of submission.
    judged = bounty.submissions.filter(kind=track, accepted__isnull=False).order_by("id")
    context["last_verdict"] = judged.only("finished").last()
    own = next((row for row in rows if context["team"] and row.team == context["team"].name), None)
    if own and own not in page.object_list:
        context["own_row"] = own
    return render(request, "bounty/leaderboard.html", context)


urlpatterns = [
    path("bounties/", bounty_list, name="list"),
    path("bounties/<slug:slug>/", overview, name="overview"),
    path("bounties/<slug:slug>/data/", data, name="data"),
    path("bounties/<slug:slug>/leaderboard/", leaderboard, name="leaderboard"),
]

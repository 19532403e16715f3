"""The final ranking: what the final half says of what was accepted, shown once the bounty has closed."""

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from ..models import Bounty, Submission
from .public import frame, house_of, visible_bounty

ROWS_ON_A_PAGE = 100


def final(request: HttpRequest, slug: str) -> HttpResponse:
    """Before the close there is nothing to be found; until the final half is read, what is waited for."""
    bounty = visible_bounty(request, slug)
    if bounty.phase != "closed":
        raise Http404
    context = frame(request, bounty, tab="leaderboard")
    if bounty.finalised_at is None:
        context["unfinished"] = bounty.submissions.unfinished().count()
    else:
        context |= published(bounty, request.user, request.GET.get("page"))
    return render(request, "bounty/final.html", context)


def published(bounty: Bounty, user, number: str | None) -> dict:
    """A page of it: as many rows of each table, from the same place on."""
    final = bounty.final
    credit = final.get("credit", ())
    tables = [*final["tracks"].values(), final["finds"], final["fixes"], credit]
    page = Paginator(max(tables, key=len), ROWS_ON_A_PAGE).get_page(number)
    shown = slice((page.number - 1) * ROWS_ON_A_PAGE, page.number * ROWS_ON_A_PAGE)
    finds, fixes = (sent_with(bounty, user, final[name][shown]) for name in ("finds", "fixes"))
    return {
        "page": page,
        "final": final | {"credit": final["credit"][shown] if "credit" in final else None},
        "house": house_of(bounty),
        "find_ranking": compared(final["tracks"]["find"][shown]),
        "fix_ranking": compared(final["tracks"]["fix"][shown]),
        "finds": [row | {"words": words_of_find(row)} for row in finds],
        "fixes": [row | {"words": words_of_fix(row)} for row in fixes],
        "fall": abs(final["model"]["points"]) if final["model"] else None,
        "drawn": any(one["low"] != one["high"] for one in credit),
        "most_credit": max((one["value"] for one in credit), default=0),
    }


def compared(ranking: list[dict]) -> list[dict]:
    """Each team beside where it stood live."""
    return [
        row
        | {
            "change": row["points"] - row["live_points"],
            "moved": row["live_rank"] - row["rank"],
            "down": row["rank"] - row["live_rank"],
        }
        for row in ranking
    ]


def sent_with(bounty: Bounty, user, rows: list[dict]) -> list[dict]:
    """What was accepted, with what was sent where this reader may see it."""
    sent = bounty.submissions.in_bulk([row["submission"] for row in rows])
    theirs = set(Submission.objects.visible_to(user).filter(pk__in=sent).values_list("pk", flat=True))
    return [
        row
        | {
            "sent": sent[row["submission"]],
            "is_theirs": row["submission"] in theirs,
            "shows_group": bounty.publishes_groups or row["submission"] in theirs,
        }
        for row in rows
    ]


def words_of_find(row: dict) -> str:
    if row["code"] == "too_little_exposure":
        return "Too few people there to say."
    if row["points"] > 0:
        return "Proven once more."
    if row["gap"] is not None and row["gap"] < 0:
        return "Not proven: there the group fares better than others."
    return "Not proven by the final half alone; that is no proof of the contrary."


def words_of_fix(row: dict) -> str:
    """In plain words, with regard to chance."""
    if not row["rows"]:
        return "Nobody there is in its group."
    if row["low"] is None:
        return "Too few people there to say how sure this is."
    if row["low"] > 0:
        return "Better there too, beyond chance."
    if row["high"] < 0:
        return "Worse there, beyond chance."
    if row["points"] > 0:
        return "Better there, within chance."
    return "Worse there, within chance." if row["points"] < 0 else "No change there."


urlpatterns = [path("bounties/<slug:slug>/final/", final, name="final")]

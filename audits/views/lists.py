"""The list of audits: what is public, what is one's own, and a search over both."""

from collections.abc import Iterable

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from common.jobs import Status
from fairness.kinds import KINDS

from ..forms import AuditFilter
from ..limits import mark_of
from ..models import Audit, Visibility

AUDITS_ON_A_PAGE = 20
UNFINISHED_SHOWN = 20


def audit_list(request: HttpRequest) -> HttpResponse:
    user = request.user
    listed = Audit.objects.listed_to(user).filter(status=Status.SCORED).for_lists()
    form = AuditFilter(request.GET)
    found = filtered(listed, user, form)
    page = Paginator(found.order_by("-finished", "-id"), AUDITS_ON_A_PAGE).get_page(request.GET.get("page"))
    in_words(page)
    mine = (
        Audit.objects.filter(owner=user.pk).exclude(status=Status.SCORED) if user.pk else Audit.objects.none()
    )
    context = {
        "page": page,
        "form": form,
        "filtered": any(request.GET.get(name) for name in form.fields),
        "any": listed.exists(),
        "drafts": mine.for_lists().order_by("-id")[:UNFINISHED_SHOWN],
    }
    return render(request, "audits/list.html", context)


def in_words(audits: Iterable[Audit]) -> None:
    """What the row of an audit in a list says beside its card."""
    for audit in audits:
        kind = KINDS[audit.kind]
        audit.words = (kind.row_word[1], kind.cluster_word[1])
        for column in audit.card["groups"]:
            column["shown_mark"] = mark_of(column | {"role": "group"})


def filtered(listed: QuerySet[Audit], user, form: AuditFilter) -> QuerySet[Audit]:
    """What the form asks for; what it says wrongly asks for nothing."""
    form.is_valid()
    wanted = form.cleaned_data
    for word in wanted.get("q", "").split():
        places = ("title", "system", "series", "release", "owner__username")
        listed = listed.filter(Q(*[(f"{place}__icontains", word) for place in places], _connector=Q.OR))
    if wanted.get("kind"):
        listed = listed.filter(kind=wanted["kind"])
    if wanted.get("whose") == "mine" and user.pk:
        listed = listed.filter(owner=user.pk)
    elif wanted.get("whose") == "public":
        listed = listed.filter(visibility=Visibility.PUBLIC)
    return listed


urlpatterns = [path("audits/", audit_list, name="list")]

"""One system: its audits and its bounties, which know nothing of each other, on one page."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from audits.models import Audit
from audits.views.lists import in_words
from bounty.models import Bounty
from common.jobs import Status

MOST = 50


def system(request: HttpRequest, slug: str) -> HttpResponse:
    """What the reader may see of it; a system of which that is nothing is not there."""
    bounties = Bounty.objects.visible_to(request.user).filter(system=slug).with_counts()[:MOST]
    listed = Audit.objects.listed_to(request.user).filter(system=slug, status=Status.SCORED)
    audits = listed.for_lists().order_by("-finished", "-id")[:MOST]
    in_words(audits)
    if not bounties and not audits:
        raise Http404
    return render(request, "system.html", {"slug": slug, "bounties": bounties, "audits": audits})

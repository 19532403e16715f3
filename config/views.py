"""Pages that belong to the whole site: home and API tokens."""

import logging
from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from audits.models import Audit, Visibility
from audits.views.lists import in_words
from bounty.models import Bounty, Submission
from bounty.parts import DamagedPart
from bounty.sample import first_look
from common.jobs import Status
from common.throttle import TOO_FAST, is_too_fast

from .forms import TokenForm
from .models import ApiToken

logger = logging.getLogger(__name__)

HOME_BOUNTIES = 12
HOME_FINDS = 10
HOME_AUDITS = 4
TOKENS_ON_A_PAGE = 50
NAME_TAKEN = "You have a token of this name already. Choose another name, or revoke it first."
REVOKED = "The token “{name}” is revoked. Whatever used it can no longer sign in."


def home(request: HttpRequest) -> HttpResponse:
    finds = Submission.objects.filter(accepted=True, bounty__opened_at__isnull=False)
    public = Audit.objects.filter(visibility=Visibility.PUBLIC, status=Status.SCORED)
    bounties = Bounty.objects.taking_submissions().with_counts()[:HOME_BOUNTIES]
    audits = public.for_lists().order_by("-finished")[:HOME_AUDITS]
    in_words(audits)
    context = {
        "bounties": bounties,
        "look": next(filter(None, map(look_at, bounties)), None),
        "finds": finds.select_related("team", "bounty")
        .only("finished", "team__name", "bounty__slug", "bounty__title")
        .order_by("-finished")[:HOME_FINDS],
        "audits": audits,
    }
    return render(request, "home.html", context)


def look_at(bounty: Bounty) -> dict | None:
    """One bounty's damaged file is not to take the front page down."""
    try:
        return first_look(bounty)
    except (DamagedPart, OSError):
        logger.exception("the public sample of %s cannot be read", bounty.slug)
        return None


@never_cache
@login_required
def api_tokens(request: HttpRequest) -> HttpResponse:
    """A new token stands in this answer alone: only its hash is kept."""
    form = TokenForm(request.POST or None)
    token = None
    own = ApiToken.objects.filter(user=request.user)
    if request.method == "POST" and is_too_fast(request, "tokens"):
        form.add_error(None, TOO_FAST)
    if form.is_valid() and own.filter(name=form.cleaned_data["name"]).exists():
        # Also what a page sent twice comes to.
        form.add_error("name", NAME_TAKEN)
    if form.is_valid():
        _, token = ApiToken.objects.create(
            request.user, expiry=timedelta(days=form.cleaned_data["days"]), name=form.cleaned_data["name"]
        )
        form = TokenForm()
    context = {
        "form": form,
        "token": token,
        "page": Paginator(own.all(), TOKENS_ON_A_PAGE).get_page(request.GET.get("page")),
        "now": timezone.now(),
    }
    return render(request, "tokens.html", context)


@login_required
@require_POST
def revoke_api_token(request: HttpRequest, token_key: str) -> HttpResponse:
    token = ApiToken.objects.filter(user=request.user, token_key=token_key).first()
    if token is None:
        raise Http404
    token.delete()
    messages.success(request, REVOKED.format(name=token.name))
    return redirect("api_tokens")

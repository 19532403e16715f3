"""A participant's pages: try a group on the public sample, submit it, follow it to its verdict."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from .. import intake, sample, words
from ..forms_submit import GroupForm
from ..intake import IntakeError
from ..models import Check, Submission
from ..sandbox import REJECTIONS
from .public import frame, visible_bounty

SUBMISSIONS_ON_A_PAGE = 25


def submit(request: HttpRequest, slug: str) -> HttpResponse:
    bounty = visible_bounty(request, slug)
    context = frame(request, bounty)
    if bounty.phase != "open" or context["is_organiser"] or not request.user.is_authenticated:
        return render(request, "bounty/submit_closed.html", context)
    form = GroupForm(request.POST or None, request.FILES or None, bounty=bounty)
    if form.is_valid():
        try:
            submission, _ = intake.submit(request.user, bounty, form.group, note=form.cleaned_data["note"])
        except IntakeError as error:
            form.add_error(error.field if error.field in form.fields else None, error.detail)
        else:
            return redirect("bounty:submission", submission.pk)
    context |= {
        "form": form,
        "quota": intake.quota_of(bounty, context["team"]),
        "unfinished_cap": intake.UNFINISHED_PER_TEAM,
        "rule_help": sample.rule_help(bounty),
    }
    return render(request, "bounty/submit.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def check_group(request: HttpRequest, slug: str) -> HttpResponse:
    """A dry run: a rule's answer at once, a model's by the worker."""
    bounty = visible_bounty(request, slug)
    form = GroupForm(request.POST, request.FILES, bounty=bounty)
    context = frame(request, bounty)
    if not form.is_valid():
        context["refusal"] = next(iter(form.errors.values()))[0]
    else:
        try:
            if form.group.format == "rule":
                context["result"] = intake.check_rule(bounty, form.group.rule)
            else:
                context["check"] = intake.check_model(request.user, bounty, form.group)
        except IntakeError as error:
            context["refusal"] = error.detail
    return render(request, "bounty/_check.html" if request.htmx else "bounty/check.html", context)


@login_required
def check(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Check.objects.select_related("team__bounty"), pk=pk, team__user=request.user)
    context = frame(request, found.team.bounty, check=found, result=found.result)
    if found.error:
        context["refusal"] = f"{REJECTIONS.get(found.error, '')} {found.error_detail}"
    return render(request, "bounty/_check.html" if request.htmx else "bounty/check.html", context)


@login_required
def mine(request: HttpRequest, slug: str) -> HttpResponse:
    bounty = visible_bounty(request, slug)
    context = frame(request, bounty)
    own = bounty.submissions.filter(team=context["team"]).order_by("-id") if context["team"] else ()
    page = Paginator(own, SUBMISSIONS_ON_A_PAGE).get_page(request.GET.get("page"))
    for submission in page:
        submission.place = intake.queue_place(submission)
    context |= {
        "page": page,
        "quota": intake.quota_of(bounty, context["team"]),
        "waiting": any(submission.is_unfinished for submission in page),
    }
    return render(request, "bounty/_mine.html" if request.htmx else "bounty/mine.html", context)


def numbers_of(submission: Submission) -> dict:
    """The verdict's numbers with the rates of each part."""
    parts = [
        part
        | {
            "rate": part["errors"] / part["exposure"],
            "rest_rate": part["rest_errors"] / part["rest_exposure"],
        }
        for part in submission.numbers.get("parts", [])
    ]
    return submission.numbers | {"parts": parts}


@login_required
def submission(request: HttpRequest, pk: int) -> HttpResponse:
    visible = Submission.objects.visible_to(request.user).select_related("bounty", "team", "duplicate_of")
    found = get_object_or_404(visible, pk=pk)
    bounty = found.bounty
    context = frame(request, bounty, submission=found, place=intake.queue_place(found))
    context |= {
        # Until the close, exact numbers are the organisers' alone.
        "shows_numbers": context["is_organiser"] or bounty.phase == "closed",
        "numbers": numbers_of(found),
        "meaning": words.VERDICTS.get(found.code),
        "rejection": REJECTIONS.get(found.error, ""),
        "failed": words.FAILED,
        "waiting": words.QUEUE.get(found.status),
    }
    return render(request, "bounty/_submission.html" if request.htmx else "bounty/submission.html", context)


urlpatterns = [
    path("bounties/<slug:slug>/submit/", submit, name="submit"),
    path("bounties/<slug:slug>/check/", check_group, name="check_group"),
    path("bounties/<slug:slug>/submissions/", mine, name="mine"),
    path("submissions/<int:pk>/", submission, name="submission"),
    path("checks/<int:pk>/", check, name="check"),
]

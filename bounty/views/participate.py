"""A participant's pages: try a group on the public sample, submit it, follow it to its verdict."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from common.address import client_address
from common.throttle import TOO_FAST, is_too_fast
from common.waiting import queue_of

from .. import alike, entry, intake, sample, words
from ..forms_submit import SubmissionForm
from ..intake import IntakeError
from ..models import Bounty, Check, Submission
from .outcome import numbers_of, rejection_of, sent_with
from .public import frame, visible_bounty

SUBMISSIONS_ON_A_PAGE = 25
UNCHANGED = 204


def submit(request: HttpRequest, slug: str) -> HttpResponse:
    bounty = visible_bounty(request, slug)
    context = frame(request, bounty)
    if bounty.phase != "open" or context["is_organiser"] or not request.user.is_authenticated:
        return render(request, "bounty/submit_closed.html", context)
    form = SubmissionForm(*posted(request), bounty=bounty, initial=asked(request, bounty))
    if request.method == "POST" and is_too_fast(request, "submissions"):
        form.add_error(None, TOO_FAST)
    if form.is_valid():
        try:
            submission, _ = intake.submit(
                request.user,
                bounty,
                form.group,
                form.predictor,
                note=form.cleaned_data["note"],
                idempotency_key=form.key,
                origin=alike.origin_of(bounty, client_address(request)),
            )
        except IntakeError as error:
            form.add_error(error.field if error.field in form.fields else None, error.detail)
        else:
            return redirect("bounty:submission", submission.pk)
    return form_page(request, context, form)


def posted(request: HttpRequest) -> tuple:
    """What binds a form, also when nothing was sent."""
    return (request.POST, request.FILES) if request.method == "POST" else (None, None)


def asked(request: HttpRequest, bounty: Bounty) -> dict:
    """A link may ask for the form of a fix."""
    return {"kind": "fix"} if bounty.accepts_fixes and request.GET.get("kind") == "fix" else {}


def form_page(request: HttpRequest, context: dict, form: SubmissionForm, **answer) -> HttpResponse:
    bounty = context["bounty"]
    quota = entry.quota_of(bounty, context["team"])
    context |= {
        "form": form,
        "quota": quota,
        "spent": spent(bounty, quota),
        "rule_help": sample.rule_help(bounty),
        **answer,
    }
    return render(request, "bounty/submit.html", context)


def spent(bounty: Bounty, quota: entry.Quota) -> str:
    """Why nothing more can be submitted now; trying on the public sample is still possible."""
    try:
        entry.refuse_over_quota(bounty, quota)
    except IntakeError as error:
        return error.detail
    return ""


@login_required
@require_POST
def check_group(request: HttpRequest, slug: str) -> HttpResponse:
    """A dry run: a rule's answer at once, a model's by the worker. Without scripts the form comes back."""
    bounty = visible_bounty(request, slug)
    context = frame(request, bounty)
    form = SubmissionForm(request.POST, request.FILES, bounty=bounty)
    answer = dry_run(request, bounty, form)
    if request.htmx:
        return render(request, "bounty/_check.html", context | answer)
    if "check" in answer:
        return redirect("bounty:check", answer["check"].pk)
    if bounty.phase != "open" or context["is_organiser"]:
        return render(request, "bounty/check.html", context | answer)
    return form_page(request, context, form, **answer)


def dry_run(request: HttpRequest, bounty: Bounty, form: SubmissionForm) -> dict:
    if is_too_fast(request, "checks"):
        return {"refusal": TOO_FAST}
    if not bounty.is_prepared:
        return {"refusal": intake.NOT_PREPARED}
    if not form.is_valid():
        field, errors = next(iter(form.errors.items()))
        return refused(form, field, errors[0])
    try:
        if intake.is_answered_at_once(form.group, form.predictor):
            return shown_result(bounty, intake.check_rules(bounty, form.group, form.predictor))
        return {"check": intake.check_model(request.user, bounty, form.group, form.predictor)}
    except IntakeError as error:
        if error.field in form.fields:
            form.add_error(error.field, error.detail)
        return refused(form, error.field, error.detail)


def refused(form: SubmissionForm, field: str | None, sentence: str) -> dict:
    """Of a fix, with which of its two models is meant."""
    part = (field or "").partition("_")[0]
    return {"refusal": sentence, "about": part if form.is_fix and part in ("group", "predictor") else ""}


def shown_result(bounty: Bounty, result: dict) -> dict:
    """With how many hidden rows would count, were the group as frequent there as on the sample."""
    if not result:
        return {}
    rows = {name: bounty.parts[name]["rows"] for name in ("sample", "leaderboard")}
    counted = result.get("rows", result["sample_rows"])
    expected = round(counted * rows["leaderboard"] / rows["sample"])
    return {"result": result, "expected": expected, "is_fix": "gain" in result}


@login_required
def check(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Check.objects.select_related("team__bounty"), pk=pk, team__user=request.user)
    bounty = found.team.bounty
    context = frame(request, bounty, check=found, **shown_result(bounty, found.result))
    if is_known(request, context, found.status):
        return HttpResponse(status=UNCHANGED)
    if found.error:
        context |= rejection_of(found)
    return render(request, "bounty/_check.html" if request.htmx else "bounty/check.html", context)


@login_required
def mine(request: HttpRequest, slug: str) -> HttpResponse:
    bounty = visible_bounty(request, slug)
    context = frame(request, bounty)
    own = bounty.submissions.filter(team=context["team"]).order_by("-id") if context["team"] else ()
    page = Paginator(own, SUBMISSIONS_ON_A_PAGE).get_page(request.GET.get("page"))
    queue = queue_of(page)
    for submission in page:
        submission.queue = queue.get(submission.pk)
    waiting = [submission for submission in page if submission.is_unfinished]
    state = "_".join(f"{s.pk}{s.status}{s.queue.state if s.queue else ''}" for s in waiting)
    if is_known(request, context, state):
        return HttpResponse(status=UNCHANGED)
    context |= {"page": page, "quota": entry.quota_of(bounty, context["team"]), "waiting": len(waiting)}
    return render(request, "bounty/_mine.html" if request.htmx else "bounty/mine.html", context)


@login_required
def submission(request: HttpRequest, pk: int) -> HttpResponse:
    visible = Submission.objects.visible_to(request.user).select_related("bounty", "team", "duplicate_of")
    found = get_object_or_404(visible, pk=pk)
    bounty = found.bounty
    context = frame(request, bounty, submission=found, queue=queue_of([found]).get(found.pk))
    queue = context["queue"]
    if is_known(request, context, f"{found.status}{queue.state if queue else ''}"):
        return HttpResponse(status=UNCHANGED)
    context |= {
        # Until the close, exact numbers are the organisers' alone.
        "shows_numbers": bounty.shows_numbers_to(request.user),
        "meaning": words.VERDICTS[found.kind].get(found.code),
        "failed": words.FAILED,
        "waiting": words.QUEUE.get(found.status),
        **rejection_of(found),
        **sent_with(found),
        **numbers_of(found),
    }
    return render(request, "bounty/_submission.html" if request.htmx else "bounty/submission.html", context)


def is_known(request: HttpRequest, context: dict, state: str) -> bool:
    """Whether the part that asks again shows this state already: then nothing is replaced, nor read out."""
    context["state"] = state
    return bool(request.htmx) and request.GET.get("seen") == state


urlpatterns = [
    path("bounties/<slug:slug>/submit/", submit, name="submit"),
    path("bounties/<slug:slug>/check/", check_group, name="check_group"),
    path("bounties/<slug:slug>/submissions/", mine, name="mine"),
    path("submissions/<int:pk>/", submission, name="submission"),
    path("checks/<int:pk>/", check, name="check"),
]

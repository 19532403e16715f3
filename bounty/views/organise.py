"""The organiser's pages: a draft from its table to its opening, and every submission with exact numbers."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.forms import BaseForm
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from .. import bundle, drafts
from ..alike import CROWD, teams_alike
from ..csv_export import submission_lines
from ..forms import NewBountyForm, SettingsForm, SubmissionFilter, TableForm, TextsForm
from ..intake import IntakeError
from ..models import PARTS, Bounty, Submission
from ..sample import rates_by_group

PAGE_SIZE = 50
PART_NAMES = {"sample": "Public sample", "leaderboard": "Leaderboard half", "final": "Final half"}
OPENED = "The bounty is open. Its data and rules are frozen."
CLOSED = (
    "The bounty is closed. Submissions that were sent in time are still judged; then the final half is read "
    "and the final ranking published."
)
DELETED = "The draft “{title}” and its files are deleted."
SAVED = "Saved."
SAVED_AND_PREPARING = "Saved. The data is being prepared with these settings."
UPLOADED = "Uploaded. Now say what the columns mean."


def own_bounty(request: HttpRequest, slug: str) -> Bounty:
    return get_object_or_404(Bounty.objects.organised_by(request.user), slug=slug)


def posted(request: HttpRequest) -> tuple:
    """What binds a form, also when nothing but files or nothing at all was sent."""
    return (request.POST, request.FILES) if request.method == "POST" else (None, None)


def show_error(form: BaseForm, error: IntakeError) -> None:
    form.add_error(error.field if error.field in form.fields else None, error.detail)


@login_required
def new(request: HttpRequest) -> HttpResponse:
    form = NewBountyForm(*posted(request))
    if form.is_valid():
        values = {name: form.cleaned_data[name] for name in NewBountyForm.Meta.fields}
        try:
            bounty = drafts.create_bounty(
                request.user, values, form.cleaned_data["table"], form.cleaned_data["model_file"]
            )
        except IntakeError as error:
            show_error(form, error)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, UPLOADED)
            return redirect("bounty:edit", bounty.slug)
    return render(request, "bounty/organise/new.html", {"form": form})


def accepted_by_kind(bounty: Bounty) -> dict[str, int]:
    accepted = bounty.submissions.filter(accepted=True).order_by()
    return dict(accepted.values_list("kind").annotate(Count("id")))


@login_required
def manage(request: HttpRequest, slug: str) -> HttpResponse:
    bounty = own_bounty(request, slug)
    context = {
        "bounty": bounty,
        "upload": bounty.uploads.last(),
        "parts": [
            {"label": PART_NAMES[name], **bounty.parts[name]} for name in PARTS if name in bounty.parts
        ],
        "groups": [
            {"column": name, "rows": rates_by_group(bounty, name).table}
            for name in (bounty.group_columns if bounty.is_prepared else ())
        ],
        "too_few_speakers": drafts.too_few_speakers(bounty),
        "verdicts_used": bounty.submissions.using_verdicts().count(),
        "team_count": bounty.teams.filter(Exists(Submission.objects.filter(team=OuterRef("pk")))).count(),
        "accepted": accepted_by_kind(bounty),
        "is_closing": bounty.phase == "closed" and bounty.finalised_at is None,
        "unfinished_count": bounty.submissions.unfinished().count(),
    }
    page = "_state.html" if request.htmx else "manage.html"
    return render(request, f"bounty/organise/{page}", context)


@login_required
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    bounty = own_bounty(request, slug)
    upload = bounty.uploads.last()
    opened = bounty.opened_at is not None
    data, _ = posted(request)
    form = TextsForm(data, instance=bounty) if opened else SettingsForm(data, instance=bounty, upload=upload)
    if form.is_valid():
        try:
            bounty = drafts.save_settings(bounty, {name: form.cleaned_data[name] for name in form.fields})
        except IntakeError as error:
            show_error(form, error)
        else:
            preparing = not opened and not bounty.is_prepared
            messages.success(request, SAVED_AND_PREPARING if preparing else SAVED)
            return redirect("bounty:manage", bounty.slug)
    page = "texts.html" if opened else "settings.html"
    # The form writes on its instance, so what stands in the heading is read afresh.
    context = {"form": form, "bounty": own_bounty(request, slug), "upload": upload}
    return render(request, f"bounty/organise/{page}", context)


@login_required
def upload(request: HttpRequest, slug: str) -> HttpResponse:
    bounty = own_bounty(request, slug)
    if bounty.opened_at is not None:
        messages.error(request, drafts.ALREADY_OPEN)
        return redirect("bounty:manage", slug)
    earlier = bounty.uploads.last()
    form = TableForm(*posted(request), upload=earlier)
    if form.is_valid():
        values = form.cleaned_data
        try:
            added = drafts.upload_table(
                bounty, values["table"], values["model_file"], keep_model=not values.get("remove_model")
            )
        except IntakeError as error:
            show_error(form, error)
        else:
            return redirect("bounty:manage" if added.is_unfinished else "bounty:edit", bounty.slug)
    return render(request, "bounty/organise/upload.html", {"form": form, "bounty": bounty, "upload": earlier})


@login_required
@require_POST
def open_(request: HttpRequest, slug: str) -> HttpResponse:
    bounty = own_bounty(request, slug)
    try:
        drafts.open_bounty(bounty)
    except IntakeError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, OPENED)
    return redirect("bounty:manage", slug)


@login_required
@require_POST
def close(request: HttpRequest, slug: str) -> HttpResponse:
    drafts.close_bounty(own_bounty(request, slug))
    messages.success(request, CLOSED)
    return redirect("bounty:manage", slug)


@login_required
@require_POST
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    bounty = own_bounty(request, slug)
    try:
        drafts.delete_draft(bounty)
    except IntakeError as error:
        messages.error(request, error.detail)
        return redirect("bounty:manage", slug)
    messages.success(request, DELETED.format(title=bounty.title))
    return redirect("bounty:list")


def filtered(bounty: Bounty, form: SubmissionFilter) -> QuerySet[Submission]:
    found = bounty.submissions.select_related("team")
    wanted = form.cleaned_data if form.is_valid() else {}
    for name in ("kind", "status", "group_format"):
        if wanted.get(name):
            found = found.filter(**{name: wanted[name]})
    if wanted.get("team"):
        found = found.filter(team__name__icontains=wanted["team"])
    if wanted.get("code") == SubmissionFilter.NOT_ACCEPTED:
        found = found.filter(accepted=False)
    elif wanted.get("code"):
        found = found.filter(code=wanted["code"])
    if text := wanted.get("text"):
        places = ("group_rule", "predictor_rule", "note", "group_file_name", "predictor_file_name")
        places += ("team__name", "log")
        found = found.filter(*[Q(*[(f"{place}__icontains", text) for place in places], _connector=Q.OR)])
    return found


@login_required
def all_submissions(request: HttpRequest, slug: str) -> HttpResponse:
    bounty = own_bounty(request, slug)
    form = SubmissionFilter(request.GET or None)
    page = Paginator(filtered(bounty, form).defer("log"), PAGE_SIZE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    context = {"bounty": bounty, "form": form, "page": page, "query": query.urlencode()}
    return render(request, "bounty/organise/submissions.html", context)


@login_required
def all_submissions_csv(request: HttpRequest, slug: str) -> HttpResponse:
    bounty = own_bounty(request, slug)
    found = filtered(bounty, SubmissionFilter(request.GET or None)).defer("log")
    response = StreamingHttpResponse(
        submission_lines(found.iterator(chunk_size=500)), content_type="text/csv"
    )
    response["Content-Disposition"] = f'attachment; filename="{bounty.slug}-submissions.csv"'
    return response


@login_required
def alike(request: HttpRequest, slug: str) -> HttpResponse:
    bounty = own_bounty(request, slug)
    context = {"bounty": bounty, "alike": teams_alike(bounty), "crowd": CROWD}
    return render(request, "bounty/organise/alike.html", context)


@login_required
def download(request: HttpRequest, slug: str, ending: str) -> HttpResponse:
    """The repaired model: a bundle, or one ONNX file where its parts allow."""
    bounty = own_bounty(request, slug)
    if ending not in ("zip", "onnx") or bounty.opened_at is None or not bounty.accepts_fixes:
        raise Http404
    try:
        file = bundle.zip_file(bounty) if ending == "zip" else bundle.onnx_file(bounty)
    except bundle.NotWritten as error:
        messages.error(request, str(error))
        return redirect("bounty:manage", bounty.slug)
    content_type = bundle.ZIP if ending == "zip" else bundle.ONNX
    name = f"{bounty.slug}-repaired.{ending}"
    return FileResponse(file, as_attachment=True, filename=name, content_type=content_type)


urlpatterns = [
    path("bounties/new/", new, name="new"),
    path("bounties/<slug:slug>/manage/", manage, name="manage"),
    path("bounties/<slug:slug>/manage/edit/", edit, name="edit"),
    path("bounties/<slug:slug>/manage/table/", upload, name="upload"),
    path("bounties/<slug:slug>/manage/open/", open_, name="open"),
    path("bounties/<slug:slug>/manage/close/", close, name="close"),
    path("bounties/<slug:slug>/manage/delete/", delete, name="delete"),
    path("bounties/<slug:slug>/manage/submissions/", all_submissions, name="all_submissions"),
    path("bounties/<slug:slug>/manage/alike/", alike, name="alike"),
    path("bounties/<slug:slug>/manage/repaired.<str:ending>", download, name="download_model"),
    path("bounties/<slug:slug>/manage/submissions.csv", all_submissions_csv, name="all_submissions_csv"),
]

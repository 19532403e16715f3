"""A new audit: its file, then what its columns mean; and its file or settings changed later."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from common.intake import IntakeError
from common.throttle import TOO_FAST, is_too_fast

from .. import intake
from ..forms import MARK_MEANINGS, FileForm, NewAuditForm, SetupForm
from .frame import own_audit

UPLOADED = "Uploaded. Now say what the columns mean."
REPLACED = "The file is replaced. Look over what its columns mean, then run the audit."
MOST_LABELS = 50


def posted(request: HttpRequest) -> tuple:
    """What binds a form, also when nothing but files or nothing at all was sent."""
    return (request.POST, request.FILES) if request.method == "POST" else (None, None)


def show_error(form: BaseForm, error: IntakeError | ValidationError) -> None:
    if isinstance(error, ValidationError):
        form.add_error(None, error)
    else:
        form.add_error(error.field if error.field in form.fields else None, error.detail)


@login_required
def new(request: HttpRequest) -> HttpResponse:
    form = NewAuditForm(*posted(request))
    if request.method == "POST" and is_too_fast(request, "audits"):
        form.add_error(None, TOO_FAST)
    if form.is_valid():
        values = form.cleaned_data
        try:
            audit, _ = intake.create_audit(
                request.user, kind=values["kind"], file=values["file"], title=values["title"]
            )
        except (IntakeError, ValidationError) as error:
            show_error(form, error)
        else:
            messages.success(request, UPLOADED)
            return redirect("audits:setup", audit.key)
    return render(request, "audits/new.html", {"form": form})


@login_required
def setup(request: HttpRequest, key: str) -> HttpResponse:
    audit = own_audit(request, key)
    replacing = "replace" in request.POST
    file_form = FileForm(*posted(request)) if replacing else FileForm()
    form = SetupForm(None if replacing or request.method != "POST" else request.POST, audit=audit)
    done = replace(request, audit, file_form) if replacing else confirm(audit, form)
    if done:
        return redirect("audits:setup" if replacing else "audits:report", key)
    context = {
        "audit": audit,
        "kind": audit.get_kind(),
        "form": form,
        "file_form": file_form,
        "marks": MARK_MEANINGS,
        "labels": labels_of(audit),
    }
    return render(request, "audits/setup.html", context)


def replace(request: HttpRequest, audit, form: FileForm) -> bool:
    if is_too_fast(request, "audits"):
        form.add_error(None, TOO_FAST)
    if not form.is_valid():
        return False
    try:
        intake.replace_file(audit, form.cleaned_data["file"])
    except IntakeError as error:
        show_error(form, error)
        return False
    messages.success(request, REPLACED)
    return True


def confirm(audit, form: SetupForm) -> bool:
    """Save the details and run the audit, or say on the form what must change."""
    if not form.is_valid():
        return False
    try:
        intake.set_details(audit, **form.details)
        intake.confirm(audit, form.roles, form.values)
    except (IntakeError, ValidationError) as error:
        show_error(form, error)
        return False
    return True


def labels_of(audit) -> list[str]:
    """Values of columns that hold few, to choose the favourable label from."""
    found = [value for column in audit.look.get("columns", []) for value in column.get("values", [])]
    return list(dict.fromkeys(found))[:MOST_LABELS]


urlpatterns = [
    path("audits/new/", new, name="new"),
    path("audits/<slug:key>/setup/", setup, name="setup"),
]

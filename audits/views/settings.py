"""An audit's settings: what it says of itself, who may see it, and its end."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from common.intake import IntakeError
from common.throttle import TOO_FAST, is_too_fast

from .. import intake
from ..forms import DetailsForm, ViewerForm, VisibilityForm
from ..models import Visibility
from .frame import own_audit
from .setup import show_error

SAVED = "Saved."
ADDED = "{name} may now read all of this audit."
REMOVED = "{name} no longer reads it as one of your named readers."
DELETED = "The audit “{title}” and its files are deleted."
NOW = {
    Visibility.PRIVATE: "The audit is private now.",
    Visibility.UNLISTED: "Whoever has the address may read the audit now.",
    Visibility.PUBLIC: "The audit is public now.",
}


@login_required
def settings(request: HttpRequest, key: str) -> HttpResponse:
    """Four small forms; `do` says which one was sent."""
    audit = own_audit(request, key)
    sent = request.POST.get("do", "") if request.method == "POST" else ""
    forms = {
        "details": DetailsForm.of(audit, request.POST if sent == "details" else None),
        "visibility": VisibilityForm(
            request.POST if sent == "visibility" else None, initial={"visibility": audit.visibility}
        ),
        "viewer": ViewerForm(request.POST if sent == "viewer" else None),
    }
    if sent == "remove":
        name = request.POST.get("user_name", "")
        intake.remove_viewer(audit, name)
        messages.success(request, REMOVED.format(name=name))
        return redirect("audits:settings", key)
    form = forms.get(sent)
    if sent == "viewer" and is_too_fast(request, "people"):
        # Each answer tells whether there is an account of that name.
        form.add_error(None, TOO_FAST)
    if form is not None and form.is_valid():
        try:
            said = CHANGES[sent](audit, form.cleaned_data)
        except (IntakeError, ValidationError) as error:
            show_error(form, error)
        else:
            messages.success(request, said)
            return redirect("audits:settings", key)
    context = {
        "audit": own_audit(request, key),
        "forms": forms,
        "viewers": audit.viewers.order_by("username"),
        "address": request.build_absolute_uri(reverse("audits:report", args=[key])),
    }
    return render(request, "audits/settings.html", context)


def change_details(audit, values: dict) -> str:
    intake.set_details(audit, **values)
    return SAVED


def change_visibility(audit, values: dict) -> str:
    intake.set_visibility(audit, values["visibility"])
    return NOW[Visibility(values["visibility"])]


def add_viewer(audit, values: dict) -> str:
    return ADDED.format(name=intake.add_viewer(audit, values["user_name"]).get_username())


CHANGES = {"details": change_details, "visibility": change_visibility, "viewer": add_viewer}


@login_required
@require_POST
def delete(request: HttpRequest, key: str) -> HttpResponse:
    audit = own_audit(request, key)
    try:
        intake.delete_audit(audit)
    except IntakeError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, DELETED.format(title=audit.title))
    return redirect("audits:list")


urlpatterns = [
    path("audits/<slug:key>/settings/", settings, name="settings"),
    path("audits/<slug:key>/delete/", delete, name="delete"),
]

"""The operator's view of audits. What was computed is read-only, and no stored file can be fetched here."""

from django.contrib import admin
from django.http import HttpRequest

from . import intake
from .models import Audit


@admin.register(Audit)
class AuditAdmin(admin.ModelAdmin):
    """Texts, visibility and viewers. Audits are made, computed and changed on their owners' pages."""

    list_display = ("title", "key", "owner", "kind", "system", "visibility", "status", "created", "finished")
    list_filter = ("kind", "visibility", "status")
    search_fields = ("title", "=key", "system", "series", "owner__username")
    list_select_related = ("owner",)
    date_hierarchy = "created"
    autocomplete_fields = ("viewers",)
    changeable = ("title", "description", "system", "series", "release", "visibility", "viewers")
    facts = (
        "key",
        "owner",
        "kind",
        "file_name",
        "file_bytes",
        "file_sha256",
        "roles",
        "settings",
        "status",
        "stage",
        "progress",
        "tries",
        "created",
        "started",
        "finished",
        "error",
        "error_detail",
        "log",
        "result_bytes",
        "cells_sha256",
        "rows_sha256",
    )
    fields = (*changeable, *facts)
    readonly_fields = facts
    actions = None

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).defer("result", "look")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: Audit) -> None:
        intake.delete_audit(obj)

"""The operator's view. What was judged or prepared is read-only, and no stored file can be fetched here."""

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from . import drafts, intake
from .models import PARTS, Bounty, Check, Masks, Submission, TableUpload, Team
from .parts import FEATURES, TRUTH

JOB_FIELDS = ("status", "tries", "created", "started", "finished", "error", "error_detail", "log")


class ReadOnlyAdmin(admin.ModelAdmin):
    """Deleting is a change too: a deleted find would give its verdict back to K and could be paid again."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Bounty)
class BountyAdmin(admin.ModelAdmin):
    """Texts and organisers. Drafts are made, prepared, opened and deleted on the organiser's pages."""

    list_display = ("title", "slug", "phase", "measure", "verdict_cap", "opened_at", "closed_at")
    list_filter = ("measure", "opened_at", "closed_at")
    search_fields = ("title", "slug", "summary", "organisers__username")
    date_hierarchy = "created"
    autocomplete_fields = ("organisers",)
    changeable = ("title", "summary", "description", "licence", "source", "system", "organisers")
    facts = ("phase", "rows_per_part", "sha256_of_parts", "created", "opened_at", "closed_at")
    hidden = ("id", "parts", "base_model")

    def get_fields(self, request: HttpRequest, obj: Bounty | None = None) -> list[str]:
        return [*self.changeable, *self.get_readonly_fields(request, obj)]

    def get_readonly_fields(self, request: HttpRequest, obj: Bounty | None = None) -> list[str]:
        settled = {*self.changeable, *self.facts, *self.hidden}
        return [*(field.name for field in Bounty._meta.fields if field.name not in settled), *self.facts]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Bounty | None = None) -> bool:
        return False

    @admin.display(description="rows")
    def rows_per_part(self, bounty: Bounty) -> str:
        rows = [f"{name}: {bounty.parts[name]['rows']:,}" for name in PARTS if bounty.is_prepared]
        return ", ".join(rows) or "not prepared"

    @admin.display(description="SHA-256")
    def sha256_of_parts(self, bounty: Bounty) -> str:
        return "\n".join(
            f"{name} {kind}: {bounty.parts[name][kind]['sha256']}"
            for name in PARTS
            for kind in (FEATURES, TRUTH)
            if bounty.is_prepared
        )


class UploadForm(forms.ModelForm):
    """The same door as everybody's: what `intake` refuses stands on the form."""

    table = forms.FileField(help_text="CSV or Parquet, up to 1 GB.")
    model_file = forms.FileField(required=False, help_text="ONNX, optional.")

    class Meta:
        model = TableUpload
        fields = ("bounty", "table", "model_file")

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if "bounty" in self.fields:
            self.fields["bounty"].queryset = Bounty.objects.filter(opened_at__isnull=True)

    def clean(self) -> dict:
        values = super().clean()
        if not self.errors:
            try:
                self.upload = drafts.upload_table(values["bounty"], values["table"], values["model_file"])
            except intake.IntakeError as error:
                self.add_error(error.field if error.field in self.fields else None, error.detail)
        return values

    def save(self, commit: bool = True) -> TableUpload:
        return self.upload

    def save_m2m(self) -> None:
        """Nothing is left to save."""


@admin.register(TableUpload)
class TableUploadAdmin(admin.ModelAdmin):
    list_display = ("id", "bounty", "table_name", "status", "tries", "created", "finished", "error_detail")
    list_filter = ("status",)
    search_fields = ("bounty__title", "bounty__slug", "table_name")
    list_select_related = ("bounty",)
    form = UploadForm

    def get_fields(self, request: HttpRequest, obj: TableUpload | None = None) -> tuple[str, ...]:
        return UploadForm.Meta.fields if obj is None else ("bounty", "table_name", *JOB_FIELDS)

    def save_model(self, request: HttpRequest, obj: TableUpload, form: UploadForm, change: bool) -> None:
        """The form has saved it."""

    def has_change_permission(self, request: HttpRequest, obj: TableUpload | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TableUpload | None = None) -> bool:
        return False


@admin.register(Team)
class TeamAdmin(ReadOnlyAdmin):
    list_display = ("name", "bounty", "user", "created")
    list_filter = ("bounty",)
    search_fields = ("name", "user__username", "bounty__title")
    list_select_related = ("bounty", "user")
    fields = ("name", "bounty", "user", "created")


@admin.register(Submission)
class SubmissionAdmin(ReadOnlyAdmin):
    list_display = ("id", "bounty", "team", "group_format", "status", "code", "points", "created", "seconds")
    list_filter = ("status", "code", "group_format", "bounty")
    search_fields = ("=id", "team__name", "bounty__title", "group_rule", "note", "group_file_name")
    list_select_related = ("bounty", "team")
    date_hierarchy = "created"
    fields = (
        "bounty",
        "team",
        "kind",
        "group_format",
        "group_rule",
        "group_file_name",
        "note",
        *JOB_FIELDS,
        "on_hidden",
        "sample_share",
        "accepted",
        "code",
        "points",
        "numbers",
        "duplicate_of",
    )


@admin.register(Check)
class CheckAdmin(ReadOnlyAdmin):
    list_display = ("id", "team", "group_format", "status", "created", "finished", "error")
    list_filter = ("status", "group_format")
    search_fields = ("=id", "team__name", "team__bounty__title", "group_rule")
    list_select_related = ("team",)
    fields = ("team", "group_format", "group_rule", "group_file_name", *JOB_FIELDS, "result")


@admin.register(Masks)
class MasksAdmin(ReadOnlyAdmin):
    """That they are there, and how large. Which rows they hold is not shown."""

    list_display = ("submission", "size")
    search_fields = ("=submission__id",)
    fields = ("submission", "size")

    @admin.display(description="bytes")
    def size(self, masks: Masks) -> str:
        return f"{len(masks.leaderboard):,} + {len(masks.final):,}"

"""The operator's view. What was judged or prepared is read-only, and no stored file can be fetched here."""

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from . import drafts, intake
from .models import PARTS, Answers, Bounty, Check, Credit, HouseTurn, Masks, Submission, TableUpload, Team
from .parts import FEATURES, TRUTH

GROUP_FIELDS = ("group_format", "group_rule", "group_file_name")
PREDICTOR_FIELDS = ("predictor_format", "predictor_rule", "predictor_value", "predictor_file_name")
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
    facts = (
        *("phase", "rows_per_part", "sha256_of_parts"),
        *("created", "opened_at", "closed_at", "finalised_at"),
    )
    hidden = ("id", "parts", "base_model", "final")

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
    list_display = ("name", "bounty", "user", "is_house", "created")
    list_filter = ("is_house",)
    search_fields = ("name", "user__username", "bounty__title")
    list_select_related = ("bounty", "user")
    fields = ("name", "bounty", "user", "is_house", "created")


@admin.register(Submission)
class SubmissionAdmin(ReadOnlyAdmin):
    list_display = (
        *("id", "bounty", "team", "kind", "group_format", "predictor_format"),
        *("status", "code", "points", "created", "seconds"),
    )
    # A bounty is searched for: a filter would list them all.
    list_filter = ("kind", "status", "code", "group_format", "predictor_format")
    search_fields = (
        *("=id", "team__name", "bounty__title", "note"),
        *("group_rule", "group_file_name", "predictor_rule", "predictor_file_name"),
    )
    list_select_related = ("bounty", "team")
    date_hierarchy = "created"
    fields = (
        "bounty",
        "team",
        "kind",
        *GROUP_FIELDS,
        *PREDICTOR_FIELDS,
        "note",
        *JOB_FIELDS,
        "on_hidden",
        "sample_share",
        "uses",
        "accepted",
        "code",
        "points",
        "numbers",
        "solo_accepted",
        "solo_points",
        "duplicate_of",
    )


@admin.register(Check)
class CheckAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "team",
        "group_format",
        "predictor_format",
        "status",
        "created",
        "finished",
        "error",
    )
    list_filter = ("status", "group_format", "predictor_format")
    search_fields = ("=id", "team__name", "team__bounty__title", "group_rule", "predictor_rule")
    list_select_related = ("team",)
    fields = ("team", *GROUP_FIELDS, *PREDICTOR_FIELDS, *JOB_FIELDS, "result")


@admin.register(HouseTurn)
class HouseTurnAdmin(ReadOnlyAdmin):
    list_display = ("id", "bounty", "method", "status", "tries", "created", "finished", "error")
    list_filter = ("status", "method")
    search_fields = ("=id", "bounty__title", "bounty__slug")
    list_select_related = ("bounty",)
    fields = ("bounty", "method", *JOB_FIELDS)


@admin.register(Credit)
class CreditAdmin(ReadOnlyAdmin):
    list_display = ("id", "bounty", "status", "tries", "created", "finished", "error")
    list_filter = ("status",)
    search_fields = ("=id", "bounty__title", "bounty__slug")
    list_select_related = ("bounty",)
    fields = ("bounty", *JOB_FIELDS)


@admin.register(Masks, Answers)
class StoredAdmin(ReadOnlyAdmin):
    """That they are there, and how large. Which rows they hold, or what they answer, is not shown."""

    list_display = ("submission", "size")
    search_fields = ("=submission__id",)
    fields = ("submission", "size")

    @admin.display(description="bytes")
    def size(self, stored: Masks | Answers) -> str:
        return f"{len(stored.leaderboard):,} + {len(stored.final):,}"

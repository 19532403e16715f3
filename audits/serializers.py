"""What the API takes and shows of audits. Who may see what of a result is `access.Reader`."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from common.jobs import Status
from common.rest import ErrorSerializer, OneOf, PageQuery, Strict, choice
from fairness.disaggregate import AGGREGATIONS, VERSUS
from fairness.kinds import KINDS
from fairness.normalise import NORMALISERS

from .models import DESCRIPTION_CHARACTERS, Audit, Visibility

FAILED = "The computation failed on our side. It is logged; save the settings again to try once more."
TOO_DEEP = "This JSON is nested too deeply."
KIND_KEYS = list(KINDS)
SETTINGS = (
    "normalise",
    "favourable",
    "threshold",
    "smallest",
    "not_stated",
    "exclude",
    "marks",
    "baselines",
    "tolerances",
)


# Taken


class Json(serializers.JSONField):
    """JSON; in a form it is a text."""

    def to_internal_value(self, data):
        try:
            value = super().to_internal_value(data)
        except RecursionError as error:
            raise serializers.ValidationError(TOO_DEEP, "invalid") from error
        if value is None:
            self.fail("null")
        return value


class KindField(OneOf):
    """One of the kinds there are whenever it is asked."""

    def __init__(self, **options) -> None:
        super().__init__(list(KINDS), **options)


class AuditsQuery(PageQuery):
    kind = KindField(required=False)
    system = serializers.CharField(required=False, allow_blank=True, help_text="Exactly this system's.")
    q = serializers.CharField(
        required=False, allow_blank=True, help_text="Part of a title, system, series or release."
    )
    mine = serializers.BooleanField(
        required=False, help_text="Only your own, drafts and unfinished ones too."
    )


class DetailsRequest(Strict):
    title = serializers.CharField(max_length=120)
    description = serializers.CharField(
        required=False, allow_blank=True, max_length=DESCRIPTION_CHARACTERS, help_text="Markdown."
    )
    system = serializers.SlugField(
        required=False,
        allow_blank=True,
        max_length=60,
        help_text="Shared by audits and bounties of one system.",
    )
    series = serializers.SlugField(
        required=False,
        allow_blank=True,
        max_length=60,
        help_text="Shared by your audits of the same data over time.",
    )
    release = serializers.CharField(required=False, allow_blank=True, max_length=60)
    visibility = choice(*Visibility.values, required=False)


class AuditRequest(DetailsRequest):
    """A file, what its columns are, and how it is counted; settings left out have their defaults."""

    kind = KindField()
    file = serializers.FileField(allow_empty_file=True, help_text="CSV, TSV, JSON lines or Parquet.")
    roles = Json(help_text='JSON: column -> role, such as {"sentence": "reference", "asr": "hypothesis"}.')
    normalise = choice(*NORMALISERS, required=False)
    favourable = serializers.CharField(required=False, allow_blank=True, max_length=200)
    threshold = serializers.FloatField(required=False)
    smallest = serializers.IntegerField(
        required=False, help_text="People a group needs to be shown; 10 where left out."
    )
    not_stated = Json(
        required=False,
        help_text="JSON: texts that mean that a group is not stated; NA, N/A, n/a, NULL, null as a rule.",
    )
    exclude = Json(
        required=False,
        help_text="JSON: a list of [column, regular expression]; rows that match are left out.",
    )
    marks = Json(required=False, help_text="JSON: group column -> self-reported, annotated or perceived.")
    baselines = Json(required=False, help_text="JSON: column -> the group that others are compared with.")
    tolerances = Json(
        required=False, help_text="JSON: a list of {metric, column, within}; within is a share."
    )

    def given(self) -> tuple[dict, dict]:
        """What `intake.create_audit` takes, and the settings among it."""
        values = dict(self.validated_data)
        settings = {name: values.pop(name) for name in SETTINGS if name in values}
        return values, settings


class ViewQuery(Strict):
    """One table in place of the stored ones."""

    system = serializers.CharField(required=False, allow_blank=True, help_text="The first where left out.")
    metric = serializers.CharField(required=False, allow_blank=True, help_text="The headline where left out.")
    aggregation = serializers.CharField(
        required=False, allow_blank=True, help_text=f"One of {', '.join(AGGREGATIONS)}."
    )
    by = serializers.ListField(
        child=serializers.CharField(allow_blank=True),
        required=False,
        help_text="At most two columns; repeat it.",
    )
    where = serializers.ListField(
        child=serializers.CharField(allow_blank=True), required=False, help_text="COLUMN=GROUP; repeat it."
    )
    versus = serializers.CharField(required=False, allow_blank=True, help_text=f"One of {', '.join(VERSUS)}.")
    baseline = serializers.CharField(
        required=False, allow_blank=True, help_text="With versus=baseline: the group."
    )


# Shown: audits


class AuditAcceptedSerializer(serializers.Serializer):
    id = serializers.CharField()
    status = serializers.ChoiceField(Status.values)
    url = serializers.URLField()


class GroupColumnSerializer(serializers.Serializer):
    name = serializers.CharField()
    mark = serializers.CharField(help_text="How the groups became known.")


class HeadlineSerializer(serializers.Serializer):
    """The headline of the first system, over everyone."""

    metric = serializers.CharField()
    system = serializers.CharField()
    systems = serializers.IntegerField()
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    rows = serializers.IntegerField()
    clusters = serializers.IntegerField(allow_null=True)
    groups = GroupColumnSerializer(many=True)


class AuditRowSerializer(serializers.ModelSerializer):
    id = serializers.CharField(source="key")
    url = serializers.HyperlinkedIdentityField("audits_api:audit-detail", lookup_field="key")
    owner = serializers.CharField(source="owner.username")
    visibility = serializers.ChoiceField(Visibility.values)
    status = serializers.ChoiceField(Status.values)
    headline = serializers.SerializerMethodField()

    class Meta:
        model = Audit
        fields = (
            "id",
            "url",
            "kind",
            "title",
            "system",
            "series",
            "release",
            "owner",
            "visibility",
            "status",
            "headline",
            "created",
            "finished",
        )

    @extend_schema_field(HeadlineSerializer(allow_null=True))
    def get_headline(self, audit: Audit) -> dict | None:
        return audit.card or None


class DataSerializer(serializers.Serializer):
    """The file and its rows; what only the computation finds is missing until it has a result."""

    file_name = serializers.CharField(allow_null=True, help_text="For those who may read its texts.")
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    rows = serializers.IntegerField(allow_null=True)
    kept = serializers.IntegerField(allow_null=True)
    excluded = serializers.IntegerField(allow_null=True)
    people = serializers.IntegerField(allow_null=True)
    encoding = serializers.CharField(allow_null=True)


class UrlsSerializer(serializers.Serializer):
    page = serializers.URLField()
    result = serializers.URLField()
    export = serializers.URLField()


class AuditSerializer(AuditRowSerializer):
    error = serializers.SerializerMethodField(help_text="Why it was rejected, or that we failed.")
    roles = serializers.SerializerMethodField(help_text="Column -> role.")
    settings = serializers.SerializerMethodField(help_text="How it is computed.")
    data = serializers.SerializerMethodField()
    urls = serializers.SerializerMethodField()

    class Meta(AuditRowSerializer.Meta):
        fields = (
            *AuditRowSerializer.Meta.fields,
            "description",
            "stage",
            "progress",
            "error",
            "roles",
            "settings",
            "data",
            "urls",
        )

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, audit: Audit) -> dict | None:
        if audit.status == Status.FAILED:
            return {"code": "failed", "detail": FAILED}
        if audit.status != Status.REJECTED:
            return None
        return {"code": audit.error, "detail": audit.error_detail}

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_roles(self, audit: Audit) -> dict:
        return self.context["reader"].result["roles"] if audit.is_done else audit.roles

    @extend_schema_field(serializers.DictField())
    def get_settings(self, audit: Audit) -> dict:
        return self.context["reader"].result["settings"] if audit.is_done else audit.settings

    @extend_schema_field(DataSerializer)
    def get_data(self, audit: Audit) -> dict:
        known = {"bytes": audit.file_bytes, "sha256": audit.file_sha256, **audit.result.get("data", {})}
        name = audit.file_name if self.context["reader"].may_read_texts else None
        return {**dict.fromkeys(DataSerializer().fields), **known, "file_name": name}

    @extend_schema_field(UrlsSerializer)
    def get_urls(self, audit: Audit) -> dict:
        names = {
            "page": "audits:report",
            "result": "audits_api:audit-result",
            "export": "audits_api:audit-export",
        }
        request = self.context["request"]
        return {name: reverse(view, [audit.key], request=request) for name, view in names.items()}


# Shown: results


class TableRowSerializer(serializers.Serializer):
    """A group; everyone's row comes first and has no group. Shares are of 1; intervals are 95 %."""

    group = serializers.DictField(child=serializers.CharField())
    n = serializers.IntegerField(allow_null=True)
    clusters = serializers.IntegerField(allow_null=True)
    note = serializers.CharField(allow_blank=True)

    def get_fields(self) -> dict:
        numbers = (
            "exposure",
            "errors",
            "value",
            "low",
            "high",
            "gap",
            "gap_low",
            "gap_high",
            "ratio",
            "ratio_low",
            "ratio_high",
            "p",
            "p_adjusted",
            "p_bh",
        )
        return super().get_fields() | {name: serializers.FloatField(allow_null=True) for name in numbers}


class TableSerializer(serializers.Serializer):
    system = serializers.CharField()
    columns = serializers.ListField(child=serializers.CharField())
    metric = serializers.CharField()
    aggregation = serializers.ChoiceField(AGGREGATIONS)
    where = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    versus = serializers.ChoiceField(VERSUS)
    baseline = serializers.CharField(allow_null=True)
    tests = serializers.IntegerField(help_text="How many p values are corrected together.")
    rows = TableRowSerializer(many=True)


class MetricSerializer(serializers.Serializer):
    key = serializers.CharField()
    name = serializers.CharField()
    short = serializers.CharField()
    formula = serializers.CharField()
    meaning = serializers.CharField()
    exposure_name = serializers.CharField()
    binary = serializers.BooleanField()
    higher_is_better = serializers.BooleanField()
    neutral = serializers.BooleanField()


class AuditColumnSerializer(GroupColumnSerializer):
    role = serializers.ChoiceField(["group", "condition"])
    groups = serializers.ListField(child=serializers.CharField())
    merged = serializers.IntegerField(help_text="How many small groups were put together.")


class ResultSerializer(serializers.Serializer):
    """A result. With parameters of a view it has one table, and none of the parts from `coverage` on."""

    schema_version = serializers.IntegerField()
    kind = KindField()
    settings = serializers.DictField()
    roles = serializers.DictField(child=serializers.CharField())
    data = serializers.DictField()
    systems = serializers.ListField(child=serializers.CharField())
    columns = AuditColumnSerializer(many=True)
    metrics = MetricSerializer(many=True)
    headline = serializers.CharField(help_text="The key of the headline metric.")
    tables = TableSerializer(many=True)
    coverage = serializers.DictField(required=False)
    sensitivity = serializers.DictField(required=False, allow_null=True)
    comparisons = serializers.ListField(child=serializers.DictField(), required=False)
    worst = serializers.ListField(child=serializers.DictField(), required=False)
    words = serializers.ListField(child=serializers.DictField(), required=False)
    tolerances = serializers.ListField(child=serializers.DictField(), required=False)
    calibration = serializers.ListField(child=serializers.DictField(), required=False)
    disclosure = serializers.DictField(required=False)
    method = serializers.DictField(required=False)

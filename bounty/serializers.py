"""What the API takes and what it shows. Who may see what of a submission is `submission_serializer`."""

from dataclasses import asdict
from datetime import datetime

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from common.jobs import Job, Status
from common.rest import ErrorSerializer, PageQuery, Strict, choice, page_number
from fairness.ranking import Standing

from . import entry, words
from .models import NORMALISER_NAMES, PARTS, Bounty, Check, Submission
from .parts import FEATURES, TRUTH
from .sandbox.codes import REJECTIONS
from .serializers_repaired import numbers_of
from .standings import LISTS

PREDICTOR_MISSING = "A fix needs a predictor: send predictor_format."
PREDICTOR_NOT_TAKEN = "A find has no predictor. Leave these fields out, or send kind=fix."
KIND_KEYS = Submission.Kind.values
PREDICTOR_FIELDS = ("predictor_format", "predictor_rule", "predictor_value", "predictor_file")


# Taken


class SubmissionsQuery(PageQuery):
    status = choice(*Status.values, required=False)
    kind = choice(*KIND_KEYS, required=False)


class LeaderboardQuery(Strict):
    def get_fields(self) -> dict:
        return {
            "track": choice(*KIND_KEYS, default="find"),
            "list": choice(
                *LISTS,
                default="shared",
                help_text="`solo`: of fixes, each team's own list. Finds have none and show the shared one.",
            ),
            "page": page_number(),
        }


class SampleQuery(Strict):
    def get_fields(self) -> dict:
        return {"as": choice("csv", "parquet", default="csv")}


class GroupRequest(Strict):
    """A group, and for a fix a predictor on it: each a rule as text, or a model as a file."""

    group_format = serializers.CharField(help_text="One of the bounty's `group_formats`.")
    group_rule = serializers.CharField(
        required=False, allow_blank=True, default="", help_text="For `rule`: an SQL condition."
    )
    group_file = serializers.FileField(
        required=False, allow_empty_file=True, help_text="For the other formats: the model. Multipart only."
    )

    kind = choice(*KIND_KEYS, default="find")
    predictor_format = serializers.CharField(
        required=False, help_text="Of a fix: one of the bounty's `predictor_formats`."
    )
    predictor_rule = serializers.CharField(
        required=False, allow_blank=True, help_text="For `rule`: true answers the `positive_label`."
    )
    predictor_value = serializers.CharField(
        required=False, allow_blank=True, help_text="For `constant`: the label."
    )
    predictor_file = serializers.FileField(
        required=False, allow_empty_file=True, help_text="For the other formats: the model. Multipart only."
    )

    def validate(self, values: dict) -> dict:
        sent = [name for name in PREDICTOR_FIELDS if values.get(name)]
        if values["kind"] == "find" and sent:
            raise serializers.ValidationError({sent[0]: PREDICTOR_NOT_TAKEN}, "predictor_not_taken")
        if values["kind"] == "fix" and not values.get("predictor_format"):
            raise serializers.ValidationError({"predictor_format": PREDICTOR_MISSING}, "predictor_missing")
        return values

    def group(self) -> entry.Group:
        values = self.validated_data
        return entry.Group(values["group_format"], values["group_rule"], values.get("group_file"))

    def predictor(self) -> entry.Predictor | None:
        values = self.validated_data
        if values["kind"] == "find":
            return None
        return entry.Predictor(
            values["predictor_format"],
            values.get("predictor_rule", ""),
            values.get("predictor_value", ""),
            values.get("predictor_file"),
        )


class SubmissionRequest(GroupRequest):
    kind = choice(*KIND_KEYS)
    note = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=2000, help_text="For the organisers to read."
    )


# Shown: bounties


class ColumnSerializer(serializers.Serializer):
    name = serializers.CharField()
    dtype = serializers.ChoiceField(["number", "text"])


class PartSerializer(serializers.Serializer):
    rows = serializers.IntegerField()
    features_sha256 = serializers.CharField()
    truth_sha256 = serializers.CharField()


class PartsSerializer(serializers.Serializer):
    sample = PartSerializer()
    leaderboard = PartSerializer()
    final = PartSerializer()


class SampleFactsSerializer(serializers.Serializer):
    """The measured rate on the public sample, and the share of wrong answers of model and best constant: null
    where the measure is `wer`."""

    rate = serializers.FloatField(allow_null=True, help_text="Of words it can exceed 1.")
    model_error = serializers.FloatField(allow_null=True)
    constant_error = serializers.FloatField(allow_null=True)


class QuotaSerializer(serializers.Serializer):
    """What the caller's team may still send. `resets_at` is when the two daily ones are full again."""

    bounty_left = serializers.IntegerField()
    team_left = serializers.IntegerField()
    today_left = serializers.IntegerField()
    rejected_left = serializers.IntegerField(
        help_text="Of the submissions that may be rejected, or fail on our side, today."
    )
    unfinished_left = serializers.IntegerField()
    resets_at = serializers.DateTimeField()


class BountyRowSerializer(serializers.ModelSerializer):
    phase = serializers.ChoiceField(["draft", "upcoming", "open", "closed"])
    url = serializers.HyperlinkedIdentityField("api:bounty-detail", lookup_field="slug")

    class Meta:
        model = Bounty
        fields = ("slug", "title", "summary", "measure", "phase", "opens_at", "closes_at", "url")


class BountySerializer(BountyRowSerializer):
    columns = ColumnSerializer(source="schema", many=True)
    labels = serializers.ListField(
        child=serializers.CharField(), help_text="Empty where the measure is `wer`."
    )
    normaliser = serializers.SerializerMethodField(
        help_text="What texts go through before words are compared; null for labels."
    )
    normaliser_version = serializers.SerializerMethodField(help_text="Null for labels.")
    group_columns = serializers.ListField(child=serializers.CharField())
    group_formats = serializers.ListField(child=serializers.CharField())
    takes_fixes = serializers.BooleanField(source="accepts_fixes", help_text="Whether kind=fix is taken.")
    predictor_formats = serializers.SerializerMethodField(help_text="Of fixes; empty where none are taken.")
    predicts = serializers.ChoiceField(
        ["label", "number", "probability"], help_text="What a fix's predictor answers."
    )
    positive_label = serializers.CharField(help_text="What a rule as predictor answers where it is true.")
    min_gain = serializers.FloatField(
        help_text="By how much a fix must lower the overall error to be accepted, as a share of all rows."
    )
    publish_groups = serializers.BooleanField(
        help_text="Whether the rules and notes of accepted groups become public with the final ranking."
    )
    min_clusters = serializers.IntegerField(
        allow_null=True,
        help_text="Clusters (of speech: speakers) that a group and everyone else each need; null where none "
        "are named.",
    )
    level = serializers.FloatField(help_text="What each verdict is judged at: alpha / verdict_cap.")
    parts = serializers.SerializerMethodField()
    sample = serializers.SerializerMethodField()
    quota = serializers.SerializerMethodField()

    class Meta:
        model = Bounty
        fields = (
            *BountyRowSerializer.Meta.fields,
            "description",
            "licence",
            "source",
            "system",
            "favourable_label",
            "labels",
            "normaliser",
            "normaliser_version",
            "columns",
            "group_columns",
            "group_formats",
            "takes_fixes",
            "predictor_formats",
            "predicts",
            "positive_label",
            "min_gain",
            "house_teams",
            "publish_groups",
            "min_rows",
            "min_clusters",
            "alpha",
            "level",
            "verdict_cap",
            "team_cap",
            "daily_cap",
            "rejected_daily_cap",
            "wall_seconds",
            "opened_at",
            "closed_at",
            "finalised_at",
            "parts",
            "sample",
            "quota",
        )

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_predictor_formats(self, bounty: Bounty) -> list[str]:
        return list(bounty.predictor_formats) if bounty.accepts_fixes else []

    @extend_schema_field(serializers.ChoiceField(list(NORMALISER_NAMES), allow_null=True))
    def get_normaliser(self, bounty: Bounty) -> str | None:
        return bounty.normaliser if bounty.is_speech else None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_normaliser_version(self, bounty: Bounty) -> str | None:
        return bounty.normaliser_version if bounty.is_speech and bounty.is_prepared else None

    @extend_schema_field(PartsSerializer(allow_null=True))
    def get_parts(self, bounty: Bounty) -> dict | None:
        if not bounty.is_prepared:
            return None
        parts = {name: bounty.parts[name] for name in PARTS}
        return {
            name: {
                "rows": part["rows"],
                "features_sha256": part[FEATURES]["sha256"],
                "truth_sha256": part[TRUTH]["sha256"],
            }
            for name, part in parts.items()
        }

    @extend_schema_field(SampleFactsSerializer(allow_null=True))
    def get_sample(self, bounty: Bounty) -> dict | None:
        if not bounty.is_prepared:
            return None
        return {name: bounty.parts["sample"][name] for name in ("rate", "model_error", "constant_error")}

    @extend_schema_field(QuotaSerializer(allow_null=True))
    def get_quota(self, bounty: Bounty) -> dict | None:
        """None for those who cannot submit: strangers and organisers."""
        user = self.context["request"].user
        if not user.pk or bounty.is_organised_by(user):
            return None
        return asdict(entry.quota_of(bounty, bounty.teams.filter(user=user).first()))


class StandingSerializer(serializers.Serializer):
    rank = serializers.IntegerField()
    team = serializers.CharField()
    points = serializers.FloatField(help_text="Percentage points, rounded down to 0.1.")
    accepted = serializers.IntegerField()
    submissions = serializers.IntegerField()
    last_accepted = serializers.DateTimeField(allow_null=True)
    is_house = serializers.SerializerMethodField(
        help_text="An automatic baseline, switched on by organisers."
    )

    def get_is_house(self, standing: Standing) -> bool:
        return standing.team in self.context["house"]


class LeaderboardSerializer(serializers.Serializer):
    half = serializers.ChoiceField(["leaderboard"])
    pages = serializers.IntegerField()
    rows = StandingSerializer(many=True)


# Shown: jobs


class VerdictSerializer(serializers.Serializer):
    accepted = serializers.BooleanField()
    code = serializers.ChoiceField(Submission.Code.values)
    sample_share = serializers.FloatField(help_text="Share of the public sample's rows in the group.")


class FullVerdictSerializer(VerdictSerializer):
    points = serializers.FloatField(help_text="Percentage points of the overall rate.")
    numbers = serializers.SerializerMethodField(
        help_text="The evidence on the leaderboard half; of a fix with `solo`, the verdict on its team's own "
        "list."
    )

    def get_numbers(self, submission: Submission) -> dict:
        return numbers_of(submission.numbers)


class JobSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    status = serializers.ChoiceField(Status.values)
    error = serializers.SerializerMethodField(help_text="Why it was rejected, or that we failed.")
    created = serializers.DateTimeField()
    finished = serializers.SerializerMethodField()

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, job: Job) -> dict | None:
        if job.status == Status.FAILED:
            return {"code": "failed", "detail": words.FAILED}
        if job.status != Status.REJECTED:
            return None
        sentence = REJECTIONS.get(job.error, "")
        return {"code": job.error, "detail": f"{sentence} {job.error_detail}".strip()}

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_finished(self, job: Job) -> datetime | None:
        return job.finished_second


class SubmissionSerializer(JobSerializer):
    """What a team sees of its submission while the bounty is open."""

    verdict_class = VerdictSerializer

    bounty = serializers.CharField(source="bounty.slug")
    team = serializers.CharField(source="team.name")
    kind = serializers.ChoiceField(KIND_KEYS)
    queue_position = serializers.SerializerMethodField()
    starts_in_seconds = serializers.SerializerMethodField(
        help_text="In about how long a worker takes it, in rough steps; null where that is not known."
    )
    verdict = serializers.SerializerMethodField()

    def get_queue_position(self, submission: Submission) -> int | None:
        found = self.context["queue"].get(submission.pk)
        return found and found.place

    def get_starts_in_seconds(self, submission: Submission) -> int | None:
        found = self.context["queue"].get(submission.pk)
        return found and found.seconds

    @extend_schema_field(VerdictSerializer(allow_null=True))
    def get_verdict(self, submission: Submission) -> dict | None:
        return self.verdict_class(submission).data if submission.status == Status.SCORED else None


class RevealedSubmissionSerializer(SubmissionSerializer):
    """What a team sees of it once the bounty has closed."""

    verdict_class = FullVerdictSerializer

    @extend_schema_field(FullVerdictSerializer(allow_null=True))
    def get_verdict(self, submission: Submission) -> dict | None:
        return super().get_verdict(submission)


class OrganisersSubmissionSerializer(RevealedSubmissionSerializer):
    """What organisers see of it at any time."""

    group_format = serializers.CharField()
    group_rule = serializers.CharField()
    group_file_name = serializers.CharField()
    predictor_format = serializers.CharField()
    predictor_rule = serializers.CharField()
    predictor_value = serializers.CharField()
    predictor_file_name = serializers.CharField()
    note = serializers.CharField()
    duplicate_of = serializers.IntegerField(source="duplicate_of_id", allow_null=True)
    log = serializers.CharField()


def submission_serializer(bounty: Bounty, user) -> type[SubmissionSerializer]:
    if bounty.is_organised_by(user):
        return OrganisersSubmissionSerializer
    return RevealedSubmissionSerializer if bounty.shows_numbers_to(user) else SubmissionSerializer


class ComparisonSerializer(serializers.Serializer):
    """A group on the public sample against everyone else there, with a 95 % interval: no proof."""

    sample_rows = serializers.IntegerField()
    sample_share = serializers.FloatField()
    rows = serializers.IntegerField(help_text="Rows of the group that count for the measure.")
    exposure = serializers.FloatField(help_text="How often the mistake could have happened: rows, or words.")
    errors = serializers.FloatField()
    rate = serializers.FloatField(allow_null=True)
    rest_rate = serializers.FloatField(allow_null=True)
    gap = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)


class FixComparisonSerializer(serializers.Serializer):
    """A fix on the public sample against the audited model, with a 95 % interval of its gain: no proof."""

    sample_rows = serializers.IntegerField()
    sample_share = serializers.FloatField()
    changed = serializers.IntegerField(help_text="Rows whose answer the predictor changes.")
    better = serializers.IntegerField(help_text="Rows the model gets wrong and the predictor right.")
    worse = serializers.IntegerField(help_text="Rows the model gets right and the predictor wrong.")
    group_before = serializers.FloatField(allow_null=True, help_text="The model's error in the group.")
    group_after = serializers.FloatField(allow_null=True, help_text="The predictor's error in the group.")
    constant = serializers.CharField(allow_null=True, help_text="The best constant answer in the group.")
    constant_error = serializers.FloatField(allow_null=True)
    gain = serializers.FloatField(help_text="By how much the error of all rows would fall.")
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)


CHECK_RESULT = PolymorphicProxySerializer(
    "CheckResult", [ComparisonSerializer, FixComparisonSerializer], resource_type_field_name=None
)


def check_result(result: dict) -> dict:
    shown = FixComparisonSerializer if "gain" in result else ComparisonSerializer
    return shown(result).data


class CheckSerializer(JobSerializer):
    bounty = serializers.CharField(source="team.bounty.slug")
    result = serializers.SerializerMethodField()

    @extend_schema_field(CHECK_RESULT)
    def get_result(self, check: Check) -> dict | None:
        return check_result(check.result) if check.result else None

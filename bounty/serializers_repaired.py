"""What the API shows of the repaired model, of the accepted groups, of the guard and of the close."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from .models import Submission
from .repaired import Round

GIVEN_APART = ("accepted", "code", "points", "duplicate_of")


def numbers_of(numbers: dict) -> dict:
    """The evidence of a verdict, without what stands beside it."""
    return {name: value for name, value in numbers.items() if name not in GIVEN_APART}


def percentage(**options) -> serializers.FloatField:
    return serializers.FloatField(help_text="Percentage points of the overall rate.", **options)


def end_of_interval() -> serializers.FloatField:
    return serializers.FloatField(allow_null=True, help_text="An end of the 95 % interval.")


# The repaired model


class SentSerializer(serializers.ModelSerializer):
    """What its team sent. Files are named, never given away."""

    class Meta:
        model = Submission
        fields = (
            "group_format",
            "group_rule",
            "group_file_name",
            "predictor_format",
            "predictor_rule",
            "predictor_value",
            "predictor_file_name",
            "note",
        )


class WithSentSerializer(serializers.Serializer):
    """Something said of a submission, with what was sent where the caller may see it."""

    sent = serializers.SerializerMethodField(
        help_text="Null unless it is your team's, you organise the bounty, or accepted groups were published."
    )

    def submission_of(self, shown) -> int:
        return shown["submission"]

    @extend_schema_field(SentSerializer(allow_null=True))
    def get_sent(self, shown) -> dict | None:
        submission = self.context["sent"].get(self.submission_of(shown))
        return SentSerializer(submission).data if submission else None


class NodeSerializer(serializers.Serializer):
    """For the rows of a fix's group: its predictor's answer, or that of a past version."""

    version = serializers.IntegerField(help_text="The version that this node makes, from 1.")
    group = serializers.IntegerField(help_text="The number of the fix whose group it is.")
    points_to = serializers.IntegerField(
        allow_null=True, help_text="The past version that answers, 0 the base model; null: the fix itself."
    )


class RoundSerializer(WithSentSerializer):
    number = serializers.IntegerField()
    submission = serializers.IntegerField(source="submission.pk")
    team = serializers.CharField(source="submission.team.name")
    is_house = serializers.BooleanField(source="submission.team.is_house")
    accepted_at = serializers.DateTimeField(source="submission.finished_second")
    sample_share = serializers.FloatField(source="submission.sample_share")
    version = serializers.IntegerField(help_text="The model's version with this fix and its repairs in it.")
    repairs = NodeSerializer(many=True)
    drop = serializers.FloatField(
        help_text="How far the overall error has fallen so far: percentage points, rounded down to 0.1."
    )
    uses = serializers.DictField(
        source="submission.uses",
        child=serializers.FloatField(),
        help_text="By column, the share of rows that change sides when its values are shuffled: of up to 400 "
        "public rows, taken from inside and outside the group by turns.",
    )
    points = serializers.SerializerMethodField(
        help_text="Exact, in percentage points of the overall error; null while the bounty is open."
    )
    numbers = serializers.SerializerMethodField(
        help_text="The evidence on the leaderboard half; null while the bounty is open."
    )

    def submission_of(self, shown: Round) -> int:
        return shown.submission.pk

    def get_points(self, shown: Round) -> float | None:
        return None if shown.exact is None else shown.submission.points

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_numbers(self, shown: Round) -> dict | None:
        return None if shown.exact is None else numbers_of(shown.exact)


class LifeSerializer(serializers.Serializer):
    """The mean loss on the leaderboard half: of the base model, then after every round."""

    overall = serializers.ListField(child=serializers.FloatField())
    groups = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField(allow_null=True)),
        help_text="Of each fix's group in turn, null before its round.",
    )


class RepairedModelSerializer(serializers.Serializer):
    half = serializers.ChoiceField(["leaderboard"])
    rounds = RoundSerializer(many=True)
    nodes = NodeSerializer(many=True, help_text="Read from the last to the first to answer a row.")
    life = LifeSerializer(allow_null=True, help_text="Null while the bounty is open, except to organisers.")


# Accepted groups and the guard


class TeamUsesSerializer(serializers.Serializer):
    team = serializers.CharField()
    is_house = serializers.BooleanField()
    groups = serializers.IntegerField(help_text="Accepted ones, of finds and fixes.")
    uses = serializers.DictField(
        child=serializers.FloatField(),
        help_text="By column, the mean over their groups of the share of rows that change sides when its "
        "values are shuffled: of up to 400 public rows, from inside and outside by turns.",
    )


class CoveredSerializer(serializers.Serializer):
    """Whole percent of the rows, null where too few rows have the value."""

    once = serializers.IntegerField(allow_null=True, help_text="In one accepted group.")
    more = serializers.IntegerField(allow_null=True, help_text="In several of them.")


class CoverageSerializer(serializers.Serializer):
    """How much of a declared group the accepted groups hold, on the leaderboard half."""

    column = serializers.CharField(allow_null=True, help_text="Null: all rows.")
    value = serializers.CharField(allow_blank=True)
    find = CoveredSerializer()
    fix = CoveredSerializer()


class GroupsSerializer(serializers.Serializer):
    pages = serializers.IntegerField(help_text="Of teams.")
    uses = TeamUsesSerializer(many=True)
    coverage = CoverageSerializer(many=True)


class TeamUsedSerializer(serializers.Serializer):
    team = serializers.CharField()
    is_house = serializers.BooleanField()
    used = serializers.IntegerField()


class GuardSerializer(serializers.Serializer):
    """How much of the hidden set's protection is used. Until the first acceptance the promise covers all."""

    verdict_cap = serializers.IntegerField(help_text="K.")
    used = serializers.IntegerField(help_text="Judged, or on their way.")
    left = serializers.IntegerField()
    alpha = serializers.FloatField()
    level = serializers.FloatField(help_text="What each verdict is judged at: alpha / verdict_cap.")
    accepted = serializers.IntegerField()
    first_accepted = serializers.DateTimeField(allow_null=True)
    pages = serializers.IntegerField(help_text="Of teams.")
    teams = TeamUsedSerializer(many=True)


# The close


class FinalFindSerializer(WithSentSerializer):
    """An accepted find judged again on the final half."""

    submission = serializers.IntegerField()
    team = serializers.CharField()
    rows = serializers.IntegerField()
    exposure = serializers.FloatField()
    group_weight = serializers.FloatField()
    rate = serializers.FloatField(allow_null=True)
    rest_rate = serializers.FloatField(allow_null=True)
    gap = serializers.FloatField(allow_null=True)
    low = end_of_interval()
    high = end_of_interval()
    code = serializers.ChoiceField(Submission.Code.values)
    live_points = percentage()
    points = percentage()


class FinalFixSerializer(WithSentSerializer):
    """What an accepted fix changed on the final half, with the repairs it brought."""

    submission = serializers.IntegerField()
    number = serializers.IntegerField()
    team = serializers.CharField()
    rows = serializers.IntegerField()
    group_before = serializers.FloatField(allow_null=True)
    group_after = serializers.FloatField(allow_null=True)
    before = serializers.FloatField()
    after = serializers.FloatField()
    live_points = percentage()
    points = percentage()
    low = end_of_interval()
    high = end_of_interval()


class FinalModelSerializer(serializers.Serializer):
    """The mean loss of base and repaired model on the final half, and the drop."""

    before = serializers.FloatField()
    after = serializers.FloatField()
    points = percentage()
    low = end_of_interval()
    high = end_of_interval()


class FinalStandingSerializer(serializers.Serializer):
    rank = serializers.IntegerField()
    team = serializers.CharField()
    points = percentage()
    low = end_of_interval()
    high = end_of_interval()
    accepted = serializers.IntegerField()
    live_rank = serializers.IntegerField()
    live_points = percentage()


class TracksSerializer(serializers.Serializer):
    find = FinalStandingSerializer(many=True)
    fix = FinalStandingSerializer(many=True)


class CreditSerializer(serializers.Serializer):
    """Beside a team's points its Shapley value: its mean contribution, whoever came first."""

    team = serializers.CharField()
    points = percentage()
    value = percentage()
    low = serializers.FloatField(help_text="Equal to `value` where it is exact.")
    high = serializers.FloatField()


class FinalSerializer(serializers.Serializer):
    finalised_at = serializers.DateTimeField()
    rows = serializers.IntegerField()
    accepted = serializers.IntegerField(help_text="Accepted submissions: each is judged at alpha over these.")
    level = serializers.FloatField()
    finds = FinalFindSerializer(many=True)
    fixes = FinalFixSerializer(many=True)
    model = FinalModelSerializer(allow_null=True)
    tracks = TracksSerializer()
    credit = CreditSerializer(
        many=True, allow_null=True, help_text="On the leaderboard half. Null until it is worked out."
    )

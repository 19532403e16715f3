"""What the APIs of both apps share: strict serializers, refusals as answers, accepted jobs."""

from collections.abc import Sequence

from django.core.paginator import Page, Paginator
from django.utils import timezone
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ErrorDetail, ValidationError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.response import Response
from rest_framework.reverse import reverse

from .intake import IntakeError
from .jobs import Job, Status

UNKNOWN_FIELD = "There is no field “{name}” here. Known: {known}."
NOT_A_CHOICE = "“{input}” is not among: {choices}."
SHOWN = 40
DAY = 86_400
KEY_CHARACTERS = 100
ROWS_ON_A_PAGE = 200
KEY_TOO_LONG = f"The Idempotency-Key may have at most {KEY_CHARACTERS} characters."


class Strict(serializers.Serializer):
    """Refuses what it does not know, so that a misspelt field is never silently left out."""

    def to_internal_value(self, data) -> dict:
        values = super().to_internal_value(data)
        for name in sorted(set(data) - set(self.fields)):
            sentence = UNKNOWN_FIELD.format(name=name[:SHOWN], known=", ".join(self.fields))
            raise serializers.ValidationError({name[:SHOWN]: ErrorDetail(sentence, "unknown_field")})
        return values


class OneOf(serializers.ChoiceField):
    """Says which there are, and repeats little of what was sent."""

    def __init__(self, choices, **options) -> None:
        sentence = NOT_A_CHOICE.format(input="{input}", choices=", ".join(choices))
        super().__init__(choices, error_messages={"invalid_choice": sentence}, **options)

    def fail(self, key: str, **values) -> None:
        super().fail(key, **{name: str(value)[:SHOWN] for name, value in values.items()})


def choice(*choices: str, **options) -> OneOf:
    return OneOf(choices, **options)


def read(serializer_class: type[Strict], data) -> dict:
    serializer = serializer_class(data=data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


class PageQuery(Strict):
    cursor = serializers.CharField(required=False, allow_blank=True)
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=200)


def page_number() -> serializers.IntegerField:
    """Of a list that is computed whole, as a ranking is."""
    sentence = f"From 1, with {ROWS_ON_A_PAGE} rows each; beyond the last page it is the last."
    return serializers.IntegerField(
        required=False, default=1, min_value=1, max_value=1_000_000, help_text=sentence
    )


class NumberQuery(Strict):
    page = page_number()


def page_of(rows: Sequence, number: int) -> Page:
    return Paginator(rows, ROWS_ON_A_PAGE).get_page(number)


class AcceptedSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    status = serializers.ChoiceField(Status.values)
    url = serializers.URLField()


class ErrorSerializer(serializers.Serializer):
    code = serializers.CharField()
    detail = serializers.CharField()


def accepted(job: Job, view: str, request) -> dict:
    url = reverse(view, [job.pk], request=request)
    return AcceptedSerializer({"id": job.pk, "status": job.status, "url": url}).data


class Refused(APIException):
    """What intake refuses, as an answer; a daily quota is worth trying again after midnight UTC."""

    def __init__(self, error: IntakeError, status_code: int, daily: bool = False) -> None:
        super().__init__(error.detail, error.code)
        self.status_code, self.field = status_code, error.field
        self.wait = DAY - int(timezone.now().timestamp()) % DAY if daily else None


class IntakeErrors:
    """A viewset whose intake errors become answers: the status of each code, and the daily quotas."""

    statuses: dict[str, int] = {}
    daily: frozenset[str] = frozenset()

    def handle_exception(self, error: Exception) -> Response:
        if isinstance(error, IntakeError):
            code = self.statuses.get(error.code, status.HTTP_400_BAD_REQUEST)
            error = Refused(error, code, error.code in self.daily)
        return super().handle_exception(error)


class AnyAccept(BaseContentNegotiation):
    """For files: the query says which format is wanted."""

    def select_parser(self, request, parsers):
        return None

    def select_renderer(self, request, renderers, format_suffix=None):
        return renderers[0], renderers[0].media_type


def idempotency_key(request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > KEY_CHARACTERS:
        raise ValidationError(KEY_TOO_LONG, "idempotency_key_too_long")
    return key

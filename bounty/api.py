"""The HTTP API: permission, serializer, one call, render. What is taken and shown stands in serializers."""

from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiTypes,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_view,
)
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

from common.address import client_address
from common.intake import IntakeError
from common.rest import (
    AcceptedSerializer,
    AnyAccept,
    IntakeErrors,
    PageQuery,
    accepted,
    idempotency_key,
    page_of,
    read,
)
from common.waiting import queue_of

from . import alike, intake
from .api_alike import AlikeCalls
from .api_bundle import BundleCalls
from .api_repaired import RepairedCalls
from .entry import Group, Predictor
from .models import Bounty, Check, Submission
from .sample_file import CONTENT_TYPES, etag, sample_file
from .serializers import (
    CHECK_RESULT,
    BountyRowSerializer,
    BountySerializer,
    CheckSerializer,
    GroupRequest,
    LeaderboardQuery,
    LeaderboardSerializer,
    OrganisersSubmissionSerializer,
    RevealedSubmissionSerializer,
    SampleQuery,
    SubmissionRequest,
    SubmissionSerializer,
    SubmissionsQuery,
    check_result,
    submission_serializer,
)
from .standings import standings

STATUSES = {
    "own_bounty": status.HTTP_403_FORBIDDEN,
    "bounty_closed": status.HTTP_409_CONFLICT,
    "bounty_opened": status.HTTP_409_CONFLICT,
    "not_prepared": status.HTTP_409_CONFLICT,
    "not_mergeable": status.HTTP_409_CONFLICT,
    "not_bundled": status.HTTP_409_CONFLICT,
    "not_final": status.HTTP_404_NOT_FOUND,
    "fixes_not_taken": status.HTTP_409_CONFLICT,
    "idempotency_key_reused": status.HTTP_409_CONFLICT,
    "file_too_big": status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
    "no_verdicts_left": status.HTTP_429_TOO_MANY_REQUESTS,
    "team_verdicts_used": status.HTTP_429_TOO_MANY_REQUESTS,
    "daily_verdicts_used": status.HTTP_429_TOO_MANY_REQUESTS,
    "daily_rejections_used": status.HTTP_429_TOO_MANY_REQUESTS,
    "too_many_unfinished": status.HTTP_429_TOO_MANY_REQUESTS,
    "too_many_checks": status.HTTP_429_TOO_MANY_REQUESTS,
}
DAILY = frozenset({"daily_verdicts_used", "daily_rejections_used"})


def read_models(serializer_class, request) -> tuple[Group, Predictor | None, dict]:
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return serializer.group(), serializer.predictor(), serializer.validated_data


SHAPES = [SubmissionSerializer, RevealedSubmissionSerializer, OrganisersSubmissionSerializer]
SUBMISSION = PolymorphicProxySerializer("AnySubmission", SHAPES, resource_type_field_name=None)
SUBMISSIONS = PolymorphicProxySerializer("AnySubmission", SHAPES, resource_type_field_name=None, many=True)
RULE = {"group_format": "rule", "group_rule": "age < 30 AND home = 'rent'"}
CONSTANT = {"predictor_format": "constant", "predictor_value": "1"}
CONDITION = {"predictor_format": "rule", "predictor_rule": "income > 25000"}
FIXES = [
    OpenApiExample("A fix by a constant", {"kind": "fix", **RULE, **CONSTANT}, request_only=True),
    OpenApiExample("A fix by a rule", {"kind": "fix", **RULE, **CONDITION}, request_only=True),
]


@extend_schema_view(
    list=extend_schema(
        operation_id="bounties", summary="All bounties you may see, newest first", parameters=[PageQuery]
    ),
    retrieve=extend_schema(
        operation_id="bounty", summary="One bounty: rules, columns, dates, what is left of your quota"
    ),
)
class BountyViewSet(AlikeCalls, BundleCalls, IntakeErrors, RepairedCalls, viewsets.ReadOnlyModelViewSet):
    statuses, daily = STATUSES, DAILY
    lookup_field = "slug"
    lookup_value_regex = "[-a-zA-Z0-9_]+"

    def get_queryset(self):
        found = Bounty.objects.visible_to(self.request.user)
        return found.for_lists() if self.action == "list" else found

    def get_serializer_class(self):
        return BountyRowSerializer if self.action == "list" else BountySerializer

    @property
    def throttle_scope(self) -> str | None:
        return {"sample": "samples", "check": "checks", "submit": "submissions"}.get(self.action)

    def get_prepared(self) -> Bounty:
        bounty = self.get_object()
        if not bounty.is_prepared:
            raise IntakeError("not_prepared", intake.NOT_PREPARED)
        return bounty

    def list(self, request):
        read(PageQuery, request.query_params)
        return super().list(request)

    @extend_schema(
        operation_id="sample",
        summary="The public sample as a file: visible columns, then what is true and what the model said",
        description="Last come `label` and `prediction`; where the measure is `wer`, `reference` (what was "
        "said) and `hypothesis` (what the system wrote), both as in the organiser's table, and `errors` and "
        "`exposure`: words wrong and words said, after the bounty's `normaliser`.",
        parameters=[SampleQuery],
        responses={(200, CONTENT_TYPES[name].split(";")[0]): OpenApiTypes.BINARY for name in CONTENT_TYPES},
    )
    @action(detail=True, content_negotiation_class=AnyAccept)
    def sample(self, request, slug: str):
        format_name = read(SampleQuery, request.query_params)["as"]
        bounty = self.get_prepared()
        tag = etag(bounty, format_name)
        response = get_conditional_response(request, etag=tag)
        if response is None:
            response = HttpResponse(sample_file(bounty, format_name), CONTENT_TYPES[format_name])
            response["Content-Disposition"] = f'attachment; filename="{slug}-sample.{format_name}"'
        response["ETag"], response["Cache-Control"] = tag, "private, no-cache"
        return response

    @extend_schema(
        operation_id="check",
        summary="Dry run of a group or a fix on the public sample: costs no quota",
        description="Rules and constants are answered at once. A model is queued behind submissions: poll "
        "the `url`. Send `kind=fix` and a predictor to see what it gains on the sample.",
        request={"application/json": GroupRequest, "multipart/form-data": GroupRequest},
        responses={200: CHECK_RESULT, 202: AcceptedSerializer},
        examples=[OpenApiExample("A group by a rule", RULE, request_only=True), *FIXES],
    )
    @action(detail=True, methods=["post"])
    def check(self, request, slug: str):
        bounty = self.get_prepared()
        group, predictor, _ = read_models(GroupRequest, request)
        if intake.is_answered_at_once(group, predictor):
            return Response(check_result(intake.check_rules(bounty, group, predictor)))
        check = intake.check_model(request.user, bounty, group, predictor)
        return Response(accepted(check, "api:check-detail", request), status.HTTP_202_ACCEPTED)

    @extend_schema(
        operation_id="submissions",
        summary="Your submissions, newest first; organisers see all",
        parameters=[SubmissionsQuery],
        responses=SUBMISSIONS,
    )
    @action(detail=True, permission_classes=[IsAuthenticated])
    def submissions(self, request, slug: str):
        wanted = read(SubmissionsQuery, request.query_params)
        bounty = self.get_object()
        found = bounty.submissions.visible_to(request.user).select_related("team")
        found = found.filter(**{name: wanted[name] for name in ("status", "kind") if name in wanted})
        page = self.paginate_queryset(found)
        shown = submission_serializer(bounty, request.user)
        context = {"queue": queue_of(page)}
        return self.get_paginated_response(shown(page, many=True, context=context).data)

    @extend_schema(
        operation_id="submit",
        summary="Submit a find or a fix",
        description="A find is a group in which the measure is worse; a fix is a group and a predictor that "
        "does better on it, which is run on the group's rows alone. A repeated Idempotency-Key gives the "
        "first submission back and makes no second one.",
        parameters=[
            OpenApiParameter(
                "Idempotency-Key", str, OpenApiParameter.HEADER, description="Yours, at most 100 characters."
            )
        ],
        request={"application/json": SubmissionRequest, "multipart/form-data": SubmissionRequest},
        responses={202: AcceptedSerializer},
        examples=[OpenApiExample("A find by a rule", {"kind": "find", **RULE}, request_only=True), *FIXES],
    )
    @submissions.mapping.post
    def submit(self, request, slug: str):
        bounty = self.get_object()
        key = idempotency_key(request)
        group, predictor, values = read_models(SubmissionRequest, request)
        origin = alike.origin_of(bounty, client_address(request))
        submission, _ = intake.submit(
            request.user, bounty, group, predictor, note=values["note"], idempotency_key=key, origin=origin
        )
        answer = accepted(submission, "api:submission-detail", request)
        return Response(answer, status.HTTP_202_ACCEPTED, headers={"Location": answer["url"]})

    @extend_schema(
        operation_id="leaderboard",
        summary="The leaderboard: teams by points, of finds or of fixes",
        parameters=[LeaderboardQuery],
        responses=LeaderboardSerializer,
    )
    @action(detail=True)
    def leaderboard(self, request, slug: str):
        asked = read(LeaderboardQuery, request.query_params)
        bounty = self.get_object()
        page = page_of(standings(bounty, asked["track"], asked["list"]), asked["page"])
        table = {"half": "leaderboard", "pages": page.paginator.num_pages, "rows": page}
        house = set(bounty.teams.filter(is_house=True).values_list("name", flat=True))
        return Response(LeaderboardSerializer(table, context={"house": house}).data)


@extend_schema_view(
    retrieve=extend_schema(
        operation_id="submission",
        summary="One submission: where it stands and what came of it",
        description="Its team sees the verdict; points and numbers once the bounty has closed. "
        "Organisers see all at any time.",
        responses=SUBMISSION,
    )
)
class SubmissionViewSet(mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    permission_classes = [IsAuthenticated]
    lookup_value_regex = "[0-9]+"
    serializer_class = SubmissionSerializer

    def get_queryset(self):
        return Submission.objects.visible_to(self.request.user).select_related("team", "bounty")

    def retrieve(self, request, pk: int):
        submission = self.get_object()
        shown = submission_serializer(submission.bounty, request.user)
        context = {"queue": queue_of([submission])}
        return Response(shown(submission, context=context).data)


@extend_schema_view(
    retrieve=extend_schema(operation_id="model_check", summary="One dry run of a model, for its team alone")
)
class CheckViewSet(mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    permission_classes = [IsAuthenticated]
    lookup_value_regex = "[0-9]+"
    serializer_class = CheckSerializer

    def get_queryset(self):
        return Check.objects.filter(team__user=self.request.user.pk).select_related("team__bounty")

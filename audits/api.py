"""The HTTP API of audits: permission, serializer, one call, render. What is taken and shown: serializers."""

from django.conf import settings
from django.http import StreamingHttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema, extend_schema_view
from rest_framework import status, viewsets
from rest_framework.response import Response
from rest_framework.reverse import reverse

from common.intake import IntakeError
from common.rest import IntakeErrors, idempotency_key, read

from . import asked, intake
from .access import Reader
from .exports import table_lines
from .models import Audit
from .serializers import (
    AuditAcceptedSerializer,
    AuditRequest,
    AuditRowSerializer,
    AuditSerializer,
    AuditsQuery,
    DetailsRequest,
    ResultSerializer,
    ViewQuery,
)

STATUSES = {
    "not_found": status.HTTP_404_NOT_FOUND,
    "not_done": status.HTTP_409_CONFLICT,
    "idempotency_key_reused": status.HTTP_409_CONFLICT,
    "file_too_big": status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
    "storage_full": status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
    "too_many_unfinished": status.HTTP_429_TOO_MANY_REQUESTS,
}
NOT_DONE = "This audit has no result: it is {status}."
# What a result with one table keeps of the stored one.
FACTS = (
    "schema_version",
    "kind",
    "settings",
    "roles",
    "data",
    "systems",
    "columns",
    "metrics",
    "headline",
)


@extend_schema_view(
    list=extend_schema(
        operation_id="audits",
        summary="Audits you may see, newest first",
        description="Public ones, yours, and those whose owner named you. Unlisted ones open by their id.",
        parameters=[AuditsQuery],
    ),
    retrieve=extend_schema(operation_id="audit", summary="One audit: where it stands and how it is computed"),
)
class AuditViewSet(IntakeErrors, viewsets.ReadOnlyModelViewSet):
    statuses = STATUSES
    lookup_field = "key"

    def get_queryset(self):
        audits, user = Audit.objects.select_related("owner"), self.request.user
        if self.action == "list":
            return audits.listed_to(user).for_lists()
        return audits.owned_by(user) if self.action in ("change", "remove") else audits.visible_to(user)

    def get_serializer_class(self):
        return AuditRowSerializer if self.action == "list" else AuditSerializer

    @property
    def throttle_scope(self) -> str | None:
        return "audits" if self.action == "create" else None

    @property
    def body_cap(self) -> int | None:
        return settings.AUDIT_MAX_BYTES if self.action == "create" else None

    def get_reader(self) -> Reader:
        """Of an audit that has its result."""
        audit = self.get_object()
        if not audit.is_done:
            raise IntakeError("not_done", NOT_DONE.format(status=audit.get_status_display().lower()))
        return Reader(audit, self.request.user)

    def shown(self, audit: Audit) -> Response:
        context = self.get_serializer_context() | {"reader": Reader(audit, self.request.user)}
        return Response(AuditSerializer(audit, context=context).data)

    def list(self, request):
        asked_for = read(AuditsQuery, request.query_params)
        found = self.get_queryset().matching(asked_for.get("q", ""))
        found = found.filter(**{name: asked_for[name] for name in ("kind", "system") if asked_for.get(name)})
        if asked_for.get("mine"):
            found = found.filter(owner=request.user.pk)
        page = self.paginate_queryset(found)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request, key: str):
        return self.shown(self.get_object())

    @extend_schema(
        operation_id="create_audit",
        summary="Audit a file",
        description="A repeated Idempotency-Key gives the first audit back and makes no second one. "
        "Poll the `url`.",
        parameters=[
            OpenApiParameter(
                "Idempotency-Key", str, OpenApiParameter.HEADER, description="Yours, at most 100 characters."
            )
        ],
        request={"multipart/form-data": AuditRequest},
        responses={202: AuditAcceptedSerializer},
    )
    def create(self, request):
        idempotency = idempotency_key(request)
        serializer = AuditRequest(data=request.data)
        serializer.is_valid(raise_exception=True)
        values, chosen = serializer.given()
        audit, _ = intake.create_audit(request.user, **values, values=chosen, idempotency_key=idempotency)
        url = reverse("audits_api:audit-detail", [audit.key], request=request)
        answer = AuditAcceptedSerializer({"id": audit.key, "status": audit.status, "url": url}).data
        return Response(answer, status.HTTP_202_ACCEPTED, headers={"Location": url})

    @extend_schema(
        operation_id="change_audit",
        summary="Change what your audit says of itself, or who may see it",
        request={"application/json": DetailsRequest(partial=True)},
        responses=AuditSerializer,
    )
    def change(self, request, key: str):
        audit = self.get_object()
        serializer = DetailsRequest(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        return self.shown(intake.set_details(audit, **serializer.validated_data))

    @extend_schema(
        operation_id="delete_audit", summary="Delete your audit with its files", responses={204: None}
    )
    def remove(self, request, key: str):
        intake.delete_audit(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        operation_id="audit_result",
        summary="The result, or one table of it",
        description="Without parameters the whole result. With any of them one table, computed from the "
        "stored counts. Who is not the owner, named by them or staff gets what cannot single anybody out.",
        parameters=[ViewQuery],
        responses=ResultSerializer,
    )
    def result(self, request, key: str):
        read(ViewQuery, request.query_params)
        reader = self.get_reader()
        if not asked.is_asked(request.query_params):
            return Response(reader.result)
        facts = {name: reader.result[name] for name in FACTS}
        return Response(facts | {"tables": [self.table(reader)]})

    @extend_schema(
        operation_id="audit_export",
        summary="The tables as CSV, a line for each group",
        description="With parameters one table, as of the result.",
        parameters=[ViewQuery],
        responses={(200, "text/csv"): OpenApiTypes.BINARY},
    )
    def export(self, request, key: str):
        read(ViewQuery, request.query_params)
        reader = self.get_reader()
        one = asked.is_asked(request.query_params)
        tables = [self.table(reader)] if one else reader.result["tables"]
        response = StreamingHttpResponse(
            table_lines(reader.audit, tables), content_type="text/csv; charset=utf-8"
        )
        response["Content-Disposition"] = f'attachment; filename="audit-{key}.csv"'
        return response

    def table(self, reader: Reader) -> dict:
        try:
            return reader.table(asked.view_of(self.request.query_params, reader)).as_dict()
        except ValueError as error:
            raise IntakeError("bad_view", str(error)) from error

"""The repaired model as files, for its organisers alone."""

from django.http import Http404, HttpResponse
from drf_spectacular.utils import OpenApiTypes, extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated

from common.intake import IntakeError
from common.rest import AnyAccept

from .bundle import NOT_REPAIRED, ONNX, ZIP, NotMergeable, onnx_file, zip_file
from .models import Bounty


class BundleCalls:
    """Calls of a bounty, for its viewset."""

    @extend_schema(
        operation_id="bundle",
        summary="The repaired model as a bundle, for organisers",
        description="A zip file that `python -m fairness predict BUNDLE ROWS` runs anywhere.",
        responses={(200, ZIP): OpenApiTypes.BINARY},
    )
    @action(detail=True, permission_classes=[IsAuthenticated], content_negotiation_class=AnyAccept)
    def bundle(self, request, slug: str):
        bounty = self.get_own()
        return attachment(zip_file(bounty), ZIP, f"{slug}-repaired.zip")

    @extend_schema(
        operation_id="bundle_onnx",
        summary="The repaired model as one ONNX file, for organisers",
        description="`409 not_mergeable` where a part cannot be in one file: the sentence says which.",
        responses={(200, ONNX): OpenApiTypes.BINARY},
    )
    @action(
        detail=True,
        url_path="bundle.onnx",
        permission_classes=[IsAuthenticated],
        content_negotiation_class=AnyAccept,
    )
    def bundle_onnx(self, request, slug: str):
        bounty = self.get_own()
        try:
            data = onnx_file(bounty)
        except NotMergeable as error:
            raise IntakeError("not_mergeable", str(error)) from error
        return attachment(data, ONNX, f"{slug}-repaired.onnx")

    def get_own(self) -> Bounty:
        """Others are told that there is nothing, as with everything that is not theirs."""
        bounty = self.get_prepared()
        if not bounty.is_organised_by(self.request.user) or bounty.opened_at is None:
            raise Http404
        if not bounty.accepts_fixes:
            raise IntakeError("fixes_not_taken", NOT_REPAIRED)
        return bounty


def attachment(data: bytes, content_type: str, name: str) -> HttpResponse:
    response = HttpResponse(data, content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response

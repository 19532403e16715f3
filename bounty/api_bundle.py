"""The repaired model as files, for its organisers alone."""

from typing import IO

from django.http import FileResponse, Http404
from drf_spectacular.utils import OpenApiTypes, extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated

from common.intake import IntakeError
from common.rest import AnyAccept

from .bundle import NOT_REPAIRED, ONNX, ZIP, NotWritten, onnx_file, zip_file
from .models import Bounty


class BundleCalls:
    """Calls of a bounty, for its viewset."""

    @extend_schema(
        operation_id="bundle",
        summary="The repaired model as a bundle, for organisers",
        description="A zip file that `python -m fairness predict BUNDLE ROWS` runs anywhere. "
        "`409 not_bundled` where the models are more than a bundle may hold.",
        responses={(200, ZIP): OpenApiTypes.BINARY},
    )
    @action(detail=True, permission_classes=[IsAuthenticated], content_negotiation_class=AnyAccept)
    def bundle(self, request, slug: str):
        bounty = self.get_own()
        try:
            file = zip_file(bounty)
        except NotWritten as error:
            raise IntakeError("not_bundled", str(error)) from error
        return attachment(file, ZIP, f"{slug}-repaired.zip")

    @extend_schema(
        operation_id="bundle_onnx",
        summary="The repaired model as one ONNX file, for organisers",
        description="`409 not_mergeable` where a part cannot be in one file, or the file takes too much to "
        "make: the sentence says which.",
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
            file = onnx_file(bounty)
        except NotWritten as error:
            raise IntakeError("not_mergeable", str(error)) from error
        return attachment(file, ONNX, f"{slug}-repaired.onnx")

    def get_own(self) -> Bounty:
        """Others are told that there is nothing, as with everything that is not theirs."""
        bounty = self.get_prepared()
        if not bounty.is_organised_by(self.request.user) or bounty.opened_at is None:
            raise Http404
        if not bounty.accepts_fixes:
            raise IntakeError("fixes_not_taken", NOT_REPAIRED)
        return bounty


def attachment(file: IO[bytes], content_type: str, name: str) -> FileResponse:
    response = FileResponse(file, as_attachment=True, filename=name, content_type=content_type)
    response["Cache-Control"] = "private, no-store"
    return response

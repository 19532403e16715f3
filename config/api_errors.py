"""Every error of the API as {"code", "detail", "field"}: a code for programs, a sentence for people."""

import sys

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import ParseError
from rest_framework.response import Response
from rest_framework.views import exception_handler as default_handler

from common.jobs import is_outage

from .api import BODY_TOO_BIG, BodyTooBig

UNREADABLE = "The request could not be read: {reason}"
NO_SUCH_CALL = "There is no such call. Paths end with a slash and are listed at /api/docs/."
LONGEST = 1_000
OUR_FAULT = "Something went wrong on our side. It is logged; try again in a while."
OUTAGE = "A part of the site is away for the moment. Send the same again in a few seconds."
RETRY_SECONDS = 5


def exception_handler(error: Exception, context: dict) -> Response | None:
    if isinstance(error, RequestDataTooBig):
        error = BodyTooBig(BODY_TOO_BIG.format(cap=settings.DATA_UPLOAD_MAX_MEMORY_SIZE))
    elif isinstance(error, SuspiciousOperation):
        error = ParseError(UNREADABLE.format(reason=error))
    response = default_handler(error, context)
    if response is None:
        return None
    field, detail = first_detail(response.data)
    code = getattr(detail, "code", None) or getattr(error, "default_code", "error")
    field = getattr(error, "field", field)
    response.data = {"code": code, "detail": fit(str(detail)), "field": field and fit(field)}
    return response


def fit(text: str) -> str:
    """A sentence may repeat what was sent: cut, and without what no encoding holds."""
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def first_detail(data: dict | list) -> tuple[str | None, str]:
    """The first error of DRF's nested ones, and the field it belongs to."""
    if isinstance(data, dict):
        if "detail" in data:
            return None, data["detail"]
        name, inner = next(iter(data.items()))
        return (None if name == "non_field_errors" else name), first_detail(inner)[1]
    if isinstance(data, list):
        return first_detail(data[0])
    return None, data


def error_answer(code: str, detail: str, status_code: int) -> JsonResponse:
    return JsonResponse({"code": code, "detail": detail, "field": None}, status=status_code)


@csrf_exempt
def no_such_call(request: HttpRequest) -> JsonResponse:
    return error_answer("not_found", NO_SUCH_CALL, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Our own failures, which Django has logged: JSON for programs, the site's page for people."""
    if is_outage(sys.exception()):
        return unavailable(request)
    if request.path.startswith("/api/v1/"):
        return error_answer("our_fault", OUR_FAULT, 500)
    return defaults.server_error(request)


def unavailable(request: HttpRequest) -> HttpResponse:
    """Database, storage or disk are away: the same again will do."""
    if request.path.startswith("/api/v1/"):
        answer = error_answer("unavailable", OUTAGE, 503)
    else:
        answer = HttpResponse(render_to_string("503.html"), status=503)
    answer["Retry-After"] = RETRY_SECONDS
    return answer

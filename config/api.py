"""What every API call shares: cursor pages and one shape for errors."""

from rest_framework import exceptions
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response
from rest_framework.views import exception_handler as default_handler


class CursorPages(CursorPagination):
    ordering = "-id"
    page_size_query_param = "page_size"
    max_page_size = 200


def exception_handler(error: Exception, context: dict) -> Response | None:
    """Errors as {"code", "detail", "field"}: a code for programs, a sentence for people."""
    response = default_handler(error, context)
    if response is None:
        return None
    field, detail = first_detail(response.data)
    code = getattr(detail, "code", None) or getattr(error, "default_code", "error")
    if isinstance(error, exceptions.Throttled):
        code = "throttled"
    response.data = {"code": code, "detail": str(detail), "field": field}
    return response


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

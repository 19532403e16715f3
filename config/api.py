"""What every API call shares: who calls, how bodies are read, cursor pages."""

from django.conf import settings
from django.http import HttpRequest
from knox.auth import TokenAuthentication
from rest_framework import exceptions, parsers, status
from rest_framework.pagination import CursorPagination

from . import mfa

BAD_TOKEN = "This token is unknown, revoked or expired. Make a new one on the page “API tokens”."  # noqa: S105 -- a sentence
BAD_CURSOR = "This cursor is not one that a page gave. Follow “next” or “previous” of an answer."
BODY_TOO_BIG = "The request's body is larger than the {cap:,} bytes that are taken."
TOO_DEEP = "JSON parse error - it is nested too deeply."

DIGITS_OF_AN_ID = 18


class BearerToken(TokenAuthentication):
    """Knox's tokens, with a sentence that says what to do about a wrong one."""

    def authenticate_credentials(self, token: bytes) -> tuple:
        try:
            user, found = super().authenticate_credentials(token)
        except (exceptions.AuthenticationFailed, UnicodeDecodeError) as error:
            raise exceptions.AuthenticationFailed(BAD_TOKEN, "wrong_token") from error
        if refusal := mfa.refusal_of_token(found):
            raise exceptions.PermissionDenied(refusal, mfa.CODE)
        return user, found


class BodyTooBig(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_big"


def refuse_over(cap: int, request: HttpRequest) -> None:
    """Refuse a body before a byte of it is read."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > cap:
        raise BodyTooBig(BODY_TOO_BIG.format(cap=cap))


class JsonBody(parsers.JSONParser):
    def parse(self, stream, media_type=None, parser_context=None):
        refuse_over(settings.DATA_UPLOAD_MAX_MEMORY_SIZE, parser_context["request"])
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise exceptions.ParseError(TOO_DEEP) from error


class MultipartBody(parsers.MultiPartParser):
    def parse(self, stream, media_type=None, parser_context=None):
        # A view that takes larger files than a model says so; who calls it is known and allowed by then.
        file_cap = getattr(parser_context["view"], "body_cap", None) or settings.MODEL_MAX_BYTES
        refuse_over(file_cap + settings.DATA_UPLOAD_MAX_MEMORY_SIZE, parser_context["request"])
        return super().parse(stream, media_type, parser_context)


class CursorPages(CursorPagination):
    ordering = "-id"
    page_size_query_param = "page_size"
    max_page_size = 200

    def decode_cursor(self, request):
        try:
            cursor = super().decode_cursor(request)
        except exceptions.NotFound:
            cursor = None
            position = ""
        else:
            position = "0" if cursor is None or cursor.position is None else cursor.position
        if not (position.isascii() and position.isdigit() and len(position) <= DIGITS_OF_AN_ID):
            raise exceptions.ValidationError({"cursor": BAD_CURSOR}, "invalid_cursor")
        return cursor

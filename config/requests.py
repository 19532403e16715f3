"""Each request has an id, one line in the log, and is counted."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import SimpleLazyObject

from common.context import about

from . import metrics

logger = logging.getLogger(__name__)

HEADER = "X-Request-ID"
WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{8,64}")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NO_ROUTE, STATIC, OTHER = "none", "static", "other"


def observed(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable:
    """The outermost middleware."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        started, request_id = time.monotonic(), id_of(request)
        facts = {"user": partial(known_user, request), "route": partial(route_of, request)}
        with about(request_id=request_id, **facts):
            response = get_response(request)
            seconds = time.monotonic() - started
            method, status = method_of(request), response.status_code
            metrics.count_request(method, route_of(request), status, seconds)
            logged = {"method": method, "status": status, "milliseconds": round(seconds * 1000)}
            logger.info("request", extra=logged)
        response[HEADER] = request_id
        return response

    return respond


def id_of(request: HttpRequest) -> str:
    """What our proxy calls it, so that its log and ours can be joined; else a new one."""
    given = request.headers.get(HEADER, "") if settings.BEHIND_PROXY else ""
    return given if WELL_FORMED.fullmatch(given) else uuid.uuid4().hex


def known_user(request: HttpRequest) -> int | None:
    """Whose request it is, where somebody has asked already: a line of the log must not ask the database."""
    user = getattr(request, "user", None)
    if isinstance(user, SimpleLazyObject):
        user = getattr(request, "_cached_user", None)
    return user.pk if user else None


def method_of(request: HttpRequest) -> str:
    return request.method if request.method in METHODS else OTHER


def route_of(request: HttpRequest) -> str:
    """The name of the address rather than the address, which may hold a key: there are only so many."""
    if request.resolver_match:
        return request.resolver_match.view_name
    return STATIC if request.path_info.startswith(f"/{settings.STATIC_URL.strip('/')}/") else NO_ROUTE

"""What holds for every page: one name, a second factor where one is due, what browsers and caches may do."""

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.http import urlencode

from . import api_errors, mfa

# Asked from inside, where a container goes by any name or address.
FROM_INSIDE = ("/healthz", "/readyz", "/metrics")
# What tells of the site, also without a database.
TELLS_OF_THE_SITE = ("status", "api_status", "healthz", "readyz", "metrics")
# What asks for the code, and what ends the session.
ASKS_FOR_THE_CODE = ("mfa_authenticate", "mfa_reauthenticate", "account_logout")
# What leads to a second factor where there is none yet.
LEADS_TO_ONE = ("mfa_", "account_")
SAFE = ("GET", "HEAD", "OPTIONS")
# Whoever makes a bounty is its organiser from then on.
MAKES_ORGANISERS = "bounty:new"
NOT_USED = (
    *(
        "accelerometer",
        "autoplay",
        "browsing-topics",
        "camera",
        "display-capture",
        "geolocation",
    ),
    *("gyroscope", "hid", "identity-credentials-get", "magnetometer", "microphone", "midi", "payment"),
    *("publickey-credentials-create", "publickey-credentials-get", "serial", "usb", "xr-spatial-tracking"),
)
PERMISSIONS = ", ".join(f"{name}=()" for name in NOT_USED)


class OneName:
    """In production every address that is built names SITE_URL, whatever Host with whatever port was sent."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SITE_HOST:
            if request.path not in FROM_INSIDE:
                request.get_host()  # refuses what ALLOWED_HOSTS does not name
            request.META["HTTP_HOST"] = settings.SITE_HOST
        return self.get_response(request)


class Headers:
    """Pages use nothing of the device, and what a signed-in person sees is kept by no cache."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if "Cache-Control" not in response.headers and request.user.is_authenticated:
            add_never_cache_headers(response)
        return response


class SecondFactor:
    """Who has a second factor, or is bound to one, reaches nothing before it: pages lead to it, calls say so.

    What leads to a new factor is no way round: a session that the password alone opened cannot switch the old
    one off. Public pages are no exception: to organisers and staff they show what others do not see.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view, args, kwargs) -> HttpResponse | None:
        name = request.resolver_match.view_name or ""
        if name in TELLS_OF_THE_SITE or not request.user.is_authenticated:
            return None
        if request.method not in SAFE:
            # What came slowly may have begun before the factor did.
            request.user.factor_since = mfa.factor_since(request.user)
        if request.user.factor_since:
            return None if name in ASKS_FOR_THE_CODE or mfa.used_it(request) else ask_for_the_code(request)
        if name.startswith(LEADS_TO_ONE) or not mfa.is_bound(request.user, becomes=name == MAKES_ORGANISERS):
            return None
        return lead_to_one(request)


def ask_for_the_code(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/v1/"):
        return api_errors.error_answer(mfa.CODE, mfa.API_ENTER, 403)
    query = urlencode({"next": request.get_full_path()})
    return redirect(f"{reverse('mfa_reauthenticate')}?{query}")


def lead_to_one(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/v1/"):
        return api_errors.error_answer(mfa.CODE, mfa.API_SET_UP, 403)
    messages.warning(request, mfa.SET_UP)
    return redirect("mfa_index")

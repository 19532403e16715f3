"""What holds for every page: a second factor where one is due, and what browsers and caches may do."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.http import urlencode

from . import api_errors, mfa

# What leads to a second factor or away from the account, and what tells of the site, also without a database.
ALWAYS_OPEN = ("mfa_", "account_", "status", "api_status", "healthz", "readyz", "metrics")
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
    """Whoever is bound to a second factor reaches nothing before it: pages lead to it, calls say so.

    Public pages are no exception: to organisers and staff they show what others do not see.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view, args, kwargs) -> HttpResponse | None:
        name = request.resolver_match.view_name or ""
        if name.startswith(ALWAYS_OPEN) or not mfa.is_bound(request.user, becomes=name == MAKES_ORGANISERS):
            return None
        factor = mfa.factor_of(request.user)
        if factor and mfa.used_it(request):
            return None
        if request.path.startswith("/api/v1/"):
            return api_errors.error_answer(mfa.CODE, mfa.API_SET_UP, 403)
        if factor:
            query = urlencode({"next": request.get_full_path()})
            return redirect(f"{reverse('mfa_reauthenticate')}?{query}")
        messages.warning(request, mfa.SET_UP)
        return redirect("mfa_index")

"""How often somebody may call: the API's rates, and the same counts for the pages."""

from django.http import HttpRequest
from rest_framework.throttling import AnonRateThrottle, ScopedRateThrottle, UserRateThrottle

from .address import client_address, network_of

TOO_FAST = "That was too many at once. Wait a minute, then try again."


class ByNetwork:
    """Strangers are counted by their network, as sign-in counts them."""

    def get_ident(self, request: HttpRequest) -> str:
        return network_of(client_address(request))


class OfStrangers(ByNetwork, AnonRateThrottle):
    pass


class OfUsers(ByNetwork, UserRateThrottle):
    pass


class OfScopes(ByNetwork, ScopedRateThrottle):
    pass


class OfPages(OfUsers):
    """What a page does under the rate of an API's scope: one count for both doors."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__()


def is_too_fast(request: HttpRequest, scope: str) -> bool:
    """Whether the rate of `scope` is used up; if not, this request counts."""
    return not OfPages(scope).allow_request(request, None)

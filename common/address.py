"""Who calls, by network address: one answer for rate limits, sign-in and what is kept of it."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

IPV6_PREFIX = 64


def client_address(request: HttpRequest) -> str:
    """The caller's address, or "" where there is none, as behind a private socket.

    Behind NUM_PROXIES proxies of ours the last of them that was reached from outside has written who called
    it. What stands further left in X-Forwarded-For was sent by the caller, and proves nothing.
    """
    proxies = settings.REST_FRAMEWORK["NUM_PROXIES"]
    named = request.headers.get("X-Forwarded-For", "").split(",")
    found = parsed(named[-proxies]) if 0 < proxies <= len(named) else None
    return str(found or parsed(request.META.get("REMOTE_ADDR", "")) or "")


def parsed(text: str) -> IPv4Address | IPv6Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def network_of(address: str) -> str:
    """An IPv4 address as it is; of IPv6 the /64: that is one customer, of any number of addresses."""
    if ":" not in address:
        return address
    return str(ip_network(f"{address.partition('%')[0]}/{IPV6_PREFIX}", strict=False).network_address)

"""Whose address counts: behind proxies the one that ours saw, and never one that the caller wrote."""

import pytest
from allauth.core.internal.ratelimit import get_ip
from django.test import RequestFactory
from rest_framework.request import Request

from common.address import client_address, network_of
from common.throttle import OfStrangers

DIRECT = "198.51.100.7"
# proxies of ours, X-Forwarded-For, whose address it is
CASES = [
    (0, None, DIRECT),
    (0, "203.0.113.9", DIRECT),
    (1, None, DIRECT),
    (1, "203.0.113.9", "203.0.113.9"),
    (1, "1.1.1.1, 203.0.113.9", "203.0.113.9"),
    (1, "1.1.1.1,2.2.2.2,203.0.113.9", "203.0.113.9"),
    (2, "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
    # It did not come through both of ours, so nobody of ours wrote any of it.
    (2, "203.0.113.9", DIRECT),
    (1, "rubbish", DIRECT),
    (1, "", DIRECT),
    (1, "1.1.1.1, ", DIRECT),
    (1, "203.0.113.9:4711", "203.0.113.9"),
    (1, "[2001:db8::1]:4711", "2001:db8::1"),
    (1, "2001:db8::1", "2001:db8::1"),
    (1, "::ffff:203.0.113.9", "203.0.113.9"),
]


def request_from(forwarded: str | None, remote: str = DIRECT):
    headers = {"X-Forwarded-For": forwarded} if forwarded is not None else {}
    return RequestFactory(REMOTE_ADDR=remote).get("/", headers=headers)


@pytest.fixture
def proxies(settings):
    def behind(count: int) -> None:
        settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": count}

    return behind


@pytest.mark.parametrize(("count", "forwarded", "expected"), CASES)
def test_sign_in_and_api_mean_the_same_address(proxies, count, forwarded, expected):
    proxies(count)
    request = request_from(forwarded)
    assert client_address(request) == expected
    assert get_ip(request) == OfStrangers().get_ident(Request(request)) == network_of(expected)


def test_an_ipv6_customer_is_one_caller():
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::9") == "2001:db8:1:2::"
    assert network_of("2001:db8:1:3::9") != "2001:db8:1:2::"
    assert network_of("203.0.113.9") == "203.0.113.9"


def test_behind_a_private_socket_there_is_none():
    request = request_from(None, remote="")
    assert client_address(request) == "" and get_ip(request) == "unknown"


@pytest.mark.parametrize("forged", ["1.1.1.1", "1.1.1.1, 2.2.2.2", "127.0.0.1", "rubbish,"])
def test_a_forged_header_wins_no_more_tries(proxies, settings, client, db, forged):
    proxies(1)
    settings.ACCOUNT_RATE_LIMITS = {"login": "3/m/ip", "login_failed": "100/m/ip"}
    seen = f"203.0.113.{abs(hash(forged)) % 200 + 10}"

    def try_once(number: int) -> int:
        headers = {"X-Forwarded-For": f"{forged}{number}, {seen}"}
        return client.post(
            "/accounts/login/", {"login": f"n{number}", "password": "x"}, headers=headers
        ).status_code

    assert [try_once(number) for number in range(4)] == [200, 200, 200, 429]

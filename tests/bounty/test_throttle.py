"""Dry runs are answered in the web process: page and API share one allowance."""

import pytest
from django.conf import settings
from django.core.cache import cache
from rest_framework.throttling import SimpleRateThrottle


@pytest.fixture
def two_a_minute(monkeypatch, cast):
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] | {"checks": "2/min"}
    monkeypatch.setattr(SimpleRateThrottle, "THROTTLE_RATES", rates)
    key = f"throttle_checks_{cast.participant.pk}"
    cache.delete(key)
    yield
    cache.delete(key)


def test_the_third_dry_run_waits(client, cast, open_bounty, two_a_minute):
    client.force_login(cast.participant)
    body = {"group_format": "rule", "group_rule": "age < 30"}
    page, call = f"/bounties/{open_bounty.slug}/check/", f"/api/v1/bounties/{open_bounty.slug}/check/"
    assert "Everyone else" in client.post(page, body, headers={"HX-Request": "true"}).content.decode()
    assert client.post(call, body).status_code == 200
    assert client.post(call, body).status_code == 429
    assert "too many at once" in client.post(page, body, headers={"HX-Request": "true"}).content.decode()

"""API tokens: shown once, kept as a hash, expiring, revocable, each its owner's alone."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from config.models import ApiToken

TOKENS = "/tokens/"


@pytest.fixture
def signed_in(client, cast):
    client.force_login(cast.participant)
    return client


def make(client, name: str = "nightly", days: int = 30) -> str:
    return client.post(TOKENS, {"name": name, "days": days}).context["token"]


def bearer(token: str) -> dict:
    return {"Authorization": f"Bearer {token}"}


def test_a_page_that_is_sent_twice_makes_one_token(client, cast):
    client.force_login(cast.participant)
    answers = [client.post("/tokens/", {"name": "laptop", "days": 30}) for _ in range(2)]
    assert ApiToken.objects.filter(user=cast.participant).count() == 1
    assert "of this name already" in answers[1].content.decode()


def test_a_token_is_shown_once_and_kept_as_a_hash(signed_in):
    answer = signed_in.post(TOKENS, {"name": "nightly", "days": 30})
    token = answer.context["token"]
    assert token in answer.content.decode() and "no-store" in answer["Cache-Control"]
    stored = ApiToken.objects.get()
    assert token.startswith("flt_") and token not in vars(stored).values()
    assert stored.expiry - timezone.now() == pytest.approx(timedelta(days=30), abs=timedelta(minutes=1))
    later = signed_in.get(TOKENS).content.decode()
    assert token not in later and "nightly" in later and token[:15] in later


def test_a_token_signs_requests_until_it_is_revoked(signed_in, client, cast):
    token = make(signed_in)
    signed_in.logout()
    address = reverse("api:bounty-list")
    assert client.get(address, headers=bearer(token)).status_code == 200
    client.force_login(cast.participant)
    revoke = reverse("revoke_api_token", args=[token[:15]])
    assert client.post(revoke).url == TOKENS
    client.logout()
    assert client.get(address, headers=bearer(token)).status_code == 401
    assert not ApiToken.objects.exists()


def test_an_expired_token_no_longer_works(signed_in, client):
    token = make(signed_in)
    ApiToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert "Expired" in signed_in.get(TOKENS).content.decode()
    client.logout()
    address = reverse("api:bounty-list")
    assert client.get(address, headers=bearer(token)).status_code == 401


@pytest.mark.parametrize(
    ("name", "days"), [("", 30), ("x" * 101, 30), ("a", 0), ("a", 366), ("a", ""), ("a", "soon"), ("a", -1)]
)
def test_a_token_without_name_or_end_is_not_made(signed_in, name, days):
    answer = signed_in.post(TOKENS, {"name": name, "days": days})
    assert answer.context["token"] is None and answer.context["form"].errors
    assert not ApiToken.objects.exists()


def test_nobody_sees_or_revokes_anothers_token(signed_in, client, cast):
    token = make(signed_in, name="mine alone")
    client.force_login(cast.rival)
    assert "mine alone" not in client.get(TOKENS).content.decode()
    assert client.post(reverse("revoke_api_token", args=[token[:15]])).status_code == 404
    assert ApiToken.objects.count() == 1


def test_a_token_is_revoked_by_post_alone(signed_in):
    token = make(signed_in)
    assert signed_in.get(reverse("revoke_api_token", args=[token[:15]])).status_code == 405
    assert ApiToken.objects.count() == 1


def test_strangers_are_sent_to_sign_in(client, db):
    for send in (client.get, client.post):
        for address in (TOKENS, reverse("revoke_api_token", args=["flt_0"])):
            assert send(address).url.startswith(reverse("account_login"))


def test_operators_can_revoke_but_not_make_tokens(client, cast):
    ApiToken.objects.create(cast.participant, name="theirs")
    client.force_login(cast.staff)
    token = ApiToken.objects.get()
    assert "theirs" in client.get(reverse("admin:config_apitoken_changelist")).content.decode()
    assert client.get(reverse("admin:config_apitoken_add")).status_code == 403
    client.post(reverse("admin:config_apitoken_delete", args=[token.pk]), {"post": "yes"})
    assert not ApiToken.objects.exists()

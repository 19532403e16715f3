"""The second factor: how it is set up and asked for, and what MFA_REQUIRED keeps from whom until then."""

import re
import time
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config import mfa
from config.models import ApiToken
from tests.conftest import PASSWORD

LOGIN, INDEX = "/accounts/login/", "/accounts/2fa/"
ORGANISERS_PAGES = ("manage", "edit", "upload", "all_submissions", "all_submissions_csv")


@pytest.fixture(autouse=True)
def nothing_counted(settings):
    """Counts of one test are not the next one's."""
    settings.CACHES = {"default": settings.CACHES["default"] | {"KEY_PREFIX": f"mfa{time.monotonic_ns()}"}}


@pytest.fixture
def required(settings):
    settings.MFA_REQUIRED = True


def code_of(secret: str, step: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))


def signed_in(name: str, **headers) -> Client:
    """A session that the password alone opened."""
    client = Client(headers=headers)
    assert client.post(LOGIN, {"login": name, "password": PASSWORD}).status_code == 302
    return client


def with_factor(client: Client) -> tuple[str, list[str]]:
    """Set it up through the pages; gives the secret and the recovery codes."""
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = client.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    done = client.post(reverse("mfa_activate_totp"), {"code": code_of(secret)}, follow=True)
    assert done.redirect_chain[-1][0] == reverse("mfa_view_recovery_codes")
    return secret, done.context["unused_codes"]


def in_second_step(name: str) -> Client:
    client = Client()
    answer = client.post(LOGIN, {"login": name, "password": PASSWORD})
    assert answer.url == reverse("mfa_authenticate")
    return client


def enter(client: Client, code: str):
    return client.post(reverse("mfa_authenticate"), {"code": code})


def is_signed_in(client: Client) -> bool:
    return client.get(reverse("api_tokens")).status_code == 200


# Setting it up, and signing in


def test_signing_in_takes_a_code_once_it_is_set_up(cast):
    secret, _ = with_factor(signed_in("participant"))
    client = in_second_step("participant")
    assert not is_signed_in(client)
    assert enter(client, "000000" if code_of(secret) != "000000" else "000001").status_code == 200
    assert not is_signed_in(client)
    before = client.session.session_key
    assert enter(client, code_of(secret)).status_code == 302
    assert is_signed_in(client) and client.session.session_key != before


def test_a_code_signs_in_once(cast):
    secret, _ = with_factor(signed_in("participant"))
    code = code_of(secret)
    assert enter(in_second_step("participant"), code).status_code == 302
    again = in_second_step("participant")
    assert enter(again, code).status_code == 200 and not is_signed_in(again)


def test_a_recovery_code_signs_in_once_and_is_shown_once(cast):
    first = signed_in("participant")
    _, codes = with_factor(first)
    assert len(set(codes)) == 10
    assert enter(in_second_step("participant"), codes[0]).status_code == 302
    again = in_second_step("participant")
    assert enter(again, codes[0]).status_code == 200 and not is_signed_in(again)
    later = first.get(reverse("mfa_view_recovery_codes")).content.decode()
    assert not any(code in later for code in codes) and "cannot be shown again" in later
    assert first.get(reverse("mfa_download_recovery_codes")).status_code == 403


def test_new_recovery_codes_end_the_old_ones(cast):
    first = signed_in("participant")
    _, old = with_factor(first)
    page = first.post(reverse("mfa_generate_recovery_codes"), follow=True)
    new = page.context["unused_codes"]
    assert not set(new) & set(old)
    assert enter(in_second_step("participant"), old[1]).status_code == 200
    assert enter(in_second_step("participant"), new[1]).status_code == 302


def test_its_pages_ask_for_the_password_again(cast):
    client = signed_in("participant")
    for name in ("mfa_activate_totp", "mfa_generate_recovery_codes"):
        assert client.get(reverse(name)).url.startswith(reverse("account_reauthenticate"))


def test_it_can_be_switched_off(cast):
    client = signed_in("participant")
    with_factor(client)
    assert client.post(reverse("mfa_deactivate_totp")).url == INDEX
    assert not Authenticator.objects.exists()
    assert is_signed_in(signed_in("participant"))


def test_an_unconfirmed_address_comes_first(cast, settings):
    settings.MFA_ALLOW_UNVERIFIED_EMAIL = False
    EmailAddress.objects.create(user=cast.participant, email="participant@example.org", primary=True)
    client = signed_in("participant")
    assert client.get(reverse("mfa_activate_totp")).url == INDEX
    assert "verified" in client.get(INDEX).content.decode()


def test_wrong_codes_are_few_a_minute_and_few_a_day(cast, settings):
    secret, _ = with_factor(signed_in("participant"))
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"login_failed": "3/m/key"}
    client = in_second_step("participant")
    for _ in range(3):
        enter(client, "12345")
    assert "Too many" in enter(client, code_of(secret)).content.decode()
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {
        "login_failed": "1000/m/key",
        "second_factor": "2/d/key",
    }
    client = in_second_step("participant")
    for _ in range(2):
        enter(client, "12345")
    assert mfa.TOO_MANY_CODES in enter(client, code_of(secret)).content.decode()
    assert not is_signed_in(client)


def test_secrets_lie_encrypted_and_outlive_a_new_key(cast, settings):
    secret, _ = with_factor(signed_in("participant"))
    stored = Authenticator.objects.get(type=Authenticator.Type.TOTP).data["secret"]
    assert secret not in stored and mfa.Adapter().decrypt(stored) == secret
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key, which is long enough for everything " * 2
    assert mfa.Adapter().decrypt(stored) == secret


def test_what_an_earlier_key_sealed_is_sealed_anew(cast, settings):
    client = signed_in("participant")
    secret, codes = with_factor(client)
    old, new = settings.SECRET_KEY, "another key, which is long enough for everything " * 2
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = new, [old]
    call_command("reseal")
    settings.SECRET_KEY_FALLBACKS = []
    assert enter(in_second_step("participant"), code_of(secret)).status_code == 302
    assert enter(in_second_step("participant"), codes[0]).status_code == 302


# Where it is required


def test_without_the_setting_nobody_is_held_up(cast, draft_bounty):
    assert signed_in("owner").get(reverse("bounty:manage", args=["lending"])).status_code == 200
    assert signed_in("staff").get("/admin/").status_code == 200


@pytest.mark.parametrize("name", ORGANISERS_PAGES)
def test_an_organiser_is_led_to_set_one_up(required, cast, draft_bounty, name):
    client = signed_in("owner")
    answer = client.get(reverse(f"bounty:{name}", args=["lending"]))
    assert (answer.status_code, answer.url) == (302, INDEX)
    assert mfa.SET_UP[:40] in client.get(INDEX).content.decode()


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/bounty/submission/", "/admin/login/", "/tokens/", "/bounties/new/"]
)
def test_staff_are_led_to_set_one_up(required, cast, path):
    assert signed_in("staff").get(path).url == INDEX


@pytest.mark.parametrize("action", ["open", "close", "delete", "edit", "upload"])
def test_nothing_is_done_without_one(required, cast, draft_bounty, action):
    assert signed_in("owner").post(reverse(f"bounty:{action}", args=["lending"])).url == INDEX
    draft_bounty.refresh_from_db()
    assert draft_bounty.opened_at is None


def test_no_token_is_made_without_one(required, cast, draft_bounty):
    assert signed_in("owner").post("/tokens/", {"name": "x", "days": 3}).url == INDEX
    assert not ApiToken.objects.exists()


def test_who_organises_nothing_needs_none_until_they_make_a_bounty(required, cast, open_bounty):
    client = signed_in("participant")
    for path in ("/", "/bounties/lending/submit/", "/tokens/", "/audits/new/"):
        assert client.get(path).status_code == 200
    assert client.get("/bounties/new/").url == INDEX


def test_with_one_everything_opens(required, cast, draft_bounty):
    client = signed_in("owner")
    secret, _ = with_factor(client)
    assert client.get(reverse("bounty:manage", args=["lending"])).status_code == 200
    later = in_second_step("owner")
    enter(later, code_of(secret))
    assert later.get(reverse("bounty:manage", args=["lending"])).status_code == 200


def test_a_session_from_before_shows_it_once(required, cast, draft_bounty):
    """Whoever knew the password alone was signed in already when the second factor came."""
    thief, owner = signed_in("owner"), signed_in("owner")
    secret, _ = with_factor(owner)
    address = reverse("bounty:manage", args=["lending"])
    answer = thief.get(address)
    assert answer.url.startswith(reverse("mfa_reauthenticate"))
    done = thief.post(answer.url, {"code": code_of(secret)})
    assert done.url == address and thief.get(address).status_code == 200


def test_every_account_page_that_leads_there_stays_open(required, cast, draft_bounty):
    client = signed_in("owner")
    for name in ("mfa_index", "account_email", "account_change_password", "account_logout"):
        assert client.get(reverse(name)).status_code in (200, 302)
        assert INDEX not in client.get(reverse(name)).get("Location", "")


def answer_of(client: Client, path: str, token: str = "") -> tuple:
    answer = client.get(path, headers={"Authorization": f"Bearer {token}"} if token else None)
    return answer.status_code, answer.json().get("code")


def test_the_api_says_what_is_missing(required, cast, draft_bounty):
    path = "/api/v1/bounties/lending/submissions/"
    _, token = ApiToken.objects.create(cast.owner, name="before")
    assert answer_of(Client(), path, token) == (403, "mfa_required")
    assert answer_of(signed_in("owner"), path) == (403, "mfa_required")
    _, token = ApiToken.objects.create(cast.staff, name="before")
    assert answer_of(Client(), "/api/v1/audits/", token) == (403, "mfa_required")
    _, token = ApiToken.objects.create(cast.participant, name="theirs")
    assert answer_of(Client(), "/api/v1/bounties/", token)[0] == 200


def test_a_token_from_before_the_second_factor_stays_refused(required, cast, draft_bounty):
    path = "/api/v1/bounties/lending/"
    found, old = ApiToken.objects.create(cast.owner, name="before")
    client = signed_in("owner")
    with_factor(client)
    assert answer_of(Client(), path, old) == (403, "mfa_required")
    new = client.post("/tokens/", {"name": "after", "days": 3}).context["token"]
    assert answer_of(Client(), path, new)[0] == 200
    assert timezone.now() - found.created < timedelta(minutes=5)


def test_the_admin_has_no_sign_in_of_its_own(cast):
    answer = Client().get("/admin/login/?next=/admin/")
    assert answer.status_code == 302 and answer.url.startswith(LOGIN)
    with_factor(signed_in("staff"))
    colleague = get_user_model().objects.create_user("colleague", password=PASSWORD, is_staff=True)
    for client in (Client(), signed_in(colleague.username)):
        answer = client.post("/admin/login/", {"username": "staff", "password": PASSWORD})
        assert answer.status_code == 302
        assert client.session.get("_auth_user_id") != str(cast.staff.pk)


def test_the_admin_changes_ones_password_where_everybody_does(cast):
    assert signed_in("staff").get("/admin/password_change/").url == reverse("account_change_password")
    assert Client().get("/admin/password_change/").url.startswith("/admin/login/")


def test_the_page_of_codes_is_kept_by_no_cache(cast):
    client = signed_in("participant")
    with_factor(client)
    for name in ("mfa_index", "mfa_view_recovery_codes"):
        assert "no-store" in client.get(reverse(name))["Cache-Control"]
    assert re.search("no-store", client.get("/")["Cache-Control"])
    cache.clear()

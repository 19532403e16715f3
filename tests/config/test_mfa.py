"""The second factor: how it is set up and asked for, and what is kept from whom until it is shown."""

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
from django.db import connection
from django.db.models import DateTimeField, Value
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from config import accounts, mfa
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


# Sessions and tokens from before it: of somebody who knew the password alone


@pytest.fixture(params=["participant", "owner"])
def person(request, cast, draft_bounty):
    return request.param


@pytest.fixture(params=[False, True])
def anywhere(request, settings):
    settings.MFA_REQUIRED = request.param


WHOLE_SITE = [
    *("/", "/tokens/", "/audits/new/", "/bounties/lending/", "/guide/participate/", "/api/docs/"),
    *("/accounts/email/", "/accounts/password/change/", "/accounts/reauthenticate/", "/accounts/2fa/"),
    *("/accounts/2fa/totp/activate/", "/accounts/2fa/totp/deactivate/", "/accounts/login/"),
    *("/accounts/2fa/recovery-codes/", "/accounts/2fa/recovery-codes/generate/"),
    "/accounts/2fa/recovery-codes/download/",
]


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_session_from_before_is_asked_for_the_code_everywhere(anywhere, person, method):
    before = signed_in(person)
    with_factor(signed_in(person))
    for path in WHOLE_SITE:
        answer = getattr(before, method)(path)
        assert (answer.status_code, answer.url.partition("?")[0]) == (302, reverse("mfa_reauthenticate")), (
            path
        )
    assert answer_of(before, "/api/v1/bounties/") == (403, "mfa_required")
    assert before.get("/status/").status_code == before.get("/healthz").status_code == 200


def test_a_thief_with_the_password_cannot_switch_it_off(anywhere, person):
    thief = signed_in(person)
    with_factor(signed_in(person))
    thief.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    thief.post(reverse("mfa_deactivate_totp"))
    assert Authenticator.objects.filter(type=Authenticator.Type.TOTP).count() == 1
    assert not is_signed_in(thief)


def test_a_thief_with_the_password_makes_no_recovery_codes(anywhere, person):
    thief = signed_in(person)
    _, codes = with_factor(signed_in(person))
    thief.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    thief.post(reverse("mfa_generate_recovery_codes"))
    shown = thief.get(reverse("mfa_view_recovery_codes"))
    assert shown.status_code == 302
    assert enter(in_second_step(person), codes[0]).status_code == 302


def test_a_thief_who_confirmed_the_password_in_time_gets_no_further(anywhere, person):
    thief = signed_in(person)
    thief.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    with_factor(signed_in(person))
    thief.post(reverse("mfa_deactivate_totp"))
    assert Authenticator.objects.exists() and not is_signed_in(thief)


def test_a_factor_of_the_thiefs_own_opens_nothing_once_it_is_gone(anywhere, person):
    thief, owner = signed_in(person), Client()
    with_factor(thief)
    thief.post(reverse("mfa_deactivate_totp"))
    owner.post(LOGIN, {"login": person, "password": PASSWORD})
    with_factor(owner)
    assert not is_signed_in(thief) and is_signed_in(owner)
    thief.post(reverse("mfa_deactivate_totp"))
    assert Authenticator.objects.exists()


def test_a_session_that_cannot_show_it_can_be_ended(anywhere, person):
    before = signed_in(person)
    with_factor(signed_in(person))
    assert before.post(reverse("account_logout")).url == "/"
    assert "_auth_user_id" not in before.session


def test_a_session_from_before_goes_on_with_the_code_or_a_recovery_code(anywhere, person):
    by_code, by_recovery = signed_in(person), signed_in(person)
    secret, codes = with_factor(signed_in(person))
    for client, code in ((by_code, code_of(secret)), (by_recovery, codes[0])):
        asked = client.get("/tokens/?page=1")
        done = client.post(reverse("mfa_reauthenticate"), {"code": code, "next": asked.url.partition("=")[2]})
        assert done.status_code == 302 and is_signed_in(client)


def test_where_there_is_one_the_code_confirms_a_change_and_not_the_password(cast, settings):
    client = signed_in("participant")
    secret, _ = with_factor(client)
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    assert client.post(reverse("mfa_deactivate_totp")).url.startswith(reverse("mfa_reauthenticate"))
    answer = client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert answer.url.startswith(reverse("mfa_reauthenticate"))
    assert "password" not in client.get(answer.url).content.decode().lower().split("<main")[1]
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
    client.post(reverse("mfa_reauthenticate"), {"code": code_of(secret, 1), "next": "/"})
    assert client.post(reverse("mfa_deactivate_totp")).url == INDEX


def test_who_was_helped_by_staff_sets_it_up_anew_by_password(cast):
    """Also where the recovery codes were left: nobody may have them."""
    with_factor(signed_in("participant"))
    Authenticator.objects.filter(type=Authenticator.Type.TOTP).delete()
    client = signed_in("participant")
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert client.get(reverse("mfa_activate_totp")).status_code == 200


def test_switching_it_on_ends_the_tokens_of_the_account(anywhere, person, cast):
    _, old = ApiToken.objects.create(getattr(cast, person), name="before")
    ApiToken.objects.create(cast.rival, name="theirs")
    client = signed_in(person)
    with_factor(client)
    assert answer_of(Client(), "/api/v1/bounties/", old) == (401, "wrong_token")
    new = client.post("/tokens/", {"name": "before", "days": 3}).context["token"]
    assert answer_of(Client(), "/api/v1/bounties/", new)[0] == 200
    assert set(ApiToken.objects.values_list("name", flat=True)) == {"before", "theirs"}


def test_a_token_that_outlived_the_switch_is_refused(anywhere, person, cast):
    """As where the process died before it had ended them."""
    client = signed_in(person)
    with_factor(client)
    made, token = ApiToken.objects.create(getattr(cast, person), name="outlived")
    assert answer_of(Client(), "/api/v1/bounties/", token)[0] == 200
    since = Authenticator.objects.get(type=Authenticator.Type.TOTP).created_at
    ApiToken.objects.filter(pk=made.pk).update(created=since - timedelta(seconds=1))
    assert answer_of(Client(), "/api/v1/bounties/", token) == (403, "mfa_required")


def test_what_was_begun_before_it_and_comes_after_is_held_up(anywhere, person, monkeypatch):
    """The body of a slow request is read between the user and this rule."""
    client = signed_in(person)
    with_factor(signed_in(person))
    unaware = get_user_model().objects.annotate(factor_since=Value(None, DateTimeField()))
    monkeypatch.setattr(accounts.Backend, "get_user", lambda self, pk: unaware.get(pk=pk))
    assert client.post("/tokens/", {"name": "slow", "days": 3}).url.startswith(reverse("mfa_reauthenticate"))
    assert not ApiToken.objects.exists()


def test_the_page_that_switches_it_on_says_what_ends(cast):
    client = signed_in("participant")
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert "Your API tokens end" in client.get(reverse("mfa_activate_totp")).content.decode()


@pytest.mark.parametrize("with_one", [False, True])
def test_no_page_asks_the_database_for_it(cast, with_one):
    client = signed_in("participant")
    if with_one:
        with_factor(client)
    with CaptureQueriesContext(connection) as asked:
        assert is_signed_in(client)
    assert len([query for query in asked if "mfa_authenticator" in query["sql"]]) == 1
    assert "auth_user" in next(query["sql"] for query in asked if "mfa_authenticator" in query["sql"])


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

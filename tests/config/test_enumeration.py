"""Nobody learns from outside which addresses have an account; passwords have rules that the pages name."""

import re
import time

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.test import Client
from django.urls import reverse
from rest_framework.throttling import SimpleRateThrottle

from config import accounts
from config.models import ApiToken
from tests.audits.conftest import make as make_audit
from tests.conftest import PASSWORD

LOGIN, SIGNUP, RESET = "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"
KNOWN, UNKNOWN = "participant@example.org", "nobody@example.org"
NEW_PASSWORD = "three quiet otters swim"


@pytest.fixture(autouse=True)
def as_in_production(settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.CACHES = {"default": settings.CACHES["default"] | {"KEY_PREFIX": f"e{time.monotonic_ns()}"}}


@pytest.fixture
def confirmed(cast):
    for user in (cast.participant, cast.rival):
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return cast


@pytest.fixture
def hashes(monkeypatch):
    """Counts how many passwords are hashed: that is what sign-in spends its time on."""
    counted = []
    encode = MD5PasswordHasher.encode

    def counting(self, password, salt):
        counted.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counting)
    return counted


def seen(answer, *typed: str) -> str:
    """An answer without what was typed and what is new in each page."""
    text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", answer.content.decode())
    for word in typed:
        text = text.replace(word, "TYPED")
    return f"{answer.status_code} {answer.get('Location', '')} {text}"


def hashes_of(hashes: list, call) -> int:
    hashes.clear()
    call()
    return len(hashes)


@pytest.mark.parametrize(("known", "unknown"), [("participant", "zzunknown"), (KNOWN, UNKNOWN)])
def test_sign_in_says_and_costs_the_same(confirmed, hashes, known, unknown):
    def attempt(login: str) -> str:
        answer = Client().post(LOGIN, {"login": login, "password": "wrong and long enough"})
        return re.sub("The (username|email address)", "It", seen(answer, login))

    assert attempt(known) == attempt(unknown)
    costs = [hashes_of(hashes, lambda login=login: attempt(login)) for login in (known, unknown)]
    assert costs == [1, 1]


def test_sign_in_takes_name_and_address(confirmed):
    for login in ("participant", KNOWN, KNOWN.upper()):
        client = Client()
        client.post(LOGIN, {"login": login, "password": PASSWORD})
        assert client.get("/tokens/").status_code == 200


def test_an_address_as_a_name_is_not_taken_and_leads_nobody_astray(confirmed):
    """From before such names were refused: its owner signs in by it, unless it is somebody's address."""
    make = get_user_model().objects.create_user
    make(KNOWN, "other@example.org", NEW_PASSWORD)
    make("old@name", "else@example.org", NEW_PASSWORD)
    EmailAddress.objects.create(user=make("two"), email="two@example.org", verified=True)
    backend = accounts.Backend()
    assert backend.authenticate(None, username=KNOWN, email=KNOWN, password=PASSWORD) == confirmed.participant
    found = backend.authenticate(None, username="old@name", email="old@name", password=NEW_PASSWORD)
    assert found.username == "old@name"
    fields = {"username": "a@b.org", "email": "a@b.org", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert accounts.NAME_CHARACTERS in Client().post(SIGNUP, fields).content.decode()


def sign_up(email: str, name: str):
    fields = {"username": name, "email": email, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    return Client().post(SIGNUP, fields)


def test_sign_up_says_and_costs_the_same(confirmed, hashes):
    costs = []
    for email, name in ((KNOWN, "newcomer"), (UNKNOWN, "newcomer2")):
        costs.append(hashes_of(hashes, lambda email=email, name=name: sign_up(email, name)))
    assert costs == [1, 1]
    assert seen(sign_up(KNOWN, "third"), KNOWN) == seen(sign_up("fourth@example.org", "fourth"))
    assert not get_user_model().objects.filter(username__in=["newcomer", "third"]).exists()
    assert any("already" in message.subject + message.body for message in mail.outbox)


def test_a_reset_says_the_same_and_sends_a_mail_either_way(confirmed):
    known, unknown = (Client().post(RESET, {"email": email}) for email in (KNOWN, UNKNOWN))
    assert seen(known, KNOWN) == seen(unknown, UNKNOWN)
    assert [message.to for message in mail.outbox] == [[KNOWN], [UNKNOWN]]


def add_address(user, email: str):
    client = Client()
    client.post(LOGIN, {"login": user.username, "password": PASSWORD})
    return client.post("/accounts/email/", {"action_add": "", "email": email})


def test_adding_an_address_says_the_same(confirmed):
    taken, free = add_address(confirmed.rival, KNOWN), add_address(confirmed.rival, UNKNOWN)
    assert seen(taken, KNOWN) == seen(free, UNKNOWN)
    assert not EmailAddress.objects.filter(user=confirmed.rival, email=KNOWN, verified=True).exists()


def test_a_page_of_the_audits_takes_names_and_no_addresses(confirmed, client):
    audit = make_audit(confirmed.rival)
    client.force_login(confirmed.rival)
    address = reverse("audits:settings", args=[audit.key])
    for typed in (KNOWN, UNKNOWN):
        assert "no user" in client.post(address, {"do": "viewer", "user_name": typed}).content.decode()
    assert not audit.viewers.exists()


# Passwords


@pytest.mark.parametrize(
    "password", ["short one", "1234567890123", "password1234", "participant1", "qwertyuiop"]
)
def test_a_weak_password_is_refused_with_its_reason(db, password):
    fields = {"username": "participant", "email": "p@example.org", "password1": password}
    answer = Client().post(SIGNUP, fields | {"password2": password})
    assert answer.status_code == 200 and answer.context["form"].errors["password1"]
    assert not get_user_model().objects.exists()


def reset_page(user) -> str:
    Client().post(RESET, {"email": user.email})
    link = re.search(r"https?://\S+", mail.outbox[-1].body)[0]
    return link.split("testserver")[-1]


def test_every_page_that_takes_a_new_password_names_the_rules(confirmed, client):
    client.post(LOGIN, {"login": "participant", "password": PASSWORD})
    pages = [client.get("/accounts/password/change/"), Client().get(SIGNUP)]
    pages.append(Client().get(reset_page(confirmed.participant), follow=True))
    for page in pages:
        text = page.content.decode()
        assert "at least 10 characters" in text and "commonly used" in text and "entirely numeric" in text


def test_a_new_password_ends_other_sessions_and_all_tokens(confirmed):
    other, mine = Client(), Client()
    for client in (other, mine):
        client.post(LOGIN, {"login": "participant", "password": PASSWORD})
    ApiToken.objects.create(confirmed.participant, name="x")
    ApiToken.objects.create(confirmed.rival, name="theirs")
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert mine.post("/accounts/password/change/", fields).status_code == 302
    assert other.get("/tokens/").status_code == 302
    assert list(ApiToken.objects.values_list("name", flat=True)) == ["theirs"]


def test_a_reset_by_mail_ends_tokens_and_works_once(confirmed):
    ApiToken.objects.create(confirmed.participant, name="x")
    link = reset_page(confirmed.participant)
    client = Client()
    form = client.get(link, follow=True)
    action = form.redirect_chain[-1][0]
    done = client.post(action, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert done.status_code == 302 and not ApiToken.objects.exists()
    assert "no longer works" in Client().get(link, follow=True).content.decode()
    assert confirmed.participant.username == "participant"


def test_the_session_is_a_new_one_after_sign_in(confirmed):
    client = Client()
    client.get("/accounts/2fa/")
    session = client.session
    session["x"] = 1
    session.save()
    client.cookies["sessionid"] = session.session_key
    client.post(LOGIN, {"login": "participant", "password": PASSWORD})
    assert client.session.session_key != session.session_key


# Limits


def statuses(call, times: int) -> list[int]:
    return [call(number).status_code for number in range(times)]


def from_address(last: int) -> Client:
    return Client(REMOTE_ADDR=f"192.0.2.{last}")


def test_sign_in_is_limited_by_account_and_by_address(confirmed):
    def guess(number: int, login: str, address: int):
        return from_address(address).post(LOGIN, {"login": login, "password": f"guess {number}"})

    for number in range(5):
        guess(number, "participant", number + 1)
    right = from_address(77).post(LOGIN, {"login": "participant", "password": PASSWORD})
    assert right.status_code == 200 and "Too many" in right.content.decode()
    unlike = [guess(number, f"name{number}", 99) for number in range(31)]
    assert [answer.status_code for answer in unlike[:20]] == [200] * 20
    assert "Too many" in unlike[20].content.decode() and unlike[30].status_code == 429


def test_sign_up_and_resets_are_limited(confirmed):
    assert 429 in statuses(lambda n: from_address(5).post(SIGNUP, {"username": f"n{n}"}), 21)[20:]
    assert statuses(lambda n: from_address(6).post(RESET, {"email": f"n{n}@example.org"}), 11)[10] == 429
    mail.outbox.clear()
    for number in range(5):
        from_address(number + 10).post(RESET, {"email": KNOWN})
    assert len(mail.outbox) == 3


def test_confirmations_are_sent_now_and_then(confirmed):
    EmailAddress.objects.create(user=confirmed.rival, email="second@example.org")
    client = Client()
    client.post(LOGIN, {"login": "rival", "password": PASSWORD})
    for _ in range(3):
        client.post("/accounts/email/", {"action_send": "", "email": "second@example.org"})
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(
    ("scope", "path", "fields"),
    [
        ("tokens", "/tokens/", {"name": "x", "days": 3}),
        ("submissions", "/bounties/lending/submit/", {"group_format": "rule", "group_rule": "age < 20"}),
        ("audits", "/audits/new/", {"kind": "speech", "title": "x"}),
    ],
)
def test_pages_count_under_the_rates_of_the_api(confirmed, open_bounty, monkeypatch, scope, path, fields):
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, scope, "1/hour")
    client = Client()
    client.force_login(confirmed.participant)
    client.post(path, fields)
    answer = client.post(path, fields)
    assert answer.status_code == 200 and "too many at once" in answer.content.decode()


def test_page_and_call_share_one_count(confirmed, open_bounty, monkeypatch):
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, "submissions", "1/hour")
    client = Client()
    client.force_login(confirmed.participant)
    fields = {"group_format": "rule", "group_rule": "age < 20"}
    assert client.post("/bounties/lending/submit/", fields).status_code == 302
    call = client.post("/api/v1/bounties/lending/submissions/", fields | {"kind": "find"})
    assert call.status_code == 429

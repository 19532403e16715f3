"""Sign-in and mails go by what the site is called, not by what a caller calls it."""

import re
import time

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import reverse

from tests.audits.conftest import make as make_audit
from tests.audits.conftest import run_audits
from tests.conftest import PASSWORD

LOGIN, RESET, SIGNUP = "/accounts/login/", "/accounts/password/reset/", "/accounts/signup/"
SITE = "bounty.example.org"
HOSTS = [SITE, f"{SITE}:8443", f"{SITE}:80", f"{SITE.upper()}:1", "localhost", "localhost:99"]


@pytest.fixture(autouse=True)
def nothing_counted(settings):
    """Counts of one test are not the next one's."""
    settings.CACHES = {"default": settings.CACHES["default"] | {"KEY_PREFIX": f"acc{time.monotonic_ns()}"}}
    settings.ALLOWED_HOSTS = [SITE, "localhost"]


@pytest.fixture
def in_production(settings):
    settings.SITE_HOST = SITE


@pytest.fixture
def confirmed(cast):
    EmailAddress.objects.create(user=cast.participant, email="participant@example.org", verified=True)
    return cast


# Wrong passwords


def guess(number: int, login: str, host: str, password: str = "a wrong password") -> str:
    """One try, each from an address of its own."""
    client = Client(REMOTE_ADDR=f"192.0.2.{number + 1}", headers={"host": host})
    return client.post(LOGIN, {"login": login, "password": password}).content.decode()


@pytest.mark.parametrize("login", ["participant", "participant@example.org"])
def test_a_port_in_the_host_wins_no_more_guesses(confirmed, login):
    for number in range(5):
        assert "Too many" not in guess(number, login, f"{SITE}:{number + 1}")
    for host in (f"{SITE}:77", SITE, "localhost"):
        assert "Too many" in guess(9, login, host, PASSWORD)


def test_wrong_passwords_are_counted_by_the_name_in_any_case(confirmed):
    for number, login in enumerate(
        ["participant", "Participant", "PARTICIPANT", " participant ", "pArticipant"]
    ):
        guess(number, login, SITE)
    assert "Too many" in guess(9, "participant", SITE, PASSWORD)
    assert Client(headers={"host": SITE}).post(LOGIN, {"login": "rival", "password": PASSWORD}).url == "/"


# Addresses that the site builds


def mailed_links() -> set[str]:
    return {link for letter in mail.outbox for link in re.findall(r"(https?://[^/\s]+)/", letter.body)}


@pytest.mark.parametrize("host", HOSTS)
def test_links_in_mails_lead_to_the_site_whatever_host_was_sent(in_production, confirmed, settings, host):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    client = Client(headers={"host": host})
    fields = {"password1": "three quiet otters swim", "password2": "three quiet otters swim"}
    for name, address in (("one", "participant@example.org"), ("two", "two@example.org")):
        client.post(RESET, {"email": address})
        client.post(SIGNUP, fields | {"username": name, "email": address})
    assert len(mail.outbox) == 4
    assert mailed_links() == {f"http://{SITE}"}
    text = "".join(letter.body for letter in mail.outbox)
    assert f"Faultline at {SITE}" in text
    assert not re.search(r"(?i)example\.org:|localhost", text)


@pytest.mark.parametrize("host", HOSTS)
def test_a_link_of_a_reset_leads_to_a_page_that_works(in_production, confirmed, host):
    Client(headers={"host": host}).post(RESET, {"email": "participant@example.org"})
    path = re.search(rf"http://{SITE}(/\S+)", mail.outbox[0].body)[1]
    page = Client(headers={"host": SITE}).get(path, follow=True)
    assert page.status_code == 200 and "password1" in page.context["form"].fields


@pytest.mark.parametrize("host", HOSTS)
def test_addresses_of_audits_name_the_site_whatever_host_was_sent(in_production, cast, host):
    audit = make_audit(cast.owner)
    run_audits()
    client = Client(headers={"host": host})
    client.force_login(cast.owner)
    address = reverse("audits:report", args=[audit.key])
    for name in ("audits:result_json", "audits:offline"):
        text = client.get(reverse(name, args=[audit.key])).content.decode()
        assert set(re.findall(rf"http://[^/\s\"]+(?={re.escape(address)})", text)) == {f"http://{SITE}"}


def test_pages_of_the_api_name_the_site(in_production, cast):
    for number in range(3):
        make_audit(cast.owner, title=f"audit {number}")
    client = Client(headers={"host": f"{SITE}:8443"})
    client.force_login(cast.owner)
    assert client.get("/api/v1/audits/?page_size=1").json()["next"].startswith(f"http://{SITE}/api/")


def test_other_names_are_refused_and_what_is_asked_from_inside_is_not(in_production, db, settings):
    settings.METRICS_TOKEN = "a token"
    stranger = Client(headers={"host": "evil.example", "authorization": "Bearer a token"})
    for path in ("/", LOGIN, "/status/", "/api/v1/bounties/", "/healthz/", "/metrics/"):
        assert stranger.get(path).status_code == 400, path
    for host in ("evil.example", "172.18.0.5:8000", "web:8000"):
        inside = Client(headers={"host": host, "authorization": "Bearer a token"})
        assert [inside.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3


def test_a_form_comes_from_the_site_itself(in_production, cast):
    """Under another port, or name, browsers say where a form comes from."""
    client = Client(enforce_csrf_checks=True, headers={"host": SITE})
    token = client.get(LOGIN).cookies["csrftoken"].value
    fields = {"login": "participant", "password": PASSWORD, "csrfmiddlewaretoken": token}
    for host, origin, status in (
        (f"{SITE}:8443", f"http://{SITE}:8443", 403),
        (SITE, "http://evil.example", 403),
        (SITE, f"http://{SITE}", 302),
    ):
        answer = client.post(LOGIN, fields, headers={"host": host, "origin": origin})
        assert answer.status_code == status, host


def test_a_trial_goes_by_what_it_is_called(confirmed, settings):
    settings.SITE_HOST = ""
    Client(headers={"host": "localhost:8001"}).post(RESET, {"email": "participant@example.org"})
    assert mailed_links() == {"http://localhost:8001"}

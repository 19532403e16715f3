"""What browsers are told of every page, what caches may keep, and that all of it is on in production."""

import os
import re
import secrets
import subprocess
import sys

import pytest
from django.conf import settings
from django.test import Client

from config.models import ApiToken

PUBLIC = (
    "/",
    "/bounties/",
    "/bounties/lending/",
    "/bounties/lending/data/",
    "/audits/",
    "/guide/participate/",
    "/api/docs/",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/no/such/page/",
)
OWN = (
    "/tokens/",
    "/accounts/email/",
    "/accounts/2fa/",
    "/accounts/password/change/",
    "/bounties/new/",
    "/bounties/lending/manage/",
    "/bounties/lending/manage/submissions.csv",
    "/admin/",
    "/admin/bounty/bounty/",
    "/admin/auth/user/add/",
)
CALLS = ("/api/v1/bounties/", "/api/v1/bounties/lending/", "/api/v1/schema/", "/api/v1/nothing/")
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
OWN_SOURCES = {"'self'", "'none'", "data:", "blob:"}


@pytest.fixture
def staff(client, cast, open_bounty):
    client.force_login(cast.staff)
    return client


def directives(answer) -> dict[str, list[str]]:
    policy = answer["Content-Security-Policy"]
    return {name: sources for name, *sources in (part.split() for part in policy.split(";") if part.strip())}


def nonce_of(answer) -> str:
    found = {s for sources in directives(answer).values() for s in sources if s.startswith("'nonce-")}
    assert len(found) <= 1
    return found.pop() if found else ""


@pytest.mark.parametrize("path", [*PUBLIC, *OWN, *CALLS])
def test_the_policy_on_content_names_our_own_host_alone(staff, path):
    answer = staff.get(path)
    for name, sources in directives(answer).items():
        foreign = [s for s in sources if s not in OWN_SOURCES and not s.startswith("'nonce-")]
        assert not foreign, f"{name}: {foreign}"
    found = directives(answer)
    assert found["default-src"] == found["base-uri"] == found["frame-ancestors"] == ["'none'"]
    assert not {"data:", "blob:"} & {s for name in ("script-src", "style-src") for s in found[name]}


@pytest.mark.parametrize("path", [*PUBLIC, *OWN, *CALLS])
def test_every_answer_has_its_headers(staff, path):
    answer = staff.get(path)
    assert {name: answer[name] for name in ALWAYS} == ALWAYS
    assert "camera=()" in answer["Permissions-Policy"] and "geolocation=()" in answer["Permissions-Policy"]


def test_a_nonce_is_used_once(open_bounty):
    pages = [Client().get("/bounties/lending/data/") for _ in range(2)]
    nonces = [nonce_of(page) for page in pages]
    assert all(nonces) and nonces[0] != nonces[1]
    for page, nonce in zip(pages, nonces, strict=True):
        used = set(re.findall(r'nonce="([^"]*)"', page.content.decode()))
        assert used == {nonce.removeprefix("'nonce-").rstrip("'")}


@pytest.mark.parametrize("path", OWN)
def test_what_a_signed_in_person_sees_is_kept_by_no_cache(staff, path):
    assert "no-store" in staff.get(path)["Cache-Control"] and "private" in staff.get(path)["Cache-Control"]


def test_what_a_token_gets_is_kept_by_no_cache(client, cast, open_bounty):
    _, token = ApiToken.objects.create(cast.participant, name="x")
    answer = client.get("/api/v1/bounties/lending/submissions/", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200 and "no-store" in answer["Cache-Control"]


def test_a_page_that_fails_has_its_headers(client, cast, monkeypatch):
    monkeypatch.setattr("config.views.look_at", None)
    monkeypatch.setattr("config.views.Bounty", None)
    client.raise_request_exception = False
    answer = client.get("/")
    assert answer.status_code == 500
    assert {name: answer[name] for name in ALWAYS} == ALWAYS and "Content-Security-Policy" in answer


# In production


PRODUCTION = {
    "DEBUG": "0",
    "SITE_URL": "https://faultline.example.org",
    "ALLOWED_HOSTS": "faultline.example.org",
    "BEHIND_PROXY": "1",
    "NUM_PROXIES": "1",
    "MFA_REQUIRED": "1",
    "SECRET_KEY": secrets.token_urlsafe(48),
}
UNCOLLECTED = """
from django.conf import settings
from django.test import Client
from django.test.utils import override_settings
files = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
override_settings(STORAGES=settings.STORAGES | files).enable()
"""
ASK = """
client = Client(SERVER_NAME="faultline.example.org")
secure = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
plain, page = client.get("/accounts/login/"), client.get("/accounts/login/", headers=secure)
print(plain.status_code, plain["Location"], client.get("/healthz").status_code)
print(page["Strict-Transport-Security"])
print(page.cookies.output(header=""))
print(settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_SECURE, settings.SESSION_COOKIE_HTTPONLY)
"""


ASK_BY_OTHER_NAMES = """
client = Client()
print(client.get("/accounts/login/", headers={"host": "faultline.example.org:8443"})["Location"])
inside = [client.get(path, headers={"host": "10.0.0.7:8000"}) for path in ("/healthz", "/", "/status/")]
print(*(answer.status_code for answer in inside))
"""


def manage(*arguments: str, **environ: str) -> subprocess.CompletedProcess:
    # What the browser tests need is nothing for production.
    inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=inherited | PRODUCTION | environ,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_checks_for_production_find_nothing():
    done = manage("check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize("key", ["short", "x" * 49, "django-insecure"])
def test_a_short_secret_key_ends_in_a_sentence(key):
    done = manage("check", SECRET_KEY=key)
    assert done.returncode != 0 and "SECRET_KEY is missing or shorter" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_secret_key_nothing_starts(tmp_path):
    done = manage("check", SECRET_KEY="", FAULTLINE_DATA=str(tmp_path))
    assert done.returncode != 0 and "SECRET_KEY is missing or shorter" in done.stderr


def test_a_site_url_that_is_no_address_ends_in_a_sentence():
    done = manage("check", SITE_URL="faultline.example.org")
    assert done.returncode != 0 and "SITE_URL is no address: write https://NAME." in done.stderr


def test_the_site_goes_by_one_name(db):
    done = manage("shell", "-v", "0", "-c", UNCOLLECTED + ASK_BY_OTHER_NAMES)
    assert done.returncode == 0, done.stderr
    redirect, statuses = done.stdout.strip().splitlines()[-2:]
    assert redirect == "https://faultline.example.org/accounts/login/"
    assert statuses == "200 400 400"


def test_cookies_and_redirects_insist_on_https(db):
    done = manage("shell", "-v", "0", "-c", UNCOLLECTED + ASK)
    assert done.returncode == 0, done.stderr
    redirect, hsts, csrf, session = done.stdout.strip().splitlines()[-4:]
    assert redirect == "301 https://faultline.example.org/accounts/login/ 200"
    assert hsts == "max-age=31536000; includeSubDomains"
    assert csrf.strip().startswith("__Host-csrftoken=")
    assert all(word in csrf for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Domain" not in csrf
    assert session == "__Host-sessionid True True"

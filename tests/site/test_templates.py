"""Rules that hold for every template: it compiles, keeps the policy on content, and uses icons that exist."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template import engines
from django.template.loader import get_template, render_to_string

FOLDER = settings.BASE_DIR / "templates"
PAGES = sorted(path for path in FOLDER.rglob("*.html"))
SYMBOLS = set(re.findall(r'symbol id="([a-z-]+)"', (settings.BASE_DIR / "static" / "icons.svg").read_text()))


def name_of(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


@pytest.mark.parametrize("path", sorted([*PAGES, *FOLDER.rglob("*.txt")]), ids=name_of)
def test_it_compiles(path):
    get_template(name_of(path))


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_it_keeps_the_policy_on_content(path):
    source = re.sub(r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}", "", path.read_text(), flags=re.DOTALL)
    assert not re.search(r"<[^>]*\sstyle\s*=", source), "an inline style is blocked: make it a class"
    assert not re.search(r"<[^>]*\son[a-z]+\s*=", source), "an inline handler is blocked"
    assert not re.search(r"\shx-on", source), "hx-on needs eval"
    assert not re.search(r"<script(?![^>]*\ssrc=)(?![^>]*\snonce=)", source), "an inline script is blocked"
    assert not re.search(r'(?:src|<link[^>]*href)="(?:https?:)?//', source), "nothing comes from another host"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_its_icons_exist(path):
    assert set(re.findall(r'{% icon "([^"]*)"', path.read_text())) <= SYMBOLS
    assert set(re.findall(r' icon="([^"]*)"', path.read_text())) <= SYMBOLS


@pytest.mark.parametrize("name", ["400.html", "403_csrf.html", "500.html", "503.html"])
def test_an_apology_needs_no_request(name):
    assert "Back to the start" in render_to_string(name)


def test_what_a_person_typed_is_escaped():
    template = engines["django"].from_string("{% load faultline %}{% code %}{{ rule }}{% endcode %}")
    assert "a &lt; 3" in template.render({"rule": "a < 3"})


def test_a_figure_cannot_leave_its_script():
    template = engines["django"].from_string(
        '{% load faultline %}{% figure spec "f" title %}<table></table>{% endfigure %}'
    )
    html = template.render({"spec": {"x": "</script><b>"}, "title": "<i>"})
    assert "</script><b>" not in html
    assert "<i>" not in html


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["login", "signup", "password/reset", "password/reset/done", "inactive"])
def test_an_account_page_opens_for_a_stranger(client, page):
    response = client.get(f"/accounts/{page}/")
    policy = response["Content-Security-Policy"]
    assert response.status_code == 200
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["email", "password/change", "logout"])
def test_an_account_page_opens_for_its_owner(client, cast, page):
    client.force_login(cast.participant)
    assert client.get(f"/accounts/{page}/").status_code == 200


@pytest.mark.django_db
def test_a_missing_page_says_so(client):
    response = client.get("/no/such/page/")
    assert response.status_code == 404
    assert "There is no page here" in response.content.decode()


@pytest.mark.django_db
def test_a_reset_mail_says_who_it_is_from_and_what_to_do(client, cast, mailoutbox):
    client.post("/accounts/password/reset/", {"email": cast.participant.email})
    (mail,) = mailoutbox
    assert mail.subject == "[Faultline] Reset your password"
    link = re.search(r"http://\S+/accounts/password/reset/key/\S+", mail.body)[0]
    assert "Choose a new password" in client.get(link, follow=True).content.decode()

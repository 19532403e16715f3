"""The status page in a real browser: it follows the site by itself, in every width and both themes."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from playwright.sync_api import expect

from bounty.entry import Group
from bounty.intake import submit
from common.models import Worker
from config import status

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SECONDS = 60


@pytest.fixture(autouse=True)
def forgotten():
    yield
    for kept in (status.numbers, status.parts):
        kept.forget()


def test_it_follows_the_site_by_itself(open_bounty, cast, live_server, page):
    for kept in (status.numbers, status.parts):
        kept.forget()
    page.goto(f"{live_server.url}/")
    page.get_by_role("contentinfo").get_by_role("link", name="Status").click()
    state = page.locator("#status")
    expect(state).to_contain_text(status.NO_WORKERS)
    seen = Now() + timedelta(minutes=5)
    Worker.objects.create(host="one", pid=1, processes=2, version="0", started=Now(), seen=seen)
    expect(state).to_contain_text(status.IDLE, timeout=SECONDS * 1000)
    submit(cast.participant, open_bounty, Group("rule", "age < 30"))
    expect(state).to_contain_text(status.BUSY, timeout=SECONDS * 1000)
    expect(state.locator(".stat-value").first).to_have_text("1")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 820, 390])
def test_it_is_never_wider_than_the_screen(db, live_server, page, width, theme):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=theme)
    page.goto(f"{live_server.url}/status/")
    expect(page.get_by_role("heading", name="Status")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width

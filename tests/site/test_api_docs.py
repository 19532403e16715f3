"""The page that lists the API's calls, in a real browser: it keeps to the policy, and its calls work."""

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from bounty.models import Submission

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    # What the Content-Security-Policy blocks is reported as an error of the console.
    assert not problems, problems


def test_every_call_is_listed_and_one_can_be_made(open_bounty, cast, live_server, page):
    browser = Client()
    browser.force_login(cast.participant)
    session = browser.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
    )
    page.goto(f"{live_server.url}/api/docs/")
    expect(page.locator(".opblock")).to_have_count(24)

    call = page.locator(".opblock", has_text="Submit a find")
    call.locator(".opblock-summary-control").click()
    call.get_by_role("button", name="Try it out").click()
    call.get_by_placeholder("slug").fill("lending")
    call.get_by_role("button", name="Execute").click()
    expect(call.locator(".live-responses-table .response .response-col_status")).to_contain_text("202")
    assert Submission.objects.get().team.user == cast.participant


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_theme_and_fits_a_phone(live_server, chromium, scheme):
    context = chromium.new_context(viewport={"width": 390, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{live_server.url}/api/docs/")
    page.locator(".opblock").first.wait_for()
    width, dark = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.classList.contains('dark-mode')]"
    )
    assert (width, dark) == (390, scheme == "dark")
    context.close()

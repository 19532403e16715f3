"""The admin and the second factor in a real browser: the policy on content blocks nothing of them."""

import re
import time

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import expect

from bounty import intake
from bounty.intake import Group
from tests.conftest import PASSWORD

from .conftest import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SHOWN_AT = (1440, 820, 390)


def is_too_wide(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > window.innerWidth")


def test_the_admin_works_under_the_policy(open_bounty, cast, live_server, page, run_worker):
    submission, _ = intake.submit(cast.participant, open_bounty, Group("rule", "age < 30 AND home = 'rent'"))
    run_worker()
    sign_in(page, live_server, "/admin/", "staff")
    expect(page.locator("#content h1")).to_contain_text("administration")
    for path in (
        "auth/user/",
        f"auth/user/{cast.participant.pk}/change/",
        f"auth/user/{cast.participant.pk}/password/",
        f"auth/user/{cast.participant.pk}/history/",
        f"auth/user/{cast.outsider.pk}/delete/",
        "auth/user/add/",
        "bounty/bounty/",
        f"bounty/bounty/{open_bounty.pk}/change/",
        "bounty/submission/?status__exact=scored",
        f"bounty/submission/{submission.pk}/change/",
        "bounty/tableupload/add/",
        "config/apitoken/",
        "mfa/authenticator/",
        "account/emailaddress/add/",
    ):
        answer = page.goto(f"{live_server.url}/admin/{path}")
        assert answer.status == 200, path
    # Its own scripts run: the related-object links and the filter of choices were drawn by them.
    page.goto(f"{live_server.url}/admin/auth/user/{cast.participant.pk}/change/")
    expect(page.locator(".selector-available").first).to_be_visible()
    page.locator("button.theme-toggle, .theme-toggle").first.click()
    page.locator("[name=first_name]").fill("Pat")
    page.locator("[name=_save]").click()
    expect(page.locator(".messagelist .success")).to_be_visible()


def test_a_second_factor_is_set_up_and_used(cast, live_server, page):
    sign_in(page, live_server, "/accounts/2fa/")
    page.get_by_role("link", name="Set up").click()
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("img.qr")).to_be_visible()
    assert page.locator("img.qr").evaluate("image => image.naturalWidth > 0")
    secret = page.locator(".code code").inner_text().strip()
    for width in SHOWN_AT:
        page.set_viewport_size({"width": width, "height": 900})
        assert not is_too_wide(page)

    def code(step: int) -> str:
        return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))

    page.locator("[name=code]").fill(code(0))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    codes = page.locator(".code code").inner_text().split()
    assert len(codes) == 10 and all(re.fullmatch(r"\d{8}", one) for one in codes)
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator("body")).to_contain_text("10 of them are left")

    page.context.clear_cookies()
    page.goto(f"{live_server.url}/accounts/login/")
    page.locator("[name=login]").fill("participant")
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.locator("[name=code]").fill(codes[3])
    page.keyboard.press("Enter")
    expect(page.locator(".user-name")).to_contain_text("participant")
    page.goto(f"{live_server.url}/accounts/2fa/")
    expect(page.locator("body")).to_contain_text("9 of them are left")

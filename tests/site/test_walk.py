"""A newcomer in a real browser, with a real worker process: from sign-up to a scored submission."""

import os
import subprocess
import sys

import pytest
from django.db import connection
from playwright.sync_api import expect

from bounty.models import Status, Submission

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def worker():
    """Celery with beat, on the tests' database and the real broker."""
    names = connection.settings_dict
    url = f"postgresql://{names['USER']}@/{names['NAME']}?host={names['HOST'] or names['OPTIONS']['host']}"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "config",
            "worker",
            "-B",
            "--concurrency=1",
            "--loglevel=warning",
        ],
        env={**os.environ, "DATABASE_URL": url},
    )
    yield process
    process.terminate()
    process.wait(30)


@pytest.fixture
def page(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert not problems, problems


def test_a_newcomer_signs_up_tries_a_rule_and_gets_a_verdict(open_bounty, live_server, worker, page):
    page.goto(live_server.url)
    page.get_by_role("link", name="Lending decisions").click()
    page.get_by_role("link", name="Submit", exact=True).click()
    page.get_by_role("main").get_by_role("link", name="Sign up").click()
    page.locator("[name=username]").fill("newcomer")
    page.locator("[name=email]").fill("newcomer@example.org")
    page.locator("[name=password1]").fill("a long password of 2026")
    page.locator("[name=password2]").fill("a long password of 2026")
    page.get_by_role("main").get_by_role("button", name="Sign up").click()

    expect(page).to_have_url(f"{live_server.url}/bounties/{open_bounty.slug}/submit/")
    rule = page.get_by_label("Rule", exact=True)
    rule.fill("agee < 30")
    page.get_by_role("button", name="Try it on the public sample").click()
    expect(page.locator("#check")).to_contain_text("age")
    rule.fill("")
    page.get_by_role("button", name="age", exact=True).click()
    rule.press_sequentially("< 30 AND home = 'rent'")
    page.get_by_role("button", name="Try it on the public sample").click()
    expect(page.locator("#check")).to_contain_text("The sample speaks for a gap")
    assert not Submission.objects.exists()

    page.get_by_role("button", name="Submit for a verdict").click()
    expect(page.locator("#verdict [data-verdict]")).to_have_text("Accepted", timeout=60_000)
    find = Submission.objects.get()
    assert (find.status, find.team.name, find.group_rule.strip()) == (
        Status.SCORED,
        "newcomer",
        "age < 30 AND home = 'rent'",
    )
    page.get_by_role("link", name="Leaderboard").click()
    expect(page.locator("tr.mine")).to_contain_text("newcomer")
    page.get_by_role("link", name="My submissions").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("Accepted")


def test_the_form_works_by_keyboard_alone_and_keeps_what_was_written(open_bounty, live_server, page, cast):
    page.goto(f"{live_server.url}/accounts/login/?next=/bounties/{open_bounty.slug}/submit/")
    page.locator("[name=login]").press_sequentially("participant")
    page.keyboard.press("Tab")
    page.locator("[name=password]").fill("correct horse battery staple")
    page.keyboard.press("Enter")
    rule = page.get_by_label("Rule", exact=True)
    rule.focus()
    page.keyboard.type("income <")
    page.get_by_role("button", name="Submit for a verdict").focus()
    page.keyboard.press("Enter")
    expect(page.locator("[aria-invalid=true]")).to_have_count(1)
    expect(rule).to_have_value("income <")
    assert not Submission.objects.exists()

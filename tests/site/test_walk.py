"""A newcomer in a real browser, with a real worker process: from sign-up to a scored submission."""

import re

import pytest
from playwright.sync_api import expect

from bounty.models import Bounty, Check, Status, Submission, Team
from tests.site.conftest import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# A worker of a busy machine takes its time to start.
VERDICT_SECONDS = 120
PAGES = ("", "data/", "submit/", "submissions/", "leaderboard/")


def test_a_newcomer_signs_up_tries_a_rule_and_gets_a_verdict(open_bounty, live_server, worker, page):
    page.goto(live_server.url)
    page.get_by_role("article").get_by_role("link", name="Lending decisions").click()
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
    expect(page.locator("#check")).to_contain_text("Not tried")
    rule.fill("")
    page.get_by_role("button", name="age", exact=True).click()
    rule.press_sequentially("< 30 AND home = 'rent'")
    page.get_by_role("button", name="Try it on the public sample").click()
    expect(page.locator("#check")).to_contain_text("The sample speaks for a gap")
    assert not Submission.objects.exists()

    page.get_by_role("button", name="Submit for a verdict").click()
    verdict = page.locator("[aria-live=polite] #verdict [data-verdict]")
    expect(verdict).to_have_text("Accepted", timeout=VERDICT_SECONDS * 1000)
    find = Submission.objects.get()
    assert (find.status, find.team.name, find.group_rule.strip()) == (
        Status.SCORED,
        "newcomer",
        "age < 30 AND home = 'rent'",
    )
    tabs = page.get_by_role("navigation", name="Bounty")
    tabs.get_by_role("link", name="Leaderboard").click()
    expect(page.locator("tr.mine")).to_contain_text("newcomer")
    tabs.get_by_role("link", name="My submissions").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("Accepted")


def test_the_form_works_by_keyboard_alone_and_keeps_what_was_written(open_bounty, live_server, page, cast):
    sign_in(page, live_server, f"/bounties/{open_bounty.slug}/submit/")
    page.get_by_role("radio", name="Rule (SQL condition)").focus()
    page.keyboard.press("Tab")
    page.keyboard.type("income <")
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Submit for a verdict")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[aria-invalid=true]")).to_have_count(1)
    expect(page.get_by_label("Rule", exact=True)).to_have_value("income <")
    assert not Submission.objects.exists()


def test_only_what_belongs_to_the_format_is_shown(open_bounty, live_server, page, cast):
    sign_in(page, live_server, f"/bounties/{open_bounty.slug}/submit/")
    rule, file = page.get_by_label("Rule", exact=True), page.get_by_label("File", exact=True)
    expect(rule).to_be_visible()
    expect(file).to_be_hidden()
    page.get_by_role("radio", name="ONNX model").check()
    expect(rule).to_be_hidden()
    expect(page.get_by_text("What an ONNX model gets")).to_be_visible()
    file.set_input_files({"name": "tree.onnx", "mimeType": "", "buffer": b"x" * 4200})
    expect(page.locator(".file-note:visible")).to_have_text("tree.onnx, 5 kB")
    file.set_input_files({"name": "tree.pkl", "mimeType": "", "buffer": b"x"})
    expect(page.locator(".file-note:visible")).to_contain_text("does not end in .onnx")
    page.get_by_role("button", name="Try it on the public sample").click()
    expect(page.locator("#check")).to_contain_text("Trying your model on the public sample")
    assert Check.objects.get().group_file_name == "tree.pkl"


def test_a_fix_has_fields_of_its_own_and_columns_go_where_one_writes(open_bounty, live_server, page, cast):
    sign_in(page, live_server, f"/bounties/{open_bounty.slug}/submit/")
    section = page.get_by_role("heading", name="A better predictor for it")
    expect(section).to_be_hidden()
    page.get_by_role("radio", name="Fix").check()
    expect(section).to_be_visible()
    expect(page).to_have_title(re.compile("^Submit a fix: "))
    rule, predictor = page.get_by_label("Rule", exact=True), page.get_by_label("Rule of the predictor")
    for field, column in ((predictor, "income"), (rule, "age")):
        field.focus()
        page.get_by_role("button", name=column, exact=True).click()
        expect(field).to_have_value(f"{column} ")
    page.get_by_role("radio", name="Constant").check()
    expect(predictor).to_be_hidden()
    rule.fill("age < 30 AND home = 'rent'")
    page.get_by_label("Its answer").select_option("1")
    page.get_by_role("button", name="Try it on the public sample").click()
    expect(page.locator("#check")).to_contain_text("Best constant")
    page.get_by_role("radio", name="scikit-learn").nth(1).check()
    page.get_by_label("File of the predictor").set_input_files(
        {"name": "tree.pkl", "mimeType": "", "buffer": b"x"}
    )
    expect(page.locator(".file-note:visible")).to_contain_text("does not end in .skops")
    page.get_by_role("radio", name="Constant").check()
    page.get_by_role("button", name="Submit the fix for a verdict").click()
    expect(page.get_by_role("heading", name=re.compile("^Fix "))).to_be_visible()
    fix = Submission.objects.get()
    assert (fix.kind, fix.predictor_format, fix.predictor_value) == ("fix", "constant", "1")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_figure_is_drawn_and_again_when_the_theme_changes(open_bounty, live_server, page, theme):
    page.emulate_media(color_scheme=theme)
    page.goto(f"{live_server.url}/bounties/{open_bounty.slug}/data/")
    figures = page.locator("[data-figure]")
    expect(page.locator("[data-figure] svg.main-svg:first-child")).to_have_count(figures.count())
    page.locator("[data-theme-toggle]").click()
    expect(page.locator("html")).not_to_have_attribute("data-bs-theme", theme)
    expect(page.locator("[data-figure] svg.main-svg:first-child")).to_have_count(figures.count())
    page.locator("summary").first.click()
    expect(page.get_by_role("region", name="Table: age")).to_be_visible()


def test_no_page_is_wider_than_a_phone(open_bounty, live_server, page, cast, run_worker):
    long = "Wider_than_any_phone_" * 5
    Bounty.objects.filter(pk=open_bounty.pk).update(title=f"The {long}", summary=long * 2)
    team = Team.objects.create(bounty=open_bounty, user=cast.participant, name=long)
    rule = f"home = '{long * 3}' OR age < 30"
    for _ in range(2):
        Submission.objects.create(
            bounty=open_bounty, team=team, group_format="rule", group_rule=rule, note=long
        )
        run_worker()
    page.set_viewport_size({"width": 390, "height": 800})
    sign_in(page, live_server, "/")
    addresses = ["/", "/bounties/", f"/submissions/{Submission.objects.latest('id').pk}/"]
    addresses += [f"/bounties/{open_bounty.slug}/{name}" for name in PAGES]
    wider = {}
    for address in addresses:
        page.goto(f"{live_server.url}{address}")
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 390:
            wider[address] = width
    assert wider == {}

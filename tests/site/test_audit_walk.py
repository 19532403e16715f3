"""Audits in a real browser: a real worker process makes a report of a file; it is switched, read, compared,
taken away and published.
"""

import csv
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from audits import intake
from audits.models import Audit
from common.jobs import Status
from tests.audits.conftest import SPEECH_ROLES, make, scored, speech_table, upload
from tests.site.conftest import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# A worker of a busy machine takes its time to start.
REPORT_SECONDS = 120
WIDTHS = (1280, 390)
LONG = "Wider_than_any_phone_" * 4
FOR_READERS_ALONE = ("Speakers", "Utterances")
BUSY = ".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added"
MOST_STEPS = 60
DRAWN = "[data-figure] svg.main-svg:first-child"


def audited(owner, frame=None, **values) -> Audit:
    return scored(make(owner, frame, **values))


def with_every_error(frame: pl.DataFrame) -> pl.DataFrame:
    """As it is, and in some rows of “ours” the first word is left out, in others one is added."""
    cut, added = pl.col("ours").str.replace(r"^\S+ ", ""), pl.concat_str("ours", pl.lit(" indeed"))
    place = pl.int_range(pl.len()) % 5
    return frame.with_columns(pl.when(place == 0).then(cut).when(place == 1).then(added).otherwise("ours"))


@pytest.fixture
def audit(cast):
    """A private audit of the owner with its result."""
    return audited(cast.owner, with_every_error(speech_table()), description="Read by **actors**.")


@pytest.fixture
def owner(page, live_server, cast):
    """The page of a browser in which the owner has signed in."""
    client = Client()
    client.force_login(cast.owner)
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    return page


def tabs(page):
    return page.get_by_role("navigation", name="Report")


def tab(page, name: str) -> None:
    tabs(page).get_by_role("link", name=name, exact=True).click()
    expect(tabs(page).get_by_role("link", name=name, exact=True)).to_have_attribute("aria-current", "page")


def control(page, label: str):
    return page.get_by_label("What is shown").get_by_label(label, exact=True)


def choose(page, label: str, option: str) -> None:
    """Choose in a select of the report; what comes back is in the address bar, and can be switched again."""
    page.wait_for_load_state()
    before = page.url
    control(page, label).select_option(label=option)
    page.wait_for_url(lambda address: address != before)
    expect(page.locator(BUSY)).to_have_count(0)


def asked(page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def tab_to(page, wanted) -> None:
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{wanted} is not reached by {MOST_STEPS} tabs.")


def taken(page, click) -> Path:
    """The file that a click downloads."""
    with page.expect_download() as download:
        click()
    return download.value.path()


def export(page, name: str) -> Path:
    page.get_by_role("button", name="Export").click()
    return taken(page, page.get_by_role("link", name=name, exact=True).click)


# From a file to a report


def test_a_file_becomes_a_report_that_others_read_without_people_and_texts(live_server, page, cast, request):
    sign_in(page, live_server, "/audits/", "owner")
    page.get_by_role("main").get_by_role("link", name="New audit").first.click()
    page.get_by_role("radio", name="Speech").check()
    page.get_by_label("Title").fill("Dictation by accent")
    file = upload(speech_table())
    page.get_by_label("File").set_input_files(
        {"name": "talks.csv", "mimeType": "text/csv", "buffer": file.read()}
    )
    expect(page.locator("#file-chosen")).to_contain_text("talks.csv")
    page.get_by_role("button", name="Upload and go on").click()

    expect(page.get_by_label("sentence", exact=True)).to_have_value("reference")
    expect(page.get_by_label("speaker", exact=True)).to_have_value("speaker")
    expect(page.get_by_label("accent", exact=True)).to_have_value("group:not said")
    expect(page.get_by_role("region", name="The first rows of the file")).to_contain_text("brown fox")
    for system in ("ours", "theirs"):
        page.get_by_label(system, exact=True).select_option(label="Hypothesis: what the system wrote")
    page.get_by_label("accent", exact=True).select_option("group:self-reported")
    page.get_by_label("Smallest group shown").fill("12")
    page.get_by_role("radio", name=re.compile("^Basic")).check()
    tolerance = page.locator("#tolerances .line").first
    tolerance.get_by_label("Rate").select_option(label="Word error rate")
    tolerance.get_by_label("Column").select_option("accent")
    tolerance.get_by_label("Within, in points").fill("2")
    page.get_by_role("button", name="Run the audit").click()

    expect(page.get_by_role("heading", name="Waiting for a worker")).to_be_visible()
    request.getfixturevalue("worker")
    expect(tabs(page)).to_be_visible(timeout=REPORT_SECONDS * 1000)
    audit = Audit.objects.get()
    assert audit.settings["marks"] == {"accent": "self-reported"}
    assert (audit.settings["smallest"], audit.settings["normalise"]) == (12, "basic")
    coverage = page.get_by_role("region", name="Who is in the data, by group")
    expect(coverage).to_contain_text("accent (self-reported)")
    expect(page.get_by_role("region", name="Tolerances judged").get_by_role("row")).to_have_count(3)
    expect(page.get_by_role("region", name="The widest gaps").get_by_role("row").nth(1)).to_contain_text(
        "Welsh"
    )

    page.get_by_role("link", name="Settings").click()
    page.get_by_role("radio", name="Public").check()
    page.locator("#visibility").get_by_role("button", name="Save").click()
    expect(page.get_by_text("The audit is public now.")).to_be_visible()
    page.context.clear_cookies()
    page.set_viewport_size({"width": WIDTHS[-1], "height": 800})
    page.goto(f"{live_server.url}/audits/")
    page.get_by_role("link", name="Dictation by accent").click()
    expect(tabs(page).get_by_role("link", name="Rates")).to_be_visible()
    for name in FOR_READERS_ALONE:
        expect(tabs(page).get_by_role("link", name=name)).to_have_count(0)
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)
    expect(page.get_by_role("main")).not_to_contain_text("speaker-0")
    for name in tabs(page).get_by_role("link").all_text_contents():
        tab(page, name)
        expect(page.get_by_role("main")).not_to_contain_text(re.compile("speaker-0|brown fox"))


def test_the_set_up_works_by_keyboard_alone(live_server, owner, cast):
    draft = intake.create_audit(cast.owner, kind="speech", file=upload(speech_table()), title="A draft")[0]
    owner.goto(f"{live_server.url}/audits/{draft.key}/setup/")
    owner.keyboard.press("Tab")
    expect(owner.get_by_role("link", name="Skip to the content")).to_be_focused()
    owner.keyboard.press("Enter")
    tab_to(owner, owner.get_by_label("ours", exact=True))
    owner.keyboard.type("Hyp")
    tab_to(owner, owner.get_by_label("theirs", exact=True))
    owner.keyboard.type("Hyp")
    tab_to(owner, owner.get_by_label("noise", exact=True))
    owner.keyboard.type("Cond")
    tab_to(owner, owner.locator("[name=normalise]:checked"))
    owner.keyboard.press("ArrowUp")
    chosen = owner.locator("[name=normalise]:checked").get_attribute("value")
    tab_to(owner, owner.get_by_label("Smallest group shown"))
    owner.keyboard.type("7")
    tab_to(owner, owner.get_by_role("button", name="Run the audit"))
    owner.keyboard.press("Enter")
    expect(owner.get_by_role("heading", name="Waiting for a worker")).to_be_visible()
    draft.refresh_from_db()
    assert draft.status == Status.QUEUED
    roles = {name: draft.roles[name] for name in ("ours", "theirs", "noise")}
    assert roles == {"ours": "hypothesis", "theirs": "hypothesis", "noise": "condition"}
    assert (draft.settings["smallest"], draft.settings["normalise"]) == (7, chosen)


# A report is switched and read


def test_a_switch_shows_at_once_and_stays_in_the_address(live_server, owner, audit):
    owner.goto(f"{live_server.url}/audits/{audit.key}/")
    tab(owner, "Rates")
    title = owner.locator("#table-title")
    expect(title).to_have_text("Word error rate by accent (origin not said)")
    choose(owner, "System", "theirs")
    choose(owner, "Rate", "Character error rate")
    choose(owner, "Averaged", "Mean over speakers")
    choose(owner, "By", "gender (origin not said)")
    choose(owner, "and by", "noise")
    expect(title).to_have_text("Character error rate by gender (origin not said) and noise")
    choose(owner, "Compared with", "the best group")
    choose(owner, "Only", "Welsh")
    expect(owner.get_by_text("Only accent = Welsh.")).to_be_visible()
    expect(owner.locator(".notes")).to_contain_text("Mean over speakers")
    expect(owner.locator(DRAWN)).to_have_count(1)
    assert asked(owner) == {
        "system": ["theirs"],
        "metric": ["cer"],
        "aggregation": ["cluster_mean"],
        "by": ["gender", "noise"],
        "versus": ["best"],
        "where": ["accent=Welsh"],
    }
    table = owner.get_by_role("region", name="Character error rate")
    shown = table.inner_text()
    owner.reload()
    expect(owner.locator(DRAWN)).to_have_count(1)
    assert table.inner_text() == shown
    owner.go_back()
    expect(title).to_be_visible()
    expect(owner.get_by_text("Only accent = Welsh.")).to_have_count(0)


def test_from_a_group_down_to_its_words(live_server, owner, audit):
    owner.goto(f"{live_server.url}/audits/{audit.key}/intersections/")
    heat = owner.locator(".heat-map")
    expect(heat.locator(".heat-w4", has_text="▲").first).to_be_visible()
    tab(owner, "Rates")
    owner.get_by_role("region", name="Word error rate").get_by_role("link", name="Welsh").click()
    expect(control(owner, "Only")).to_have_value("accent=Welsh")
    expect(owner.get_by_role("status").filter(has_text="utterances")).to_contain_text("96 utterances")
    choose(owner, "Errors", "with substitutions")
    first = owner.locator("article.utterance").first
    expect(first).to_contain_text("Welsh")
    expect(first.locator(".word-substituted").first).to_contain_text("→")
    for choice, element, line in (("deletions", "del", "line-through"), ("insertions", "ins", "underline")):
        choose(owner, "Errors", f"with {choice}")
        word = owner.locator(f"article.utterance {element}").first
        expect(word).to_have_css("text-decoration-line", line)
    owner.get_by_label("Words", exact=True).fill("kitchen")
    owner.keyboard.press("Enter")
    owner.wait_for_url(re.compile("q=kitchen"))
    expect(owner.locator(BUSY)).to_have_count(0)
    utterances = owner.locator("article.utterance")
    assert utterances.count() == utterances.filter(has_text="kitchen").count() > 0


def test_systems_and_audits_are_compared_and_worst_groups_confirmed(live_server, owner, audit, cast):
    later = audited(cast.owner, speech_table(seed=9), title="Dictation again", release="4.2")
    owner.goto(f"{live_server.url}/audits/{audit.key}/")
    tab(owner, "Systems")
    expect(owner.get_by_role("heading", name="ours less theirs")).to_be_visible()
    choose(owner, "First system", "theirs")
    choose(owner, "Second system", "ours")
    paired = owner.get_by_role("region", name="Paired difference")
    expect(paired.get_by_role("row").filter(has_text="Welsh")).to_contain_text("−")
    tab(owner, "Worst groups")
    worst = owner.get_by_role("region", name="Worst groups").get_by_role("row").nth(1)
    expect(worst).to_contain_text("accent (origin not said) = Welsh")
    expect(worst).to_contain_text("Confirmed")
    owner.get_by_role("link", name="Compare", exact=True).click()
    owner.get_by_label("Second", exact=True).select_option(later.key)
    owner.get_by_role("button", name="Compare").click()
    expect(owner.get_by_text("The same test set")).to_be_visible()
    choose(owner, "System of the second", "theirs")
    choose(owner, "Rate", "Deletion rate")
    compared = owner.get_by_role("region", name="Deletion rate")
    expect(compared).to_contain_text("Scots")
    expect(compared.get_by_role("row", name="everyone").get_by_text(re.compile(r"to .*pp"))).to_have_count(1)
    assert asked(owner)["b"] == [later.key]


def test_what_is_taken_away_is_what_was_shown(live_server, owner, audit, tmp_path):
    owner.goto(f"{live_server.url}/audits/{audit.key}/rates/?by=gender&metric=cer")
    result = json.loads(export(owner, "Result, JSON").read_text())
    assert result["data"]["sha256"] == audit.file_sha256
    assert export(owner, "Service card, PDF").read_bytes().startswith(b"%PDF-")
    table = taken(owner, owner.get_by_role("main").get_by_role("link", name="CSV").click)
    rows = list(csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines()))
    assert [row["metric"] for row in rows] == ["cer"] * 3
    shown = owner.get_by_role("region", name="Character error rate")
    for row in rows:
        line = shown.get_by_role("row", name=re.compile(f"^{row['group_1'] or 'everyone'} "))
        expect(line).to_contain_text(f"{100 * float(row['value']):.1f}")
    page = tmp_path / "report.html"
    page.write_bytes(export(owner, "Report in one HTML file").read_bytes())
    owner.context.set_offline(True)
    owner.goto(page.as_uri())
    expect(owner.get_by_role("heading", level=1)).to_contain_text("Dictation by accent")
    owner.context.set_offline(False)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_of_a_report_is_wider_than_its_window(live_server, owner, cast, width):
    names = {"accent": f"accent_{LONG}", "ours": f"ours_{LONG}"}
    roles = {names.get(name, name): role for name, role in SPEECH_ROLES.items()}
    frame = speech_table().with_columns(pl.col("accent").str.replace("Welsh", LONG)).rename(names)
    audit = audited(cast.owner, frame, title=f"The {LONG}", description=LONG, system=LONG[:40], roles=roles)
    owner.set_viewport_size({"width": width, "height": 800})
    owner.goto(f"{live_server.url}/audits/{audit.key}/")
    wider = {}
    for name in tabs(owner).get_by_role("link").all_text_contents():
        tab(owner, name)
        expect(owner.locator(DRAWN)).to_have_count(owner.locator("[data-figure]").count())
        wider[name] = owner.evaluate("document.documentElement.scrollWidth") - width
    for name in ("setup", "settings", "card"):
        owner.goto(f"{live_server.url}/audits/{audit.key}/{name}/")
        wider[name] = owner.evaluate("document.documentElement.scrollWidth") - width
    owner.goto(f"{live_server.url}/audits/")
    wider["list"] = owner.evaluate("document.documentElement.scrollWidth") - width
    assert len(wider) > 12
    assert {name: more for name, more in wider.items() if more > 0} == {}

"""What everyone reads of bounties, in every phase, and pages with nothing to show."""

import json
import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from bounty import drafts, entry, sample
from bounty.models import Status, Submission, Team
from tests.bounty.pages import change, fill, html, page, send, text
from tests.conftest import as_upload, draft, lending_table


@pytest.fixture
def participant(client, cast):
    client.force_login(cast.participant)
    return client


# Phases, and nothing to show


def test_a_bounty_to_come(participant, open_bounty):
    change(open_bounty, opens_at=timezone.now() + timedelta(days=2))
    assert "Not open yet" in text(participant.get(page("submit", "lending")))
    assert "Not open yet" in text(fill(participant))
    assert "Opens later" in text(participant.get("/bounties/"))
    assert "Lending decisions" not in text(participant.get("/"))
    assert "rent" in text(participant.get(page("data", "lending")))
    assert not Submission.objects.exists()


def test_a_bounty_that_is_over(participant, open_bounty):
    change(open_bounty, closes_at=timezone.now() - timedelta(days=2))
    assert "This bounty is closed" in text(fill(participant))
    assert "closed without one" in text(participant.get(page("leaderboard", "lending")))
    assert "Your team sent nothing" in text(participant.get(page("mine", "lending")))
    for name in ("overview", "leaderboard", "mine"):
        assert page("submit", "lending") + '">' + "Submit" not in html(participant.get(page(name, "lending")))
    assert "None is open right now" in text(participant.get("/"))
    assert not Submission.objects.exists()


def test_bounties_that_are_over_stand_last(client, cast, open_bounty):
    now = timezone.now()
    hours = timedelta(hours=1)
    for slug, values in {
        "over": {"closes_at": now - hours},
        "closed": {"closed_at": now - 2 * hours},
        "later": {"opens_at": now + hours},
        "closing": {"closes_at": now + hours},
    }.items():
        draft(cast.owner, slug, opened_at=now + (len(slug) - 9) * hours, **values)
    shown = html(client.get("/bounties/"))
    order = re.findall(r'card-link" href="/bounties/([a-z]+)/"', shown)
    assert order == ["lending", "closing", "later", "closed", "over"]


def test_a_draft_before_and_after_its_data(client, cast, draft_bounty, run_worker):
    client.force_login(cast.owner)
    assert "No data yet" in text(client.get(page("data", "lending")))
    assert "Draft" in text(client.get(page("overview", "lending")))
    drafts.upload_table(draft_bounty, as_upload(lending_table()))
    run_worker()
    assert "Error rate by declared group" in text(client.get(page("data", "lending")))
    assert "You organise this bounty" in text(client.get(page("submit", "lending")))
    assert "You organise this bounty" in text(client.get(page("mine", "lending")))


def test_nothing_anywhere_yet(participant, db):
    assert "None is open right now" in text(participant.get("/"))
    assert "No find has been accepted yet" in text(participant.get("/"))
    assert "No bounty has been opened yet" in text(participant.get("/bounties/"))


def test_nothing_sent_yet(participant, open_bounty):
    assert "No submissions yet" in text(participant.get(page("mine", "lending")))
    assert "Nobody has submitted yet" in text(participant.get(page("leaderboard", "lending")))
    assert "None yet." in text(participant.get(page("overview", "lending")))


def test_a_stranger_is_asked_to_sign_in_and_comes_back(client, open_bounty):
    shown = html(client.get(page("submit", "lending")))
    assert f"{reverse('account_login')}?next=/bounties/lending/submit/" in shown
    assert f"{reverse('account_signup')}?next=/bounties/lending/submit/" in shown


# Home, overview, leaderboard, data


def test_home_draws_the_rates_of_an_open_bounty(client, open_bounty):
    shown = client.get("/")
    rows = {c: sample.rates_by_group(open_bounty, c).table for c in ("sex", "home")}
    widest = max(rows, key=lambda c: rows[c][0].rate - rows[c][-1].rate)
    assert f"Error rate by {widest}" in text(shown)
    for row in rows[widest]:
        assert row.label in text(shown) and f"{100 * row.rate:.1f}" in text(shown)
    assert html(shown).count('<svg class="whisker"') == len(rows[widest])


def test_home_without_groups_to_tell_apart_draws_nothing(client, open_bounty):
    change(open_bounty, group_columns=["sex"], min_rows=5000)
    assert "whisker" not in html(client.get("/"))


def test_home_outlives_a_lost_file(client, open_bounty):
    default_storage.delete(open_bounty.parts["sample"]["truth"]["path"])
    assert "Lending decisions" in text(client.get("/"))


def test_the_overview_states_what_a_verdict_rests_on(client, open_bounty):
    change(open_bounty, licence="CC0", source="https://example.org/data", description="# Loans\n<script>")
    shown = html(client.get(page("overview", "lending")))
    for part in open_bounty.parts.values():
        assert part["features"]["sha256"] in shown and part["truth"]["sha256"] in shown
        assert part["features"]["path"] not in shown and part["truth"]["path"] not in shown
    assert "CC0" in shown and 'href="https://example.org/data"' in shown
    assert "0.05 / 200" in shown and "<h3>Loans</h3>" in shown and "&lt;script&gt;" in shown
    assert str(open_bounty.random_state) not in shown


def test_long_and_hostile_names_are_shown_as_text(participant, cast, open_bounty, run_worker):
    name = '<img src=x onerror="alert(1)">' + "W" * 100
    change(open_bounty, title="T" * 120, summary="<b>bold</b>")
    team = entry.team_of(cast.participant, open_bounty)
    Team.objects.filter(pk=team.pk).update(name=name)
    find = send(cast, open_bounty, "home = '<script>alert(1)</script>' OR age < 30")
    run_worker()
    for path in (
        *("/", "/bounties/", page("submission", find.pk), page("mine", "lending")),
        *(page(name, "lending") for name in ("overview", "leaderboard", "data", "submit")),
    ):
        shown = html(participant.get(path))
        assert "<img src=x" not in shown and "<script>alert" not in shown and "<b>bold" not in shown
    assert escape(name) in html(participant.get(page("leaderboard", "lending")))


def test_ones_own_row_stands_under_a_page_it_is_not_on(participant, cast, open_bounty, django_user_model):
    users = [django_user_model(username=f"user{i}") for i in range(101)]
    django_user_model.objects.bulk_create(users)
    teams = Team.objects.bulk_create(
        [Team(bounty=open_bounty, user=user, name=user.username) for user in users]
        + [Team(bounty=open_bounty, user=cast.participant, name="participant")]
    )
    Submission.objects.bulk_create(
        Submission(
            bounty=open_bounty,
            team=team,
            group_format="rule",
            status=Status.SCORED,
            accepted=True,
            points=200 - i,
            finished=timezone.now(),
        )
        for i, team in enumerate(teams)
    )
    first, second = (html(participant.get(page("leaderboard", "lending") + f"?page={n}")) for n in (1, 2))
    assert 'class="apart"' in first and first.count('class="mine"') == 1
    assert 'class="apart"' not in second and second.count('class="mine"') == 1
    assert "102 teams, 102 accepted finds" in first


def figures(shown: str) -> dict[str, dict]:
    found = re.findall(r'<script id="([^"]+)" type="application/json">(.*?)</script>', shown, re.DOTALL)
    return {name: json.loads(spec) for name, spec in found}


def test_every_figure_of_the_data_page_has_its_table(client, open_bounty):
    shown = html(client.get(page("data", "lending")))
    found = figures(shown)
    assert set(found) == {"rates-1", "rates-2", "column-1", "column-2", "column-3", "column-4"}
    assert shown.count("data-figure=") == shown.count("<table") == len(found)
    for name in ("sex", "home"):
        rates = sample.rates_by_group(open_bounty, name)
        for row in (*rates.table, rates.overall):
            assert f"{row.rows:,}" in shown and f"{100 * row.rate:.1f}" in shown
    assert "plotly.min.js" in shown


@pytest.mark.parametrize("as_", ["csv", "parquet"])
def test_the_sample_can_be_downloaded_without_an_account(client, open_bounty, as_):
    link = re.search(rf'href="([^"]+\?as={as_})"', html(client.get(page("data", "lending"))))[1]
    answer = client.get(link)
    assert answer.status_code == 200 and f"lending-sample.{as_}" in answer["Content-Disposition"]


def test_groups_too_small_to_say_have_a_row_that_says_so(client, open_bounty):
    change(open_bounty, min_rows=sample.rates_by_group(open_bounty, "home").table[0].rows + 1)
    assert "too small to say" in text(client.get(page("data", "lending")))


def test_many_columns_come_page_by_page(client, cast, run_worker):
    wide = lending_table(600).with_columns(
        **{f"x{i}": lending_table(600)["age"] + i for i in range(30)}, who=lending_table(600)["age"] * 7
    )
    bounty = draft(cast.owner, cluster_column="who", min_rows=10)
    drafts.upload_table(bounty, as_upload(wide))
    run_worker()
    drafts.open_bounty(bounty)
    first, second = (html(client.get(page("data", "lending") + f"?page={n}")) for n in (1, 2))
    assert len(figures(first)) == 2 + 24 and len(figures(second)) == 10
    assert "Clusters" in first and "Columns 25 to 34 of 34" in second
    assert 'rel="next"' in first and "by declared group" not in second


# Markup


class Markup(HTMLParser):
    """What a reader by keyboard or by ear needs of a page, and what would make it say two things at once."""

    def __init__(self, shown: str) -> None:
        super().__init__()
        self.ids, self.wanted, self.labelled, self.controls, self.headings = [], [], [], [], []
        self.feed(shown)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        for name in ("aria-describedby", "aria-labelledby", "aria-controls"):
            self.wanted += found.get(name, "").split()
        if "for" in found:
            self.labelled.append(found["for"])
        if tag in ("input", "select", "textarea") and found.get("type") != "hidden":
            self.controls.append(found)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))


def test_every_page_is_sound_markup(participant, cast, open_bounty, run_worker):
    find = send(cast, open_bounty)
    run_worker()
    send(cast, open_bounty, "sex = 'female'")
    addresses = ["/", "/bounties/", page("submission", find.pk), page("submission", find.pk + 1)]
    addresses += [page(name, "lending") for name in ("overview", "data", "submit", "mine", "leaderboard")]
    addresses += [page(name, "lending") for name in ("model", "groups", "guard")]
    answers = [participant.get(address) for address in addresses]
    answers += [fill(participant, group_rule="agee < 30"), fill(participant, "check_group", group_rule="")]
    titles = set()
    for answer in answers[: len(addresses)]:
        titles.add(re.search("<title>(.*?)</title>", html(answer), re.DOTALL)[1])
    assert len(titles) == len(addresses)
    for answer in answers:
        markup = Markup(html(answer))
        assert len(markup.ids) == len(set(markup.ids))
        assert set(markup.wanted) <= set(markup.ids)
        assert markup.headings.count(1) == 1 and markup.headings[0] == 1
        for control in markup.controls:
            assert control.get("aria-label") or control.get("id") in markup.labelled, control

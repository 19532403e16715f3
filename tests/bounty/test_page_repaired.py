"""Pages of the repaired model, of groups, of the hidden set and of the close: what they say, and to whom."""

import json
import re
from datetime import timedelta

import polars as pl
import pytest
from django.test import Client
from django.utils import timezone

from bounty import closing, credit, drafts, repaired
from bounty.entry import team_of
from bounty.models import Submission, Team
from tests.bounty.fixes import open_repairable, repairable_table, send_find, send_fix
from tests.bounty.pages import change, html, page, text
from tests.bounty.speech import speech_draft, speech_table
from tests.conftest import as_upload, draft

YOUNG, OLD = "age < 30 AND home = 'rent'", "age >= 60 OR (age < 22 AND home = 'rent')"
NOTE = "Written for my team and the organisers."
PAGES = ("model", "groups", "guard")


@pytest.fixture
def bounty(cast, run_worker):
    return open_repairable(cast.owner, run_worker)


@pytest.fixture
def two_fixes(cast, bounty, run_worker):
    """The second takes rows from the first, who get them back by a pointer; then a find."""
    first = send_fix(cast.participant, bounty, YOUNG, "1")
    Submission.objects.filter(pk=first.pk).update(note=NOTE)
    send_fix(cast.rival, bounty, OLD, "0")
    send_find(cast.rival, bounty, YOUNG)
    run_worker()
    assert list(bounty.submissions.values_list("accepted", flat=True)) == [True] * 3
    return bounty


def as_(person=None) -> Client:
    client = Client()
    if person:
        client.force_login(person)
    return client


def close(bounty, *, final: bool = True) -> None:
    change(bounty, closed_at=timezone.now() - timedelta(minutes=1))
    if final:
        assert closing.finalise(bounty.pk)
    bounty.refresh_from_db()


def exact_numbers(bounty) -> set[str]:
    """As the pages write them: errors to a hundredth of a per cent, points to a hundredth."""
    found = set()
    for shown in repaired.rounds(repaired.live_of(bounty), exact=True):
        found |= {f"{100 * shown.exact[name]:.2f}\xa0%" for name in ("before", "after")}
        found |= {f"{100 * shown.exact[name]:.1f}\xa0%" for name in ("group_before", "group_after")}
        found.add(f"{shown.submission.points:.2f}")
    return found


# Who may look


@pytest.mark.parametrize("name", PAGES)
def test_a_draft_is_its_organisers_alone(cast, draft_bounty, name):
    address = page(name, "lending")
    people = (None, cast.participant, cast.outsider, cast.owner, cast.staff)
    assert [as_(who).get(address).status_code for who in people] == [404, 404, 404, 200, 200]


def test_a_draft_has_no_rounds_and_no_end(cast, draft_bounty):
    for address in (page("round", "lending", 1), page("final", "lending")):
        assert [as_(who).get(address).status_code for who in (cast.participant, cast.owner)] == [404, 404]


def test_only_rounds_that_were_have_a_page(cast, two_fixes):
    shown = [as_().get(page("round", "repairs", number)).status_code for number in (0, 1, 2, 3)]
    assert shown == [404, 200, 200, 404]


# Nothing yet


def test_before_the_first_acceptance(cast, bounty):
    client = as_(cast.participant)
    assert "No fix yet" in text(client.get(page("model", "repairs")))
    assert "Nothing accepted yet" in text(client.get(page("groups", "repairs")))
    shown = text(client.get(page("guard", "repairs")))
    assert "The promise covers everything" in shown and "0 of 200" in shown
    assert "No team has used a verdict yet" in shown
    assert "Nobody has sent a fix yet" in text(client.get(page("leaderboard", "repairs") + "?track=fix"))
    assert client.get(page("final", "repairs")).status_code == 404


def test_a_closed_bounty_in_which_nothing_was_accepted(cast, bounty):
    close(bounty)
    assert "No fix was accepted" in text(as_().get(page("model", "repairs")))
    assert "Nothing was accepted" in text(as_().get(page("groups", "repairs")))
    shown = text(as_().get(page("final", "repairs")))
    assert "Nobody sent a fix" in shown and "Nobody sent a find" in shown


def test_a_bounty_on_speech_has_groups_and_no_model(cast, run_worker):
    bounty = speech_draft(cast.owner)
    drafts.upload_table(bounty, as_upload(speech_table()))
    run_worker()
    bounty.refresh_from_db()
    drafts.open_bounty(bounty)
    send_find(cast.participant, bounty, "accent = 'Cork'")
    run_worker()
    shown = html(as_().get(page("groups", "speech")))
    assert "Accepted finds" in shown and "Accepted fixes" not in shown
    assert page("model", "speech") not in shown and page("guard", "speech") in shown
    assert "takes finds only" in text(as_().get(page("model", "speech")))
    assert as_().get(page("round", "speech", 1)).status_code == 404
    board = html(as_().get(page("leaderboard", "speech") + "?track=fix&list=solo"))
    assert "1 accepted find" in board and "track=fix" not in board


# The model while the bounty is open


def test_the_list_is_drawn_newest_first_with_its_repair(two_fixes):
    shown = html(as_().get(page("model", "repairs")))
    versions = re.findall(r'id="version-(\d+)"', shown)
    assert versions == ["3", "2", "1", "0"]
    found = text(as_().get(page("model", "repairs")))
    assert found.index("pointer: answer as version 1") < found.index("Else : the audited model")
    assert "repair of fix 2" in found and "(team rival) answer by its predictor" in found
    assert 'href="#version-1"' in shown


@pytest.mark.parametrize("name", [None, "participant", "rival", "outsider"])
def test_exact_numbers_wait_for_the_close(cast, two_fixes, name):
    client = as_(name and getattr(cast, name))
    shown = [
        html(client.get(page(name, "repairs"))) for name in ("model", "groups", "leaderboard", "overview")
    ]
    shown += [html(client.get(page("round", "repairs", number))) for number in (1, 2)]
    shown.append(html(client.get(page("leaderboard", "repairs") + "?track=fix&list=solo")))
    whole = "\n".join(shown)
    assert [number for number in exact_numbers(two_fixes) if number in whole] == []
    assert "@example.org" not in whole and "data-figure" not in shown[0]
    drop = repaired.rounds(repaired.live_of(two_fixes), exact=False)[-1].drop
    assert f"at least {drop:.1f}" in shown[0]


def test_organisers_see_exact_numbers_at_any_time(cast, two_fixes):
    client = as_(cast.owner)
    shown = [html(client.get(page("model", "repairs")))]
    shown += [html(client.get(page("round", "repairs", number))) for number in (1, 2)]
    assert [number for number in exact_numbers(two_fixes) if number not in "\n".join(shown)] == []


def test_organisers_see_lines_that_never_rise_each_point_opening_its_round(cast, two_fixes):
    shown = html(as_(cast.owner).get(page("model", "repairs")))
    lines = json.loads(re.search(r'id="life" type="application/json">(.*?)</script>', shown, re.DOTALL)[1])[
        "data"
    ]
    assert [len(line["y"]) for line in lines] == [3, 3, 2]
    for line in lines:
        assert line["y"] == sorted(line["y"], reverse=True) and line["y"][0] > line["y"][-1]
    assert lines[0]["customdata"] == ["", page("round", "repairs", 1), page("round", "repairs", 2)]
    assert lines[2]["customdata"] == [page("round", "repairs", 2)] * 2
    for error in lines[0]["y"]:
        assert f"{100 * error:.2f}" in shown


# A fix


def test_what_was_sent_is_its_teams_and_the_organisers_while_the_bounty_is_open(cast, two_fixes):
    shown = {
        name: text(as_(getattr(cast, name)).get(page("round", "repairs", 1)))
        for name in ("participant", "rival", "outsider", "owner")
    }
    assert {name for name in shown if YOUNG in shown[name]} == {"participant", "owner"}
    assert {name for name in shown if NOTE in shown[name]} == {"participant", "owner"}
    assert "until the final ranking is published" in shown["rival"]


def test_a_fix_says_its_repairs_its_columns_and_its_neighbours(two_fixes):
    shown = html(as_().get(page("round", "repairs", 2)))
    assert 'rel="prev"' in shown and 'rel="next"' not in shown
    found = text(as_().get(page("round", "repairs", 2)))
    assert "fix 1 (team participant) are answered as by version 1 again" in found
    used = two_fixes.submissions.get(team__name="rival", kind="fix").uses
    assert used["age"] > 0 and f"age {100 * used['age']:.1f}" in found
    assert re.search(r"Not used:[^.]*income", found)


# Groups and the guard


def test_groups_tell_use_and_cover_in_shares(two_fixes):
    shown = text(as_().get(page("groups", "repairs")))
    assert re.search(r"participant 1 \d+ % \d+ %", shown) and "Not used: sex, income" in shown
    cover = repaired.live_of(two_fixes).coverage
    whole = cover[0]["fix"]
    assert f"{whole['once']} % {whole['more']} %" in shown
    assert whole["more"] > 0


def test_groups_too_small_to_tell_say_so(cast, run_worker):
    table = repairable_table().with_row_index()
    few = pl.when(pl.col("index") < 16).then(pl.lit("castle")).otherwise(pl.col("home")).alias("home")
    bounty = open_repairable(cast.owner, run_worker, table=table.with_columns(few).drop("index"))
    send_fix(cast.participant, bounty, YOUNG, "1")
    run_worker()
    assert "castle too few rows to tell" in text(as_().get(page("groups", "repairs")))


def test_the_guard_counts_by_team_and_says_what_the_promise_covers_now(cast, two_fixes):
    shown = text(as_().get(page("guard", "repairs")))
    assert "The promise covers each verdict fixed in advance" in shown and "3 of 200" in shown
    assert "rival 2" in shown and "participant 1" in shown
    change(two_fixes, verdict_cap=3, team_cap=3)
    assert "All verdicts are spent" in text(as_().get(page("guard", "repairs")))


# The leaderboard


def test_finds_and_fixes_have_totals_of_their_own(cast, two_fixes):
    rows = {}
    for query in ("", "?track=fix", "?track=fix&list=solo"):
        rows[query] = as_().get(page("leaderboard", "repairs") + query).context["page"].object_list
    assert [row.team for row in rows[""]] == ["rival"]
    assert {row.team for row in rows["?track=fix"]} == {"participant", "rival"}
    fixes = two_fixes.submissions.filter(kind="fix")
    for row in rows["?track=fix"]:
        assert row.points == int(10 * fixes.get(team__name=row.team).points) / 10
    assert "promise nothing" in text(as_().get(page("leaderboard", "repairs") + "?track=fix&list=solo"))


def test_house_teams_are_marked_and_explained(cast, two_fixes):
    board = page("leaderboard", "repairs") + "?track=fix"
    assert "House" not in text(as_().get(board))
    Team.objects.filter(pk=team_of(cast.rival, two_fixes).pk).update(is_house=True)
    shown = text(as_().get(board))
    assert "rival House" in shown and "automatic participants" in shown


# The close


def test_closed_and_not_final_says_what_is_waited_for(cast, two_fixes, run_worker):
    late = send_find(cast.participant, two_fixes, "sex = 'male'")
    close(two_fixes, final=False)
    assert "1 submission sent in time is still being judged" in text(as_().get(page("final", "repairs")))
    run_worker()
    late.refresh_from_db()
    assert late.accepted is False
    assert "The final half is being read" in text(as_().get(page("final", "repairs")))
    assert "follows once the final half is read" in text(as_().get(page("leaderboard", "repairs")))


def test_the_final_ranking_with_the_change_and_credit_later(two_fixes):
    close(two_fixes)
    two_fixes.refresh_from_db()
    shown = text(as_().get(page("final", "repairs")))
    final = two_fixes.final
    for row in (*final["tracks"]["fix"], *final["tracks"]["find"]):
        assert f"{row['points']:.2f}" in shown and row["team"] in shown
    for name in ("before", "after"):
        assert f"{100 * final['model'][name]:.2f}" in shown
    assert "Being computed" in shown
    assert credit.add_credit(two_fixes.pk)
    two_fixes.refresh_from_db()
    shown = text(as_().get(page("final", "repairs")))
    assert "Being computed" not in shown and "Shapley value" in shown
    for row in two_fixes.final["credit"]:
        assert f"{row['points']:.2f} {row['value']:.2f}" in shown


def test_what_turned_out_worse_is_said(two_fixes):
    close(two_fixes)
    final = two_fixes.final
    final["fixes"][1] |= {"points": -0.42, "low": -0.8, "high": -0.04}
    final["model"] |= {"points": -0.11, "low": -0.5, "high": 0.28}
    fix = next(row for row in final["tracks"]["fix"] if row["team"] == "rival")
    fix |= {"points": -0.42, "rank": 2, "live_rank": 1}
    change(two_fixes, final=final)
    shown = text(as_().get(page("final", "repairs")))
    assert "−0.42" in shown and "Worse there, beyond chance" in shown and "▼ down 1" in shown
    assert re.search(r"rose by 0\.11", shown)


@pytest.mark.parametrize("published", [True, False])
def test_accepted_groups_are_published_with_the_final_ranking_or_not(cast, two_fixes, published):
    change(two_fixes, publish_groups=published)
    close(two_fixes)
    for who in (None, cast.outsider):
        for address in (page("round", "repairs", 1), page("final", "repairs")):
            assert (YOUNG in text(as_(who).get(address))) == published
        assert (NOTE in text(as_(who).get(page("round", "repairs", 1)))) == published
    fix = two_fixes.submissions.filter(kind="fix").earliest("id")
    shown = text(as_().get(page("round", "repairs", 1)))
    assert f"{fix.points:.2f}" in shown and "Final" in shown
    assert "The life of the model" in text(as_().get(page("model", "repairs")))


# The overview


def test_the_overview_says_what_fixes_are_taken_and_links_the_newest(cast, two_fixes):
    shown = html(as_().get(page("overview", "repairs")))
    assert page("round", "repairs", 2) in shown and page("guard", "repairs") in shown
    found = text(as_().get(page("overview", "repairs")))
    assert "Error of the best constant" in found and "any that is proven" in found
    change(two_fixes, min_gain=0.0123)
    assert "1.23 %" in text(as_().get(page("overview", "repairs")))
    change(two_fixes, takes_fixes=False)
    assert "A fix:" not in text(as_().get(page("overview", "repairs")))


def test_a_draft_of_which_nothing_is_prepared(cast):
    draft(cast.owner, "empty")
    client = as_(cast.owner)
    for name in (*PAGES, "overview", "leaderboard"):
        assert client.get(page(name, "empty")).status_code == 200

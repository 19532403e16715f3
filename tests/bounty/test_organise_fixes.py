"""The organiser's side of fixes: their settings, every one that was sent, and the close."""

import csv
import io
import re

import pytest
from django.urls import reverse

from bounty import closing, drafts, house
from bounty.intake import IntakeError
from bounty.models import Bounty, HouseTurn, Submission
from tests.bounty.fixes import open_repairable, send_find, send_fix
from tests.bounty.speech import speech_draft, speech_table
from tests.bounty.test_organise import page, settings_of
from tests.conftest import as_upload, draft, lending_table

YOUNG = "age < 30 AND home = 'rent'"
# Answered by "no" it helps the old and harms those of the young it holds.
BOTH = "(age < 24 AND home = 'rent') OR age >= 60"


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    return client


@pytest.fixture
def uploaded(cast):
    bounty = draft(cast.owner)
    drafts.upload_table(bounty, as_upload(lending_table()))
    return bounty


def shown(owner, bounty: Bounty, name: str = "manage", **query) -> str:
    """What a page says, without its marks and line breaks."""
    html = owner.get(page(bounty, name), query).content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


# Settings


def test_settings_of_fixes_are_saved_and_shown_again(owner, uploaded):
    change = {"takes_fixes": "", "min_gain": "0.25", "house_teams": "on", "publish_groups": ""}
    owner.post(page(uploaded, "edit"), settings_of(uploaded, **change))
    uploaded.refresh_from_db()
    assert (uploaded.takes_fixes, uploaded.min_gain) == (False, 0.0025)
    assert (uploaded.house_teams, uploaded.publish_groups) == (True, False)
    form = owner.get(page(uploaded, "edit")).context["form"]
    values = [form[name].value() for name in ("takes_fixes", "min_gain", "house_teams", "publish_groups")]
    assert values == [False, "0.25", True, False]


def test_a_new_bounty_takes_fixes_without_house_teams_and_publishes(owner, uploaded):
    form = owner.get(page(uploaded, "edit")).context["form"]
    values = [form[name].value() for name in ("takes_fixes", "min_gain", "house_teams", "publish_groups")]
    assert values == [True, "0", False, True]


def test_settings_of_fixes_leave_the_data_alone_and_freeze_at_the_opening(uploaded, run_worker):
    run_worker()
    uploaded.refresh_from_db()
    values = {"takes_fixes": False, "min_gain": 0.01, "house_teams": True, "publish_groups": False}
    drafts.save_settings(uploaded, values)
    assert Bounty.objects.get().parts == uploaded.parts
    drafts.open_bounty(uploaded)
    for name, value in {
        "takes_fixes": True,
        "min_gain": 0,
        "house_teams": False,
        "publish_groups": True,
    }.items():
        with pytest.raises(IntakeError) as refusal:
            drafts.save_settings(uploaded, {name: value})
        assert refusal.value.code == "bounty_opened"
    assert {name: getattr(Bounty.objects.get(), name) for name in values} == values


def offered(owner, bounty: Bounty) -> list[str]:
    html = owner.get(page(bounty, "edit")).content.decode()
    return re.findall(r'<div data-fixes="(\w+)">', html)


def test_where_fixes_cannot_be_taken_the_form_says_why(owner, cast, uploaded):
    assert offered(owner, uploaded) == ["taken"]
    Bounty.objects.filter(pk=uploaded.pk).update(weight_column="income")
    assert offered(owner, uploaded) == ["weights"]
    assert "With a weight column no fixes are taken" in shown(owner, uploaded, "edit")
    speech = speech_draft(cast.owner)
    drafts.upload_table(speech, as_upload(speech_table(speakers=8)))
    assert offered(owner, speech) == ["speech"]
    assert "Of speech no fixes are taken" in shown(owner, speech, "edit")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, ["Fixes taken", "Smallest gain none: any proven gain counts", "House teams none"]),
        (
            {"min_gain": 0.0025, "house_teams": True},
            [
                "lowers the overall error by at least 0.25 % of the rows",
                "House teams two automatic baselines",
            ],
        ),
        ({"takes_fixes": False}, ["Fixes not taken House teams none"]),
        (
            {"weight_column": "income", "house_teams": True},
            [
                "not taken: rows are weighted by income",
                "switched on, and without effect: they send fixes, and answer by labels",
            ],
        ),
        ({"publish_groups": False}, ["rules and notes stay with you and their teams"]),
    ],
)
def test_the_frozen_rules_stand_on_the_manage_page(owner, cast, run_worker, values, says):
    bounty = draft(cast.owner, **values)
    drafts.upload_table(bounty, as_upload(lending_table()))
    run_worker()
    text = shown(owner, bounty).replace("\xa0", " ")
    for sentence in ("frozen at the opening", *says):
        assert sentence in text
    drafts.open_bounty(bounty)
    assert "frozen since the opening" in shown(owner, bounty)


def test_house_teams_of_a_bounty_without_fixes_never_play(cast, run_worker):
    open_repairable(cast.owner, run_worker, takes_fixes=False, house_teams=True)
    house.make_turns()
    assert not HouseTurn.objects.exists()


# Every submission


@pytest.fixture
def repaired(cast, run_worker):
    """A fix, a find of the same rows, and a fix that is repaired where it harms the first."""
    bounty = open_repairable(cast.owner, run_worker)
    send_fix(cast.participant, bounty, YOUNG, "1")
    send_find(cast.participant, bounty, YOUNG)
    run_worker()
    send_fix(cast.rival, bounty, BOTH, "0")
    run_worker()
    return bounty


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ({}, ["fix", "find", "fix"]),
        ({"kind": "find"}, ["find"]),
        ({"kind": "fix", "text": "rival"}, ["fix"]),
        ({"kind": "idea"}, ["fix", "find", "fix"]),
    ],
)
def test_submissions_are_filtered_by_kind(owner, repaired, query, kinds):
    found = owner.get(page(repaired, "all_submissions"), query).context["page"]
    assert [one.kind for one in found] == kinds


def test_a_predictors_rule_and_file_are_found_by_their_text(owner, repaired):
    first, second = Submission.objects.filter(kind="fix").order_by("id")
    Submission.objects.filter(pk=first.pk).update(predictor_format="rule", predictor_rule="income > 25000")
    Submission.objects.filter(pk=second.pk).update(predictor_format="onnx", predictor_file_name="better.onnx")
    for text, found in (("25000", first), ("BETTER", second)):
        assert list(owner.get(page(repaired, "all_submissions"), {"text": text}).context["page"]) == [found]
    text = shown(owner, repaired, "all_submissions")
    assert "answers by income &gt; 25000" in text and "by ONNX model, better.onnx" in text


def test_organisers_see_the_exact_numbers_of_fixes(owner, repaired):
    Submission.objects.update(note="yes to the young")
    text = shown(owner, repaired, "all_submissions").replace("\xa0", " ")
    fix = Submission.objects.get(kind="fix", team__name="rival")
    numbers = fix.numbers
    for exact in (
        "answers 0",
        f"{fix.points:.3f} with 1 repair",
        f"{100 * numbers['group_before']:.1f} % → {100 * numbers['group_after']:.1f} %",
        f"+{100 * numbers['gain']:.3f} pp {numbers['better']:,} better, {numbers['worse']:,} worse",
        "own list: accepted",
    ):
        assert exact in text


def test_the_csv_has_the_columns_of_both_kinds(owner, repaired):
    answer = owner.get(page(repaired, "all_submissions_csv"))
    second, find, first = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode()))
    fix = Submission.objects.get(pk=second["id"])
    assert (second["kind"], second["predictor_format"], second["predictor_value"]) == ("fix", "constant", "0")
    for name in ("gain", "better", "worse", "group_before", "group_after"):
        assert second[name] == str(fix.numbers[name])
    assert (second["p"], second["repairs"]) == (str(fix.numbers["p_value"]), "1")
    assert (second["solo_accepted"], second["solo_points"]) == ("True", str(fix.solo_points))
    assert (first["repairs"], first["p_new"], first["gap"]) == ("0", "", "")
    assert [
        find[name] for name in ("predictor_format", "gain", "p", "repairs", "solo_accepted", "solo_points")
    ] == ["" for _ in range(6)]
    assert find["p_new"] and find["gap"]


# The close


def test_closing_says_what_it_does_and_leads_to_the_final_ranking(owner, repaired, cast):
    html = owner.get(page(repaired, "manage")).content.decode()
    assert (
        'data-confirm="Close this bounty for good? The final half is read once, and the final ranking is'
        in html
    )
    assert "the labels of the final half are read, once, and what they say is published" in shown(
        owner, repaired
    )
    assert "Accepted finds 1 Accepted fixes 2" in shown(owner, repaired)
    send_fix(cast.rival, repaired, "age BETWEEN 35 AND 50", "1")

    answer = owner.post(page(repaired, "close"), follow=True)
    assert "then the final half is read" in answer.content.decode()
    waiting = owner.get(page(repaired, "manage"), headers={"HX-Request": "true"}).content.decode()
    assert "Waiting for the last verdicts" in waiting and 'hx-trigger="every 2s"' in waiting
    assert "Close now" not in waiting


def test_the_page_asks_again_until_the_final_ranking_is_there(owner, repaired):
    owner.post(page(repaired, "close"))
    assert "Reading the final half" in shown(owner, repaired)
    closing.finalise(repaired.pk)
    html = owner.get(page(repaired, "manage"), headers={"HX-Request": "true"}).content.decode()
    assert "hx-trigger" not in html and f'href="{reverse("bounty:final", args=["repairs"])}"' in html


def test_a_bounty_closed_by_its_date_is_not_closed_again(owner, repaired):
    Bounty.objects.filter(pk=repaired.pk).update(closes_at="2020-01-01T00:00Z", opens_at=None)
    text = shown(owner, repaired)
    assert "Close now" not in text and "Reading the final half" in text


def test_an_empty_close_publishes_too(owner, cast, run_worker):
    bounty = open_repairable(cast.owner, run_worker)
    owner.post(page(bounty, "close"))
    assert closing.finalise(bounty.pk)
    assert "See the final ranking" in shown(owner, bounty)

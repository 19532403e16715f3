"""The form that names a group: bad input, quotas, dry runs."""

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from django.utils.html import escape

from bounty import entry, intake, sample
from bounty.entry import Group
from bounty.models import Check, Submission, Team
from bounty.sandbox import REJECTIONS
from common.intake import FILE_EMPTY
from tests.bounty.pages import HTMX, RULE, UNPROVEN, change, fill, html, page, sample_share, send, text
from tests.onnx_models import below


@pytest.fixture
def participant(client, cast):
    client.force_login(cast.participant)
    return client


# What is written in the form


def file(content: bytes = b"model", name: str = "model.onnx") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


BAD = [
    ({"group_rule": ""}, "group_rule", entry.RULE_MISSING),
    ({"group_rule": " \n"}, "group_rule", entry.RULE_MISSING),
    ({"group_rule": "agee < 30"}, "group_rule", "agee"),
    ({"group_rule": "approve = 1"}, "group_rule", "approve"),
    ({"group_rule": "home < 3"}, "group_rule", "home"),
    ({"group_rule": "income <"}, "group_rule", "cannot be read"),
    ({"group_rule": "age < 30; DROP TABLE"}, "group_rule", "semicolon"),
    ({"group_rule": "age < 30 AND " * 2000}, "group_rule", "characters"),
    ({"group_rule": "age < 30\0"}, "group_rule", "Null characters"),
    ({"group_format": ""}, "group_format", "Choose a format."),
    ({"group_format": "pickle"}, "group_format", "does not take that format"),
    ({"group_format": "python", "group_file": "x"}, "group_format", "does not take that format"),
    ({"group_format": "onnx"}, "group_file", entry.FILE_MISSING),
    ({"group_format": "skops", "group_file": b""}, "group_file", FILE_EMPTY),
    ({"group_format": "onnx", "group_file": b"x" * 1001}, "group_file", "at most 1,000 are taken"),
    ({"note": "n" * 2001}, "note", "at most 2000 characters"),
]


@pytest.mark.parametrize(("fields", "field", "sentence"), BAD)
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    participant, open_bounty, settings, fields, field, sentence
):
    settings.MODEL_MAX_BYTES = 1000
    if isinstance(fields.get("group_file"), bytes):
        fields = fields | {"group_file": file(fields["group_file"])}
    fields = {"note": "from a tree"} | fields
    answer = fill(participant, **fields)
    assert list(answer.context["form"].errors) == [field]
    shown = html(answer)
    beside = re.search(rf'<div id="id_{field}_error">(.*?)</div>', shown, re.DOTALL)
    assert escape(sentence) in beside[1]
    assert f"id_{field}_error" in re.search(r'aria-describedby="([^"]*_error[^"]*)"', shown)[1]
    kept = fields.get("group_rule", RULE)
    assert answer.context["form"]["group_rule"].value() == kept and escape(kept) in shown
    assert escape(fields["note"]) in shown
    if fields.get("group_format") in ("onnx", "skops"):
        assert re.search(rf'value="{fields["group_format"]}"[^>]* checked', shown)
    assert not Submission.objects.exists() and not Team.objects.exists()


def test_a_file_has_to_be_chosen_again(participant, open_bounty):
    first = fill(participant, group_format="onnx", group_file=file(b""))
    assert "choose it again" in html(first)
    assert "choose it again" not in html(participant.get(page("submit", "lending")))


def test_what_is_written_for_another_format_is_left_aside(participant, open_bounty):
    answer = fill(
        participant, group_format="onnx", group_file=below(open_bounty, "age", 30), group_rule="half a r"
    )
    assert answer.status_code == 302
    submission = Submission.objects.get()
    assert (submission.group_format, submission.group_rule) == ("onnx", "")
    assert submission.group_file_name == "below.onnx"


def test_a_second_click_does_not_submit_a_second_time(participant, open_bounty):
    key = participant.get(page("submit", "lending")).context["form"]["form_key"].value()
    first = fill(participant, form_key=key)
    assert fill(participant, form_key=key).url == first.url
    assert Submission.objects.count() == 1
    assert fill(participant, form_key=key, group_rule=UNPROVEN).url != first.url
    another = participant.get(page("submit", "lending")).context["form"]["form_key"].value()
    assert another != key


def test_the_example_and_every_column_stand_beside_the_editor(participant, open_bounty):
    shown = html(participant.get(page("submit", "lending")))
    assert escape(sample.rule_help(open_bounty).example) in shown
    for column in ("age", "income", "home", "sex"):
        assert f'data-insert="{column}"' in shown
    for hidden in ("approve", "predicted"):
        assert f'data-insert="{hidden}"' not in shown


# Quotas


def test_what_is_left_and_when_it_is_full_again_stand_on_the_form(participant, cast, open_bounty, run_worker):
    send(cast, open_bounty)
    send(cast, open_bounty, "age > 0")
    run_worker()
    answer = participant.get(page("submit", "lending"))
    shown = text(answer)
    for left in ("Verdicts today 19 of 20", "Verdicts in all 49 of 50", "Rejections today 29 of 30"):
        assert left in shown
    assert "Verdicts for all teams 199 of 200" in shown
    midnight = (timezone.now() + timedelta(days=1)).strftime("%Y-%m-%dT00:00:00+00:00")
    assert f'datetime="{midnight}"' in html(answer)


@pytest.mark.parametrize(
    ("caps", "sent", "sentence"),
    [
        ({"daily_cap": 1}, [RULE], "used its 1 verdicts for today. The next are free at 00:00 UTC."),
        ({"team_cap": 1}, [RULE], "used its 1 verdicts in this bounty"),
        ({"team_cap": 2, "verdict_cap": 2}, [RULE, UNPROVEN], "All 2 verdicts of this bounty"),
        ({"rejected_daily_cap": 1}, ["age > 0"], "which is the cap. You can submit again at 00:00 UTC"),
    ],
)
def test_a_spent_quota_is_said_before_and_after(
    participant, cast, open_bounty, run_worker, caps, sent, sentence
):
    for rule in sent:
        send(cast, open_bounty, rule)
    # A bounty whose verdicts are all given closes; while they wait it is open and full.
    if "verdict_cap" not in caps:
        run_worker()
    change(open_bounty, **caps)
    assert sentence in text(participant.get(page("submit", "lending")))
    answer = fill(participant, group_rule="income < 9000", note="kept")
    assert sentence in text(answer)
    assert "income &lt; 9000" in html(answer) and "kept" in html(answer)
    assert Submission.objects.count() == len(sent)


def test_two_may_wait_and_the_third_hears_so(participant, cast, open_bounty):
    send(cast, open_bounty)
    send(cast, open_bounty, UNPROVEN)
    assert "2 unfinished submissions" in text(fill(participant, group_rule="income < 9000"))
    assert Submission.objects.count() == 2


# Trying on the public sample


def test_a_rule_is_tried_at_once_and_costs_nothing(participant, open_bounty):
    answer = fill(participant, "check_group", HTMX)
    found = intake.check_rules(open_bounty, Group("rule", RULE))
    shown = text(answer)
    assert "<html" not in html(answer)
    assert f"{100 * found['rate']:.1f}" in shown and f"+{100 * found['gap']:.1f}" in shown
    assert f"{100 * found['low']:.1f}" in shown and "The sample speaks for a gap." in shown
    assert not Submission.objects.exists() and not Team.objects.exists()


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (f"NOT ({RULE})", "fares better than everyone else"),
        ("age > 0", "Every row of the public sample is in the group"),
        ("age > 99", "No row of the public sample is in the group"),
        ("agee < 30", "Not tried"),
        ("", entry.RULE_MISSING),
    ],
)
def test_a_dry_run_says_what_it_means(participant, open_bounty, rule, sentence):
    assert sentence in text(fill(participant, "check_group", HTMX, group_rule=rule))


def test_a_dry_run_says_how_many_hidden_rows_to_expect(participant, open_bounty):
    """Sample and leaderboard half hold a fifth and two fifths of the rows."""
    rows = intake.check_rules(open_bounty, Group("rule", RULE))["rows"]
    ratio = open_bounty.parts["leaderboard"]["rows"] / open_bounty.parts["sample"]["rows"]
    assert ratio == pytest.approx(2, rel=0.02)
    shown = text(fill(participant, "check_group", HTMX))
    assert f"about {round(rows * ratio)} of its rows should count; at least 30 must" in shown


def test_a_dry_run_speaks_for_no_gap_where_the_interval_holds_zero(participant, open_bounty):
    """The split is drawn anew in every run, so of many rules some are such."""
    found = {
        rule: intake.check_rules(open_bounty, Group("rule", rule))
        for rule in (f"age = {n}" for n in range(30, 50))
    }
    rule = next(rule for rule, shown in found.items() if shown["low"] < 0 < shown["high"])
    assert "does not tell whether there is a gap" in text(
        fill(participant, "check_group", HTMX, group_rule=rule)
    )


def test_without_scripts_the_form_comes_back_with_the_answer(participant, open_bounty):
    answer = fill(participant, "check_group", note="mine")
    assert "The sample speaks for a gap." in text(answer)
    assert escape(RULE) in html(answer) and "mine" in html(answer)
    answer = fill(participant, "check_group", group_rule="agee < 30")
    assert "agee &lt; 30" in html(answer) and "Not tried" in html(answer)


def test_a_model_is_tried_by_the_worker(participant, open_bounty, run_worker):
    model = below(open_bounty, "age", 30)
    answer = fill(participant, "check_group", HTMX, group_format="onnx", group_file=model)
    check = Check.objects.get()
    address = page("check", check.pk)
    assert f'hx-get="{address}?seen=queued"' in html(answer)
    assert participant.get(f"{address}?seen=queued", headers=HTMX).status_code == 204
    run_worker()
    done = participant.get(f"{address}?seen=queued", headers=HTMX)
    assert "hx-get" not in html(done)
    assert f"{100 * sample_share(open_bounty, 'age < 30'):.1f} % of the sample" in text(done)
    assert "Dry run" in text(participant.get(address))
    assert not Submission.objects.exists()


def test_a_model_that_cannot_be_used_is_told_what_to_change(participant, open_bounty, run_worker):
    fill(participant, "check_group", HTMX, group_format="onnx", group_file=file(b"no model"))
    run_worker()
    answer = participant.get(page("check", Check.objects.get().pk), headers=HTMX)
    assert REJECTIONS["unreadable_model"] in text(answer)


def test_dry_runs_of_models_are_capped(participant, cast, open_bounty):
    team = entry.team_of(cast.participant, open_bounty)
    Check.objects.bulk_create(Check(team=team, group_format="onnx") for _ in range(intake.CHECKS_PER_HOUR))
    answer = fill(
        participant, "check_group", HTMX, group_format="onnx", group_file=below(open_bounty, "age", 30)
    )
    assert "30 dry runs of models in the last hour" in text(answer)

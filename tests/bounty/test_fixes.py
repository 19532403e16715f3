"""Fixes from submission to verdict: one list for all, one for each team, in the order of submission."""

import json
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from bounty import closing, credit, drafts, evaluation, parts, repaired
from bounty.entry import Predictor
from bounty.models import Answers, Submission
from bounty.sandbox import Sandbox
from bounty.verdicts import Referee, accepted_of
from common.intake import IntakeError
from common.jobs import Status
from tests.bounty.fixes import open_repairable, repairable_table, send_find, send_fix

YOUNG = "age < 30 AND home = 'rent'"
OLD = "age >= 60"
# Answered by no: better for the old, worse for the youngest renters, better in all.
BOTH = f"(age < 24 AND home = 'rent') OR {OLD}"


@pytest.fixture
def bounty(cast, run_worker):
    return open_repairable(cast.owner, run_worker)


def reload(*submissions):
    for submission in submissions:
        submission.refresh_from_db()
    return submissions[0] if len(submissions) == 1 else submissions


def test_a_better_constant_becomes_part_of_the_model(cast, bounty, run_worker):
    fix = send_fix(cast.participant, bounty, YOUNG, "1")
    run_worker()
    reload(fix)
    assert (fix.status, fix.code, fix.accepted, fix.solo_accepted) == (Status.SCORED, "accepted", True, True)
    half = parts.answered(bounty, "leaderboard")
    group = parts.unpack(fix.masks.leaderboard, len(half.y_true))
    repaired_answers = np.where(group, 1, half.y_base)
    drop = (half.y_base != half.y_true).mean() - (repaired_answers != half.y_true).mean()
    assert fix.points == pytest.approx(100 * drop, abs=1e-12)
    assert fix.numbers["after"] == (repaired_answers != half.y_true).mean()


def test_a_null_fix_is_not_proven(cast, bounty, run_worker):
    fix = send_fix(cast.participant, bounty, "age BETWEEN 35 AND 50", "1")
    run_worker()
    assert (reload(fix).code, fix.points, fix.accepted) == ("not_proven", 0, False)
    assert repaired.rounds(repaired.live_of(bounty), exact=True) == []


def test_what_the_model_answers_already_is_nothing_new(cast, bounty, run_worker):
    send_fix(cast.participant, bounty, YOUNG, "1")
    again = send_fix(cast.rival, bounty, f"{YOUNG} AND age < 27", "1")
    run_worker()
    assert reload(again).code == "nothing_new"
    assert again.solo_accepted, "on the list of its own team it is new"


def test_too_few_rows_are_told_from_the_group_alone(cast, bounty, run_worker):
    fix = send_fix(cast.participant, bounty, "age = 79 AND home = 'rent' AND sex = 'male'", "0")
    run_worker()
    assert reload(fix).code == "too_little_exposure"


def test_a_regression_is_repaired_by_a_pointer(cast, bounty, run_worker):
    """The second fix helps its group and harms the first one's: those rows go back to what they had."""
    first = send_fix(cast.participant, bounty, YOUNG, "1")
    second = send_fix(cast.rival, bounty, BOTH, "0")
    run_worker()
    reload(first, second)
    assert second.accepted
    assert second.numbers["repairs"] == [[1, 1]]
    life = repaired.live_of(bounty).life
    assert life["overall"] == sorted(life["overall"], reverse=True)
    young = [error for error in life["groups"][0] if error is not None]
    assert young == sorted(young, reverse=True)
    assert [node["points_to"] for node in repaired.live_of(bounty).nodes] == [None, None, 1]


def test_the_smallest_gain_of_the_bounty_is_asked_for(cast, run_worker):
    bounty = open_repairable(cast.owner, run_worker, min_gain=0.2)
    fix = send_fix(cast.participant, bounty, YOUNG, "1")
    run_worker()
    assert reload(fix).code == "not_proven"


def test_people_with_many_rows_are_one_piece_of_evidence(cast, run_worker):
    """The same rows under few people prove nothing; under their own they do."""
    table = repairable_table()
    young = (table["age"] < 30) & (table["home"] == "rent")
    people = np.where(young, np.arange(table.height) % 30, np.arange(table.height) + 100)
    bounty = open_repairable(
        cast.owner, run_worker, table=table.with_columns(person=people), cluster_column="person"
    )
    few = send_fix(cast.participant, bounty, YOUNG, "1")
    many = send_fix(cast.participant, bounty, OLD, "0")
    run_worker()
    reload(few, many)
    assert few.code == "too_little_exposure"
    assert many.code == "accepted"
    assert many.numbers["test"] == "stake"


@pytest.mark.parametrize(
    "values", [{"takes_fixes": False}, {"weight_column": "w"}], ids=["switched off", "weighted rows"]
)
def test_a_bounty_of_finds_alone_refuses_fixes(cast, run_worker, values):
    table = repairable_table().with_columns(w=1.0)
    bounty = open_repairable(cast.owner, run_worker, table=table, **values)
    with pytest.raises(IntakeError) as refused:
        send_fix(cast.participant, bounty, YOUNG, "1")
    assert refused.value.code == "fixes_not_taken"
    assert Submission.objects.count() == 0


@pytest.mark.parametrize(
    ("predictor", "code", "field"),
    [
        (Predictor("constant", value="2"), "unknown_label", "predictor_value"),
        (Predictor("constant", value=""), "unknown_label", "predictor_value"),
        (Predictor("constant", rule="age > 3", value="1"), "value_and_model", "predictor_value"),
        (Predictor("rule", rule="nonsense ="), "rule_error", "predictor_rule"),
        (Predictor("rule", rule=""), "rule_missing", "predictor_rule"),
        (Predictor("rule", rule="age > 3", value="1"), "value_and_model", "predictor_value"),
        (Predictor("onnx"), "file_missing", "predictor_file"),
        (Predictor("python"), "unknown_format", "predictor_format"),
        (Predictor("pickle"), "unknown_format", "predictor_format"),
    ],
)
def test_a_predictor_that_cannot_be_taken(cast, bounty, predictor, code, field):
    with pytest.raises(IntakeError) as refused:
        send_fix(cast.participant, bounty, YOUNG, predictor=predictor)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_a_group_that_swallows_everything_is_rejected(cast, bounty, run_worker):
    fix = send_fix(cast.participant, bounty, "age > 0", "1")
    run_worker()
    assert (reload(fix).status, fix.error) == (Status.REJECTED, "group_is_everything")


def test_finds_and_fixes_share_the_verdicts_and_never_their_points(cast, bounty, run_worker):
    send_find(cast.participant, bounty, YOUNG)
    send_fix(cast.participant, bounty, OLD, "0")
    run_worker()
    assert repaired.guard(bounty)["used"] == 2
    assert repaired.guard(bounty)["accepted"] == 2
    assert len(repaired.rounds(repaired.live_of(bounty), exact=False)) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_give_what_one_would(cast, run_worker, sandbox):
    """Sent in one order, run at the same time: verdicts follow the order of submission."""

    def verdicts(workers: int) -> list[str]:
        slug = f"workers-{workers}"
        bounty = open_repairable(cast.owner, run_worker, slug=slug)
        for user, rule, value in (
            (cast.participant, YOUNG, "1"),
            (cast.rival, BOTH, "0"),
            (cast.rival, YOUNG, "1"),
            (cast.participant, OLD, "0"),
        ):
            send_fix(user, bounty, rule, value)
        if workers == 1:
            run_worker()
        else:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(lambda _: work_alone(), range(workers)))
        found = bounty.submissions.order_by("id")
        assert all(one.status == Status.SCORED for one in found)
        return [json.dumps([one.code, one.points, one.numbers], sort_keys=True) for one in found]

    assert verdicts(1) == verdicts(2)


def work_alone() -> None:
    own = Sandbox()
    try:
        while evaluation.work(own):
            pass
    finally:
        own.close()
        connection.close()
        connection.close()


def test_every_verdict_comes_out_again_to_the_last_byte(cast, bounty, run_worker):
    send_find(cast.participant, bounty, YOUNG)
    send_fix(cast.rival, bounty, YOUNG, "1")
    run_worker()
    send_fix(cast.participant, bounty, BOTH, "0")
    send_fix(cast.rival, bounty, "age BETWEEN 35 AND 50", "1")
    run_worker()
    said = StringIO()
    call_command("rejudge", bounty.slug, "--check", stdout=said)
    assert "4 of 4 verdicts" in said.getvalue()
    Answers.objects.filter(submission__team__user=cast.rival).update(leaderboard=b"\x00" * 2000)
    fix = bounty.submissions.filter(kind="fix").first()
    rows = int(parts.unpack(fix.masks.leaderboard, parts.leaderboard_rows(bounty)).sum())
    Answers.objects.filter(submission=fix).update(leaderboard=b"\x00" * rows)
    Answers.objects.exclude(submission=fix).filter(submission__team__user=cast.rival).delete()
    bounty.submissions.filter(kind="fix", answers=None).update(status=Status.FAILED, accepted=None)
    with pytest.raises(CommandError, match="differ"):
        call_command("rejudge", bounty.slug, "--check", stdout=StringIO())


def test_the_list_stands_on_stored_arrays_alone(cast, bounty, run_worker):
    send_fix(cast.participant, bounty, YOUNG, "1")
    send_fix(cast.rival, bounty, BOTH, "0")
    run_worker()
    before = Referee(bounty, accepted_of(bounty)).model().list
    bounty.submissions.update(group_rule="age > 1000", predictor_value="0")
    after = Referee(bounty, accepted_of(bounty)).model().list
    assert before.totals == after.totals
    assert before.nodes == after.nodes


# The close


@pytest.fixture
def closed(cast, bounty, run_worker):
    send_find(cast.participant, bounty, YOUNG)
    send_fix(cast.participant, bounty, YOUNG, "1")
    run_worker()
    send_fix(cast.rival, bounty, BOTH, "0")
    run_worker()
    drafts.close_bounty(bounty)
    bounty.refresh_from_db()
    return bounty


def test_the_close_reads_the_final_half_once_and_publishes(closed):
    assert closing.due() == [closed.pk]
    assert closing.finalise(closed.pk)
    assert not closing.finalise(closed.pk)
    assert closing.due() == []
    closed.refresh_from_db()
    final = closed.final
    assert final["accepted"] == 3
    assert final["level"] == closed.alpha / 3
    assert {row["team"] for row in final["tracks"]["fix"]} == {"participant", "rival"}
    drops = sum(fix["points"] for fix in final["fixes"])
    assert drops == pytest.approx(100 * (final["model"]["before"] - final["model"]["after"]))
    assert final["model"]["low"] < final["model"]["points"] < final["model"]["high"]


def test_the_final_numbers_are_those_of_the_recorded_list(closed):
    """Worked out anew: row by row from the groups, the constants and the pointer."""
    closing.finalise(closed.pk)
    closed.refresh_from_db()
    half = parts.answered(closed, "final")
    first, second = closed.submissions.filter(kind="fix").order_by("id")
    rows = len(half.y_true)
    young, ends = (parts.unpack(one.masks.final, rows) for one in (first, second))
    answers = np.where(young, 1, np.where(ends, 0, half.y_base))
    assert second.numbers["repairs"] == [[1, 1]]
    assert closed.final["model"]["after"] == (answers != half.y_true).mean()


def test_no_label_of_the_final_half_is_read_before_the_close(cast, bounty, run_worker, monkeypatch):
    read = []
    original = parts.part
    monkeypatch.setattr(parts, "part", lambda bounty, name: read.append(name) or original(bounty, name))
    monkeypatch.setattr(
        parts, "answered", lambda bounty, name, of=parts.answered: read.append(name) or of(bounty, name)
    )
    send_fix(cast.participant, bounty, YOUNG, "1")
    send_find(cast.participant, bounty, OLD)
    run_worker()
    evaluation.reap()
    (
        repaired.live_of(bounty).life,
        repaired.live_of(bounty).coverage,
        repaired.uses(bounty),
        repaired.guard(bounty),
    )
    assert "leaderboard" in read
    assert "final" not in read


def test_the_close_waits_for_the_last_verdict(cast, bounty, run_worker):
    send_fix(cast.participant, bounty, YOUNG, "1")
    drafts.close_bounty(bounty)
    assert closing.due() == []
    assert not closing.finalise(bounty.pk)
    run_worker()
    evaluation.reap()
    bounty.refresh_from_db()
    assert bounty.finalised_at and "credit" not in bounty.final
    run_worker()
    bounty.refresh_from_db()
    assert bounty.final["credit"] == credit.credit_of(bounty)


def test_credit_does_not_depend_on_who_came_first(cast, run_worker):
    """Two teams that send the same fix share it; in the order of acceptance the first has it all."""
    bounty = open_repairable(cast.owner, run_worker)
    send_fix(cast.participant, bounty, YOUNG, "1")
    send_fix(cast.rival, bounty, YOUNG, "1")
    run_worker()
    rows = credit.credit_of(bounty)
    total = rows[0]["points"] + rows[1]["points"]
    assert {row["points"] for row in rows} == {0.0, total}
    assert [row["value"] for row in rows] == pytest.approx([total / 2] * 2)

"""Claims, leases, order and verdicts, on a real database and a real sandbox."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db.models.functions import Now

from bounty import drafts, entry, evaluation, intake, parts
from bounty.intake import Group
from bounty.models import Bounty, Check, Masks, Status, Submission, TableUpload
from bounty.sandbox import Rejected, SandboxFailure
from common import jobs
from fairness.slices import compile_rule
from fairness.verdict import judge_find
from tests.conftest import as_upload, draft, lending_table
from tests.onnx_models import below

YOUNG_RENTERS = "age < 30 AND home = 'rent'"


@pytest.fixture
def submit(cast, open_bounty):
    def send(rule: str = YOUNG_RENTERS, user=None) -> Submission:
        return intake.submit(user or cast.participant, open_bounty, Group("rule", rule))[0]

    return send


def test_a_find_is_scored_from_its_masks(submit, run_worker, open_bounty):
    find = submit()
    run_worker()
    find.refresh_from_db()
    assert (find.status, find.accepted, find.code) == (Status.SCORED, True, "accepted")
    rows = parts.leaderboard_rows(open_bounty)
    mask = parts.unpack(find.masks.leaderboard, rows)
    hidden = parts.part(open_bounty, "leaderboard")
    expected = compile_rule(YOUNG_RENTERS, parts.schema_of(open_bounty)).mask(hidden.features)
    assert (mask == expected).all()
    verdict = judge_find(hidden.evidence, mask, [], open_bounty.level)
    assert find.points == verdict.points > 0
    assert find.numbers["parts"][0]["p_value"] == verdict.parts[0].p_value
    final = parts.unpack(find.masks.final, open_bounty.parts["final"]["rows"])
    final_rows = parts.part(open_bounty, "final").features
    assert (final == compile_rule(YOUNG_RENTERS, parts.schema_of(open_bounty)).mask(final_rows)).all()


def test_the_same_group_again_is_nothing_new_and_marked_a_duplicate(submit, run_worker, cast):
    first, again = submit(), submit(user=cast.rival)
    run_worker()
    again.refresh_from_db()
    assert (again.code, again.accepted, again.duplicate_of) == ("nothing_new", False, first)
    assert again.points == 0


def test_verdicts_come_in_the_order_of_submission(submit, sandbox, cast):
    first, second = submit(), submit(user=cast.rival)
    held_up = evaluation.claim()
    assert held_up == first
    assert evaluation.work(sandbox)
    second.refresh_from_db()
    assert second.status == Status.RUNNING and second.accepted is None
    evaluation.run_submission(held_up, sandbox)
    evaluation.settle(held_up.bounty_id)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.code, second.code) == ("accepted", "nothing_new")


def test_a_lease_that_ran_out_writes_nothing(submit, sandbox):
    find = submit()
    late = evaluation.claim()
    Submission.objects.filter(pk=find.pk).update(leased_until=Now() - timedelta(seconds=1))
    evaluation.reap()
    assert evaluation.work(sandbox)
    find.refresh_from_db()
    before = (find.finished, find.points, find.status)
    evaluation.run_submission(late, sandbox)
    evaluation.reject(late, Rejected("crashed"))
    evaluation.give_back(late, RuntimeError("late"))
    evaluation.settle(find.bounty_id)
    find.refresh_from_db()
    assert (find.finished, find.points, find.status) == before
    assert Masks.objects.count() == 1


def test_a_lost_job_is_tried_three_times_and_then_fails_without_using_quota(submit, open_bounty):
    find = submit()
    for _ in range(3):
        assert evaluation.claim() == find
        Submission.objects.filter(pk=find.pk).update(leased_until=Now() - timedelta(seconds=1))
        evaluation.reap()
    find.refresh_from_db()
    assert find.status == Status.FAILED
    assert evaluation.claim() is None
    assert entry.quota_of(open_bounty, find.team).bounty_left == open_bounty.verdict_cap


def test_our_own_failure_is_logged_and_retried_in_place(submit, sandbox, monkeypatch, caplog, cast):
    first, second = submit(), submit(user=cast.rival)

    def broken(*args, **kwargs):
        raise SandboxFailure("zygote died")

    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "judge_group", broken)
        evaluation.work(sandbox)
    first.refresh_from_db()
    assert (first.status, first.tries) == (Status.QUEUED, 1)
    assert "zygote died" in first.log
    while evaluation.work(sandbox):
        pass
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.code, second.code) == ("accepted", "nothing_new")


def test_the_heartbeat_renews_only_a_held_lease(submit, settings):
    settings.HEARTBEAT_SECONDS = 0.05
    job_id = submit().pk
    job = evaluation.claim()
    Submission.objects.filter(pk=job_id).update(leased_until=Now())
    assert jobs.held(job).update(leased_until=jobs.lease_end()) == 1
    Submission.objects.filter(pk=job_id).update(lease=None)
    assert jobs.held(job).update(leased_until=jobs.lease_end()) == 0


def test_a_rejection_on_the_sample_uses_no_verdict(submit, run_worker, open_bounty):
    find = submit("age > 200")
    run_worker()
    find.refresh_from_db()
    assert (find.status, find.error, find.on_hidden) == (Status.REJECTED, "group_is_empty", False)
    quota = entry.quota_of(open_bounty, find.team)
    assert quota.bounty_left == open_bounty.verdict_cap
    assert quota.rejected_left == open_bounty.rejected_daily_cap - 1


def test_the_last_verdict_closes_the_bounty(submit, run_worker, open_bounty, cast):
    Bounty.objects.filter(pk=open_bounty.pk).update(verdict_cap=1, team_cap=1)
    submit()
    with pytest.raises(intake.IntakeError) as refusal:
        submit(user=cast.rival)
    assert refusal.value.code == "no_verdicts_left"
    run_worker()
    open_bounty.refresh_from_db()
    assert open_bounty.phase == "closed"


def test_points_do_not_depend_on_who_works(open_bounty, cast, run_worker, sandbox):
    """Judging the same finds one at a time, or all at the end, gives the same verdicts."""
    rules = [YOUNG_RENTERS, "age < 30", "home = 'rent'", "age < 25 AND home = 'rent'", "income > 20000"]
    users = [cast.participant, cast.rival, cast.outsider]
    for i, rule in enumerate(rules):
        intake.submit(users[i % 3], open_bounty, Group("rule", rule))
    finds = list(open_bounty.submissions.order_by("id"))
    for _ in finds:
        job = evaluation.claim()
        evaluation.run_submission(job, sandbox)
    evaluation.settle(open_bounty.pk)
    at_once = list(open_bounty.submissions.order_by("id").values_list("code", "points"))
    open_bounty.submissions.update(status=Status.RUNNING, accepted=None, code="", points=0)
    hidden = {mask.pk: mask for mask in Masks.objects.all()}
    Masks.objects.all().delete()
    for find in finds:
        hidden[find.pk].save(force_insert=True)
        evaluation.settle(open_bounty.pk)
    assert list(open_bounty.submissions.order_by("id").values_list("code", "points")) == at_once
    assert sum(code == "accepted" for code, _ in at_once) >= 1


def test_a_dry_run_of_a_model_reports_the_sample_and_keeps_no_file(open_bounty, cast, run_worker):
    check = intake.check_model(
        cast.participant, open_bounty, Group("onnx", file=below(open_bounty, "age", 30.0))
    )
    run_worker()
    check.refresh_from_db()
    sample = parts.sample_part(open_bounty).features
    assert check.status == Status.SCORED
    assert check.result["sample_rows"] == int((sample["age"] < 30).sum())
    assert check.result["low"] < check.result["gap"] < check.result["high"]
    file = check.group_file.name
    evaluation.reap()
    check.refresh_from_db()
    assert not check.group_file and not default_storage.exists(file)


def test_tables_are_prepared_one_at_a_time_and_finds_go_on_meanwhile(cast, submit):
    for slug in ("second", "third"):
        drafts.upload_table(draft(cast.owner, slug=slug), as_upload(lending_table(rows=200)))
    assert isinstance(evaluation.claim(), TableUpload)
    assert evaluation.claim() is None
    find = submit()
    assert evaluation.claim() == find


def test_scored_work_goes_before_dry_runs(open_bounty, cast, submit):
    intake.check_model(cast.rival, open_bounty, Group("onnx", file=below(open_bounty, "age", 30.0)))
    find = submit()
    assert evaluation.claim() == find
    assert isinstance(evaluation.claim(), Check)

"""What is refused, in which words, and that a refusal saves nothing."""

import threading
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.utils import timezone

from bounty import drafts, entry, intake, parts
from bounty.intake import Group, IntakeError
from bounty.models import Bounty, Check, Discarded, Status, Submission, Team
from tests.conftest import draft
from tests.onnx_models import below

RULE = Group("rule", "age < 30")


def refused(call, *args, **kwargs) -> IntakeError:
    with pytest.raises(IntakeError) as refusal:
        call(*args, **kwargs)
    assert not Submission.objects.filter(team=None).exists()
    return refusal.value


@pytest.mark.parametrize(
    ("group", "code", "field", "says"),
    [
        (Group("rule", "  "), "rule_missing", "group_rule", "Write the rule"),
        (Group("rule", "agee < 3"), "rule_error", "group_rule", "age"),
        (Group("rule", "age < 'x'"), "rule_error", "group_rule", "age"),
        (Group("rule", "age <"), "rule_error", "group_rule", ""),
        (Group("onnx"), "file_missing", "group_file", "Attach"),
        (Group("onnx", file=SimpleUploadedFile("m.onnx", b"")), "file_empty", "group_file", "empty"),
        (Group("onnx", "age < 3", SimpleUploadedFile("m", b"x")), "rule_and_file", "group_rule", "not both"),
        (Group("rule", "age < 3", SimpleUploadedFile("m", b"x")), "rule_and_file", "group_file", "not both"),
        (Group("pickle", "x"), "unknown_format", "group_format", "rule, onnx, skops"),
        (Group("python", "x"), "unknown_format", "group_format", "rule, onnx, skops"),
    ],
)
def test_a_group_that_cannot_be_run_is_refused_at_once(open_bounty, cast, group, code, field, says):
    error = refused(intake.submit, cast.participant, open_bounty, group)
    assert (error.code, error.field) == (code, field)
    assert says in error.detail
    assert not Submission.objects.exists() and not Team.objects.exists()


def test_a_file_over_the_cap_is_refused(open_bounty, cast, settings):
    settings.MODEL_MAX_BYTES = 10
    group = Group("skops", file=SimpleUploadedFile("m.skops", b"x" * 11))
    assert refused(intake.submit, cast.participant, open_bounty, group).code == "file_too_big"


def test_organisers_and_staff_cannot_submit(open_bounty, cast):
    for user in (cast.owner, cast.staff):
        assert refused(intake.submit, user, open_bounty, RULE).code == "own_bounty"


@pytest.mark.parametrize(
    ("change", "phase"),
    [
        ({"closed_at": -1}, "closed"),
        ({"closes_at": -1}, "closed"),
        ({"opens_at": 1}, "upcoming"),
        ({"opened_at": None}, "draft"),
    ],
)
def test_only_an_open_bounty_takes_submissions(open_bounty, cast, change, phase):
    values = {
        name: hours if hours is None else timezone.now() + timedelta(hours=hours)
        for name, hours in change.items()
    }
    Bounty.objects.filter(pk=open_bounty.pk).update(**values)
    error = refused(intake.submit, cast.participant, open_bounty, RULE)
    assert error.code == "bounty_closed" and phase in error.detail


def test_two_unfinished_submissions_are_the_limit(open_bounty, cast):
    intake.submit(cast.participant, open_bounty, RULE)
    intake.submit(cast.participant, open_bounty, RULE)
    assert refused(intake.submit, cast.participant, open_bounty, RULE).code == "too_many_unfinished"
    intake.submit(cast.rival, open_bounty, RULE)


@pytest.mark.parametrize(
    ("caps", "before", "code"),
    [
        ({"team_cap": 1}, {"status": Status.SCORED, "accepted": False}, "team_verdicts_used"),
        ({"daily_cap": 1}, {"status": Status.SCORED, "accepted": False}, "daily_verdicts_used"),
        ({"daily_cap": 1}, {"status": Status.REJECTED, "on_hidden": True}, "daily_verdicts_used"),
        ({"rejected_daily_cap": 1}, {"status": Status.REJECTED}, "daily_rejections_used"),
        ({"rejected_daily_cap": 1}, {"status": Status.FAILED}, "daily_rejections_used"),
        ({"daily_cap": 1, "team_cap": 1, "verdict_cap": 1}, {"status": Status.FAILED}, None),
        ({"daily_cap": 1}, {"status": Status.REJECTED}, None),
        ({"rejected_daily_cap": 1}, {"status": Status.SCORED, "accepted": True}, None),
    ],
)
def test_each_quota_counts_what_it_says(open_bounty, cast, caps, before, code):
    Bounty.objects.filter(pk=open_bounty.pk).update(**caps)
    first, _ = intake.submit(cast.participant, open_bounty, RULE)
    Submission.objects.filter(pk=first.pk).update(**before)
    if code is None:
        intake.submit(cast.participant, open_bounty, RULE)
    else:
        assert refused(intake.submit, cast.participant, open_bounty, RULE).code == code


def test_the_days_share_is_free_again_the_next_day(open_bounty, cast):
    Bounty.objects.filter(pk=open_bounty.pk).update(daily_cap=1)
    first, _ = intake.submit(cast.participant, open_bounty, RULE)
    Submission.objects.filter(pk=first.pk).update(
        status=Status.SCORED, accepted=False, created=timezone.now() - timedelta(days=1)
    )
    open_bounty.refresh_from_db()
    quota = entry.quota_of(open_bounty, first.team)
    assert quota.today_left == 1 and quota.team_left == open_bounty.team_cap - 1
    assert timezone.now() < quota.resets_at <= timezone.now() + timedelta(days=1)


def test_the_same_key_gives_the_first_submission_back(open_bounty, cast):
    first, created = intake.submit(cast.participant, open_bounty, RULE, idempotency_key="k")
    again, created_again = intake.submit(cast.participant, open_bounty, RULE, idempotency_key="k")
    assert (first, created, created_again) == (again, True, False)
    other = Group("rule", "age < 31")
    error = refused(intake.submit, cast.participant, open_bounty, other, idempotency_key="k")
    assert error.code == "idempotency_key_reused"
    mine, _ = intake.submit(cast.rival, open_bounty, RULE, idempotency_key="k")
    assert mine != first


@pytest.mark.django_db(transaction=True)
def test_quotas_hold_under_concurrent_requests(open_bounty, cast):
    outcomes = []

    def send() -> None:
        try:
            intake.submit(cast.participant, open_bounty, RULE)
            outcomes.append("sent")
        except IntakeError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["sent"] * 2 + ["too_many_unfinished"] * 6


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("send", [intake.submit, intake.check_model])
def test_nobody_waits_for_a_slow_storage(open_bounty, cast, monkeypatch, send):
    """While a model is being stored, its bounty is nobody's: others submit, verdicts are given."""
    save, free = default_storage.save, []

    def try_to_lock() -> None:
        with transaction.atomic():
            free.append(Bounty.objects.select_for_update(skip_locked=True).filter(pk=open_bounty.pk).exists())
        connection.close()

    def slowly(name, content):
        other = threading.Thread(target=try_to_lock)
        other.start()
        other.join()
        return save(name, content)

    monkeypatch.setattr(default_storage, "save", slowly)
    send(cast.participant, open_bounty, Group("onnx", file=below(open_bounty, "age", 30)))
    assert free == [True]


def test_files_of_what_is_not_taken_are_discarded(open_bounty, cast, monkeypatch):
    """The last place is taken while the file is being stored."""
    save = default_storage.save
    intake.submit(cast.participant, open_bounty, Group("onnx", file=below(open_bounty, "age", 30)))

    def late(name, content):
        intake.submit(cast.participant, open_bounty, RULE)
        return save(name, content)

    monkeypatch.setattr(default_storage, "save", late)
    group = Group("onnx", file=below(open_bounty, "age", 30))
    assert refused(intake.submit, cast.participant, open_bounty, group).code == "too_many_unfinished"
    assert Discarded.objects.filter(storage=parts.OPEN).count() == 1
    kept = set(Submission.objects.values_list("group_file", flat=True))
    assert kept.isdisjoint(Discarded.objects.values_list("path", flat=True))
    parts.delete_discarded()
    assert all(default_storage.exists(name) for name in kept) and not Discarded.objects.exists()


def test_what_is_over_quota_is_refused_before_its_file_is_stored(open_bounty, cast, monkeypatch):
    group = Group("onnx", file=below(open_bounty, "age", 30))
    intake.submit(cast.participant, open_bounty, group, idempotency_key="k")
    intake.submit(cast.participant, open_bounty, RULE)
    intake.check_model(cast.participant, open_bounty, group)
    monkeypatch.setattr(intake, "CHECKS_PER_HOUR", 1)
    monkeypatch.setattr(default_storage, "save", lambda *_: pytest.fail("it was stored"))
    assert refused(intake.submit, cast.participant, open_bounty, group).code == "too_many_unfinished"
    assert refused(intake.check_model, cast.participant, open_bounty, group).code == "too_many_checks"
    again, created = intake.submit(cast.participant, open_bounty, group, idempotency_key="k")
    assert not created and again.group_format == "onnx"


def test_the_same_key_at_the_same_moment_gives_the_first_one_back_and_no_refusal(
    open_bounty, cast, monkeypatch
):
    group, quota_of, first = Group("onnx", file=below(open_bounty, "age", 30)), entry.quota_of, []

    def just_then(bounty, team):
        monkeypatch.setattr(entry, "quota_of", quota_of)
        first.append(intake.submit(cast.participant, bounty, group, idempotency_key="k")[0])
        intake.submit(cast.participant, bounty, RULE)
        return quota_of(bounty, first[0].team)

    monkeypatch.setattr(entry, "quota_of", just_then)
    assert intake.submit(cast.participant, open_bounty, group, idempotency_key="k") == (first[0], False)


def test_a_rule_is_checked_on_the_sample_at_once(open_bounty):
    result = intake.check_rules(open_bounty, Group("rule", "age < 30 AND home = 'rent'"))
    assert 0 < result["sample_share"] < 0.3
    assert result["gap"] > 0.05 and result["low"] < result["gap"] < result["high"]
    nobody = intake.check_rules(open_bounty, Group("rule", "age > 500"))
    assert (nobody["sample_rows"], nobody["rate"], nobody["low"]) == (0, None, None)


def test_dry_runs_of_models_are_capped_by_the_hour(open_bounty, cast, monkeypatch):
    monkeypatch.setattr(intake, "CHECKS_PER_HOUR", 1)
    group = Group("onnx", file=below(open_bounty, "age", 30))
    check = intake.check_model(cast.participant, open_bounty, group)
    assert refused(intake.check_model, cast.participant, open_bounty, group).code == "too_many_checks"
    Check.objects.filter(pk=check.pk).update(created=timezone.now() - timedelta(hours=2))
    intake.check_model(cast.participant, open_bounty, group)


def test_a_bounty_opens_once_and_only_with_data(cast, open_bounty):
    draft_bounty = draft(cast.owner, slug="second")
    assert refused(drafts.open_bounty, draft_bounty).code == "not_prepared"
    assert refused(drafts.open_bounty, open_bounty).code == "bounty_opened"
    table = SimpleUploadedFile("t.csv", b"a,b\n1,2\n")
    assert refused(drafts.upload_table, open_bounty, table).code == "bounty_opened"

"""From the queue to a result: claims, leases, tries and what is left behind, on a real database and core."""

from datetime import timedelta

import polars as pl
import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models.functions import Now

from audits import analysis, intake, store, tasks
from audits.models import Audit
from common import jobs
from common.jobs import Status
from fairness.audit import file_hash, run_audit
from fairness.kinds import SPEECH
from fairness.kinds.base import Settings
from tests.audits.conftest import SPEECH_ROLES, make, run_audits, speech_table, stored_files, upload


def test_the_result_is_that_of_the_core_on_the_same_file(done, tmp_path):
    path = tmp_path / "speech.csv"
    speech_table().write_csv(path)
    expected = run_audit(path, SPEECH, SPEECH_ROLES, Settings())
    assert done.result == expected.result
    assert done.result["data"]["sha256"] == done.file_sha256 == file_hash(path)
    assert store.read_cells(done).frame.equals(expected.cells.frame)
    assert store.read_rows(done).equals(expected.rows)
    assert store.read_rows(done, ["row", "reference"]).columns == ["row", "reference"]


def test_the_worse_accent_is_found_and_the_card_says_the_headline(done):
    table = next(
        table
        for table in done.result["tables"]
        if (table["system"], table["metric"], table["columns"]) == ("ours", "wer", ["accent"])
    )
    rates = {row["group"].get("accent", ""): row for row in table["rows"]}
    assert max(rates, key=lambda name: rates[name]["value"]) == "Welsh"
    assert rates["Welsh"]["gap_low"] > 0.1 and rates["Welsh"]["p_adjusted"] < 0.001
    assert done.card == {
        "metric": "Word error rate",
        "system": "ours",
        "systems": 2,
        "value": rates[""]["value"],
        "low": rates[""]["low"],
        "high": rates[""]["high"],
        "rows": 384,
        "clusters": 96,
        "groups": [{"name": name, "mark": "not said"} for name in ("accent", "gender", "age")],
    }
    assert (done.progress, done.stage, done.tries) == (1, "", 1) and done.finished is not None


def test_a_classification_is_audited_the_same_way(loans):
    assert loans.card["metric"] == "Error rate" and loans.card["rows"] == 600
    table = next(table for table in loans.result["tables"] if table["columns"] == ["region"])
    north = next(row for row in table["rows"] if row["group"] == {"region": "north"})
    assert north["gap_low"] > 0.1


def test_progress_is_written_as_it_goes(made, monkeypatch):
    monkeypatch.setattr(analysis, "PROGRESS_SECONDS", 0)
    told, written = analysis.Told.__call__, []

    def listen(self, stage, share):
        told(self, stage, share)
        written.append(Audit.objects.values_list("stage", "progress").get())

    monkeypatch.setattr(analysis.Told, "__call__", listen)
    run_audits()
    stages, shares = zip(*written, strict=True)
    assert {"Fetching the file", "Reading the file", "Counting errors"} <= set(stages)
    assert list(shares) == sorted(shares) and shares[-1] > 0.8


def test_progress_is_written_at_most_once_a_second(made, django_assert_num_queries):
    told = analysis.Told(analysis.claim())
    with django_assert_num_queries(1):
        for _ in range(100):
            told("Counting errors", 0.5)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"roles": {"sentence": "reference", "accent": "group"}}, "No column is the hypothesis"),
        ({"values": {"baselines": {"accent": "Wels"}}}, 'Did you mean "Welsh"?'),
        ({"values": {"exclude": [["sentence", "."]]}}, "none is left"),
        ({"frame": speech_table().with_columns(pl.lit("one").alias("accent"))}, "tells no groups apart"),
    ],
)
def test_what_only_the_rows_show_is_a_rejection_with_its_sentence(cast, values, says):
    before = stored_files()
    audit = make(cast.owner, **values)
    run_audits()
    audit.refresh_from_db()
    assert (audit.status, audit.error) == (Status.REJECTED, "bad_table") and not audit.is_draft
    assert says in audit.error_detail
    assert (audit.result, audit.card, audit.cells.name, audit.rows.name) == ({}, {}, "", "")
    assert stored_files() - before == {audit.file.name.split("/")[1]}


def test_a_rejected_audit_can_be_mended(cast):
    audit = make(cast.owner, values={"baselines": {"accent": "Wels"}})
    run_audits()
    intake.confirm(audit, SPEECH_ROLES, {"baselines": {"accent": "Welsh"}})
    run_audits()
    audit.refresh_from_db()
    assert audit.is_done and audit.error == ""


def test_settings_that_change_compute_it_afresh_and_leave_no_old_file(
    done, django_capture_on_commit_callbacks
):
    before = {done.cells.name, done.rows.name}
    with django_capture_on_commit_callbacks(execute=True):
        again = intake.confirm(done, SPEECH_ROLES, {"normalise": "none", "smallest": 20})
    assert again.status == Status.QUEUED and again.result == {} and again.result_bytes == 0
    assert not any(default_storage.exists(name) for name in before)
    run_audits()
    again.refresh_from_db()
    assert again.result["settings"]["normalise"] == "none" and again.result["settings"]["smallest"] == 20


def while_it_runs(monkeypatch, change) -> list[str]:
    """Run all audits; `change` happens once, when the first of them is nearly done."""
    write, wrote = store.write, []

    def late(audit, cells, rows):
        if not wrote:
            change()
        facts = write(audit, cells, rows)
        wrote.extend(facts[name] for name in ("cells", "rows"))
        return facts

    monkeypatch.setattr(store, "write", late)
    run_audits()
    return wrote[:2]


def test_a_worker_busy_with_old_settings_writes_nothing(made, monkeypatch):
    late = while_it_runs(monkeypatch, lambda: intake.confirm(made, SPEECH_ROLES, {"smallest": 20}))
    made.refresh_from_db()
    assert made.is_done and made.result["settings"]["smallest"] == 20
    assert not any(default_storage.exists(name) for name in late)
    assert default_storage.exists(made.cells.name) and default_storage.exists(made.rows.name)


def test_deleting_it_while_it_runs_leaves_no_file(made, monkeypatch, django_capture_on_commit_callbacks):
    def delete():
        with django_capture_on_commit_callbacks(execute=True):
            intake.delete_audit(made)

    while_it_runs(monkeypatch, delete)
    assert not Audit.objects.exists() and stored_files() == set()


def test_deleting_a_finished_one_deletes_its_files(done, django_capture_on_commit_callbacks):
    assert len(stored_files()) == 3
    with django_capture_on_commit_callbacks(execute=True):
        intake.delete_audit(done)
    assert stored_files() == set()


def test_it_stops_early_when_it_was_changed(made, monkeypatch):
    monkeypatch.setattr(analysis, "PROGRESS_SECONDS", 0)
    audit = analysis.claim()
    intake.confirm(made, SPEECH_ROLES, {})
    with pytest.raises(analysis.LeaseLost):
        analysis.run(audit)
    made.refresh_from_db()
    assert (made.status, made.stage) == (Status.QUEUED, "")


def test_a_lease_that_ran_out_is_another_workers_to_take(made):
    late = analysis.claim()
    Audit.objects.update(leased_until=Now() - timedelta(seconds=1))
    assert analysis.reap() == 1
    assert analysis.work()
    made.refresh_from_db()
    before = (made.cells.name, made.finished, made.tries)
    assert made.is_done and made.tries == 2
    with pytest.raises(analysis.LeaseLost):
        analysis.run(late)
    jobs.give_back(late, RuntimeError("late"))
    made.refresh_from_db()
    assert (made.cells.name, made.finished, made.tries) == before


def test_our_failure_is_tried_three_times_and_then_fails(made, monkeypatch):
    def fail(*arguments, **options):
        raise ValueError("out of range")

    monkeypatch.setattr(analysis, "run_audit", fail)
    assert run_audits() == django_settings.JOB_TRIES == 3
    made.refresh_from_db()
    assert (made.status, made.tries, made.error) == (Status.FAILED, 3, "")
    assert "out of range" in made.log and made.result == {}


def test_a_full_disk_costs_no_try_and_is_waited_for(made, monkeypatch):
    def fail(*arguments, **options):
        raise OSError("no space left on device")

    monkeypatch.setattr(analysis, "run_audit", fail)
    for _ in range(4):
        assert run_audits() == 1
        analysis.reap()
        assert run_audits() == 0, "it is waited for"
        Audit.objects.update(leased_until=Now() - timedelta(seconds=1))
    made.refresh_from_db()
    assert (made.status, made.tries, made.lease_expiries) == (Status.QUEUED, 0, 0)


def test_an_audit_that_always_meets_a_full_disk_holds_up_no_other(made, cast, monkeypatch):
    other, run = make(cast.participant, speech_table(12)), analysis.run_audit

    def fail_once(*arguments, **options):
        monkeypatch.setattr(analysis, "run_audit", run)
        raise OSError("no space left on device")

    monkeypatch.setattr(analysis, "run_audit", fail_once)
    assert run_audits() == 2
    other.refresh_from_db()
    made.refresh_from_db()
    assert (other.status, made.status) == (Status.SCORED, Status.QUEUED)


def test_a_worker_that_dies_each_time_fails_it_in_the_end(made):
    for _ in range(3):
        assert analysis.claim() is not None
        Audit.objects.update(leased_until=Now() - timedelta(seconds=1))
        analysis.reap()
    assert analysis.claim() is None
    made.refresh_from_db()
    assert made.status == Status.FAILED


def test_a_damaged_file_is_not_audited(made):
    default_storage.delete(made.file.name)
    default_storage.save(made.file.name, ContentFile(upload(speech_table(seed=8)).read()))
    run_audits()
    made.refresh_from_db()
    assert made.status == Status.FAILED and "DamagedFile" in made.log and made.result == {}


def test_a_damaged_result_is_not_read(done):
    for name, read in (("cells", store.read_cells), ("rows", store.read_rows)):
        path = getattr(done, name).name
        with default_storage.open(path) as file:
            data = file.read()
        default_storage.delete(path)
        default_storage.save(path, ContentFile(data[:-1] + b"?"))
        with pytest.raises(store.DamagedFile):
            read(done)


def test_one_audit_runs_at_a_time(cast, made):
    other = make(cast.rival)
    assert analysis.claim() == made
    assert analysis.claim() is None and not analysis.work()
    jobs.give_back(made, RuntimeError())
    Audit.objects.filter(pk=made.pk).update(status=Status.REJECTED, lease=None)
    assert analysis.claim() == other


def test_a_claim_at_the_same_moment_is_no_failure(cast, made, monkeypatch):
    make(cast.rival)
    assert jobs.claim(Audit) == made
    monkeypatch.setattr(analysis, "someone_runs", lambda: False)
    assert analysis.claim() is None
    assert Audit.objects.filter(status=Status.RUNNING).count() == 1


def test_each_audit_wakes_the_next(cast, made, monkeypatch):
    make(cast.rival)
    sent = []
    monkeypatch.setattr(tasks.work, "apply_async", lambda *_, **options: sent.append(options))
    tasks.cache.delete("audits-reaped")
    tasks.reap()
    assert len(sent) == 1
    tasks.work()
    tasks.work()
    assert Audit.objects.filter(status=Status.SCORED).count() == 2 and len(sent) == 3
    tasks.work()
    tasks.cache.delete("audits-reaped")
    tasks.reap()
    assert len(sent) == 3, "nothing waits any more"

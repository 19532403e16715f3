"""A draft from table to opening: what is prepared always fits the settings, and no file is left over."""

from contextlib import contextmanager

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile

from bounty import drafts, evaluation, parts
from bounty.intake import IntakeError
from bounty.models import Bounty, Status
from bounty.preparation import prepare
from tests.conftest import as_upload, draft, lending_table

VALUES = {"slug": "loans", "title": "Loans"}
ROLES = {"label_column": "approve", "prediction_column": "predicted"}


@pytest.fixture
def prepared(cast, run_worker):
    bounty = draft(cast.owner)
    drafts.upload_table(bounty, as_upload(lending_table()))
    run_worker()
    bounty.refresh_from_db()
    return bounty


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """What waits for the commit is done when the block ends, and a worker has been round."""

    @contextmanager
    def block():
        with django_capture_on_commit_callbacks(execute=True):
            yield
        parts.delete_discarded()

    return block


def is_stored(path: str) -> bool:
    return any(storages[name].exists(path) for name in (parts.OPEN, parts.HIDDEN))


def stored_parts() -> set[str]:
    there = [storages[name] for name in (parts.OPEN, parts.HIDDEN)]
    return {file for one in there if one.exists("parts") for file in one.listdir("parts")[1]}


def part_files(parts: dict) -> list[str]:
    return [part[kind]["path"] for part in parts.values() for kind in ("features", "truth")]


def test_a_table_waits_until_its_columns_are_named(cast, run_worker):
    bounty = drafts.create_bounty(cast.owner, VALUES, as_upload(lending_table()))
    upload = bounty.uploads.get()
    assert (upload.status, upload.error) == (Status.REJECTED, "roles_missing")
    assert "label" in upload.error_detail
    assert [column["name"] for column in upload.preview["columns"]][:3] == ["age", "income", "home"]
    drafts.save_settings(bounty, ROLES)
    run_worker()
    bounty.refresh_from_db()
    assert bounty.is_prepared and bounty.uploads.get().status == Status.SCORED


def test_a_draft_with_its_columns_named_is_queued_at_once(cast, run_worker):
    bounty = drafts.create_bounty(cast.owner, VALUES | ROLES, as_upload(lending_table()))
    assert bounty.uploads.get().status == Status.QUEUED
    assert list(bounty.organisers.all()) == [cast.owner]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"alpha": 0.5}, "alpha"),
        ({"measure": "kindness"}, "measure"),
        ({"slug": "two words"}, "slug"),
        ({"title": ""}, "title"),
    ],
)
def test_values_no_bounty_may_have_are_refused_and_nothing_is_saved(cast, values, field):
    with pytest.raises(ValidationError) as refusal:
        drafts.create_bounty(cast.owner, VALUES | ROLES | values, as_upload(lending_table()))
    assert list(refusal.value.message_dict) == [field]
    assert not Bounty.objects.exists()


def test_the_sites_own_address_is_refused(cast, draft_bounty):
    with pytest.raises(IntakeError) as refusal:
        drafts.create_bounty(cast.owner, VALUES | {"slug": "new"}, as_upload(lending_table()))
    assert (refusal.value.code, refusal.value.field) == ("slug_reserved", "slug")
    with pytest.raises(IntakeError):
        drafts.save_settings(draft_bounty, {"slug": "new"})


def test_a_table_on_which_nothing_could_be_proven_does_not_open(cast, run_worker):
    bounty = draft(cast.owner)
    drafts.upload_table(bounty, as_upload(lending_table(rows=100)))
    run_worker()
    with pytest.raises(IntakeError, match="40 rows of the leaderboard half") as refusal:
        drafts.open_bounty(bounty)
    assert refusal.value.code == "too_few_rows"
    drafts.save_settings(bounty, {"min_rows": 20})
    drafts.open_bounty(bounty)


def test_nobody_keeps_drafts_without_end(cast, monkeypatch):
    monkeypatch.setattr(drafts, "DRAFTS_PER_USER", 1)
    draft(cast.owner)
    with pytest.raises(IntakeError, match="cap"):
        drafts.create_bounty(cast.owner, VALUES, as_upload(lending_table()))
    drafts.create_bounty(cast.outsider, VALUES, as_upload(lending_table()))


@pytest.mark.parametrize(
    "change",
    [
        {"sample_share": 0.3},
        {"measure": "false_rejection", "favourable_label": "1"},
        {"visible_columns": ["age", "home", "sex"]},
        {"weight_column": "income"},
    ],
)
def test_a_setting_that_concerns_the_data_prepares_it_again(prepared, run_worker, committed, change):
    before = prepared.parts
    with committed():
        drafts.save_settings(prepared, change)
    prepared.refresh_from_db()
    assert not prepared.is_prepared
    assert not any(is_stored(path) for path in part_files(before))
    run_worker()
    prepared.refresh_from_db()
    assert prepared.parts != before
    assert all(is_stored(path) for path in part_files(prepared.parts))


def test_other_settings_leave_the_data_alone(prepared):
    before = prepared.parts
    drafts.save_settings(prepared, {"min_rows": 50, "title": "Other", "sample_share": prepared.sample_share})
    prepared.refresh_from_db()
    assert (prepared.parts, prepared.min_rows, prepared.title) == (before, 50, "Other")


def test_a_mended_setting_tries_a_refused_table_again(cast, run_worker):
    bounty = draft(cast.owner, label_column="aprove")
    drafts.upload_table(bounty, as_upload(lending_table()))
    run_worker()
    upload = bounty.uploads.get()
    assert upload.status == Status.REJECTED and 'Did you mean "approve"' in upload.error_detail
    drafts.save_settings(bounty, {"label_column": "approve"})
    run_worker()
    upload.refresh_from_db()
    assert (upload.status, upload.error_detail) == (Status.SCORED, "")


def test_the_newest_table_wins_over_one_that_is_being_prepared(draft_bounty, sandbox, run_worker, committed):
    first = drafts.upload_table(draft_bounty, as_upload(lending_table(seed=1)))
    claimed = evaluation.claim()
    assert claimed == first
    with committed():
        second = drafts.upload_table(draft_bounty, as_upload(lending_table(rows=2000, seed=2)))
    run_worker()
    draft_bounty.refresh_from_db()
    assert list(draft_bounty.uploads.all()) == [second]
    assert sum(part["rows"] for part in draft_bounty.parts.values()) == 2000
    assert not is_stored(first.table.name)


def test_a_worker_that_lost_its_upload_writes_nothing_and_leaves_no_file(draft_bounty, sandbox, run_worker):
    drafts.upload_table(draft_bounty, as_upload(lending_table()))
    claimed = evaluation.claim()
    drafts.save_settings(draft_bounty, {"sample_share": 0.5})
    parts.delete_discarded()
    stored = stored_parts()
    evaluation.run_upload(claimed, sandbox)
    parts.delete_discarded()
    draft_bounty.refresh_from_db()
    assert not draft_bounty.is_prepared
    assert draft_bounty.uploads.get().status == Status.QUEUED
    assert stored_parts() == stored
    run_worker()
    draft_bounty.refresh_from_db()
    assert draft_bounty.parts["sample"]["rows"] == pytest.approx(2000, abs=20)


def test_a_worker_lost_on_the_way_leaves_the_upload_to_the_next(draft_bounty, run_worker):
    upload = drafts.upload_table(draft_bounty, as_upload(lending_table()))
    evaluation.claim()
    type(upload).objects.update(leased_until="2020-01-01T00:00Z")
    evaluation.reap()
    run_worker()
    upload.refresh_from_db()
    assert (upload.status, upload.tries) == (Status.SCORED, 2)


def test_opening_deletes_the_raw_table_and_keeps_the_parts(prepared, committed):
    raw = prepared.uploads.get().table.name
    assert is_stored(raw)
    with committed():
        drafts.open_bounty(prepared)
    assert not is_stored(raw)
    upload = prepared.uploads.get()
    assert (upload.table.name, upload.preview) == ("", {})
    assert all(is_stored(path) for path in part_files(prepared.parts))


def test_after_opening_only_texts_change(prepared):
    drafts.open_bounty(prepared)
    drafts.save_settings(prepared, {"summary": "New", "title": prepared.title})
    for change in ({"title": "Other"}, {"sample_share": 0.5}, {"closes_at": None, "verdict_cap": 5000}):
        with pytest.raises(IntakeError) as refusal:
            drafts.save_settings(prepared, {"summary": "Newer"} | change)
        assert refusal.value.code == "bounty_opened"
    with pytest.raises(IntakeError):
        drafts.upload_table(prepared, as_upload(lending_table()))
    with pytest.raises(IntakeError):
        drafts.delete_draft(prepared)
    prepared.refresh_from_db()
    assert (prepared.summary, prepared.is_prepared) == ("New", True)


def test_a_draft_that_is_being_prepared_cannot_open(prepared):
    drafts.save_settings(prepared, {"sample_share": 0.3})
    with pytest.raises(IntakeError) as refusal:
        drafts.open_bounty(prepared)
    assert refusal.value.code == "not_prepared"


def test_deleting_a_draft_deletes_its_files(prepared, committed):
    files = [prepared.uploads.get().table.name, *part_files(prepared.parts)]
    with committed():
        drafts.delete_draft(prepared)
    assert not Bounty.objects.exists()
    assert not any(is_stored(name) for name in files)


def test_a_model_can_be_added_kept_and_taken_away(draft_bounty, committed):
    model = SimpleUploadedFile("m.onnx", b"model")
    drafts.upload_table(draft_bounty, as_upload(lending_table()))
    table = draft_bounty.uploads.get().table.name
    with committed():
        added = drafts.upload_table(draft_bounty, None, model)
    assert added.table.name == table and is_stored(table)
    with committed():
        kept = drafts.upload_table(draft_bounty, as_upload(lending_table(seed=3)), keep_model=True)
    assert kept.model_file.name == added.model_file.name and not is_stored(table)
    with committed():
        bare = drafts.upload_table(draft_bounty)
    assert not bare.model_file and not is_stored(added.model_file.name)
    assert is_stored(bare.table.name)


@pytest.mark.parametrize(
    ("table", "model_file", "field"),
    [
        (SimpleUploadedFile("t.csv", b""), None, "table"),
        (None, None, "table"),
        (SimpleUploadedFile("t.csv", b"a,b\n1,2\n"), SimpleUploadedFile("m.onnx", b""), "model_file"),
    ],
)
def test_missing_and_empty_files_are_refused(draft_bounty, table, model_file, field):
    with pytest.raises(IntakeError) as refusal:
        drafts.upload_table(draft_bounty, table, model_file)
    assert refusal.value.field == field
    assert not draft_bounty.uploads.exists()


def test_files_over_their_caps_are_refused(draft_bounty, settings):
    settings.TABLE_MAX_BYTES = settings.MODEL_MAX_BYTES = 3
    for table, model_file, field in (
        (SimpleUploadedFile("t.csv", b"a,b\n1,2\n"), None, "table"),
        (None, SimpleUploadedFile("m.onnx", b"model"), "model_file"),
    ):
        with pytest.raises(IntakeError, match="at most 3") as refusal:
            drafts.upload_table(draft_bounty, table, model_file)
        assert refusal.value.field == field


def test_facts_of_each_part_are_weighted_as_the_rows_are(cast, sandbox, run_worker):
    table = lending_table()
    bounty = draft(cast.owner, weight_column="income")
    upload = drafts.upload_table(bounty, as_upload(table))
    facts = prepare(upload, sandbox)["parts"]
    wrong = (table["approve"] != table["predicted"]).cast(float)
    expected = (wrong * table["income"]).sum() / table["income"].sum()
    rows = sum(part["rows"] for part in facts.values())
    assert rows == table.height
    for part in facts.values():
        assert part["model_error"] == pytest.approx(expected, abs=0.03)
        assert part["rate"] == pytest.approx(part["model_error"])
        assert 0.25 < part["constant_error"] < 0.35

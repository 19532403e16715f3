"""An organiser's table becomes three parts that fit together, or one sentence that says what to change."""

from io import StringIO

import polars as pl
import pytest
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command

from bounty import drafts, parts
from bounty.intake import IntakeError
from bounty.models import Bounty, Status, TableUpload
from tests.conftest import as_upload, draft, lending_table
from tests.onnx_models import below


def prepare(bounty: Bounty, run_worker, table, model_file=None):
    upload = drafts.upload_table(bounty, table, model_file)
    run_worker()
    upload.refresh_from_db()
    bounty.refresh_from_db()
    return upload


def every_part(bounty: Bounty) -> dict[str, parts.Part]:
    return {name: parts.part(bounty, name) for name in ("sample", "leaderboard", "final")}


def test_three_parts_hold_every_row_once(draft_bounty, run_worker):
    table = lending_table()
    upload = prepare(draft_bounty, run_worker, as_upload(table))
    assert upload.status == Status.SCORED
    stored = every_part(draft_bounty)
    joined = pl.concat(
        [
            part.features.with_columns(part.truth["label"], part.truth["prediction"])
            for part in stored.values()
        ]
    )
    original = table.select(
        pl.col("age", "income").cast(pl.Float64),
        "home",
        "sex",
        label=pl.col("approve").cast(pl.String),
        prediction=pl.col("predicted").cast(pl.String),
    )
    assert joined.sort(joined.columns).equals(original.sort(original.columns))
    shares = {name: part.features.height / table.height for name, part in stored.items()}
    assert shares == pytest.approx({"sample": 0.2, "leaderboard": 0.4, "final": 0.4}, abs=0.01)
    assert [column["name"] for column in draft_bounty.schema] == ["age", "income", "home", "sex"]


def test_errors_are_spread_over_the_parts_alike(draft_bounty, run_worker):
    prepare(draft_bounty, run_worker, as_upload(lending_table()))
    rates = [part.truth["errors"].mean() for part in every_part(draft_bounty).values()]
    assert max(rates) - min(rates) < 0.002


def test_a_person_stays_on_one_side(cast, run_worker):
    table = lending_table().with_columns(person=pl.int_range(pl.len()) // 4)
    bounty = draft(cast.owner, cluster_column="person")
    prepare(bounty, run_worker, as_upload(table))
    stored = every_part(bounty)
    people = [set(part.truth["cluster"].to_list()) for part in stored.values()]
    assert not (people[0] & people[1] | people[1] & people[2] | people[0] & people[2])
    assert sum(len(group) for group in people) == 1000
    assert "person" not in stored["sample"].features.columns


def test_the_recorded_hash_is_checked_at_every_first_read(draft_bounty, run_worker):
    prepare(draft_bounty, run_worker, as_upload(lending_table()))
    record = parts.record_of(draft_bounty, "leaderboard", "truth")
    parts.fetch(record)
    with storages["hidden"].open(record.path, "rb+") as file:
        file.seek(100)
        file.write(b"\x00\x01\x02")
    with pytest.raises(parts.DamagedPart):
        parts.fetch(record)


def test_hidden_rows_lie_apart_from_what_pages_show(draft_bounty, run_worker):
    prepare(draft_bounty, run_worker, as_upload(lending_table()))
    assert storages["hidden"].exists(draft_bounty.uploads.get().table.name)
    for name, storage in (("sample", "default"), ("leaderboard", "hidden"), ("final", "hidden")):
        for kind in ("features", "truth"):
            path = draft_bounty.parts[name][kind]["path"]
            assert [alias for alias in ("default", "hidden") if storages[alias].exists(path)] == [storage]


WRONG = (
    ("leaderboard", "features", "leaderboard", "truth"),
    ("final", "features", "final", "truth"),
    ("leaderboard", "truth", "final", "truth"),
    ("sample", "features", "leaderboard", "features"),
    ("sample", "truth", "leaderboard", "truth"),
)


@pytest.mark.parametrize(("name", "kind", "from_name", "from_kind"), WRONG)
@pytest.mark.parametrize("path", ["{other}", "{folder}/../../../../{other}"])
def test_no_record_makes_a_worker_read_one_part_as_another(
    draft_bounty, run_worker, name, kind, from_name, from_kind, path
):
    """Whoever can write to the database, as what serves pages can, has no hidden row by it."""
    prepare(draft_bounty, run_worker, as_upload(lending_table()))
    other = draft_bounty.parts[from_name][from_kind]
    folder = parts.folder_of(draft_bounty, name, kind)
    draft_bounty.parts[name][kind] = other | {
        "path": path.format(other=other["path"], folder=folder),
        "storage": "hidden",
    }
    with pytest.raises(parts.DamagedPart, match=f"is not {kind} of the {name} part"):
        parts.part(draft_bounty, name)
    if kind == "features":
        with pytest.raises(parts.DamagedPart):
            (parts.sample_table if name == "sample" else parts.hidden_table)(draft_bounty)


def test_no_bounty_reads_the_rows_of_another(draft_bounty, cast, run_worker):
    prepare(draft_bounty, run_worker, as_upload(lending_table()))
    copy = draft(cast.owner, title="Another", slug="another")
    copy.parts, copy.schema = draft_bounty.parts, draft_bounty.schema
    with pytest.raises(parts.DamagedPart):
        parts.hidden_table(copy)


@pytest.mark.parametrize("path", ["{truth}", "tableupload/../{truth}"])
def test_no_upload_makes_a_worker_read_a_hidden_part_as_a_table(draft_bounty, run_worker, path):
    prepare(draft_bounty, run_worker, as_upload(lending_table()))
    path = path.format(truth=draft_bounty.parts["leaderboard"]["truth"]["path"])
    TableUpload.objects.create(bounty=draft_bounty, table=path, table_name="mine.parquet")
    run_worker()
    upload = TableUpload.objects.get(table=path)
    assert (upload.status, "is no uploaded table" in upload.log) == (Status.FAILED, True)


def test_parts_of_before_get_their_names_once(draft_bounty, run_worker):
    prepare(draft_bounty, run_worker, as_upload(lending_table()))
    before = every_part(draft_bounty)
    named = [path for _, path in parts.stored_files(draft_bounty.parts)]
    for name, part in draft_bounty.parts.items():
        for kind in ("features", "truth"):
            old, storage = f"parts/{name}-{kind}.parquet", parts.STORAGES[name]
            with storages[storage].open(part[kind]["path"]) as file:
                storages[storage].save(old, file)
            part[kind] |= {"path": old, "storage": storage}
    draft_bounty.save()
    with pytest.raises(parts.DamagedPart):
        parts.hidden_table(draft_bounty)
    for moved in (6, 0):
        out = StringIO()
        call_command("move_parts", stdout=out)
        assert out.getvalue().startswith(f"{moved} files have new names")
    draft_bounty.refresh_from_db()
    after = every_part(draft_bounty)
    assert not {path for _, path in parts.stored_files(draft_bounty.parts)} & set(named)
    for name in before:
        assert after[name].features.equals(before[name].features)
        assert after[name].truth.equals(before[name].truth)
    parts.delete_discarded()
    assert not storages["hidden"].exists("parts/final-truth.parquet")


def test_hidden_files_have_no_address(draft_bounty, run_worker):
    prepare(draft_bounty, run_worker, as_upload(lending_table()))
    with pytest.raises(ValueError, match="no address"):
        storages["hidden"].url(draft_bounty.parts["leaderboard"]["truth"]["path"])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x00\x01\x02nothing", "NUL"),
        (b"age,approve,predicted\n", "no rows"),
        (b"age,age,approve,predicted\n1,3,1,1\n", '"age"'),
        (b"age,approve,predicted\n3,1\n", "Row 2 has 2 values"),
    ],
)
def test_a_table_whose_head_is_bad_is_refused_at_the_door(draft_bounty, data, says):
    with pytest.raises(IntakeError, match=says) as refusal:
        drafts.upload_table(draft_bounty, SimpleUploadedFile("t.csv", data))
    assert (refusal.value.code, refusal.value.field) == ("bad_table", "table")
    assert not draft_bounty.uploads.exists()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"age,approve,predicted\n3,1,1\n4,,1\n", "Row 3 of column"),
        (b"age,approve\n3,1\n", "predicted"),
    ],
)
def test_a_bad_table_is_refused_with_a_sentence_and_the_draft_stays(cast, run_worker, data, says):
    bounty = draft(cast.owner, group_columns=[])
    upload = prepare(bounty, run_worker, SimpleUploadedFile("t.csv", data))
    assert (upload.status, upload.error) == (Status.REJECTED, "bad_table")
    assert says in upload.error_detail
    assert not bounty.is_prepared and bounty.title == "Lending decisions"


def test_rows_of_json_lines_are_counted_from_one(cast, run_worker):
    lines = lending_table(200).with_columns(person=pl.int_range(pl.len()))
    bounty = draft(cast.owner, cluster_column="person")
    text = lines.with_columns(person=pl.when(pl.col("person") != 4).then("person")).write_ndjson()
    upload = prepare(bounty, run_worker, SimpleUploadedFile("table.jsonl", text.encode()))
    assert upload.error_detail == 'Row 5 of the cluster column "person" is empty.'


def test_a_third_label_is_refused_where_the_measure_needs_two(cast, run_worker):
    bounty = draft(cast.owner, measure="false_rejection", favourable_label="1", group_columns=[])
    data = b"age,approve,predicted\n" + b"3,1,1\n4,0,1\n" * 60 + b"5,2,1\n"
    upload = prepare(bounty, run_worker, SimpleUploadedFile("t.csv", data))
    assert upload.status == Status.REJECTED and "2" in upload.error_detail


def test_the_organisers_model_must_give_the_tables_predictions(cast, run_worker):
    table = lending_table().with_columns(predicted=(pl.col("age") < 30).cast(pl.Int64))
    bounty = draft(cast.owner)
    bounty.schema = [
        {"name": name, "dtype": "number" if dtype.is_numeric() else "text"}
        for name, dtype in table.drop("approve", "predicted").schema.items()
    ]
    upload = prepare(bounty, run_worker, as_upload(table), below(bounty, "age", 30))
    assert upload.status == Status.SCORED, upload.error_detail
    assert bounty.base_model["reproduced"] == 1.0
    bounty.schema = bounty.schema or []
    upload = prepare(bounty, run_worker, as_upload(table), below(bounty, "age", 40))
    assert upload.error == "model_differs" and "%" in upload.error_detail


def test_an_organisers_unreadable_model_is_refused_with_a_sentence(draft_bounty, run_worker):
    upload = prepare(
        draft_bounty, run_worker, as_upload(lending_table()), SimpleUploadedFile("m.onnx", b"no model")
    )
    assert upload.error == "unreadable_model"
    assert upload.error_detail.startswith("Your model: The file could not be read")


def test_new_data_before_opening_replaces_the_old(draft_bounty, run_worker):
    prepare(draft_bounty, run_worker, as_upload(lending_table(seed=1)))
    first = draft_bounty.parts
    prepare(draft_bounty, run_worker, as_upload(lending_table(seed=2)))
    assert draft_bounty.parts != first

"""The first look at a table: quick, bounded, and a sentence where the head is already wrong."""

import io

import polars as pl
import pytest
from django.core.files.base import ContentFile

from bounty import preview as module
from bounty.preview import preview
from fairness.tables import TableError
from tests.conftest import lending_table


def as_csv(frame: pl.DataFrame) -> ContentFile:
    return ContentFile(frame.write_csv().encode())


def as_parquet(frame: pl.DataFrame) -> ContentFile:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return ContentFile(buffer.getvalue())


@pytest.mark.parametrize("as_file", [as_csv, as_parquet])
def test_it_names_columns_their_kinds_and_few_values(as_file):
    found = preview(as_file(lending_table(rows=300)))
    columns = {column["name"]: column for column in found["columns"]}
    assert list(columns) == ["age", "income", "home", "sex", "approve", "predicted"]
    assert (columns["age"]["dtype"], columns["home"]["dtype"]) == ("number", "text")
    assert columns["approve"]["values"] == ["0", "1"]
    assert columns["home"]["values"] == ["family", "own", "rent"]
    assert columns["income"]["values"] == [] and len(columns["income"]["examples"]) == 5
    assert (found["rows"], found["exact"]) == (300, True)


def test_only_the_head_of_a_long_csv_is_read(monkeypatch):
    monkeypatch.setattr(module, "HEAD_BYTES", 2000)
    table = lending_table(rows=3000)
    text = table.write_csv() + "a ragged row at the end\n"
    file = ContentFile(text.encode())
    found = preview(file)
    assert not found["exact"]
    assert found["rows"] == pytest.approx(3000, rel=0.05)
    assert file.tell() == 0


def test_the_head_ends_at_a_whole_record(monkeypatch):
    monkeypatch.setattr(module, "HEAD_BYTES", 45)
    rows = '"one\nline and more","1"\n' * 10
    found = preview(ContentFile(f"text,n\n{rows}".encode()))
    assert [column["name"] for column in found["columns"]] == ["text", "n"]
    assert found["columns"][0]["examples"] == ["one\nline and more"]


def test_a_large_parquet_file_gives_names_and_rows_alone(monkeypatch):
    monkeypatch.setattr(module, "SMALL_PARQUET", 10)
    found = preview(as_parquet(lending_table(rows=500)))
    assert [column["name"] for column in found["columns"]][:2] == ["age", "income"]
    assert found["columns"][0]["dtype"] == "" and found["columns"][0]["examples"] == []
    assert (found["rows"], found["exact"]) == (500, True)


def test_a_parquet_file_that_unpacks_to_much_more_gives_names_alone(monkeypatch):
    monkeypatch.setattr(module, "SMALL_UNPACKED", 1000)
    found = preview(as_parquet(lending_table(rows=500)))
    assert found["columns"][0]["examples"] == []


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\x00\x01", "NUL"),
        (b"a,b\n", "no rows"),
        (b"a,a\n1,2\n", '"a"'),
        (b"a,\n1,2\n", "no name"),
        (b"a,b\n1\n", "Row 2"),
        (b"PK\x03\x04zip", "spreadsheet"),
        (b"\xff\xfea", "UTF-16"),
        (b"PAR1", "damaged"),
        (b"PAR1" + b"x" * 50 + b"\xff\xff\xff\x00PAR1", "damaged"),
        (b"PAR1" + b"x" * 50 + b"\x10\x00\x00\x00PAR1", "damaged"),
    ],
)
def test_a_bad_head_gets_a_sentence(data, says):
    with pytest.raises(TableError, match=says):
        preview(ContentFile(data))


def test_nested_columns_are_refused_by_name(monkeypatch):
    monkeypatch.setattr(module, "SMALL_PARQUET", 10)
    frame = pl.DataFrame({"age": [1], "history": [[1, 2]]})
    with pytest.raises(TableError, match='"history" is nested'):
        preview(as_parquet(frame))

"""The first look at a table: quick, bounded, and a sentence where the head is already wrong."""

import io

import polars as pl
import pytest

from fairness import look as module
from fairness.look import column_names, look
from fairness.tables import TableError


def people(rows: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "age": [18 + i % 60 for i in range(rows)],
            "income": [1000 + 0.5 * i for i in range(rows)],
            "home": [("rent", "own", None)[i % 3] for i in range(rows)],
        }
    )


def seen(data: bytes | str) -> dict:
    data = data.encode() if isinstance(data, str) else data
    return look(io.BytesIO(data), len(data))


def as_csv(frame: pl.DataFrame) -> bytes:
    return frame.write_csv().encode()


def as_parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def as_json(frame: pl.DataFrame) -> bytes:
    return frame.write_ndjson().encode()


@pytest.mark.parametrize("written", [as_csv, as_parquet, as_json])
def test_it_names_columns_their_kinds_and_few_values(written):
    found = seen(written(people(300)))
    columns = {column["name"]: column for column in found["columns"]}
    assert list(columns) == column_names(found) == ["age", "income", "home"]
    assert (columns["age"]["dtype"], columns["home"]["dtype"]) == ("number", "text")
    assert columns["home"]["values"] == ["own", "rent"]
    assert columns["income"]["values"] == [] and len(columns["income"]["examples"]) == 5
    assert (found["rows"], found["exact"]) == (300, True)
    assert found["head"][:3] == [["18", "1000", "rent"], ["19", "1000.5", "own"], ["20", "1001", ""]]
    assert len(found["head"]) == 5


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ("a,b\n1,é\n", "CSV, commas, utf-8"),
        ("a;b\n1;é\n".encode("cp1252"), "CSV, semicolons, windows-1252"),
        ("a\tb\n1\té\n".encode("utf-16"), "CSV, tabs, utf-16-le"),
        ("a|b\n1|é\n", "CSV, pipes, utf-8"),
        ('{"a":1,"b":"é"}\n', "JSON lines"),
        ('{"a":1,"b":"é"}\n'.encode("utf-16-be"), "JSON lines, utf-16-be"),
        (as_parquet(pl.DataFrame({"a": [1], "b": ["é"]})), "Parquet"),
    ],
)
def test_it_names_the_format_and_reads_it(data, kind):
    found = seen(data)
    assert found["format"] == kind
    assert found["head"] == [["1", "é"]]


def test_long_texts_are_cut_for_the_page():
    assert seen("a\n" + "x" * 61 + "\n")["head"] == [["x" * 59 + "…"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "gb18030"])
@pytest.mark.parametrize("written", [as_csv, as_json])
def test_only_the_head_of_a_long_file_is_read(monkeypatch, written, encoding):
    place = "北京上海，今天天气很好" if encoding == "gb18030" else "é é"
    text = written(people(3000).with_columns(place=pl.lit(place))).decode()
    data = (text + "a ragged row at the end\n").encode(encoding)
    for cut in range(2000, 2008):
        monkeypatch.setattr(module, "HEAD_BYTES", cut)
        file = io.BytesIO(data)
        found = look(file, len(data))
        assert not found["exact"] and file.tell() == 0
        assert found["rows"] == pytest.approx(3000, rel=0.1)
        assert found["head"][0][3] == place


def test_a_plain_head_says_nothing_of_the_encoding_of_the_rest(monkeypatch):
    monkeypatch.setattr(module, "HEAD_BYTES", 20)
    assert seen("a,b\n" + "1,2\n" * 10)["format"] == "CSV, commas"
    assert seen("a,b\n" + "1,2\n" * 2)["format"] == "CSV, commas, utf-8"


def test_the_head_ends_at_a_whole_record(monkeypatch):
    monkeypatch.setattr(module, "HEAD_BYTES", 45)
    found = seen("text,n\n" + '"one\nline and more","1"\n' * 10)
    assert column_names(found) == ["text", "n"]
    assert found["columns"][0]["examples"] == ["one\nline and more"]


def test_a_large_parquet_file_gives_names_and_rows_alone(monkeypatch):
    monkeypatch.setattr(module, "SMALL_PARQUET", 10)
    found = seen(as_parquet(people(500)))
    assert column_names(found) == ["age", "income", "home"]
    assert found["columns"][0]["dtype"] == "" and found["columns"][0]["examples"] == [] == found["head"]
    assert (found["rows"], found["exact"]) == (500, True)


def test_a_parquet_file_that_unpacks_to_much_more_gives_names_alone(monkeypatch):
    monkeypatch.setattr(module, "SMALL_UNPACKED", 1000)
    assert seen(as_parquet(people(500)))["columns"][0]["examples"] == []


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
        (b"\xff\xfea", "Line 1 is not UTF-16-LE"),
        (b'[{"a": 1}]', "JSON array"),
        (b'{"a": 1', "Line 1 is not a whole JSON object"),
        (b'{"a": 1,' + b" " * module.HEAD_BYTES, "Line 1 does not end"),
        (b"PAR1", "damaged"),
        (b"PAR1" + b"x" * 50 + b"\xff\xff\xff\x00PAR1", "damaged"),
        (b"PAR1" + b"x" * 50 + b"\x10\x00\x00\x00PAR1", "damaged"),
    ],
)
def test_a_bad_head_gets_a_sentence(data, says):
    with pytest.raises(TableError, match=says):
        seen(data)


def test_nested_columns_are_refused_by_name(monkeypatch):
    monkeypatch.setattr(module, "SMALL_PARQUET", 10)
    with pytest.raises(TableError, match='"history" is nested'):
        seen(as_parquet(pl.DataFrame({"age": [1], "history": [[1, 2]]})))

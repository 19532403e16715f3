"""JSON lines: read as the same table in CSV is, in blocks of any size, with a sentence for what is broken."""

import csv
import io
import json
import random
from pathlib import Path

import polars as pl
import pytest

from fairness import jsonlines as module
from fairness.columns import MAX_TEXT
from fairness.tables import TableError, read_table


def read(folder: Path, content: bytes | str, **options: object) -> pl.DataFrame:
    path = folder / "table"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path, **options)


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ('{"a": 1, "b": "x"}\n{"b": "y", "a": 2.5}\n', {"a": [1.0, 2.5], "b": ["x", "y"]}),
        ('{"a": 1}\r\n{"b": null, "c": "x"}\r\n\r\n', {"a": [1.0, None], "b": [None] * 2, "c": [None, "x"]}),
        ('{"a": true}\n{"a": null}\n{"a": false}', {"a": [1.0, None, 0.0]}),
        ('{"a": 1}\n{"a": "x"}\n{"a": 2.50}\n{"a": true}', {"a": ["1", "x", "2.5", "true"]}),
        ('{"a": 1}\n{"a": "NA"}\n{"a": "2"}', {"a": [1.0, None, 2.0]}),
        ('{"a": "007"}\n{"a": " x "}\n{"a": ""}', {"a": ["007", "x", None]}),
        ('{"a": 9007199254740993}\n{"a": 1}', {"a": ["9007199254740993", "1"]}),
        ('{"a": 18446744073709551615}\n{"a": -5}', {"a": ["18446744073709551615", "-5"]}),
        ('{"a": 9007199254740993}\n{"a": 0.5}\n{"a": "z"}', {"a": ["9007199254740993", "0.5", "z"]}),
        ('\ufeff{"a": 1, "a": 2}', {"a": [2.0]}),
        ('  {"a": "two\\nlines, \\"and\\" é"}', {"a": ['two\nlines, "and" é']}),
    ],
)
@pytest.mark.parametrize("rows", [1, 50_000])
def test_it_reads_one_object_a_line(tmp_path, monkeypatch, content, columns, rows):
    monkeypatch.setattr(module, "BLOCK_ROWS", rows)
    got = read(tmp_path, content)
    assert got.to_dict(as_series=False) == columns
    assert set(got.dtypes) <= {pl.Float64, pl.String}


@pytest.mark.parametrize("rows", [1, 50_000])
def test_columns_asked_for_stay_text(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(module, "BLOCK_ROWS", rows)
    lines = [
        '{"a": 1.0}',
        '{"a": 2.5}',
        '{"a": true}',
        '{"a": " NA "}',
        '{"a": ""}',
        '{"b": 1}',
        '{"a": 1e22}',
    ]
    got = read(tmp_path, "\n".join(lines), as_text=["a"])
    assert got["a"].to_list() == ["1", "2.5", "true", "NA", None, None, "10000000000000000000000"]
    assert got["b"].to_list() == [None] * 5 + [1.0, None]
    with pytest.raises(TableError, match='There is no column "aa"'):
        read(tmp_path, '{"aaa": 1}', as_text=["aa"])


def test_the_same_table_in_csv_gives_the_same_frame(tmp_path, monkeypatch):
    rng = random.Random(3)
    pools: list[list[object]] = [
        [1, 2.5, -3, 7],
        [1, "NA", "", 2.5],
        ["x", " y ", "1", 'say "hi"', "two\nlines"],
        ["01", "2"],
        [2**60, 2**60 + 1],
        [2**60, 0.5, "x"],
        [2**60, 0.5],
        ["true", "False", ""],
        [1.0, "x", 1e-7, 3],
        ["", "NA"],
    ]
    for _ in range(150):
        monkeypatch.setattr(module, "BLOCK_ROWS", rng.randint(1, 8))
        chosen = rng.sample(pools, 4)
        table = [
            {f"c{i}": rng.choice(pool) for i, pool in enumerate(chosen)} for _ in range(rng.randint(1, 20))
        ]
        out = io.StringIO()
        writer = csv.DictWriter(out, fieldnames=list(table[0]))
        writer.writeheader()
        writer.writerows(
            {key: int(v) if isinstance(v, float) and v == int(v) else v for key, v in row.items()}
            for row in table
        )
        want = read(tmp_path, out.getvalue())
        got = read(tmp_path, "\n".join(json.dumps(row) for row in table))
        assert got.equals(want), (table, got, want)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('\n{"a": 1}', "Line 1 is empty"),
        ('{"a": 1}\n \n{"a": 2}', "Line 2 is empty"),
        ('{"a": 1}\n{"a": 1', "Line 2 is not a whole JSON object: unexpected end of data, at character 8"),
        ('{"a": 1}{"a": 2}', "Line 1 is not a whole JSON object: unexpected content"),
        ('{"a": 1}\n{"a": 1},\n', "Line 2 is not a whole JSON object"),
        ('{\n"a": 1\n}', "Line 1 is not a whole JSON object.*one object a line"),
        ('{"a": "x\ny"}', "Line 1 is not a whole JSON object"),
        ("{'a': 1}", "Line 1 is not a whole JSON object"),
        ('[{"a": 1}]', "a JSON array. Write one object a line"),
        ('[\n  {"a": 1},\n  {"a": 2}\n]', "a JSON array"),
        ("[[1, 2], [3, 4]]", "a JSON array"),
        ('{"a": 1}\n[1]', "Line 2 is not a JSON object"),
        ('{"a": 1}\n"x"', "Line 2 is not a JSON object"),
        ('{"a": 1}\n{"a": NaN}', "Line 2 holds NaN or Infinity"),
        ('{"a": -Infinity}', "Line 1 holds NaN or Infinity"),
        ('{"a": 1e400}', "Line 1 is not a whole JSON object: number is infinity"),
        ('{"a": 1}\n{"a": -1e39}', 'Row 2 of column "a" is infinite or too large'),
        ('{"a": 1}\n{"a": {"b": 1}}', 'Row 2 of column "a" holds an object or a list'),
        ('{"a": 1}\n{"a": "x", "b": [1]}', 'Row 2 of column "b" holds an object or a list'),
        ('{"a": ' + "[" * 100_000, "Line 1 is not a whole JSON object: depth"),
        ('{"a": ' * 100_000, "Line 1 is not a whole JSON object: depth"),
        ('{"a": "x\\u0000"}', 'Row 1 of column "a" holds a NUL'),
        ('{"a": "\\ud800"}', "Line 1 is not a whole JSON object"),
        ('{"a": "' + "x" * (MAX_TEXT + 1) + '"}', 'Row 1 of column "a" holds a text of more than'),
        ('{"a": "' + "x" * (1 << 22) + '"}', "Line 1 is longer than 4 MB"),
        ("{}\n{}", "objects are empty"),
        ('{"a": 1, "": 2}', "Column 2 has no name"),
        ('{"a\\u202e": 2}', "control character"),
        ('{"a": 1}\n{"*": 2}', "reads as a pattern"),
        ("{" + ", ".join(f'"c{i}": 1' for i in range(501)) + "}", "501 columns; at most 500"),
        (b'\xef\xbb\xbf{"a": "\xe9"}', "Line 1 is not"),
        ('{"a": "é"}'.encode("utf-16")[:-1], "Line 1 is not UTF-16-LE"),
    ],
)
def test_it_says_what_is_wrong_with_a_file(tmp_path, content, message):
    with pytest.raises(TableError, match=message):
        read(tmp_path, content)


def test_lines_are_counted_over_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ROWS", 3)
    good = '{"a": 1}\n' * 7
    for bad, message in (
        ("{", "Line 8 is not a whole"),
        ("[]", "Line 8 is not a JSON object"),
        ('{"b": []}', 'Row 8 of column "b"'),
        ('{"a": 1e39}', "Row 8 of column"),
        ('{"b": "' + "x" * (MAX_TEXT + 1) + '"}', "Row 8 of column"),
    ):
        with pytest.raises(TableError, match=message):
            read(tmp_path, good + bad)


@pytest.mark.parametrize(
    ("caps", "message"),
    [
        ({"max_bytes": 10}, "The file has"),
        ({"max_rows": 2}, "more than 2 rows of 2 columns"),
        ({"max_columns": 1}, "2 columns; at most 1"),
        ({"max_cells": 5}, "more than 2 rows of 2 columns"),
    ],
)
def test_caps(tmp_path, caps, message):
    content = '{"a": 1}\n{"b": 2}\n{"a": 3}\n'
    assert read(tmp_path, content, max_rows=3, max_columns=2, max_cells=6).height == 3
    with pytest.raises(TableError, match=message):
        read(tmp_path, content, **caps)


def test_new_keys_in_every_line_are_stopped_early(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ROWS", 100)
    lines = "\n".join(f'{{"c{i}": 1}}' for i in range(100_000))
    with pytest.raises(TableError, match="600 columns; at most 500"):
        read(tmp_path, lines)


def test_a_csv_header_in_brackets_is_no_json(tmp_path):
    assert read(tmp_path, "[id],[name]\n1,x\n").rows() == [(1.0, "x")]

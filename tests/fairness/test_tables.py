import csv
import datetime
import io
import random
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from fairness.columns import MAX_TEXT
from fairness.delimited import BLOCK
from fairness.tables import (
    CheckedTable,
    Column,
    TableError,
    canonical_labels,
    check_bounty_table,
    read_table,
    schema_of,
)


def csv_file(folder: Path, content: bytes | str) -> Path:
    path = folder / "table.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read_csv(folder: Path, content: bytes | str, **caps: int) -> pl.DataFrame:
    return read_table(csv_file(folder, content), **caps)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("a,b\n1,x\n2,y\n", [(1.0, "x"), (2.0, "y")]),
        ("a;b\r\n1;x\r\n2;y", [(1.0, "x"), (2.0, "y")]),
        ("a\tb\n1\t5,2\n2\ty\n\n\n", [(1.0, "5,2"), (2.0, "y")]),
        (b"\xef\xbb\xbfa,b\n1,\xc3\xa9\n", [(1.0, "é")]),
        ('a,b\n1,"two\nlines, and ""marks"""\n', [(1.0, 'two\nlines, and "marks"')]),
        ("a,b\n 1 , x \n2,\n", [(1.0, "x"), (2.0, None)]),
        ("a,b\nNA,NA\n2,x\n", [(None, "NA"), (2.0, "x")]),
        ("a,b\n,\n,\n", [(None, None), (None, None)]),
        ("a,b\nTrue,true\nFALSE,maybe\n", [(1.0, "true"), (0.0, "maybe")]),
        ("a,b\n007,1e3\n12,-.5\n", [("007", 1000.0), ("12", -0.5)]),
        ("a,b\n9007199254740993,0.5\n1,0\n", [("9007199254740993", 0.5), ("1", 0.0)]),
        ("a,b\n0x10,1_000\n1,1\n", [("0x10", "1_000"), ("1", "1")]),
        ('"first name",b\n1,2\n', [(1.0, 2.0)]),
        ("a|b\n1|x,y\n2|z;\n", [(1.0, "x,y"), (2.0, "z;")]),
        ("a,b\nx,NA\n" + "x,NA\n" * 1500 + "x,5\n", [*[("x", None)] * 1501, ("x", 5.0)]),
    ],
)
def test_it_reads_csv(tmp_path, content, rows):
    assert read_csv(tmp_path, content).rows() == rows


def test_columns_asked_for_stay_text_as_written(tmp_path):
    content = "a,b,c\n 1.0 ,1.0,NA\n007,7,\n1e400,3,true\n"
    got = read_csv(tmp_path, content, as_text=["a", "c"])
    assert got.rows() == [("1.0", 1.0, "NA"), ("007", 7.0, None), ("1e400", 3.0, "true")]


def test_parquet_columns_asked_for_become_their_shortest_texts(tmp_path):
    frame = pl.DataFrame(
        {
            "whole": [1, 2**60 + 1, None],
            "real": [1.0, 2.5, float("nan")],
            "flag": [True, False, None],
            "day": [datetime.date(2024, 1, 2), None, None],
            "word": [" x ", "", "NA"],
            "other": [1, 2, 3],
        }
    )
    got = read_table(parquet_file(tmp_path, frame), as_text=frame.columns[:-1])
    assert got.to_dict(as_series=False) == {
        "whole": ["1", str(2**60 + 1), None],
        "real": ["1", "2.5", None],
        "flag": ["true", "false", None],
        "day": ["2024-01-02", None, None],
        "word": ["x", None, "NA"],
        "other": [1.0, 2.0, 3.0],
    }
    reals = pl.Series("a", [0.1, 1e-7, 12.0, -0.0, 2.0**60, 1e22])
    path = parquet_file(tmp_path, reals.to_frame())
    assert read_table(path, as_text=["a"])["a"].to_list() == canonical_labels(reals, "a").tolist()


@pytest.mark.parametrize("written", ["write_csv", "write_parquet", "write_ndjson"])
def test_a_column_asked_for_that_is_not_there_is_named(tmp_path, written):
    path = tmp_path / "table"
    getattr(pl.DataFrame({"reference": ["x"], "speaker": [1]}), written)(path)
    with pytest.raises(TableError, match=r'There is no column "referense". Did you mean "reference"\?'):
        read_table(path, as_text=["speaker", "referense"])


def test_a_text_column_asked_for_has_limits_too(tmp_path):
    with pytest.raises(TableError, match='Row 3 of column "b" holds a text of more than'):
        read_csv(tmp_path, f"a,b\n1,x\n2,{'x' * (MAX_TEXT + 1)}\n", as_text=["b"])
    with pytest.raises(TableError, match='Row 3 of column "a" holds a NUL'):
        read_table(parquet_file(tmp_path, pl.DataFrame({"a": ["x", "y\0"]})))


def test_header_names_are_trimmed(tmp_path):
    assert read_csv(tmp_path, b'\xef\xbb\xbf"a b", c \n1,2\n').columns == ["a b", "c"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n \n", "is empty"),
        (b"\n1,2\n", "first row is empty"),
        (b"a,b\n", "a header and no rows"),
        (b"a,b\n\n\n", "a header and no rows"),
        (b"a,b\n1,2\n3\n", "Row 3 has 1 values; the header has 2 columns"),
        (b"a,b\n1,2\n3,4,5\n", "Row 3 has 3 values; the header has 2 columns"),
        (b'a,b\n1,"x\ny"\n3\n', "Row 3 has 1 values"),
        (b"a,b\n1,2\n\n3,4\n", "Row 3 is empty"),
        (b'a,b\n1,5" tall\n', "Line 2 has a quotation mark in the middle"),
        (b'a,b\n1,"x"y\n', "Line 2 has a quotation mark in the middle"),
        (b'a,b\n1,2\n3,"x\n4,5\n', "quotation mark on line 3 is never closed"),
        (b'a,"b\n1,2\n', "first row"),
        (b"a,a\n1,2\n", 'Columns 1 and 2 are both called "a"'),
        (b"a, a \n1,2\n", 'Columns 1 and 2 are both called "a"'),
        (b"a,,c\n1,2,3\n", "Column 2 has no name"),
        (b"a,*\n1,2\n", "reads as a pattern"),
        (b"^a.*$,b\n1,2\n", "reads as a pattern"),
        (b"a,b\x07\n1,2\n", "column 2.*control character"),
        ("a,b\u202e\n1,2\n".encode(), "column 2.*control character"),
        (b"a," + b"x" * 101 + b"\n1,2\n", "name of column 2 has 101 characters"),
        (b"\xef\xbb\xbfa,b\n1,x\n2,\xff\n", "Line 3 is not UTF-8"),
        (b"a,b\n1,x\n2,\x81\n", "Line 3 is not UTF-8"),
        (b"a,b\n1,\0\n", "NUL"),
        (b"a,b\r1,2\r", "old Macs"),
        (b"a,b\n1,2\r3,4\n", "Line 2 holds a carriage return"),
        (b"PK\x03\x04 a workbook", "spreadsheet"),
        (b"\x1f\x8b gzip", "archive"),
        (b"a,b\n1,2\ninf,3\n", 'Row 3 of column "a" is infinite'),
        (b"a,b\n1,2\n-1e39,3\n", 'Row 3 of column "a" is infinite or too large'),
        (b"a,b\n1,2\n1e400,3\n", 'Row 3 of column "a" is infinite'),
        (b"a,b\n1,2\n3," + b"x" * (MAX_TEXT + 1) + b"\n", 'Row 3 of column "b" holds a text'),
        (b"PAR1 and no more", "damaged"),
    ],
)
def test_it_says_what_is_wrong_with_a_file(tmp_path, content, message):
    with pytest.raises(TableError, match=message):
        read_csv(tmp_path, content)


@pytest.mark.parametrize(
    ("caps", "message"),
    [
        ({"max_bytes": 10}, "The file has"),
        ({"max_rows": 2}, "more than 2 rows"),
        ({"max_columns": 1}, "2 columns; at most 1"),
        ({"max_cells": 5}, "more than 2 rows"),
    ],
)
def test_caps(tmp_path, caps, message):
    content = "a,b\n1,2\n3,4\n5,6\n"
    assert read_csv(tmp_path, content, max_rows=3, max_columns=2, max_cells=6).height == 3
    with pytest.raises(TableError, match=message):
        read_csv(tmp_path, content, **caps)


def test_a_missing_file(tmp_path):
    with pytest.raises(TableError, match="cannot be opened"):
        read_table(tmp_path / "none.csv")


def test_files_larger_than_a_block_keep_their_row_numbers(tmp_path):
    line = '1,"' + "x" * 500 + '\n",2\n'
    count = 2 * BLOCK // len(line)
    assert read_csv(tmp_path, "a,b,c\n" + line * count).height == count
    with pytest.raises(TableError, match=f"Row {count + 2} has 2 values"):
        read_csv(tmp_path, "a,b,c\n" + line * count + "1,2\n" + line)
    with pytest.raises(TableError, match=f"Line {2 * count + 2} has a quotation mark"):
        read_csv(tmp_path, "a,b,c\n" + line * count + '1,5" 2,3\n' + line)
    with pytest.raises(TableError, match="Line 2 has a quotation mark"):
        read_csv(tmp_path, 'a,b,c\n1,5" 2,3\n' + "1,2,3\n" * (BLOCK // 2))


def test_random_tables_read_as_pandas_reads_them(tmp_path):
    rng = random.Random(1)
    texts = ["x", "", "a,b", 'say "hi"', "two\nlines", "é;ü", " ", "\t"]
    for _ in range(100):
        rows = rng.randint(1, 20)
        columns = {
            f"c{i}": [rng.choice(texts) + "t" if i % 2 else rng.choice([1, 2.5, -3]) for _ in range(rows)]
            for i in range(rng.randint(1, 5))
        }
        frame = pd.DataFrame(columns)
        content = frame.to_csv(index=False, sep=rng.choice(",;\t"), lineterminator=rng.choice(["\n", "\r\n"]))
        got = read_csv(tmp_path, content)
        want = [
            [v.strip() if isinstance(v, str) else float(v) for v in row] for row in frame.to_numpy().tolist()
        ]
        assert [list(row) for row in got.rows()] == want


def parquet_file(folder: Path, frame: pl.DataFrame, **options: object) -> Path:
    path = folder / "table.bin"
    frame.write_parquet(path, **options)
    return path


def test_parquet_kinds(tmp_path):
    frame = pl.DataFrame(
        {
            "flag": [True, None],
            "whole": [1, 2],
            "real": [0.5, float("nan")],
            "day": [datetime.date(2024, 1, 2), None],
            "moment": [datetime.datetime(2024, 1, 2, 3, 4), None],
            "word": ["x", ""],
            "id": [2**60, 2**60 + 1],
            "nothing": [None, None],
        }
    ).with_columns(kind=pl.col("word").cast(pl.Categorical), cost=pl.col("whole").cast(pl.Decimal(10, 2)))
    got = read_table(parquet_file(tmp_path, frame))
    assert got.row(0) == (
        1.0,
        1.0,
        0.5,
        "2024-01-02",
        "2024-01-02T03:04:00.000000",
        "x",
        str(2**60),
        None,
        "x",
        1.0,
    )
    assert got.row(1) == (None, 2.0, None, None, None, None, str(2**60 + 1), None, None, 2.0)


@pytest.mark.parametrize("compression", ["zstd", "snappy", "gzip", "lz4", "uncompressed"])
def test_parquet_of_many_pages_and_row_groups(tmp_path, compression):
    frame = pl.DataFrame({"a": np.arange(50_000) / 7, "b": ["word", "", None, "x"] * 12_500})
    path = parquet_file(tmp_path, frame, compression=compression, row_group_size=9_000, data_page_size=4_000)
    got = read_table(path)
    assert got.get_column("a").equals(frame.get_column("a"))
    assert got.get_column("b").to_list() == ["word", None, None, "x"] * 12_500


@pytest.mark.parametrize(
    ("values", "name"),
    [([[1], [2]], "List"), ([{"x": 1}, {"x": 2}], "Struct"), ([b"x", b"y"], "Binary")],
)
def test_nested_and_binary_columns_are_named(tmp_path, values, name):
    frame = pl.DataFrame({"fine": [1, 2], "odd": values})
    with pytest.raises(TableError, match=r'Column "(odd|list|element)" is (nested|of type Binary)'):
        read_table(parquet_file(tmp_path, frame))


def test_a_parquet_bomb_is_refused_unread(tmp_path):
    path = parquet_file(
        tmp_path, pl.DataFrame({"a": np.zeros(3_000_000)}), compression="zstd", use_pyarrow=False
    )
    assert path.stat().st_size < 300_000
    with pytest.raises(TableError, match="too many"):
        read_table(path, max_rows=1_000_000)
    with pytest.raises(TableError, match="too many"):
        read_table(path, max_cells=1_000_000)
    text = parquet_file(tmp_path, pl.DataFrame({"a": ["x" * 5_000 + str(i) for i in range(2_000)]}))
    assert text.stat().st_size < 1_000_000
    with pytest.raises(TableError, match="unpacks to more than 1 MB"):
        read_table(text, max_unpacked=2**20)


def test_broken_parquet_never_gets_through_as_another_error(tmp_path):
    frame = pl.DataFrame({"a": np.arange(500) % 7, "b": ["word", "other"] * 250})
    good = parquet_file(tmp_path, frame).read_bytes()
    rng = random.Random(2)
    refused = 0
    for _ in range(300):
        data = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(4, len(data) - 8)] = rng.randrange(256)
        try:
            read_csv(tmp_path, bytes(data))
        except TableError:
            refused += 1
    assert refused > 100
    with pytest.raises(TableError):
        read_csv(tmp_path, good[: len(good) // 2])


def test_parquet_without_rows(tmp_path):
    with pytest.raises(TableError, match="no rows"):
        read_table(parquet_file(tmp_path, pl.DataFrame({"a": []}, schema={"a": pl.Float64})))


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([1, 0], ["1", "0"]),
        ([1.0, 2.5], ["1", "2.5"]),
        ([True, False], ["1", "0"]),
        (["yes", "1.0"], ["yes", "1.0"]),
        (np.array([1, 0], np.int8), ["1", "0"]),
        (np.array(["a", "b"], object), ["a", "b"]),
        (pl.Series([1.0, -0.0]), ["1", "0"]),
    ],
)
def test_canonical_labels(values, labels):
    got = canonical_labels(values, "y")
    assert got.dtype == object
    assert got.tolist() == labels


@pytest.mark.parametrize("values", [[1.0, None], [1.0, float("nan")], ["a", ""], ["a", None]])
def test_a_missing_label_names_its_row(values):
    with pytest.raises(TableError, match='Row 3 of column "y" is empty'):
        canonical_labels(values, "y")


def bounty_frame(**changed: object) -> pl.DataFrame:
    columns: dict[str, object] = {
        "age": [30, None, 50, 60],
        "sex": ["f", "m", None, "f"],
        "y": [1, 0, 1, 0],
        "p": [1, 1, 1, 0],
        "who": ["b", "a", "b", "c"],
        "w": [1.0, 0.0, 2.5, 1.0],
    }
    return pl.DataFrame(columns | changed)


def check(frame: pl.DataFrame | None = None, **asked: object) -> CheckedTable:
    settings: dict[str, object] = {
        "measure": "error",
        "label": "y",
        "prediction": "p",
        "visible": ["sex", "age"],
    }
    return check_bounty_table(bounty_frame() if frame is None else frame, **(settings | asked))


def test_a_checked_table():
    got = check(measure="false_rejection", favourable=1, cluster="who", weight="w", groups=["sex"])
    assert got.features.rows() == [("f", 30.0), ("m", None), (None, 50.0), ("f", 60.0)]
    assert got.schema == (Column("sex", "text"), Column("age", "number")) == schema_of(got.features)
    assert got.y_true.tolist() == ["1", "0", "1", "0"]
    assert got.y_pred.tolist() == ["1", "1", "1", "0"]
    assert got.clusters.tolist() == [1, 0, 1, 2]
    assert got.weights.tolist() == [1.0, 0.0, 2.5, 1.0]
    assert (got.favourable, got.labels) == ("1", ("0", "1"))


def test_by_default_every_column_without_a_role_is_visible():
    assert check(visible=None, cluster="who").features.columns == ["age", "sex", "w"]


def test_labels_stand_in_the_order_of_their_numbers():
    assert check(bounty_frame(y=[10, 9, 1, 0], p=[0, 0, 0, 0])).labels == ("0", "1", "9", "10")


@pytest.mark.parametrize("favourable", [1, "1", 1.0, True, "true", "1.0"])
def test_the_favourable_label_may_be_written_in_any_way(favourable):
    assert check(measure="false_acceptance", favourable=favourable).favourable == "1"


@pytest.mark.parametrize(
    ("changed", "asked", "message"),
    [
        ({}, {"label": "yy"}, 'There is no column "yy".'),
        ({}, {"visible": ["sexe"]}, 'no column "sexe". Did you mean "sex"?'),
        ({}, {"prediction": "y"}, 'Column "y" is given both as label and as prediction'),
        ({}, {"cluster": "y"}, 'Column "y" is given both as label and as cluster'),
        ({}, {"visible": ["age", "y"]}, 'Column "y" is the label; it cannot be visible'),
        ({}, {"visible": ["age", "p"]}, 'Column "p" is the prediction'),
        ({}, {"visible": ["w"], "weight": "w"}, 'Column "w" is the weight'),
        ({}, {"visible": ["who"], "cluster": "who"}, 'Column "who" is the cluster'),
        ({}, {"visible": []}, "No column is visible"),
        ({}, {"visible": ["age", "age"]}, "stands twice"),
        ({"Label": [1, 2, 3, 4]}, {"visible": ["Label"]}, 'cannot be called "Label"'),
        ({}, {"visible": ["age"], "groups": ["sex"]}, 'group column "sex" must be among the visible'),
        ({"y": [1, None, 0, 1]}, {}, 'Row 3 of column "y" is empty'),
        ({"p": ["1", "0", "", "1"]}, {}, 'Row 4 of column "p" is empty'),
        ({"p": [1, 0, 2, 1]}, {}, 'Row 4 of column "p" is "2", which is not among the labels: "0", "1"'),
        ({"y": [1, 1, 1, 1]}, {}, 'holds only "1"; two labels are needed'),
        (
            {"y": [1, 0, 2, 0]},
            {"measure": "false_rejection", "favourable": 1},
            "exactly two for false rejection",
        ),
        ({"y": [1, 0, 1, 2]}, {"measure": "false_rejection", "favourable": 1}, '"0", first stands in row 3'),
        ({}, {"measure": "false_rejection"}, "needs the favourable label"),
        ({}, {"measure": "false_rejection", "favourable": "yes"}, '"yes" is not among the labels: "0", "1"'),
        ({"w": [1.0, None, 1, 1]}, {"weight": "w"}, 'Row 3 of the weight column "w"'),
        ({"w": [1.0, float("nan"), 1, 1]}, {"weight": "w"}, 'Row 3 of the weight column "w"'),
        ({"w": [1.0, 1, 1, -0.5]}, {"weight": "w"}, 'Row 5 of the weight column "w"'),
        ({"w": ["1", "x", "2", "3"]}, {"weight": "w"}, "numbers only; row 3 does not"),
        ({"w": [0.0, 0, 0, 0]}, {"weight": "w"}, "Every weight"),
        ({"y": ["1", "0", "1", "x" * 201]}, {}, 'Row 5 of column "y" holds a label of more than 200'),
        ({"p": ["1", "x" * 201, "1", "0"]}, {}, 'Row 3 of column "p" holds a label of more than 200'),
        ({"who": ["a", None, "b", "c"]}, {"cluster": "who"}, 'Row 3 of the cluster column "who" is empty'),
    ],
)
def test_it_says_what_is_wrong_with_a_bounty(changed, asked, message):
    with pytest.raises(TableError) as caught:
        check(bounty_frame(**changed), **asked)
    assert message in str(caught.value)


def test_more_than_twenty_classes_are_refused():
    twenty = pl.DataFrame({"x": range(21), "y": [*range(20), 0], "p": [0] * 21})
    assert len(check(twenty, visible=["x"]).labels) == 20
    with pytest.raises(TableError, match=r"21 different labels; it may hold at most 20.*row 2"):
        check(twenty.with_columns(y=pl.col("x")), visible=["x"])


def test_an_unknown_measure_is_not_the_authors_fault():
    with pytest.raises(ValueError, match="unknown measure"):
        check(measure="kindness")


def test_whatever_is_accepted_is_read_as_the_csv_module_reads_it(tmp_path):
    rng = random.Random(4)
    accepted = 0
    cells = ["ab", "é", "", " x ", '"x"', '"a,b"', '"a\nb"', '"say ""hi"""', '""', '"', 'a"b', '"x"y', "a\rb"]
    for _ in range(1000):
        lines = [
            ",".join(rng.choice(cells[:9] if rng.random() < 0.9 else cells) for _ in "12") for _ in "123"
        ]
        body = rng.choice(["\n", "\r\n"]).join([*lines, rng.choice(["", "", "\n", "1,2,3"])])
        content = "h1,h2\n" + body
        try:
            got = read_csv(tmp_path, content)
        except TableError:
            continue
        want = [row for row in csv.reader(io.StringIO(content, newline=""), strict=True) if row]
        assert [[(v or "") for v in row] for row in got.rows()] == [[v.strip() for v in r] for r in want[1:]]
        accepted += 1
    assert 300 < accepted < 900

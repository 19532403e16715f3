"""A first look at a table, quick enough for a web request: its format, its columns and its first rows.

Only the head of a text file and the footer of a large Parquet file are read, so sizes are estimates and kinds
are what the first rows show. `read_table` reads the whole of it, later.
"""

import tempfile
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from fairness.columns import TableError, number_texts
from fairness.delimited import read_header, record_ends
from fairness.encodings import UTF8, detect, utf8_copy
from fairness.jsonlines import is_json
from fairness.parquet import MAGIC, footer_size, read_footer
from fairness.tables import read_table

HEAD_BYTES = 1 << 20
SMALL_PARQUET = 8 << 20
SMALL_UNPACKED = 64 << 20
ROWS = 5
VALUES = 12
CHARACTERS = 60
DELIMITER_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}

Look = dict[str, Any]


def look(file: BinaryIO, size: int) -> Look:
    """What the first rows of a file of `size` bytes show; the file is left at its beginning.

    format: for people, such as "CSV, semicolons, windows-1252"; columns: name, dtype, examples and values of
    each, where dtype is "" and examples are empty if only the names were read, and values are the distinct
    ones where they are few; head: the first rows as short texts; rows: how many, about, unless `exact`.

    Raises TableError when the head is already wrong.
    """
    file.seek(0)
    start = file.read(len(MAGIC))
    file.seek(0)
    try:
        return _parquet(file, size) if start == MAGIC else _text(file, size)
    finally:
        file.seek(0)


def column_names(look: Look) -> list[str]:
    return [column["name"] for column in look.get("columns", [])]


def _text(file: BinaryIO, size: int) -> Look:
    head = file.read(HEAD_BYTES)
    whole = size <= len(head)
    with tempfile.NamedTemporaryFile() as local:
        local.write(head)
        local.flush()
        encoding = detect(Path(local.name), whole=whole)
        with utf8_copy(Path(local.name), encoding, 4 * HEAD_BYTES, whole=whole) as copy:
            text, json = copy.read_bytes(), is_json(copy)
    used = text if whole else text[: _last_end(text, json)]
    with tempfile.NamedTemporaryFile() as local:
        local.write(used)
        local.flush()
        frame = read_table(Path(local.name))
        kind = "JSON lines" if json else f"CSV, {DELIMITER_NAMES[read_header(Path(local.name))[0]]}"
    # A head without a single accent says little about the encoding of the rest.
    named = "" if encoding == UTF8 and (json or (head.isascii() and not whole)) else f", {encoding}"
    share = len(head) / size * len(used) / len(text)
    return _described(frame, kind + named) | {"rows": round(frame.height / share), "exact": whole}


def _last_end(text: bytes, json: bool) -> int:
    """Where the last whole record of a text that goes on ends."""
    if json:
        if b"\n" not in text:
            raise TableError("Line 1 does not end within 1 MB. Write one object a line.")
        return text.rindex(b"\n") + 1
    ends = record_ends(text)
    if ends.size == 1:
        raise TableError("Row 2 does not end within 1 MB. Is a quotation mark in it never closed?")
    return int(ends[-1]) + 1 if ends.size else len(text)


def _parquet(file: BinaryIO, size: int) -> Look:
    if size <= SMALL_PARQUET:
        try:
            with tempfile.NamedTemporaryFile() as local:
                local.write(file.read())
                local.flush()
                frame = read_table(Path(local.name), max_unpacked=SMALL_UNPACKED)
            return _described(frame, "Parquet") | {"rows": frame.height, "exact": True}
        except TableError:
            file.seek(0)
    file.seek(max(0, size - 8))
    footer = footer_size(file.read(8), size)
    file.seek(size - 8 - footer)
    names, rows = read_footer(file.read(footer))
    columns = [{"name": name, "dtype": "", "examples": [], "values": []} for name in names]
    return {"format": "Parquet", "columns": columns, "head": [], "rows": rows, "exact": True}


def _described(frame: pl.DataFrame, kind: str) -> Look:
    columns = []
    for column in frame.get_columns():
        known = column.drop_nulls()
        distinct = known.unique()
        values = _texts(distinct) if distinct.len() <= VALUES else []
        columns.append(
            {
                "name": column.name,
                "dtype": "number" if column.dtype.is_numeric() else "text",
                "examples": [text[:CHARACTERS] for text in _texts(known.head(ROWS))],
                "values": sorted(value for value in values if len(value) <= CHARACTERS),
            }
        )
    rows = zip(*(_texts(column) for column in frame.head(ROWS).get_columns()), strict=True)
    head = [[_short(text) for text in row] for row in rows]
    return {"format": kind, "columns": columns, "head": head}


def _texts(column: pl.Series) -> list[str]:
    texts = number_texts(column) if column.dtype.is_numeric() else column
    return texts.fill_null("").to_list()


def _short(text: str) -> str:
    return text if len(text) <= CHARACTERS else text[: CHARACTERS - 1] + "…"

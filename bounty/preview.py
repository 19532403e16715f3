"""A first look at an organiser's table, quick enough for a web request: its columns and first rows.

Only the head of a CSV and the footer of a large Parquet file are read, so sizes are estimates and kinds are
what the first rows show. The worker reads the whole table.
"""

import tempfile
from pathlib import Path

import polars as pl
from django.core.files import File

from fairness.delimited import record_ends
from fairness.parquet import MAGIC, footer_size, read_footer
from fairness.tables import TableError, canonical_labels, read_table

HEAD_BYTES = 1 << 20
SMALL_PARQUET = 8 << 20
SMALL_UNPACKED = 64 << 20
ROWS = 5
VALUES = 12
CHARACTERS = 60


def preview(file: File) -> dict:
    """The columns (name, dtype, examples, values), about how many rows, and whether that is exact.

    dtype is "" and examples are empty where only the names were read; values are a column's distinct ones
    where the first rows hold few. Raises TableError when the head is already wrong.
    """
    file.seek(0)
    start = file.read(len(MAGIC))
    file.seek(0)
    look = _parquet if start == MAGIC else _delimited
    try:
        return look(file)
    finally:
        file.seek(0)


def column_names(preview: dict) -> list[str]:
    return [column["name"] for column in preview.get("columns", [])]


def _delimited(file: File) -> dict:
    data = file.read(HEAD_BYTES)
    whole = file.size <= len(data)
    if not whole:
        ends = record_ends(data)
        if ends.size == 1:
            raise TableError("Row 2 does not end within 1 MB. Is a quotation mark in it never closed?")
        data = data[: ends[-1] + 1] if ends.size else data
    frame = _read(data)
    rows = frame.height if whole else round(frame.height * file.size / len(data))
    return {"columns": _described(frame), "rows": rows, "exact": whole}


def _parquet(file: File) -> dict:
    if file.size <= SMALL_PARQUET:
        try:
            frame = _read(file.read())
            return {"columns": _described(frame), "rows": frame.height, "exact": True}
        except TableError:
            file.seek(0)
    file.seek(max(0, file.size - 8))
    size = footer_size(file.read(8), file.size)
    file.seek(file.size - 8 - size)
    names, rows = read_footer(file.read(size))
    columns = [{"name": name, "dtype": "", "examples": [], "values": []} for name in names]
    return {"columns": columns, "rows": rows, "exact": True}


def _read(data: bytes) -> pl.DataFrame:
    with tempfile.NamedTemporaryFile() as local:
        local.write(data)
        local.flush()
        return read_table(Path(local.name), max_unpacked=SMALL_UNPACKED)


def _described(frame: pl.DataFrame) -> list[dict]:
    described = []
    for column in frame.get_columns():
        known = column.drop_nulls()
        distinct = known.unique()
        values = _texts(distinct) if distinct.len() <= VALUES else []
        described.append(
            {
                "name": column.name,
                "dtype": "number" if column.dtype.is_numeric() else "text",
                "examples": [text[:CHARACTERS] for text in _texts(known.head(ROWS))],
                "values": sorted(value for value in values if len(value) <= CHARACTERS),
            }
        )
    return described


def _texts(column: pl.Series) -> list[str]:
    return canonical_labels(column, column.name).tolist() if column.len() else []

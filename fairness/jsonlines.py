"""JSON lines: one flat object a line, read in blocks, so that few rows at a time are Python objects.

A column of more than one kind (numbers, texts, true and false) is read by its values' texts, as a CSV column
is: so the same table gives the same frame in both formats. There is no header, so row 1 is line 1.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from fairness.columns import (
    EXACT_INTEGERS,
    TableError,
    check_asked,
    check_names,
    number_texts,
    settle_text,
    settle_typed,
    settle_written,
    shown,
)
from fairness.encodings import BOM, MARKS

BLOCK = 1 << 24
BLOCK_ROWS = 50_000
MAX_LINE = 1 << 22
ARRAY = re.compile(rb"\[\s*[\[{]")
NO_NUMBER = re.compile(r"-?(nan|inf)", re.IGNORECASE)
NUMBERS: tuple[pl.DataType, ...] = (pl.Int64(), pl.Int128(), pl.Float64())  # each holds those before it

Rows = list[dict[str, Any]]


@dataclass
class _Table:
    """The rows so far: blocks of columns, each with those it holds, and all names in order of appearance."""

    names: dict[str, None] = field(default_factory=dict)
    blocks: list[tuple[int, dict[str, pl.Series]]] = field(default_factory=list)
    rows: int = 0


def is_json(path: Path) -> bool:
    """Whether a file, in any encoding, begins as JSON does: an object, or an array of objects or arrays."""
    with path.open("rb") as file:
        start = file.read(1 << 16)
    for mark in MARKS:
        start = start.removeprefix(mark)
    start = start.replace(b"\0", b"").lstrip()  # UTF-16 writes the marks of JSON with a NUL each
    return start.startswith(b"{") or ARRAY.match(start) is not None


def read_json_lines(
    path: Path, *, as_text: Collection[str] = (), max_rows: int, max_columns: int, max_cells: int
) -> pl.DataFrame:
    """A UTF-8 file as a frame of Float64 and String columns. Raises TableError naming row and column.

    The columns are the keys in order of first appearance; a row without a key is empty there. as_text:
    columns to keep as text.
    """
    table = _Table()
    for lines in _blocks(path):
        _add(table, _objects(lines, table.rows + 1), max_columns, as_text)
        most = min(max_rows, max_cells // max(1, len(table.names)))
        if table.rows > most:
            raise TableError(
                f"The table has more than {most:,} rows of {len(table.names)} columns; cut it down."
            )
    if not table.names:
        raise TableError("The table has no columns: its objects are empty.")
    check_asked(as_text, table.names)
    return pl.DataFrame([_settled(_column(table, name), name in as_text) for name in table.names])


def _blocks(path: Path) -> Iterator[list[bytes]]:
    """The file's lines, some thousands at a time; only empty ones may follow an empty one."""
    lines: list[bytes] = []
    size = 0
    with path.open("rb") as file:
        if file.read(len(BOM)) != BOM:
            file.seek(0)
        for number, line in enumerate(iter(partial(file.readline, MAX_LINE + 1), b""), start=1):
            if len(line) > MAX_LINE:
                raise TableError(f"Line {number} is longer than {MAX_LINE >> 20} MB.")
            if line.isspace():
                if any(rest.strip() for rest in iter(partial(file.read, BLOCK), b"")):
                    raise TableError(f"Line {number} is empty. Take empty lines out of the table.")
                break
            lines.append(line)
            size += len(line)
            if size >= BLOCK or len(lines) == BLOCK_ROWS:
                yield lines
                lines, size = [], 0
    if lines:
        yield lines


def _objects(lines: Sequence[bytes], first: int) -> Rows:
    rows: list[Any] = []
    try:
        for line in lines:
            rows.append(orjson.loads(line))
    except orjson.JSONDecodeError as error:
        raise _broken(first + len(rows), error) from error
    for place, row in enumerate(rows if set(map(type, rows)) != {dict} else ()):
        if isinstance(row, list) and first + place == 1:
            raise TableError(
                "The file is a JSON array. Write one object a line, with no brackets around them."
            )
        if not isinstance(row, dict):
            raise TableError(f"Line {first + place} is not a JSON object. Write one object a line.")
    return rows


def _broken(line: int, error: orjson.JSONDecodeError) -> TableError:
    if line == 1 and error.doc.lstrip().startswith("["):
        return TableError("The file is a JSON array. Write one object a line, with no brackets around them.")
    if NO_NUMBER.match(error.doc, error.pos):
        return TableError(
            f"Line {line} holds NaN or Infinity, which JSON lacks. Write null for what is missing."
        )
    return TableError(
        f"Line {line} is not a whole JSON object: {error.msg.split(':')[0]}, at character {error.pos + 1}. "
        "Write one object a line."
    )


def _add(table: _Table, rows: Rows, max_columns: int, as_text: Collection[str]) -> None:
    shapes = dict.fromkeys(map(tuple, rows))
    names = {name: None for shape in shapes for name in shape}
    if not names.keys() <= table.names.keys():
        table.names |= names
        check_names(list(table.names), max_columns)
    columns = {
        name: _series(name, [row.get(name) for row in rows], name in as_text, table.rows + 1)
        for name in names
    }
    table.blocks.append((len(rows), columns))
    table.rows += len(rows)


def _series(name: str, values: list[Any], as_text: bool, first: int) -> pl.Series:
    """A block's values of one key: null, Boolean, integers, Float64, or String for anything mixed."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds & {dict, list}:
        place = next(place for place, value in enumerate(values) if isinstance(value, dict | list))
        raise TableError(
            f"Row {first + place} of column {shown(name)} holds an object or a list. "
            "Flatten it into plain columns or leave it out."
        )
    large = int in kinds and max(abs(v) for v in values if type(v) is int) >= EXACT_INTEGERS
    if kinds and (as_text or not (kinds <= {int, float} or len(kinds) == 1) or (large and len(kinds) > 1)):
        return pl.Series(name, [_text(value) for value in values], dtype=pl.String)
    dtypes = {str: pl.String, bool: pl.Boolean, int: pl.Int128 if large else pl.Int64}
    dtype = pl.Float64 if float in kinds else dtypes[kinds.pop()] if kinds else pl.Null
    return pl.Series(name, values, dtype=dtype, strict=dtype != pl.Float64)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return repr(value) if value % 1 else str(int(value))
    return str(value).lower()


def _column(table: _Table, name: str) -> pl.Series:
    """A column put together; its blocks go."""
    chunks = [
        columns.pop(name) if name in columns else pl.Series(name, [None] * rows, dtype=pl.Null)
        for rows, columns in table.blocks
    ]
    kinds = {chunk.dtype for chunk in chunks} - {pl.Null}
    if kinds <= set(NUMBERS):
        dtype = max(kinds, key=NUMBERS.index, default=pl.Null())
    elif len(kinds) == 1:
        dtype = kinds.pop()
    else:
        dtype = pl.String()
        chunks = [number_texts(chunk) if chunk.dtype == pl.Float64 else chunk for chunk in chunks]
    return pl.concat([chunk.cast(dtype) for chunk in chunks])


def _settled(column: pl.Series, as_text: bool) -> pl.Series:
    if as_text:
        return settle_written(column)
    return settle_text(column) if column.dtype == pl.String else settle_typed(column)

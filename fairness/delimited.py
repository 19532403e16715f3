"""CSV files: their structure checked byte by byte, so that every row has as many values as the header.

The parser behind `read_csv` fills short rows with nulls and loses rows after a stray quotation mark without a
word. So the bytes are first walked here (RFC 4180 quoting; commas, semicolons, tabs or pipes), in blocks of
whole records; whoever passes is read the same way by every parser.
"""

import csv
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from fairness.columns import TableError, check_asked, check_names, settle_text, settle_written
from fairness.encodings import BOM, not_text

BLOCK = 1 << 24
DELIMITERS = ",;\t|"
QUOTE, NEWLINE, RETURN = 34, 10, 13

Bytes = npt.NDArray[np.uint8]


@dataclass
class _Place:
    """How far the walk has come: complete records and physical lines before the block at hand."""

    records: int = 0
    lines: int = 0
    blank: int | None = None  # the first empty record so far; only empty ones may follow it


def read_csv(
    path: Path, *, as_text: Collection[str] = (), max_rows: int, max_columns: int, max_cells: int
) -> pl.DataFrame:
    """A UTF-8 file as a frame of Float64 and String columns. Raises TableError naming row and column.

    as_text: columns to keep as text.
    """
    delimiter, names = read_header(path)
    check_names(names, max_columns)
    check_asked(as_text, names)
    rows = _count_rows(path, ord(delimiter), len(names), min(max_rows, max_cells // len(names)))
    if not rows:
        raise TableError("The table has a header and no rows.")
    try:
        frame = pl.read_csv(path, separator=delimiter, infer_schema=False, n_rows=rows, glob=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise TableError("The file cannot be read as CSV. Save it again as CSV in UTF-8.") from error
    if frame.shape != (rows, len(names)):
        raise TableError("The file cannot be read as CSV. Save it again with plain line ends and quoting.")
    frame.columns = names
    settled = []
    for name in names:
        column = frame.drop_in_place(name)  # so that no column is held twice
        settled.append(settle_written(column) if name in as_text else settle_text(column))
    return pl.DataFrame(settled)


def read_header(path: Path) -> tuple[str, list[str]]:
    """The delimiter, which is the one that cuts the first row into most names, and the names."""
    head = _first_record(path)
    delimiter = max(DELIMITERS, key=lambda d: len(_fields(head, d)))
    names = [name.strip() for name in _fields(head, delimiter)]
    if not names:
        raise TableError("A quotation mark in the first row stands in the middle of a name.")
    return delimiter, names


def _first_record(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(1 << 20).removeprefix(BOM)
    if not start.strip():
        raise TableError("The file is empty.")
    if b"\n" not in start and b"\r" in start:
        raise TableError("The file ends its lines the way old Macs did. Save it with usual line ends.")
    data = np.frombuffer(start, np.uint8)
    inside = _inside(data)
    ends = np.flatnonzero((data == NEWLINE) & ~inside)
    if not ends.size and inside[-1]:
        raise TableError("A quotation mark in the first row is never closed.")
    record = start[: ends[0]] if ends.size else start
    if not record.strip():
        raise TableError("The first row is empty; it must hold the names of the columns.")
    if len(record) == 1 << 20:
        raise TableError("The first row does not end within 1 MB; it must hold the names of the columns.")
    try:
        return record.decode().rstrip("\r")
    except UnicodeDecodeError as error:
        raise not_text(1) from error


def _fields(record: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def _count_rows(path: Path, delimiter: int, width: int, max_rows: int) -> int:
    """Rows below the header, each checked to have `width` values."""
    place = _Place()
    for block in _blocks(path):
        data = np.frombuffer(block, np.uint8)
        inside = _inside(data)
        _check_text(block, place)
        _check_quotes(data, inside, delimiter, place)
        _check_returns(data, inside, place)
        _check_widths(data, inside, delimiter, width, place)
        if place.records - 1 > max_rows:
            raise TableError(f"The table has more than {max_rows:,} rows of {width} columns; cut it down.")
        place.lines += block.count(b"\n")
    return (place.records if place.blank is None else place.blank) - 1


def _blocks(path: Path) -> Iterator[bytes]:
    """The file in pieces of whole records, each ending in a newline, without the byte order mark."""
    with path.open("rb") as file:
        rest = file.read(BLOCK).removeprefix(BOM)
        while rest:
            more = file.read(BLOCK)
            if not more:
                yield rest if rest.endswith(b"\n") else rest + b"\n"
                return
            ends = record_ends(rest)
            cut = int(ends[-1]) + 1 if ends.size else 0
            if cut:
                yield rest[:cut]
            elif len(rest) > 4 * BLOCK:
                yield rest  # one endless row: the checks say where it opened
                raise TableError("A row runs over 64 MB. Save the table with one row a line.")
            rest = rest[cut:] + more


def record_ends(block: bytes) -> npt.NDArray[np.intp]:
    """Where the newlines outside quotation marks stand."""
    data = np.frombuffer(block, np.uint8)
    return np.flatnonzero((data == NEWLINE) & ~_inside(data))


def _inside(data: Bytes) -> npt.NDArray[np.bool_]:
    """Which bytes stand after an opening and before a closing quotation mark (the opening one included)."""
    quotes: npt.NDArray[np.bool_] = data == QUOTE
    return np.bitwise_xor.accumulate(quotes.view(np.uint8)).view(np.bool_) if quotes.any() else quotes


def _check_text(block: bytes, place: _Place) -> None:
    if b"\0" in block:
        line = place.lines + block[: block.index(b"\0")].count(b"\n") + 1
        raise TableError(f"Line {line} holds a NUL byte. Save the file as CSV in UTF-8.")
    if not block.isascii():
        try:
            block.decode()
        except UnicodeDecodeError as error:
            raise not_text(place.lines + block[: error.start].count(b"\n") + 1) from error


def _check_quotes(data: Bytes, inside: npt.NDArray[np.bool_], delimiter: int, place: _Place) -> None:
    """A quotation mark opens at the start of a value, closes at its end, and is doubled between."""
    at = np.flatnonzero(data == QUOTE)
    if not at.size:
        return
    opening = inside[at]
    before = np.where(at > 0, data[at - 1], NEWLINE)
    after = data[np.minimum(at + 1, data.size - 1)]
    edges = np.array([delimiter, NEWLINE, QUOTE], np.uint8)
    bad = np.where(opening, ~np.isin(before, edges), ~np.isin(after, np.append(edges, RETURN)))
    if bad.any():
        line = _line(data, at[np.argmax(bad)], place)
        raise TableError(
            f"Line {line} has a quotation mark in the middle of a value. Put the whole value in quotation "
            "marks and double the mark within it."
        )
    if inside[-1]:
        raise TableError(f"The quotation mark on line {_line(data, at[-1], place)} is never closed.")


def _check_returns(data: Bytes, inside: npt.NDArray[np.bool_], place: _Place) -> None:
    """A carriage return outside quotation marks belongs to a line end; some parsers end the row at any."""
    at = np.flatnonzero((data == RETURN) & ~inside)
    stray = at[data[np.minimum(at + 1, data.size - 1)] != NEWLINE]
    if stray.size:
        line = _line(data, stray[0], place)
        raise TableError(f"Line {line} holds a carriage return that ends no line. Take it out or quote it.")


def _check_widths(
    data: Bytes, inside: npt.NDArray[np.bool_], delimiter: int, width: int, place: _Place
) -> None:
    ends = np.flatnonzero((data == NEWLINE) & ~inside)
    if not ends.size:
        return
    delimiters = np.flatnonzero((data == delimiter) & ~inside)
    found = np.diff(np.searchsorted(delimiters, ends), prepend=0) + 1
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts
    blank = (lengths == 0) | ((lengths == 1) & (data[starts] == RETURN))
    wrong = (found != width) & ~blank
    if wrong.any():
        first = int(np.argmax(wrong))
        raise TableError(
            f"Row {place.records + first + 1} has {found[first]} values; the header has {width} columns."
        )
    if place.blank is None and blank.any():
        place.blank = place.records + int(np.argmax(blank))
    if place.blank is not None and not blank[max(place.blank - place.records, 0) :].all():
        raise TableError(f"Row {place.blank + 1} is empty. Take empty lines out of the table.")
    place.records += ends.size


def _line(data: Bytes, position: np.int64, place: _Place) -> int:
    return place.lines + int(np.count_nonzero(data[:position] == NEWLINE)) + 1

"""Parquet files: what they unpack to is counted from their own headers before anything is unpacked.

A few kilobytes of Parquet can hold gigabytes. The footer says how much, and may lie; so the header of every
page is read too (both are Thrift structs in the compact protocol; see the Parquet format's
`parquet.thrift`), and a file whose numbers are too large or do not agree is refused.

The parser behind `pl.read_parquet` takes the whole process down on some footers (deep nesting, endless lists,
fields of another kind than their number says, an Arrow schema that refers to itself). So it never sees the
file's footer, only one written here from the fields that were checked.
"""

import mmap
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import polars as pl

from fairness.columns import (
    MAX_COLUMNS,
    TableError,
    check_asked,
    check_names,
    settle_typed,
    settle_written,
    shown,
)
from fairness.thrift import (
    BOOL,
    BYTES,
    INT8,
    INT32,
    INT64,
    DamagedError,
    Fields,
    Reader,
    Shape,
    TooManyError,
    write,
)

MAGIC = b"PAR1"
MAX_FOOTER = 1 << 24
MAX_VALUES = 500_000  # in a footer: some 15,000 column chunks
MAX_PAGES = 50_000
MAX_PAGE_VALUES = 1000  # in the header of a page
MAX_FIXED = 32  # bytes of a decimal; a longer value repeated from a dictionary would be copied for every row
REPEATED = 2
FIXED = 7
DICTIONARY_PAGE = 2
DATA_PAGES = {0: (5, 2), 3: (8, 4)}  # kind -> fields of the page's header and, in it, of the encoding
SHARED_PREFIXES = 7  # texts that begin as the one before: nothing says how long they get

LONG_FOOTER = "The file's footer is too long. Write it again with fewer row groups."

_TIME: Shape = {1: BOOL, 2: {1: {}, 2: {}, 3: {}}}
_PLAIN_KINDS: dict[int, Shape] = {kind: {} for kind in (1, 4, 6, 11, 12, 13, 14, 15)}
_KIND: Shape = {**_PLAIN_KINDS, 5: {1: INT32, 2: INT32}, 7: _TIME, 8: _TIME, 10: {1: INT8, 2: BOOL}}
_COLUMN: Shape = {**dict.fromkeys((1, 2, 3, 5, 6, 7, 8), INT32), 4: BYTES, 10: _KIND}
_CHUNK: Shape = {1: INT32, 2: [INT32], 3: [BYTES], 4: INT32, **dict.fromkeys((5, 6, 7, 9, 10, 11), INT64)}
_GROUP: Shape = {1: [{2: INT64, 3: _CHUNK}], 2: INT64, 3: INT64}
_STATISTICS: Shape = {
    **dict.fromkeys((1, 2, 5, 6), BYTES),
    **dict.fromkeys((3, 4, 9), INT64),
    7: BOOL,
    8: BOOL,
}
_DATA: Shape = {**dict.fromkeys((1, 2, 3, 4), INT32), 5: _STATISTICS}
_DATA_2: Shape = {**dict.fromkeys((1, 2, 3, 4, 5, 6), INT32), 7: BOOL, 8: _STATISTICS}
PAGE: Shape = {
    **dict.fromkeys((1, 2, 3, 4), INT32),
    5: _DATA,
    6: {},
    7: {1: INT32, 2: INT32, 3: BOOL},
    8: _DATA_2,
}
FOOTER: Shape = {1: INT32, 2: [_COLUMN], 3: INT64, 4: [_GROUP]}


def read_parquet(
    path: Path,
    *,
    as_text: Collection[str] = (),
    max_rows: int,
    max_columns: int,
    max_cells: int,
    max_bytes: int,
    max_text: int,
) -> pl.DataFrame:
    """The file as a frame of Float64 and String columns. Raises TableError, before reading where it can.

    as_text: columns to keep as text; max_bytes: of all pages, unpacked; max_text: of all texts, where one
    that is stored once may stand in every row.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            start = len(data) - 8 - footer_size(data[-8:], len(data))
            footer = _footer(data[start:-8])
            _check_contents(data, footer, max_rows, max_columns, max_cells, max_bytes)
            check_asked(as_text, _columns(footer, max_columns))
            frame = _unpacked(data, start, write(footer, FOOTER))
    except (DamagedError, pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise _damaged() from error
    _check_texts(frame, max_text)
    return pl.DataFrame(
        [
            settle_written(column) if column.name in as_text else settle_typed(column)
            for column in frame.get_columns()
        ]
    )


def footer_size(tail: bytes, size: int) -> int:
    """Bytes of the footer, from the last 8 bytes of a file of `size` bytes. Raises TableError."""
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC or length > size - 12:
        raise _damaged()
    if length > MAX_FOOTER:
        raise TableError(LONG_FOOTER)
    return length


def read_footer(footer: bytes) -> tuple[list[str], int]:
    """Names of the columns and the number of rows, from a footer alone. Raises TableError."""
    try:
        fields = _footer(footer)
        return _columns(fields, MAX_COLUMNS), _int(fields, 3)
    except DamagedError as error:
        raise _damaged() from error


def _damaged() -> TableError:
    return TableError("The file is damaged or not quite Parquet. Write it again.")


def _unpacked(data: mmap.mmap, end: int, footer: bytes) -> pl.DataFrame:
    """The frame of a copy of the file that has another footer."""
    with tempfile.NamedTemporaryFile(suffix=".parquet") as copy:
        with memoryview(data) as view, view[:end] as pages:
            copy.write(pages)
        copy.write(footer + len(footer).to_bytes(4, "little") + MAGIC)
        copy.flush()
        return pl.read_parquet(copy.name, glob=False, hive_partitioning=False)


def _check_contents(
    data: mmap.mmap, footer: Fields, max_rows: int, max_columns: int, max_cells: int, max_bytes: int
) -> None:
    leaves = _columns(footer, max_columns)
    rows, groups = _int(footer, 3), _list(footer, 4)
    if rows != sum(_int(group, 3) for group in groups):
        raise DamagedError
    if not rows or not leaves:
        raise TableError("The table has no rows." if leaves else "The table has no columns.")
    if rows > max_rows or rows * len(leaves) > max_cells:
        raise TableError(f"The table has {rows:,} rows of {len(leaves)} columns, too many; cut it down.")
    unpacked = pages = 0
    for group in groups:
        if len(_list(group, 1)) != len(leaves):
            raise DamagedError
        for chunk in _list(group, 1):
            for size in _page_sizes(data, _fields(chunk.get(3)), _int(group, 3)):
                unpacked, pages = unpacked + size, pages + 1
                if pages > MAX_PAGES:
                    raise TableError(
                        f"The file has over {MAX_PAGES:,} pages. Write it again with larger ones."
                    )
                if unpacked > max_bytes:
                    raise TableError(
                        f"The file unpacks to more than {max_bytes / 2**20:,.0f} MB; cut the table down."
                    )


def _check_texts(frame: pl.DataFrame, max_text: int) -> None:
    size = sum(int(column.str.len_bytes().sum()) for column in frame.select(pl.col(pl.String)).get_columns())
    if size > max_text:
        raise TableError(f"The texts take more than {max_text / 2**20:,.0f} MB; cut the table down.")


def _footer(data: bytes) -> Fields:
    """The file's metadata: 2 schema, 3 rows, 4 row groups."""
    try:
        return Reader(data, MAX_VALUES).struct()
    except TooManyError as error:
        raise TableError(LONG_FOOTER) from error


def _columns(footer: Fields, max_columns: int) -> list[str]:
    """Names of the columns of a flat schema.

    Its elements: 1 type, 2 bytes of a fixed type, 3 repetition, 4 name, 5 children; the first is the root.
    """
    root, *elements = _list(footer, 2) or [{}]
    names = []
    for element in elements:
        raw = element.get(4)
        if not isinstance(raw, bytes):
            raise DamagedError
        name = raw.decode(errors="replace")
        if element.get(5) or element.get(3) == REPEATED:
            raise TableError(
                f"Column {shown(name)} is nested. Flatten it into plain columns or leave it out."
            )
        if element.get(1) == FIXED and _int(element, 2) > MAX_FIXED:
            raise TableError(f"Column {shown(name)} is of type Binary. Turn it into text or leave it out.")
        names.append(name)
    if root.get(5, 0) != len(names):
        raise DamagedError
    check_names(names, max_columns)
    return names


def _page_sizes(data: mmap.mmap, chunk: Fields, rows: int) -> Iterator[int]:
    """Unpacked bytes of each page of a column chunk: 5 values, 7 packed bytes, 9 and 11 offsets."""
    starts = [chunk[key] for key in (9, 11) if isinstance(chunk.get(key), int) and chunk[key] > 0]
    position = min(starts, default=-1)
    end = position + _int(chunk, 7)
    if position < 4 or end > len(data) or _int(chunk, 5) != rows:
        raise DamagedError
    while position < end:
        reader = Reader(data[position : min(position + (1 << 16), end)], MAX_PAGE_VALUES)
        page = reader.struct()  # 1 kind, 2 unpacked and 3 packed bytes, 5 or 8 a data page's header: 1 values
        write(page, PAGE)  # refuses fields of other kinds, which the parser would read as something else
        unpacked, packed, kind = _int(page, 2), _int(page, 3), _int(page, 1)
        if kind != DICTIONARY_PAGE:
            header, encoding = DATA_PAGES.get(kind, (0, 0))
            values = _fields(page.get(header))
            rows -= _int(values, 1)
            if _int(values, encoding) == SHARED_PREFIXES:
                raise TableError("The file is written with DELTA_BYTE_ARRAY. Write it with dictionaries.")
        position += reader.position + packed
        yield unpacked
    if position != end or rows:
        raise DamagedError


def _fields(value: object) -> Fields:
    if not isinstance(value, dict):
        raise DamagedError
    return value


def _int(fields: Fields, key: int) -> int:
    value = fields.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise DamagedError
    return value


def _list(fields: Fields, key: int) -> list[Fields]:
    value = fields.get(key)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise DamagedError
    return value

"""Parquet files: what they unpack to is counted from their own headers before anything is unpacked.

A few kilobytes of Parquet can hold gigabytes. The footer says how much, and may lie; so the header of every
page is read too (both are Thrift structs in the compact protocol; see the Parquet format's
`parquet.thrift`), and a file whose numbers are too large or do not agree is refused.
"""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from fairness.columns import TableError, check_names, settle_typed, shown

MAGIC = b"PAR1"
MAX_FOOTER = 1 << 24
MAX_PAGES = 1_000_000
MAX_DEPTH = 16
REPEATED = 2
DICTIONARY_PAGE = 2

Fields = dict[int, Any]  # a Thrift struct: field number -> int, bytes, list or Fields


class _DamagedError(Exception):
    """The bytes are not what the format says."""


def read_parquet(
    path: Path, *, max_rows: int, max_columns: int, max_cells: int, max_bytes: int
) -> pl.DataFrame:
    """The file as a frame of Float64 and String columns. Raises TableError, before reading where it can."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _check_contents(data, max_rows, max_columns, max_cells, max_bytes)
        frame = pl.read_parquet(path, glob=False, hive_partitioning=False)
    except (_DamagedError, pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise TableError("The file is damaged or not quite Parquet. Write it again.") from error
    return pl.DataFrame([settle_typed(column) for column in frame.get_columns()])


def _check_contents(data: mmap.mmap, max_rows: int, max_columns: int, max_cells: int, max_bytes: int) -> None:
    footer = _footer(data)
    leaves = _columns(_list(footer, 2))
    check_names(leaves, max_columns)
    rows, groups = _int(footer, 3), _list(footer, 4)
    if rows != sum(_int(group, 3) for group in groups):
        raise _DamagedError
    if not rows or not leaves:
        raise TableError("The table has no rows." if leaves else "The table has no columns.")
    if rows > max_rows or rows * len(leaves) > max_cells:
        raise TableError(f"The table has {rows:,} rows of {len(leaves)} columns, too many; cut it down.")
    unpacked = pages = 0
    for group in groups:
        if len(_list(group, 1)) != len(leaves):
            raise _DamagedError
        for chunk in _list(group, 1):
            for size in _page_sizes(data, _fields(chunk.get(3)), _int(group, 3)):
                unpacked, pages = unpacked + size, pages + 1
                if unpacked > max_bytes or pages > MAX_PAGES:
                    raise TableError(
                        f"The file unpacks to more than {max_bytes / 2**20:,.0f} MB; cut the table down."
                    )


def _footer(data: mmap.mmap) -> Fields:
    """The file's metadata: 2 schema, 3 rows, 4 row groups."""
    size = len(data)
    if size < 12 or data[-4:] != MAGIC:
        raise _DamagedError
    length = int.from_bytes(data[-8:-4], "little")
    if length > min(MAX_FOOTER, size - 12):
        raise _DamagedError
    return _Thrift(data[size - 8 - length : size - 8]).struct()


def _columns(elements: list[Fields]) -> list[str]:
    """Names of the columns of a flat schema; its elements: 3 repetition, 4 name, 5 children."""
    names = []
    for element in elements[1:]:
        raw = element.get(4)
        if not isinstance(raw, bytes):
            raise _DamagedError
        name = raw.decode(errors="replace")
        if element.get(5) or element.get(3) == REPEATED:
            raise TableError(
                f"Column {shown(name)} is nested. Flatten it into plain columns or leave it out."
            )
        names.append(name)
    return names


def _page_sizes(data: mmap.mmap, chunk: Fields, rows: int) -> Iterator[int]:
    """Unpacked bytes of each page of a column chunk: 5 values, 7 packed bytes, 9 and 11 offsets."""
    starts = [chunk[key] for key in (9, 11) if isinstance(chunk.get(key), int) and chunk[key] > 0]
    position = min(starts, default=-1)
    end = position + _int(chunk, 7)
    if position < 4 or end > len(data) or _int(chunk, 5) != rows:
        raise _DamagedError
    while position < end:
        reader = _Thrift(data[position : min(position + (1 << 16), end)])
        page = reader.struct()  # 1 kind, 2 unpacked and 3 packed bytes, 5 or 8 a data page's header: 1 values
        unpacked, packed = _int(page, 2), _int(page, 3)
        if page.get(1) != DICTIONARY_PAGE:
            rows -= _int(_fields(page.get(5) or page.get(8)), 1)
        position += reader.position + packed
        yield unpacked
    if position != end or rows:
        raise _DamagedError


def _fields(value: object) -> Fields:
    if not isinstance(value, dict):
        raise _DamagedError
    return value


def _int(fields: Fields, key: int) -> int:
    value = fields.get(key)
    if not isinstance(value, int) or value < 0:
        raise _DamagedError
    return value


def _list(fields: Fields, key: int) -> list[Fields]:
    value = fields.get(key)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _DamagedError
    return value


class _Thrift:
    """Reads one struct of the compact protocol.

    Types: 1-2 bool, 3-6 integers, 7 double, 8 bytes, 9-10 list or set, 12 struct; Parquet has no maps.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def struct(self, depth: int = 0) -> Fields:
        if depth > MAX_DEPTH:
            raise _DamagedError
        fields: Fields = {}
        key = 0
        while (head := self._byte()) != 0:
            step, kind = head >> 4, head & 15
            key = key + step if step else self._integer()
            fields[key] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2, 3):
            return self._byte()
        if kind in (4, 5, 6):
            return self._integer()
        if kind == 7:
            return struct.unpack("<d", self._take(8))[0]
        if kind == 8:
            return self._take(self._varint())
        if kind in (9, 10):
            return self._items(depth + 1)
        if kind == 12:
            return self.struct(depth + 1)
        raise _DamagedError

    def _items(self, depth: int) -> list[Any]:
        if depth > MAX_DEPTH:
            raise _DamagedError
        head = self._byte()
        count, kind = head >> 4, head & 15
        return [self._value(kind, depth) for _ in range(self._varint() if count == 15 else count)]

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _varint(self) -> int:
        value = shift = 0
        while shift < 64:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
        raise _DamagedError

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            raise _DamagedError
        taken = self.data[self.position : end]
        self.position = end
        return taken

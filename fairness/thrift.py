"""Thrift's compact protocol, as far as Parquet needs it: structs read from bytes, and known fields written.

A struct is read as it stands, whatever its fields are said to mean. It is written only by a shape that names
the fields and their kinds, so what is written holds nothing that its reader does not expect.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

MAX_DEPTH = 16
BOOL, INT8, INT32, INT64, BYTES, LIST, STRUCT = 1, 3, 5, 6, 8, 9, 12

# A struct: field number -> bool, int, float, bytes (also a number of one byte, which is stored in another way
# than the longer ones), list or Fields.
Fields = dict[int, Any]
# What to write: a kind, [shape] for a list, or {field number: shape} for a struct.
Shape = int | Sequence[Any] | Mapping[int, Any]


class DamagedError(Exception):
    """The bytes are not what the format says."""


class TooManyError(DamagedError):
    """More values than the reader was told to expect."""


class Reader:
    """Reads structs of at most `max_values` values in all.

    Types: 1-2 bool, 3-6 integers, 7 double, 8 bytes, 9-10 list or set, 12 struct; Parquet has no maps.
    """

    def __init__(self, data: bytes, max_values: int) -> None:
        self.data = data
        self.position = 0
        self.left = max_values

    def struct(self, depth: int = 0) -> Fields:
        if depth > MAX_DEPTH:
            raise DamagedError
        fields: Fields = {}
        key = 0
        while (head := self._byte()) != 0:
            step, kind = head >> 4, head & 15
            key = key + step if step else self._integer()
            self._count()
            fields[key] = kind == BOOL if kind in (1, 2) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2):
            return self._byte() == BOOL
        if kind == INT8:
            return self._take(1)
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
        raise DamagedError

    def _items(self, depth: int) -> list[Any]:
        if depth > MAX_DEPTH:
            raise DamagedError
        head = self._byte()
        count, kind = head >> 4, head & 15
        items = []
        for _ in range(self._varint() if count == 15 else count):
            self._count()
            items.append(self._value(kind, depth))
        return items

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise TooManyError

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
        raise DamagedError

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            raise DamagedError
        taken = self.data[self.position : end]
        self.position = end
        return taken


def write(value: Any, shape: Shape) -> bytes:
    """The value in bytes, without the fields its shape does not name.

    Raises DamagedError where a value is not of its shape's kind.

    >>> Reader(write({1: 5, 2: [b"a"], 3: 0}, {1: INT32, 2: [BYTES]}), max_values=9).struct()
    {1: 5, 2: [b'a']}
    """
    if isinstance(shape, Mapping):
        return _struct(value, shape)
    if isinstance(shape, Sequence):
        if not isinstance(value, list):
            raise DamagedError
        items = [write(item, shape[0]) for item in value]
        return bytes([0xF0 | _kind(shape[0])]) + _varint(len(items)) + b"".join(items)
    if shape == BYTES:
        if not isinstance(value, bytes):
            raise DamagedError
        return _varint(len(value)) + value
    if shape == INT8:
        if not isinstance(value, bytes) or len(value) != 1:
            raise DamagedError
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        raise DamagedError
    limit = 1 << (31 if shape == INT32 else 63)
    if not -limit <= value < limit:
        raise DamagedError
    return _zigzag(value)


def _struct(fields: Any, shape: Mapping[int, Any]) -> bytes:
    if not isinstance(fields, dict):
        raise DamagedError
    parts = []
    for key in sorted(shape.keys() & fields.keys()):
        part = shape[key]
        if part == BOOL:
            if not isinstance(fields[key], bool):
                raise DamagedError
            parts += [bytes([1 if fields[key] else 2]), _zigzag(key)]
        else:
            parts += [bytes([_kind(part)]), _zigzag(key), write(fields[key], part)]
    return b"".join(parts) + b"\0"


def _kind(shape: Shape) -> int:
    if isinstance(shape, int):
        return shape
    return STRUCT if isinstance(shape, Mapping) else LIST


def _zigzag(value: int) -> bytes:
    return _varint(2 * value if value >= 0 else -2 * value - 1)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])

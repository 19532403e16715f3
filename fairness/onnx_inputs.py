"""How rows become an ONNX model's inputs: one per column, or all numbers in one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairness.columns import Schema, shown

TEXT = "tensor(string)"
DECIMALS = ("tensor(float)", "tensor(double)")
TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}


@dataclass(frozen=True)
class Port:
    """An input or output as a model states it: name, type as onnxruntime writes it, and shape.

    In the shape None is any number; a shape of None is not stated.
    """

    name: str
    type: str
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Feed:
    """What an input is given: one column as [n, 1], or, where `matrix`, all columns as [n, columns]."""

    port: Port
    columns: tuple[str, ...]
    matrix: bool


def plan_feeds(ports: Sequence[Port], schema: Schema) -> tuple[Feed, ...]:
    """What each input is given. Raises ValueError with a sentence for inputs that no column fits.

    An input named like a column is given that column: strings, "" where missing, or numbers, NaN where
    missing. A single input of another name is given all columns, which must be numbers, in schema order.

    >>> from fairness.columns import Column
    >>> schema = (Column("a", "number"), Column("b", "number"))
    >>> [feed.columns for feed in plan_feeds([Port("x", "tensor(float)", (None, 2))], schema)]
    [('a', 'b')]
    """
    kinds = {column.name: column.dtype for column in schema}
    for port in ports:
        if port.type not in TYPES and port.type != TEXT:
            raise ValueError(f"its input {shown(port.name)} is a {port.type}; it must be numbers or strings.")
    if len(ports) == 1 and ports[0].name not in kinds:
        if ports[0].type == TEXT or "text" in kinds.values():
            raise ValueError("it has one input for all columns, and some columns are text.")
        _check_shape(ports[0], len(schema))
        return (Feed(ports[0], tuple(kinds), matrix=True),)
    for port in ports:
        if port.name not in kinds:
            raise ValueError(f"its input {shown(port.name)} is no column of the schema.")
        if (port.type == TEXT) != (kinds[port.name] == "text"):
            raise ValueError(
                f"its input {shown(port.name)} is a {port.type}; the column is a {kinds[port.name]}."
            )
        _check_shape(port, 1)
    return tuple(Feed(port, (port.name,), matrix=False) for port in ports)


def feed_rows(feeds: Sequence[Feed], values: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The inputs for n rows; `values` holds float64[n], NaN where missing, or object[n] of strings.

    Raises ValueError where an input takes whole numbers and a row has none.
    """
    return {feed.port.name: _fed(feed, values) for feed in feeds}


def _fed(feed: Feed, values: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    if feed.port.type == TEXT:
        return values[feed.columns[0]][:, None]
    columns = np.column_stack([values[name] for name in feed.columns])
    if feed.matrix:
        columns = columns.astype(np.float32)
    dtype = TYPES[feed.port.type]
    if np.issubdtype(dtype, np.integer) and not (columns == np.trunc(columns)).all():
        raise ValueError(f"its input {shown(feed.port.name)} takes whole numbers, and a row has none there.")
    return np.ascontiguousarray(columns, dtype=dtype)


def _check_shape(port: Port, width: int) -> None:
    """[any number of rows, width]."""
    if (
        port.shape is None
        or len(port.shape) != 2
        or port.shape[0] is not None
        or port.shape[1] not in (None, width)
    ):
        raise ValueError(f"its input {shown(port.name)} must have the shape [any number of rows, {width}].")

"""Feature rows as one block of bytes: written by the host, read in place by every child (see rows.py).

A header in JSON, then float64 for every number column (NaN where missing), then int32 codes for every text
column into its distinct values (-1 where missing). Neither side needs a parser with native code for it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from fairness.tables import Column

ALIGNMENT = 64
# What a text value costs as an object: the reference and, where all differ, the string itself.
TEXT_BYTES = 80


@dataclass(frozen=True)
class Arrays:
    schema: tuple[Column, ...]
    numbers: np.ndarray  # float64 [number columns, rows]
    codes: np.ndarray  # int32 [text columns, rows]
    texts: tuple[list[str], ...]  # the distinct values of every text column

    @property
    def rows(self) -> int:
        return self.numbers.shape[1]


class FeatureTable:
    """The visible columns of some rows, ready to be sent to any number of children."""

    def __init__(self, frame: pl.DataFrame, schema: Sequence[Column]) -> None:
        numbers, codes, texts = [], [], []
        for column in schema:
            series = frame[column.name]
            if column.dtype == "number":
                numbers.append(series.cast(pl.Float64).fill_null(np.nan).to_numpy())
            else:
                distinct = series.drop_nulls().unique(maintain_order=True)
                ranks = pl.Series(np.arange(len(distinct), dtype=np.int32))
                codes.append(series.replace_strict(distinct, ranks, default=-1).to_numpy())
                texts.append(distinct.to_list())
        self._arrays = Arrays(
            tuple(schema),
            np.array(numbers, np.float64).reshape(len(numbers), frame.height),
            np.array(codes, np.int32).reshape(len(codes), frame.height),
            tuple(texts),
        )

    def __len__(self) -> int:
        return self._arrays.rows

    @property
    def schema(self) -> tuple[Column, ...]:
        return self._arrays.schema

    @property
    def working_bytes(self) -> int:
        """Room a child needs for the rows alone: the block, arrays and frames made of it, strings."""
        arrays = self._arrays
        block = len(self._header) + arrays.numbers.nbytes + arrays.codes.nbytes
        return 4 * block + TEXT_BYTES * arrays.codes.size

    def take(self, rows: np.ndarray) -> "FeatureTable":
        """Some of the rows, by their flags or places, as a table of their own."""
        places = np.flatnonzero(rows) if rows.dtype == bool else rows
        old = self._arrays
        taken = FeatureTable.__new__(FeatureTable)
        taken._arrays = Arrays(
            old.schema, np.take(old.numbers, places, axis=1), np.take(old.codes, places, axis=1), old.texts
        )
        return taken

    def with_shuffled_columns(self, rng: np.random.Generator) -> "FeatureTable":
        """The rows as they are, then once more for each column, whose values are shuffled among them."""
        rows, copies = len(self), len(self.schema) + 1
        table = self.take(np.tile(np.arange(rows), copies))
        numbers, codes = iter(table._arrays.numbers), iter(table._arrays.codes)
        for place, column in enumerate(self.schema, start=1):
            values = next(numbers if column.dtype == "number" else codes)
            values[place * rows : (place + 1) * rows] = rng.permutation(values[:rows])
        return table

    def block(self, order: np.ndarray | None = None) -> list[bytes | memoryview]:
        """The bytes in pieces, so that those in the table's order need not be copied."""
        arrays = [self._arrays.numbers, self._arrays.codes]
        if order is not None:
            arrays = [np.take(array, order, axis=1) for array in arrays]
        return [self._header, *(memoryview(array).cast("B") for array in arrays if array.size)]

    @cached_property
    def _header(self) -> bytes:
        arrays = self._arrays
        header = json.dumps(
            {
                "rows": arrays.rows,
                "columns": [[column.name, column.dtype] for column in arrays.schema],
                "texts": arrays.texts,
            }
        ).encode()
        return len(header).to_bytes(8, "little") + header.ljust(numbers_start(len(header)) - 8)


def numbers_start(header_bytes: int) -> int:
    return -(-(8 + header_bytes) // ALIGNMENT) * ALIGNMENT

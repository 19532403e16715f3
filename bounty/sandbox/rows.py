"""The child's side of a feature table: ranges of rows in the shapes that the formats want."""

import json
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl

from fairness.tables import Column

from .table import Arrays, numbers_start


class Rows:
    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays

    @classmethod
    def from_block(cls, block: memoryview) -> "Rows":
        size = int.from_bytes(block[:8], "little")
        header = json.loads(bytes(block[8 : 8 + size]))
        schema = tuple(Column(name, dtype) for name, dtype in header["columns"])
        texts = tuple(header["texts"])
        n, n_texts = header["rows"], len(texts)
        n_numbers = len(schema) - n_texts
        start = numbers_start(size)
        numbers = np.frombuffer(block[start : start + 8 * n_numbers * n], np.float64)
        codes = np.frombuffer(block[start + numbers.nbytes :], np.int32)
        return cls(Arrays(schema, numbers.reshape(n_numbers, n), codes.reshape(n_texts, n), texts))

    def __len__(self) -> int:
        return self._arrays.rows

    @property
    def schema(self) -> tuple[Column, ...]:
        return self._arrays.schema

    def batches(self, count: int) -> list["Rows"]:
        cuts = np.linspace(0, len(self), min(count, max(1, len(self))) + 1).astype(int)
        return [self._part(slice(start, stop)) for start, stop in pairwise(cuts)]

    def _part(self, part: slice) -> "Rows":
        arrays = self._arrays
        return Rows(Arrays(arrays.schema, arrays.numbers[:, part], arrays.codes[:, part], arrays.texts))

    def matrix(self) -> np.ndarray:
        """float32 [rows, number columns], NaN where missing."""
        return np.ascontiguousarray(self._arrays.numbers.T, dtype=np.float32)

    def columns(self) -> dict[str, np.ndarray]:
        """Per column float64 with NaN where missing, or objects: strings, "" where missing."""
        return {
            name: values if texts is None else np.array([*texts, ""], dtype=object)[values]
            for name, values, texts in self._stored()
        }

    def to_pandas(self) -> pd.DataFrame:
        """A frame of its own: a model may write into it."""
        return pd.DataFrame({name: values.copy() for name, values in self.columns().items()})

    def to_polars(self) -> pl.DataFrame:
        """Missing is null, as rules want it."""
        return pl.DataFrame(
            [
                pl.Series(name, values).fill_nan(None)
                if texts is None
                else pl.Series(name, [*texts, None], dtype=pl.String).gather(values % (len(texts) + 1))
                for name, values, texts in self._stored()
            ]
        )

    def _stored(self) -> Iterator[tuple[str, np.ndarray, list[str] | None]]:
        """Per column its numbers, or codes and their texts; -1, for missing, means one past the last."""
        numbers, codes, texts = map(iter, (self._arrays.numbers, self._arrays.codes, self._arrays.texts))
        for column in self.schema:
            if column.dtype == "number":
                yield column.name, next(numbers), None
            else:
                yield column.name, next(codes), next(texts)

"""Columns as the whole numbers a tree is fitted to, each comparison with them a condition of a rule.

A tree never sees a number itself, only how many cuts it has reached: small whole numbers, which Float32 holds
exactly, so that tree and rule part the rows alike to the last bit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from fairness.columns import is_hidden
from fairness.slices.coding import MAX_VALUE
from fairness.slices.syntax import number_text, quoted_name

MAX_CUTS = 32
MAX_VALUES = 12

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Feature:
    """What a tree may ask of a column; `codes` gives its answer for every row as a whole number.

    "number": how many of `cuts` the value has reached, 0 to len(cuts), and -1 where it is missing; "text": 1
    where the column is `value`, else 0; "missing": 1 where a text column has no value, else 0. `holes` says
    whether the column lacks a value anywhere in the sample.
    """

    column: str
    kind: Literal["number", "text", "missing"]
    holes: bool
    cuts: tuple[float, ...] = ()
    value: str = ""
    name: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", quoted_name(self.column))

    @property
    def least(self) -> int:
        return -1 if self.kind == "number" and self.holes else 0

    @property
    def most(self) -> int:
        return len(self.cuts) if self.kind == "number" else 1

    def codes(self, frame: pl.DataFrame) -> Matrix:
        """float32[n] of whole numbers, for a frame with the feature's column."""
        column = frame.get_column(self.column)
        if self.kind == "missing":
            return column.is_null().to_numpy().astype(np.float32)
        if self.kind == "text":
            return (column == self.value).fill_null(False).to_numpy().astype(np.float32)
        values = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
        reached = np.searchsorted(np.array(self.cuts), values, side="right")
        return np.where(np.isnan(values), -1, reached).astype(np.float32)


def features_of(frame: pl.DataFrame, min_rows: int = 1) -> tuple[Feature, ...]:
    """What trees may ask of a frame of Float64 and String columns, null where missing, by column.

    A number column is cut at most `MAX_CUTS` times, at quantiles, each cut being the shortest number between
    two neighbouring values; a text column is asked for its `MAX_VALUES` most frequent values (ties by their
    order) that a rule can state and that `min_rows` rows have, and for missing. Nothing is asked of a column
    with one value only.

    >>> frame = pl.DataFrame({"age": [34.0, 35.0, None], "sex": ["f", "m", "m"]})
    >>> [(f.name, f.kind, f.cuts, f.value) for f in features_of(frame)]
    [('age', 'number', (35.0,), ''), ('sex', 'text', (), 'm'), ('sex', 'text', (), 'f')]
    """
    return tuple(feature for column in frame for feature in _features(column, min_rows))


def matrix_of(features: Sequence[Feature], frame: pl.DataFrame) -> Matrix:
    """The codes of every feature: float32[n, number of features]."""
    return np.stack([feature.codes(frame) for feature in features], axis=1)


def _features(column: pl.Series, min_rows: int) -> Iterator[Feature]:
    missing = column.null_count()
    if column.dtype.is_numeric():
        numbers = column.cast(pl.Float64).fill_nan(None)
        missing = numbers.null_count()
        cuts = _cuts(numbers.drop_nulls().to_numpy())
        if cuts or 0 < missing < len(column):
            yield Feature(column.name, "number", bool(missing), cuts)
        return
    counts = column.drop_nulls().alias("value").value_counts(name="rows")
    ranked = counts.sort(["rows", "value"], descending=[True, False])
    for value, rows in ranked.head(MAX_VALUES).iter_rows():
        if min_rows <= rows < len(column) and len(value) <= MAX_VALUE and not any(map(is_hidden, value)):
            yield Feature(column.name, "text", bool(missing), value=value)
    if min_rows <= missing < len(column):
        yield Feature(column.name, "missing", True)


def _cuts(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Numbers that part the values: between all neighbours if they are few, else at quantiles."""
    distinct = np.unique(values)
    if len(distinct) > MAX_CUTS + 1:
        shares = np.arange(1, MAX_CUTS + 1) / (MAX_CUTS + 1)
        starts = np.unique(np.quantile(values, shares, method="higher"))
        places = [place for place in np.searchsorted(distinct, starts) if place]
        return tuple(_between(float(distinct[place - 1]), float(distinct[place])) for place in places)
    return tuple(_between(low, high) for low, high in pairwise(distinct.tolist()))


def _between(low: float, high: float) -> float:
    """The shortest number above `low` and not above `high`, near their middle if there are several."""
    middle = low + (high - low) / 2
    rounded = (round(middle, digits) for digits in range(-9, 17))
    short = next((number for number in rounded if low < number <= high), high)
    return short if len(number_text(short)) < len(number_text(high)) else high

"""Columns as small integer codes, each code a condition that a rule can state.

A text column has a code for each of its most frequent values; a number column with few distinct values too,
and any other one a code for each quantile bin. Missing is a condition of its own. What no condition names
(the rarer values of a text column, and those too long or too odd for a rule) shares the last code, which the
search passes over.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from fairness.columns import is_hidden
from fairness.slices.rules import number_text
from fairness.slices.syntax import quoted_name

MAX_VALUES = 20
MAX_VALUE = 200  # characters of a value that a condition may name
MAX_DISTINCT = 10  # a number column with at most this many values is not cut into bins


@dataclass(frozen=True)
class CodedColumn:
    """codes: uint8[n]; code i < len(conditions) is conditions[i], and width counts the codes in use."""

    name: str
    codes: npt.NDArray[np.uint8]
    conditions: tuple[str, ...]
    width: int


def code_column(column: pl.Series, bins: int, max_values: int = MAX_VALUES) -> CodedColumn:
    """The codes of a Float64 or String column of n rows, null where missing.

    bins: quantile bins of a number column (fewer where values repeat); max_values: values of a text column
    that get a code of their own, the most frequent ones, ties by their order. Raises ValueError for bins
    outside 2..20 and values outside 1..200.

    >>> code_column(pl.Series("sex", ["f", "m", None, "f"]), bins=5).conditions
    ("sex = 'f'", "sex = 'm'", 'sex IS NULL')
    >>> code_column(pl.Series("age", range(100)), bins=3).conditions
    ('age < 33', 'age >= 33 AND age < 66', 'age >= 66')
    """
    if not 2 <= bins <= 20 or not 1 <= max_values <= 200:
        raise ValueError("bins are 2 to 20, values 1 to 200")
    name = quoted_name(column.name)
    if not column.dtype.is_numeric():
        return _coded_values(column, name, max_values)
    numbers = column.cast(pl.Float64).fill_nan(None)
    if _distinct(numbers.head(1000)) <= MAX_DISTINCT and _distinct(numbers) <= MAX_DISTINCT:
        return _coded_values(numbers, name, MAX_DISTINCT)
    values = numbers.drop_nulls().to_numpy()
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins, method="higher"))
    above_least = values[values > values.min()]
    edges = edges[edges > values.min()] if edges[-1] > values.min() else np.array([above_least.min()])
    codes = np.zeros(len(numbers), np.uint8)
    filled = numbers.fill_null(-np.inf).to_numpy()
    for edge in edges:
        codes += filled >= edge
    texts = [number_text(float(edge)) for edge in edges]
    below = [f"{name} < {text}" for text in texts]
    above = [f"{name} >= {text}" for text in texts]
    middle = [f"{low} AND {high}" for low, high in zip(above, below[1:], strict=False)]
    return _with_missing(numbers, name, codes, [below[0], *middle, above[-1]])


def _coded_values(column: pl.Series, name: str, most: int) -> CodedColumn:
    counts = column.drop_nulls().alias("value").value_counts(name="rows")
    ranked = counts.sort(["rows", "value"], descending=[True, False]).get_column("value")
    kept = pl.Series([v for v in ranked.head(most) if _can_be_written(v)], dtype=column.dtype).sort()
    code_of = pl.DataFrame({"value": kept, "code": np.arange(len(kept), dtype=np.uint8)})
    found = pl.DataFrame({"value": column}).join(code_of, on="value", how="left", maintain_order="left")
    other = len(kept) + bool(column.null_count())
    codes = found.get_column("code").fill_null(other).to_numpy().copy()
    texts = [number_text(v) if isinstance(v, float) else "'" + v.replace("'", "''") + "'" for v in kept]
    coded = _with_missing(column, name, codes, [f"{name} = {text}" for text in texts])
    return coded if len(counts) == len(kept) else CodedColumn(name, coded.codes, coded.conditions, other + 1)


def _distinct(numbers: pl.Series) -> int:
    return numbers.n_unique() - bool(numbers.null_count())


def _can_be_written(value: float | str) -> bool:
    return isinstance(value, float) or (len(value) <= MAX_VALUE and not any(map(is_hidden, value)))


def _with_missing(
    column: pl.Series, name: str, codes: npt.NDArray[np.uint8], conditions: list[str]
) -> CodedColumn:
    if column.null_count():
        codes[column.is_null().to_numpy()] = len(conditions)
        conditions = [*conditions, f"{name} IS NULL"]
    return CodedColumn(name, codes, tuple(conditions), len(conditions))

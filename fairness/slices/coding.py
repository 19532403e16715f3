"""Columns as small integer codes, each code a condition that a rule can state.

A text column has a code for each of its most frequent values; a number column with few distinct values too,
and any other one a code for each quantile bin. Missing is a condition of its own. What no condition names
(the rarer values of a text column, and those too long or too odd for a rule) shares the last code, which the
search passes over.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from fairness.columns import is_hidden
from fairness.slices.syntax import number_text, quoted_name

MAX_VALUES = 20
MAX_VALUE = 200  # characters of a value that a condition may name
MAX_DISTINCT = 10  # a number column with at most this many values is not cut into bins


@dataclass(frozen=True)
class CodedColumn:
    """A column of n rows as codes: uint8[n].

    Code i < len(conditions) means that conditions[i] holds; labels[i] says it in few words, for tables and
    figures, and covers the last code too where that stands for all other values.
    """

    name: str
    codes: npt.NDArray[np.uint8]
    conditions: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def width(self) -> int:
        """How many codes are in use."""
        return len(self.labels)


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
        return _coded_texts(column, name, max_values)
    numbers = column.cast(pl.Float64).fill_nan(None)
    few = _few_values(numbers)
    if few is not None:
        conditions = [f"{name} = {number_text(value)}" for value in few]
        labels = [short_number(value) for value in few]
        return _with_missing(numbers, name, _steps(numbers, few[1:]), conditions, labels)
    edges = _edges(numbers.drop_nulls().to_numpy(), bins)
    texts = [number_text(edge) for edge in edges]
    below = [f"{name} < {text}" for text in texts]
    above = [f"{name} >= {text}" for text in texts]
    middle = [f"{low} AND {high}" for low, high in zip(above, below[1:], strict=False)]
    short = [short_number(edge) for edge in edges]
    between = [f"{low} to < {high}" for low, high in pairwise(short)]
    labels = [f"< {short[0]}", *between, f"≥ {short[-1]}"]
    return _with_missing(numbers, name, _steps(numbers, edges), [below[0], *middle, above[-1]], labels)


def short_number(number: float) -> str:
    """A number for the eye, in at most six digits where it would be long.

    >>> short_number(1_250_000), short_number(0.8397903565173512)
    ('1,250,000', '0.83979')
    """
    text = number_text(number)
    return f"{int(number):,}" if text.lstrip("-").isdigit() else text if len(text) <= 9 else f"{number:.6g}"


def _few_values(numbers: pl.Series) -> list[float] | None:
    """The distinct values in order if they are few; a look at the first rows often settles that."""
    for part in (numbers.head(1000), numbers):
        values: list[float] = part.unique().drop_nulls().sort().to_list()
        if len(values) > MAX_DISTINCT:
            return None
    return values


def _edges(values: npt.NDArray[np.float64], bins: int) -> list[float]:
    """Values that cut the rows into bins: quantiles above the least value, or the second least value."""
    least = values.min()
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins, method="higher"))
    return [float(edge) for edge in edges if edge > least] or [float(values[values > least].min())]


def _steps(numbers: pl.Series, edges: list[float]) -> npt.NDArray[np.uint8]:
    """How many of the edges each value has reached."""
    values = numbers.fill_null(-np.inf).to_numpy()
    codes = np.zeros(len(values), np.uint8)
    for edge in edges:
        codes += values >= edge
    return codes


def _coded_texts(column: pl.Series, name: str, most: int) -> CodedColumn:
    counts = column.drop_nulls().alias("value").value_counts(name="rows")
    ranked = counts.sort(["rows", "value"], descending=[True, False]).get_column("value")
    kept = sorted(v for v in ranked.head(most) if len(v) <= MAX_VALUE and not any(map(is_hidden, v)))
    other = len(kept) + bool(column.null_count())
    found = column.cast(pl.Enum(kept), strict=False).to_physical()
    codes = found.fill_null(other).cast(pl.UInt8).to_numpy().copy()
    texts = ["'" + value.replace("'", "''") + "'" for value in kept]
    coded = _with_missing(column, name, codes, [f"{name} = {text}" for text in texts], kept)
    if len(counts) == len(kept):
        return coded
    rest = f"other ({len(counts) - len(kept):,} values)"
    return replace(coded, labels=(*coded.labels, rest))


def _with_missing(
    column: pl.Series, name: str, codes: npt.NDArray[np.uint8], conditions: list[str], labels: list[str]
) -> CodedColumn:
    if column.null_count():
        codes[column.is_null().to_numpy()] = len(conditions)
        conditions, labels = [*conditions, f"{name} IS NULL"], [*labels, "missing"]
    return CodedColumn(column.name, codes, tuple(conditions), tuple(labels))

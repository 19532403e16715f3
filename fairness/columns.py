"""What a column may be: its name, its two kinds (number or text), and how stored values become one of them.

Every table in Faultline is a polars frame of Float64 and String columns in which null means missing. Nothing
else (NaN, an empty text, a boolean, a date) gets past this module.
"""

import difflib
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import polars as pl

MAX_COLUMNS = 500
MAX_NAME = 100
MAX_TEXT = 10_000
MAX_NUMBER = 3e38  # models read Float32
EXACT_INTEGERS = 2**53  # from here on a Float64 no longer tells neighbouring integers apart

# Read as missing in a column whose other values are numbers; in a text column they stay what they are.
MISSING_WORDS = (
    "NA N/A n/a #N/A NaN nan NAN NULL null Null None none . ? -".split()  # noqa: SIM905
)

TRUTHS = ("true", "false")
AFTER_HEADER = 2  # how a person counts the first row of values where the header is row 1

Kind = Literal["number", "text"]


ROW = "\0"  # where a TableError names a row; `shown` lets no other into a text


class TableError(ValueError):
    """The table's author must change something: the message says what, and names row and column.

    rows: the places, from 0, of the rows that stand as ROW in the text. A person counts them from `first`.

    >>> str(TableError(f"Row {ROW} is empty.", 0))
    'Row 2 is empty.'
    """

    def __init__(self, text: str, *rows: int) -> None:
        super().__init__(text, *rows)
        self.text, self.rows, self.first = text, rows, AFTER_HEADER

    def __str__(self) -> str:
        text = self.text
        for row in self.rows:
            text = text.replace(ROW, str(row + self.first), 1)
        return text


@contextmanager
def rows_from(first: int) -> Iterator[None]:
    """Whatever is wrong with a table in here is told with its first row of values counted as `first`."""
    try:
        yield
    except TableError as error:
        error.first = first
        raise


@dataclass(frozen=True)
class Column:
    """A visible column: its name as in the file, and whether it holds numbers or text."""

    name: str
    dtype: Kind


Schema = tuple[Column, ...]


def shown(value: object) -> str:
    """A value quoted for a message, cut at 40 characters.

    >>> shown("x" * 50)
    '"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"'
    """
    text = "".join(c if c.isprintable() else " " for c in str(value))
    return f'"{text}"' if len(text) <= 40 else f'"{text[:39]}…"'


def is_hidden(character: str) -> bool:
    """Whether a character cannot be seen or reorders its neighbours; the joiners some scripts need can stay.

    >>> is_hidden("\x07"), is_hidden("\u202e"), is_hidden("\u200d"), is_hidden(" ")
    (True, True, False, False)
    """
    category = unicodedata.category(character)
    return category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") and character not in "\u200c\u200d"


def first_row(mask: pl.Series) -> int | None:
    """The place of the first true value, from 0, or None."""
    where = mask.arg_true()
    return int(where[0]) if where.len() else None


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint such as ' Did you mean "age" or "wage"?', or nothing where no name is near.

    >>> nearest("aeg", ["age", "income"])
    ' Did you mean "age"?'
    """
    by_lower = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name[:MAX_NAME].lower(), by_lower, n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(shown(by_lower[c]) for c in close)}?" if close else ""


def check_names(names: Sequence[str], max_columns: int = MAX_COLUMNS) -> None:
    """Refuse names that no one could write in a rule: blank, double, too long, or with hidden characters.

    >>> check_names(["age", "age"])
    Traceback (most recent call last):
    fairness.columns.TableError: Columns 1 and 2 are both called "age". Give every column its own name.
    """
    if len(names) > max_columns:
        raise TableError(f"The table has {len(names):,} columns; at most {max_columns:,} are taken.")
    seen: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        if not name.strip():
            raise TableError(f"Column {place} has no name. Give every column a name in the first row.")
        if len(name) > MAX_NAME:
            raise TableError(
                f"The name of column {place} has {len(name):,} characters; at most {MAX_NAME} are taken."
            )
        if any(is_hidden(c) for c in name):
            raise TableError(f"The name of column {place}, {shown(name)}, holds a control character.")
        if name == "*" or (name.startswith("^") and name.endswith("$")):
            raise TableError(f"Column {place} is called {shown(name)}, which reads as a pattern. Rename it.")
        if name in seen:
            raise TableError(
                f"Columns {seen[name]} and {place} are both called {shown(name)}. "
                "Give every column its own name."
            )
        seen[name] = place


def check_asked(asked: Iterable[str], names: Collection[str]) -> None:
    """Refuse to be asked for a column that is not there."""
    for name in asked:
        if name not in names:
            raise TableError(f"There is no column {shown(name)}.{nearest(name, names)}")


def settle_text(column: pl.Series) -> pl.Series:
    """A column of texts (CSV, JSON lines) as Float64 or String; its kind is decided from all its values.

    Spaces around a value are dropped and an empty value is missing. The column is a number when every
    value that is not missing is one (point as decimal sign); there the MISSING_WORDS are missing too. It is
    0/1 when every value is true or false in any case. It stays text when a number has leading zeros (a
    postcode) or more digits than a Float64 holds (an identifier).
    Raises TableError on an infinite number or an overlong text.
    """
    column = settle_written(column)
    sample = _known(column.head(1000))
    if sample.len() and not _may_be_read(sample):
        return column
    values = _known(column)
    if values.is_empty():
        return column
    if values.head(1).str.to_lowercase().is_in(TRUTHS).all():
        lower = values.str.to_lowercase()
        return _truths(column) if lower.is_in(TRUTHS).all() else column
    numbers = values.cast(pl.Float64, strict=False)
    if numbers.null_count() or _is_identifier(values, numbers):
        return column
    return _finite(column.cast(pl.Float64, strict=False).fill_nan(None))


def settle_written(column: pl.Series) -> pl.Series:
    """A column as the texts it was written with: no spaces around them, null where empty.

    Values that are no texts get their shortest one: 1.0 is "1", true is "true", a date is ISO text.

    >>> settle_written(pl.Series([0.5, 1.0, None])).to_list()
    ['0.5', '1', None]
    """
    if column.dtype == pl.Boolean or column.dtype.is_integer():
        column = column.cast(pl.String)
    elif column.dtype != pl.String:
        column = settle_typed(column)
    if column.dtype == pl.Float64:
        return number_texts(column)
    column = column.str.strip_chars()
    _check_texts(column)
    return column.set(column == "", None)


def number_texts(numbers: pl.Series) -> pl.Series:
    """The shortest text of each number, null where it is missing.

    >>> number_texts(pl.Series([1.0, -0.0, 2.5, 1e-7])).to_list()
    ['1', '0', '2.5', '1e-07']
    """
    distinct = numbers.drop_nulls().unique()
    if ((distinct % 1 == 0) & (distinct.abs() < EXACT_INTEGERS)).all():
        return numbers.cast(pl.Int64).cast(pl.String)
    texts = pl.Series([repr(v) if v % 1 else str(int(v)) for v in distinct.to_list()], dtype=pl.String)
    return numbers.replace_strict(distinct, texts, default=None)


def settle_typed(column: pl.Series) -> pl.Series:
    """A Parquet column as Float64 or String.

    Numbers and decimals become Float64 (integers that a Float64 cannot tell apart become text), booleans 0/1,
    dates and times ISO text, categories text; NaN and "" are missing. Raises TableError for anything else.
    """
    dtype, name = column.dtype, column.name
    if dtype == pl.Null:
        return column.cast(pl.String)
    if dtype.is_integer():
        text = column.cast(pl.String)
        numbers = column.cast(pl.Float64)
        return text if _is_identifier(text.drop_nulls(), numbers.drop_nulls()) else numbers
    if dtype.is_float() or dtype.is_decimal():
        return _finite(column.cast(pl.Float64).fill_nan(None))
    if dtype == pl.Boolean:
        return column.cast(pl.Float64)
    if dtype in (pl.Date, pl.Datetime, pl.Time):
        return column.dt.to_string("iso:strict")
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
        _check_texts(column)
        return column.set(column == "", None)
    raise TableError(
        f"Column {shown(name)} is of type {dtype}; numbers, text, booleans and dates are taken. "
        "Flatten it or leave it out."
    )


def _known(column: pl.Series) -> pl.Series:
    return column.filter(column.is_in(MISSING_WORDS).not_()).drop_nulls()


def _may_be_read(sample: pl.Series) -> bool:
    """Whether the first values let a column be more than text: all numbers, or a truth at the start."""
    if sample.head(1).str.to_lowercase().is_in(TRUTHS).all():
        return True
    return not sample.cast(pl.Float64, strict=False).null_count()


def _truths(column: pl.Series) -> pl.Series:
    lower = column.str.to_lowercase()
    return (lower == "true").set(lower.is_in(TRUTHS).not_(), None).cast(pl.Float64)


def _is_identifier(texts: pl.Series, numbers: pl.Series) -> bool:
    """Whether reading these values as numbers would make different ones equal."""
    if (numbers.abs() >= EXACT_INTEGERS).any() and texts.str.contains(r"^[+-]?\d+$").all():
        return True
    return bool(texts.str.contains(r"^[+-]?0\d").any())


def _finite(column: pl.Series) -> pl.Series:
    row = first_row(column.abs() > MAX_NUMBER)
    if row is not None:
        raise TableError(
            f"Row {ROW} of column {shown(column.name)} is infinite or too large for a number.", row
        )
    return column


def _check_texts(column: pl.Series) -> None:
    longest = column.str.len_bytes().max()
    if not isinstance(longest, int):
        return
    row = first_row(column.str.len_chars() > MAX_TEXT) if longest > MAX_TEXT else None
    if row is not None:
        raise TableError(
            f"Row {ROW} of column {shown(column.name)} holds a text of more than {MAX_TEXT:,} characters.",
            row,
        )
    row = first_row(column.str.contains("\0", literal=True))
    if row is not None:
        raise TableError(f"Row {ROW} of column {shown(column.name)} holds a NUL character. Take it out.", row)

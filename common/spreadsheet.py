"""CSV that a spreadsheet opens without running anything in it."""

import csv
from collections.abc import Iterable, Iterator, Sequence

# Some programs read the wide forms as the plain ones.
STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class Line:
    """A file of one line: what csv writes is what `write` returns."""

    def write(self, text: str) -> str:
        return text


def csv_lines(columns: Sequence[str], rows: Iterable[dict]) -> Iterator[str]:
    writer = csv.writer(Line())
    yield writer.writerow([safe(name) for name in columns])
    for row in rows:
        yield writer.writerow([safe(row.get(name)) for name in columns])


def safe(value: object) -> object:
    """Text that a spreadsheet would take for a formula gets an apostrophe in front; numbers stay numbers."""
    if value is None:
        return ""
    text = str(value)
    return f"'{text}" if text.startswith(STARTS_A_FORMULA) and not is_number(text) else text


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip() == text

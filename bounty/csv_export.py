"""An organiser's submissions as CSV that a spreadsheet opens without running anything in it."""

import csv
from collections.abc import Iterable, Iterator

from .models import Submission

COLUMNS = (
    "id",
    "team",
    "kind",
    "status",
    "code",
    "accepted",
    "points",
    "group_format",
    "group_rule",
    "group_file_name",
    "note",
    "sample_share",
    "group_weight",
    "rows",
    "exposure",
    "errors",
    "rate",
    "rest_rate",
    "gap",
    "p_new",
    "p_known",
    "jaccard",
    "duplicate_of",
    "error",
    "error_detail",
    "seconds",
    "created",
    "finished",
)
FROM_NUMBERS = ("group_weight", "rows", "exposure", "errors", "rate", "rest_rate", "gap", "jaccard")
STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Line:
    """A file of one line: what csv writes is what `write` returns."""

    def write(self, text: str) -> str:
        return text


def csv_lines(submissions: Iterable[Submission]) -> Iterator[str]:
    writer = csv.writer(Line())
    yield writer.writerow(COLUMNS)
    for submission in submissions:
        values = row(submission)
        yield writer.writerow([safe(values[name]) for name in COLUMNS])


def row(submission: Submission) -> dict:
    numbers = submission.numbers
    p_values = {part["name"]: part["p_value"] for part in numbers.get("parts", ())}
    return {
        **{name: getattr(submission, name) for name in COLUMNS if hasattr(submission, name)},
        **{name: numbers.get(name) for name in FROM_NUMBERS},
        "points": submission.points if submission.accepted is not None else None,
        "p_new": p_values.get("new"),
        "p_known": p_values.get("known"),
        "duplicate_of": submission.duplicate_of_id,
        "seconds": submission.seconds,
        "created": submission.created.isoformat(),
        "finished": submission.finished.isoformat() if submission.finished else None,
    }


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

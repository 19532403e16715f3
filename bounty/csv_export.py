"""An organiser's submissions as CSV."""

from collections.abc import Iterable, Iterator

from common.spreadsheet import csv_lines

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
    "predictor_format",
    "predictor_rule",
    "predictor_value",
    "predictor_file_name",
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
    "gain",
    "better",
    "worse",
    "group_before",
    "group_after",
    "p",
    "repairs",
    "solo_accepted",
    "solo_points",
    "duplicate_of",
    "error",
    "error_detail",
    "seconds",
    "created",
    "finished",
)
FROM_NUMBERS = (
    *("group_weight", "rows", "exposure", "errors", "rate", "rest_rate", "gap", "jaccard"),
    *("gain", "better", "worse", "group_before", "group_after"),
)


def submission_lines(submissions: Iterable[Submission]) -> Iterator[str]:
    return csv_lines(COLUMNS, map(row, submissions))


def row(submission: Submission) -> dict:
    numbers = submission.numbers
    p_values = {part["name"]: part["p_value"] for part in numbers.get("parts", ())}
    return {
        **{name: getattr(submission, name) for name in COLUMNS if hasattr(submission, name)},
        **{name: numbers.get(name) for name in FROM_NUMBERS},
        "points": submission.points if submission.accepted is not None else None,
        "solo_points": submission.solo_points if submission.solo_accepted is not None else None,
        "p": numbers.get("p_value"),
        "repairs": len(numbers["repairs"]) if "repairs" in numbers else None,
        "p_new": p_values.get("new"),
        "p_known": p_values.get("known"),
        "duplicate_of": submission.duplicate_of_id,
        "seconds": submission.seconds,
        "created": submission.created.isoformat(),
        "finished": submission.finished.isoformat() if submission.finished else None,
    }

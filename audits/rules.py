"""What an audit's roles and settings may be: checked before anything is queued.

Each refusal is a sentence with the field it is about. What only the rows can show (a baseline group that is
not there) is found by the analysis.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import polars as pl

from common.intake import IntakeError
from fairness.columns import TableError, nearest, shown
from fairness.kinds import KINDS, Kind
from fairness.kinds.base import MARKS, NOT_MARKED, Roles, Settings, Tolerance
from fairness.normalise import NORMALISERS

REASON = re.compile(r"^error: (.+)$", re.MULTILINE)
UNHELD = re.compile("[\0\ud800-\udfff]")
LEAST_SMALLEST, MOST_SMALLEST = 2, 10_000
MOST_LINES = 50
MOST_CHARACTERS = 200

NO_KIND = "There is no kind {kind}. Choose one of: {kinds}."
NOT_ROLES = 'Roles are a JSON object of column and role, such as {"sentence": "reference"}.'
NO_SETTING = "An audit of this kind has no setting {name}. Known: {known}."
NO_NORMALISER = "There is no normalisation {value}. Choose one of: {known}."
NOT_TEXT = "The favourable label is a text of at most {cap} characters."
BAD_THRESHOLD = "The threshold is a number from 0 to 1."
BAD_SMALLEST = "The smallest group shown is a whole number from {least} to {most}."
NOT_TEXTS = "What means “not stated” is a list of at most {cap} texts, such as NA."
NOT_PAIRS = (
    "Exclusions are a list of at most {cap} pairs, each a column and a regular expression of 1 to {length} "
    "characters."
)
NO_COLUMN = "There is no column {column}.{nearest}"
BAD_PATTERN = "The exclusion pattern {pattern} is no regular expression: {reason}."
NOT_MARKS = "Marks are an object of column and one of: {known}."
NOT_BASELINES = "Baselines are an object of column and group."
NO_GROUP_COLUMN = "Column {column} is no group or condition column, so it has no {what}."
NOT_TOLERANCES = (
    "Tolerances are a list of at most {cap} objects, each with metric, column and within (a share: more than "
    "0, at most 1)."
)
NO_METRIC = "A tolerance names the metric {metric}.{nearest} Known: {known}."


def kind_of(key: str) -> Kind:
    if key not in KINDS:
        raise IntakeError("no_such_kind", NO_KIND.format(kind=shown(key), kinds=", ".join(KINDS)), "kind")
    return KINDS[key]


def checked_roles(kind: Kind, columns: tuple[str, ...], roles: Any) -> Roles:
    if not isinstance(roles, Mapping) or not all(isinstance(role, str) for role in roles.values()):
        raise IntakeError("bad_roles", NOT_ROLES, "roles")
    try:
        return kind.check_roles({column: role for column, role in roles.items() if role}, columns)
    except TableError as error:
        raise IntakeError("bad_roles", str(error), "roles") from error


def checked_settings(kind: Kind, columns: tuple[str, ...], roles: Roles, values: Mapping[str, Any]) -> dict:
    """All settings as an audit stores them: those given, checked, and the defaults of the others."""
    checks = {name: CHECKS[name] for name in (*COMMON, *kind.settings)}
    checked = {}
    for name, value in values.items():
        if name not in checks:
            known = ", ".join(checks)
            raise refused(name, NO_SETTING.format(name=shown(name), known=known))
        if value is not None:
            checked[name] = checks[name](value, kind=kind, columns=columns, roles=roles)
    return asdict(Settings(**checked))


def refused(name: str, sentence: str) -> IntakeError:
    return IntakeError("bad_settings", sentence, name)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_text(value: Any, least: int = 1, most: int = MOST_CHARACTERS) -> bool:
    """Whether it is a text that the database can hold."""
    return isinstance(value, str) and least <= len(value) <= most and not UNHELD.search(value)


# One for each setting


def normalise(value: Any, **_: Any) -> str:
    if value not in NORMALISERS:
        raise refused("normalise", NO_NORMALISER.format(value=shown(value), known=", ".join(NORMALISERS)))
    return value


def favourable(value: Any, **_: Any) -> str | None:
    if not is_text(value, least=0):
        raise refused("favourable", NOT_TEXT.format(cap=MOST_CHARACTERS))
    return value or None


def threshold(value: Any, **_: Any) -> float:
    if not is_number(value) or not 0 <= value <= 1:
        raise refused("threshold", BAD_THRESHOLD)
    return float(value)


def smallest(value: Any, **_: Any) -> int:
    if type(value) is not int or not LEAST_SMALLEST <= value <= MOST_SMALLEST:
        raise refused("smallest", BAD_SMALLEST.format(least=LEAST_SMALLEST, most=MOST_SMALLEST))
    return value


def not_stated(value: Any, **_: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) > MOST_LINES or not all(map(is_text, value)):
        raise refused("not_stated", NOT_TEXTS.format(cap=MOST_LINES))
    return tuple(dict.fromkeys(value))


def exclude(value: Any, *, columns: tuple[str, ...], **_: Any) -> tuple[tuple[str, str], ...]:
    pairs = value if isinstance(value, list | tuple) and len(value) <= MOST_LINES else [None]
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(map(is_text, pair)):
            raise refused("exclude", NOT_PAIRS.format(cap=MOST_LINES, length=MOST_CHARACTERS))
        column, pattern = pair
        if column not in columns:
            sentence = NO_COLUMN.format(column=shown(column), nearest=nearest(column, columns))
            raise refused("exclude", sentence)
        refuse_bad_pattern(pattern)
    return tuple((column, pattern) for column, pattern in pairs)


def refuse_bad_pattern(pattern: str) -> None:
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        found = REASON.search(str(error))
        reason = found[1] if found else "it is too large"
        raise refused("exclude", BAD_PATTERN.format(pattern=shown(pattern), reason=reason)) from error


def marks(value: Any, *, roles: Roles, **_: Any) -> dict[str, str]:
    known = (*MARKS, NOT_MARKED)
    if not isinstance(value, Mapping) or not all(mark in known for mark in value.values()):
        raise refused("marks", NOT_MARKS.format(known=", ".join(known)))
    for column in value:
        refuse_no_group("marks", column, roles, "mark")
    return {column: mark for column, mark in value.items() if mark != NOT_MARKED}


def baselines(value: Any, *, roles: Roles, **_: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(map(is_text, value.values())):
        raise refused("baselines", NOT_BASELINES)
    for column in value:
        refuse_no_group("baselines", column, roles, "baseline")
    return dict(value)


def tolerances(value: Any, *, kind: Kind, roles: Roles, **_: Any) -> tuple[Tolerance, ...]:
    keys = [metric.key for metric in kind.metrics]
    rows = value if isinstance(value, list | tuple) and len(value) <= MOST_LINES else [None]
    found = []
    for row in rows:
        if not isinstance(row, Mapping) or set(row) != {"metric", "column", "within"}:
            raise refused("tolerances", NOT_TOLERANCES.format(cap=MOST_LINES))
        metric, column, within = row["metric"], row["column"], row["within"]
        if not is_text(metric) or not is_text(column) or not is_number(within) or not 0 < within <= 1:
            raise refused("tolerances", NOT_TOLERANCES.format(cap=MOST_LINES))
        if metric not in keys:
            words = {"metric": shown(metric), "nearest": nearest(metric, keys), "known": ", ".join(keys)}
            raise refused("tolerances", NO_METRIC.format(**words))
        refuse_no_group("tolerances", column, roles, "tolerance")
        found.append(Tolerance(metric, column, float(within)))
    return tuple(found)


def refuse_no_group(name: str, column: str, roles: Roles, what: str) -> None:
    if column not in roles.columns("group", "condition"):
        raise refused(name, NO_GROUP_COLUMN.format(column=shown(column), what=what))


COMMON = ("smallest", "not_stated", "exclude", "marks", "baselines", "tolerances")
CHECKS: dict[str, Callable[..., Any]] = {
    "normalise": normalise,
    "favourable": favourable,
    "threshold": threshold,
    "smallest": smallest,
    "not_stated": not_stated,
    "exclude": exclude,
    "marks": marks,
    "baselines": baselines,
    "tolerances": tolerances,
}

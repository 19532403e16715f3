"""Who is in an audit's data, and what its numbers cannot say: sentences for the service card."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairness.cells import SMALLER
from fairness.disaggregate import Table
from fairness.kinds.base import NOT_MARKED

from .access import Reader
from .written import count, percent, times

MOST_GROUPS = 8
FEW = 30
SYNTHETIC = re.compile(
    r"\bsynthe(?:tic|si[sz]ed|si[sz]er)|\btext[- ]to[- ]speech\b|\bTTS\b|\bespeak", re.IGNORECASE
)

SYNTHETIC_VOICES = (
    "The description says that the voices are synthetic. They are not people: rates for people may be far "
    "from these."
)
FAMILY = (
    "p values are corrected within each table, not over all tables together; the more tables, the likelier "
    "is a chance finding somewhere."
)
NOT_MEASURED = (
    "Only what the columns say was measured. Other groups, other conditions, and data unlike these were not; "
    "nothing about anybody was inferred."
)
ONE_RELEASE = "It describes one release at one time. Measure again when the system or its users change."
ROWS_ALONE = (
    "No column names the {people}, so {rows} are taken as independent. Where people have several, intervals "
    "are too narrow."
)


@dataclass(frozen=True)
class Covered:
    """Who is in the data by one column, the largest groups first."""

    column: str
    mark: str
    groups: str
    not_stated: str


def mark_of(column: Mapping[str, Any]) -> str:
    """How a group column's values came about; conditions have no such mark."""
    if column["role"] != "group":
        return ""
    return "origin not said" if column["mark"] == NOT_MARKED else column["mark"]


def titled(column: Mapping[str, Any]) -> str:
    """A column's name with its mark, as it stands in a sentence."""
    mark = mark_of(column)
    return f"{column['name']} ({mark})" if mark else column["name"]


def covered(column: Mapping[str, Any], people: tuple[str, str]) -> Covered:
    """Who is in the data by a column, from the result's coverage."""
    groups = sorted(column["groups"], key=lambda group: -group["people"])
    texts = [f"{one['group']} {count(one['people'])}" for one in groups if one["people"]]
    more = len(texts) - MOST_GROUPS
    if more > 0:
        texts = [*texts[:MOST_GROUPS], f"and {times(more, ('group', 'groups'))} more"]
    shown = f"{people[1].capitalize()}: {', '.join(texts)}"
    return Covered(column["name"], mark_of(column), shown, percent(column["not_stated"]))


def limits(reader: Reader, tables: Sequence[Table]) -> tuple[str, ...]:
    """What a reader must know before they lean on the numbers."""
    result, kind = reader.result, reader.kind
    clustered = result["method"]["clustered"]
    columns = [column for column in result["columns"] if column["name"] in reader.columns]
    found: list[str] = []
    if SYNTHETIC.search(reader.audit.description):
        found.append(SYNTHETIC_VOICES)
    if not clustered:
        found.append(ROWS_ALONE.format(people=kind.cluster_word[1], rows=kind.row_word[1]))
    found += few_people(tables, clustered, kind.cluster_word if clustered else kind.row_word)
    found += merged(
        columns, result["settings"]["smallest"], (kind.cluster_word if clustered else kind.row_word)[1]
    )
    found += origins(columns)
    if result["data"]["excluded"]:
        found.append(excluded(result, kind.row_word))
    found += intersections(result["coverage"])
    return (*found, FAMILY, NOT_MEASURED, ONE_RELEASE)


def few_people(tables: Sequence[Table], clustered: bool, people: tuple[str, str]) -> Iterable[str]:
    """Groups that rest on few people, each once."""
    few: dict[str, int] = {}
    for table in tables:
        for row in table.groups:
            size = row.clusters if clustered else row.n
            name = ", ".join(f"{column} = {group}" for column, group in row.group.items())
            if size is not None and size < FEW:
                few[name] = min(size, few.get(name, FEW))
    if few:
        texts = "; ".join(
            f"{name} ({times(size, people)})" for name, size in sorted(few.items(), key=lambda x: x[1])
        )
        yield f"These groups rest on fewer than {FEW} {people[1]}: {texts}."
    for table in tables:
        lost = [row for row in table.groups if row.value is None]
        if lost:
            names = "; ".join(group for row in lost for group in row.group.values())
            yield f"No rate is given by {table.columns[0]} for {names}: {lost[0].note}."


def merged(columns: Sequence[Mapping[str, Any]], smallest: int, people: str) -> Iterable[str]:
    found = [f"{column['name']} {count(column['merged'])}" for column in columns if column["merged"]]
    if found:
        yield (
            f"Groups with fewer than {count(smallest)} {people}, and what had to join them, are counted "
            f"together as “{SMALLER}” and have no rate of their own: {', '.join(found)}."
        )


def origins(columns: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    unsaid = [
        column["name"] for column in columns if column["role"] == "group" and column["mark"] == NOT_MARKED
    ]
    seen = [column["name"] for column in columns if column["mark"] == "perceived"]
    if unsaid:
        yield f"It is not said whether people stated {', '.join(unsaid)} of themselves."
    if seen:
        yield f"{', '.join(seen)}: as others perceived it, which may not be what people say of themselves."


def intersections(coverage: Mapping[str, Any]) -> Iterable[str]:
    """What of two columns together the data hardly hold."""
    thin, unseen = coverage["thin"], coverage["unseen"]
    if thin["count"] or unseen["count"]:
        yield (
            f"Of the pairs of groups from two columns, {count(thin['count'])} have fewer than "
            f"{count(thin['smallest'])} {coverage['people_word']}, and {count(unseen['count'])} have none."
        )


def excluded(result: Mapping[str, Any], rows: tuple[str, str]) -> str:
    data = result["data"]
    patterns = "; ".join(f"{column} matches {pattern}" for column, pattern in result["settings"]["exclude"])
    share = percent(data["excluded"] / data["rows"])
    left_out = f"{times(data['excluded'], rows)} ({share})"
    return f"{left_out} were left out by patterns set before the audit ran: {patterns}."

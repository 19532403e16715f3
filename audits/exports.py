"""What leaves the site as data: the result as JSON, and every table as CSV.

Numbers have all their digits; text that a spreadsheet would run is made harmless. What a reader may not see
is not in the `Reader.result` that all but the rows are made from.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any
from urllib.parse import urlencode

import orjson
import polars as pl

from common.spreadsheet import csv_lines
from fairness.calibration import Bin
from fairness.compare import Difference
from fairness.disaggregate import Table
from fairness.tolerances import Judgement
from fairness.words import ConfusedWords, MissedWord
from fairness.worst import WorstGroup

from . import store
from .access import Reader
from .models import Audit

ROWS_AT_ONCE = 20_000
LINES_AT_ONCE = 500
GROUP = "g:"
OF_A_TABLE = ("system", "metric", "aggregation", "where", "versus", "baseline")
OF_A_GROUP = ("group", "column_1", "group_1", "column_2", "group_2")
NUMBERS = (
    "n",
    "clusters",
    "exposure",
    "errors",
    "value",
    "low",
    "high",
    "gap",
    "gap_low",
    "gap_high",
    "ratio",
    "ratio_low",
    "ratio_high",
    "p",
    "p_adjusted",
    "p_bh",
    "note",
)
COLUMNS = ("audit", *OF_A_TABLE, *OF_A_GROUP, *NUMBERS)


def names(of: type, *without: str) -> tuple[str, ...]:
    return tuple(field.name for field in fields(of) if field.name not in without)


def in_chunks(lines: Iterator[str]) -> Iterator[str]:
    """Lines put together, so that a million of them are not a million writes."""
    while chunk := "".join(islice(lines, LINES_AT_ONCE)):
        yield chunk


# Rates


def table_lines(audit: Audit, tables: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Lines of CSV with their header. tables: as in a result, or `Table.as_dict()`."""
    return csv_lines(COLUMNS, (row for table in tables for row in csv_rows(audit, table)))


def csv_rows(audit: Audit, table: Mapping[str, Any]) -> Iterator[dict]:
    """One table's rows by name; everyone's row has no groups."""
    facts = {name: table[name] for name in OF_A_TABLE} | {
        "audit": audit.key,
        "where": pairs_text(table["where"]),
    }
    for row in table["rows"]:
        yield facts | groups_of(row["group"], table["columns"]) | {name: row[name] for name in NUMBERS}


def view_query(table: Table) -> str:
    """The parameters that give a table again, as they stand in an address: for the link to its CSV."""
    pairs = [("system", table.system), ("metric", table.metric), ("aggregation", table.aggregation)]
    pairs += [("by", column) for column in table.columns]
    pairs += [("where", f"{column}={group}") for column, group in table.where]
    pairs += [("versus", table.versus)]
    if table.versus == "baseline":
        pairs += [("baseline", table.baseline or "")]
    return urlencode(pairs)


def groups_of(group: Mapping[str, str], columns: Sequence[str]) -> dict[str, str]:
    """A group's columns in the table's order: apart, and together as COLUMN=GROUP."""
    pairs = [(name, group[name]) for name in columns if name in group]
    apart = [text for pair in pairs for text in pair]
    return {"group": pairs_text(pairs)} | dict(zip(OF_A_GROUP[1:], apart, strict=False))


def pairs_text(pairs: Iterable[Sequence[str]]) -> str:
    return "; ".join(f"{column}={group}" for column, group in pairs)


# The other parts of a result


@dataclass(frozen=True)
class Part:
    """A part of a result as one table: its columns, and its rows by name."""

    columns: tuple[str, ...]
    rows: Callable[[Mapping[str, Any]], Iterator[dict[str, Any]]]


COUNTED = ("rows", "people", "exposure", "hours", "empty", "empty_errors", "excluded")
MISSED, CONFUSED = names(MissedWord), names(ConfusedWords)
PAIRED = names(Difference, "group")


def coverage_rows(result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    coverage = result["coverage"]
    yield {name: coverage["overall"][name] for name in COUNTED}
    for column in coverage["columns"]:
        about = {"column": column["name"], "role": column["role"], "mark": column["mark"]}
        for group in column["groups"]:
            yield about | group


def combination_rows(result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Pairs of groups with few people, and with none."""
    for name, people in (("thin", None), ("unseen", 0)):
        for cell in result["coverage"][name]["cells"]:
            pairs = dict(zip(cell["columns"], cell["groups"], strict=True))
            yield groups_of(pairs, cell["columns"]) | {"people": cell.get("people", people)}


def word_rows(result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for part in result["words"]:
        for group in part["groups"]:
            about = {"system": part["system"], "column": part["column"], "group": group["group"]}
            for word in group["missed"]:
                yield about | word | {"kind": "missed"}
            for pair in group["confused"]:
                yield about | pair | {"kind": "confused", "word": pair["reference"]}


def sensitivity_rows(result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for row in (result["sensitivity"] or {"rows": []})["rows"]:
        for variant, value in row["values"].items():
            yield row | {"setting": result["sensitivity"]["setting"], "variant": variant, "value": value}


def paired_rows(result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for table in result["comparisons"]:
        about = {
            "first_system": table["first"],
            "second_system": table["second"],
            "metric": table["metric"],
            "where": pairs_text(table["where"]),
        }
        for row in table["rows"]:
            yield about | row | groups_of(row["group"], table["columns"])


def worst_rows(result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for found in result["worst"]:
        for group in found["groups"]:
            about = {"system": found["system"], "metric": found["metric"]}
            yield about | group | {"group": pairs_text(group["conditions"])}


def tolerance_rows(result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from result["tolerances"]


def calibration_rows(result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A row for each bin; the group's own numbers stand in each."""
    for part in result["calibration"]:
        for group in part["groups"]:
            about = {"system": part["system"], "column": part["column"], "group": group["group"]}
            whole = {f"group_{name}": group[name] for name in ("n", "difference", "error")}
            for one in group["bins"] or [{}]:
                yield about | whole | one


PARTS = {
    "coverage": Part(("column", "role", "mark", "group", *COUNTED), coverage_rows),
    "combinations": Part((*OF_A_GROUP, "people"), combination_rows),
    "words": Part(
        ("system", "column", "group", "kind", *dict.fromkeys((*MISSED, *CONFUSED))),
        word_rows,
    ),
    "sensitivity": Part(("system", "column", "group", "setting", "variant", "value"), sensitivity_rows),
    "comparisons": Part(
        ("first_system", "second_system", "metric", "where", *OF_A_GROUP, *PAIRED), paired_rows
    ),
    "worst": Part(("system", "metric", "group", *names(WorstGroup, "conditions")), worst_rows),
    "tolerances": Part(names(Judgement), tolerance_rows),
    "calibration": Part(
        ("system", "column", "group", "group_n", "group_difference", "group_error", *names(Bin)),
        calibration_rows,
    ),
}


def part_lines(part: Part, result: Mapping[str, Any]) -> Iterator[str]:
    return csv_lines(part.columns, part.rows(result))


# Rows, for those who may read texts


def utterance_lines(reader: Reader) -> Iterator[str]:
    """Every row that was counted: its groups, its texts, and what was counted for each system."""
    rows = store.read_rows(reader.audit)
    headers = dict(zip(rows.columns, row_headers(rows.columns, reader.audit.result["systems"]), strict=True))
    rows = rows.rename(headers)
    return csv_lines(tuple(rows.columns), in_pieces(rows))


def in_pieces(rows: pl.DataFrame) -> Iterator[dict[str, Any]]:
    for piece in rows.iter_slices(ROWS_AT_ONCE):
        yield from piece.iter_rows(named=True)


def row_headers(columns: Sequence[str], systems: Sequence[str]) -> list[str]:
    """Names for readers: “accent” for g:accent, “ours: substitutions” for 0:substitutions; no two alike."""
    found: list[str] = []
    for name in columns:
        kind, _, rest = name.partition(":")
        if name.startswith(GROUP):
            header = name.removeprefix(GROUP)
        elif kind == "hypothesis":
            header = systems[int(rest)]
        else:
            header = f"{systems[int(kind)]}: {rest}" if kind.isdigit() else name
        found.append(header if header not in (*found, *columns) or header == name else f"{name} ({header})")
    return found


def stored_cells(audit: Audit) -> bytes:
    """The counts behind every table, byte for byte as they were stored."""
    with audit.cells.open() as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != audit.cells_sha256:
        raise store.DamagedFile(audit.cells.name)
    return data


# JSON


def result_json(reader: Reader, address: str) -> bytes:
    """The result with what the audit says of itself beside it; the same bytes for the same audit."""
    audit = reader.audit
    about = {
        "address": address,
        "key": audit.key,
        "title": audit.title,
        "system": audit.system,
        "release": audit.release,
        "owner": audit.owner.get_username(),
        "finished": audit.finished.isoformat(timespec="seconds"),
    }
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(reader.result | {"audit": about}, option=options)

"""The tables of an audit as CSV: a line for each group of each table."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from common.spreadsheet import csv_lines

from .models import Audit

OF_A_TABLE = ("system", "metric", "aggregation", "where", "versus", "baseline")
OF_A_GROUP = ("column_1", "group_1", "column_2", "group_2")
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


def table_lines(audit: Audit, tables: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Lines of CSV with their header. tables: as in a result, or `Table.as_dict()`."""
    return csv_lines(COLUMNS, (row for table in tables for row in csv_rows(audit, table)))


def csv_rows(audit: Audit, table: Mapping[str, Any]) -> Iterator[dict]:
    """One table's rows by name; everyone's row has no groups."""
    facts = {name: table[name] for name in OF_A_TABLE} | {
        "audit": audit.key,
        "where": "; ".join(f"{column}={group}" for column, group in table["where"]),
    }
    for row in table["rows"]:
        groups = [text for pair in row["group"].items() for text in pair]
        yield facts | dict(zip(OF_A_GROUP, groups, strict=False)) | {name: row[name] for name in NUMBERS}

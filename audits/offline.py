"""What the report in one file shows: the stored result, laid out for a page that has no server to ask.

Nothing here that a reader may not see, and no text of an utterance, whoever asks: the file goes further than
its reader.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fairness.kinds.base import Metric

from . import card, method
from .access import Reader
from .limits import mark_of
from .written import points

# Of all tables by two columns together, and of one; the rest is in the CSV.
MOST_PAIRS, ALL_ROWS, MOST_ROWS = 200, 4_000, 100
MOST_WORDS = 5


def offline(reader: Reader, address: str) -> dict[str, Any]:
    """The context of the template."""
    result = reader.result
    columns = {column["name"]: column | {"mark": mark_of(column)} for column in result["columns"]}
    first = card.build(reader, result["systems"][0], address)
    return {
        "audit": reader.audit,
        "address": address,
        "card": first,
        "kind": reader.kind,
        "data": result["data"],
        "coverage": coverage(result["coverage"]),
        "people": result["coverage"]["people_word"],
        "clustered": result["method"]["clustered"],
        "metrics": reader.metrics,
        "headline": reader.metrics[0],
        "smallest": reader.settings.smallest,
        "systems": [
            system_part(reader, columns, name, number) for number, name in enumerate(result["systems"], 1)
        ],
        "comparisons": [paired(table, columns) for table in result["comparisons"]],
        "tolerances": tolerances(reader, columns),
        "method": method.facts(reader),
    }


def coverage(found: Mapping[str, Any]) -> dict[str, Any]:
    return dict(found) | {"columns": [column | {"mark": mark_of(column)} for column in found["columns"]]}


def system_part(reader: Reader, columns: Mapping[str, Any], name: str, number: int) -> dict[str, Any]:
    result, headline = reader.result, reader.metrics[0]
    tables = [table for table in result["tables"] if table["system"] == name]
    everyone = {table["metric"]: table["rows"][0] for table in tables if not table["columns"]}
    by = [table for table in tables if len(table["columns"]) == 1 and table["metric"] == headline.key]
    pairs = [table for table in tables if len(table["columns"]) == 2]
    shown = pairs[: MOST_PAIRS // len(result["systems"])]
    most = max(5, min(MOST_ROWS, ALL_ROWS // (len(shown) * len(result["systems"]) or 1)))
    return {
        "name": name,
        "id": f"system-{number}",
        "everyone": [{"metric": metric, "row": everyone[metric.key]} for metric in reader.metrics],
        "by": [rates(table, columns, headline) for table in by],
        "pairs": [rates(table, columns, headline, most) for table in shown],
        "more_pairs": len(pairs) - len(shown),
        "types": [types(reader, table, columns) for table in by] if reader.kind.type_metrics else [],
        "type_metrics": [metric for metric in reader.metrics if metric.key in reader.kind.type_metrics],
        "words": [words(part, columns) for part in result["words"] if part["system"] == name],
        "worst": next((worst(found, columns) for found in result["worst"] if found["system"] == name), None),
        "sensitivity": sensitivity(result["sensitivity"], columns, name),
        "calibration": [
            part | {"mark": columns[part["column"]]["mark"] if part["column"] else ""}
            for part in result["calibration"]
            if part["system"] == name
        ],
    }


def rates(
    table: Mapping[str, Any], columns: Mapping[str, Any], metric: Metric, most: int | None = None
) -> dict[str, Any]:
    """A table of the result, the worst groups first; of a long one the groups that have a rate."""
    overall, *groups = table["rows"]
    sign = 1 if metric.higher_is_better else -1
    order = sorted(groups, key=lambda row: (row["value"] is None, sign * (row["value"] or 0.0)))
    known = [row for row in order if row["value"] is not None] if most else order
    ends = (row["high"] or row["value"] or 0.0 for row in table["rows"])
    return {
        "columns": [columns[name] for name in table["columns"]],
        "everyone": overall,
        "rows": [row | {"labels": labels(row, table["columns"])} for row in known[:most]],
        "small": len(order) - len(known),
        "hidden": max(len(known) - most, 0) if most else 0,
        "top": max(ends, default=0.0) or 1.0,
        "tests": table["tests"],
    }


def labels(row: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    return [row["group"][name] for name in columns]


def types(reader: Reader, table: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    """Errors of each type over exposure, of everyone and of the groups that have a rate; no intervals."""
    column, cells = table["columns"][0], reader.cells
    place, codes = cells.systems.index(table["system"]), cells.codes(cells.place(column))
    groups = columns[column]["groups"]
    shares = []
    for key in reader.kind.type_metrics:
        errors, exposure = (cells.moment(place, key, name) for name in ("e", "x"))
        sums = [np.append(np.bincount(codes, one, len(groups)), one.sum()) for one in (errors, exposure)]
        with np.errstate(invalid="ignore", divide="ignore"):
            shares.append(sums[0] / sums[1])
    shown = {row["group"][column] for row in table["rows"][1:] if row["value"] is not None}
    lines = [("everyone", len(groups)), *((g, groups.index(g)) for g in groups if g in shown)]
    top = max((float(sum(share[at] for share in shares)) for _, at in lines), default=0.0) or 1.0
    return {
        "column": columns[column],
        "rows": [
            {"label": label, "parts": stacked([float(s[at]) for s in shares], top)} for label, at in lines
        ],
    }


def stacked(values: Iterable[float], top: float) -> list[dict[str, Any]]:
    """Each value with where its bar starts and how long it is, in per cent of the longest."""
    found, start = [], 0.0
    for value in values:
        wide = 100 * value / top
        found.append({"value": value, "x": f"{start:.2f}%", "width": f"{wide:.2f}%"})
        start += wide
    return found


def words(part: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    groups = [
        {
            "group": one["group"],
            "missed": one["missed"][:MOST_WORDS],
            "confused": one["confused"][:MOST_WORDS],
        }
        for one in part["groups"]
    ]
    return {"column": columns[part["column"]], "groups": groups}


def worst(found: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    groups = []
    for group in found["groups"]:
        conditions = [f"{titled(columns[column])} = {label}" for column, label in group["conditions"]]
        groups.append(group | {"name": ", ".join(conditions)})
    return dict(found) | {"groups": groups}


def titled(column: Mapping[str, Any]) -> str:
    return f"{column['name']} ({column['mark']})" if column["mark"] else column["name"]


def sensitivity(
    found: Mapping[str, Any] | None, columns: Mapping[str, Any], system: str
) -> dict[str, Any] | None:
    if found is None:
        return None
    rows = [
        row | {"values": [row["values"][variant] for variant in found["variants"]]}
        for row in found["rows"]
        if row["system"] == system
    ]
    by = [{"column": None, "rows": [row for row in rows if not row["column"]]}]
    by += [
        {"column": columns[name], "rows": [row for row in rows if row["column"] == name]} for name in columns
    ]
    return dict(found) | {"by": [part for part in by if part["rows"]]}


def paired(table: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    rows = [row | {"labels": labels(row, table["columns"]) if row["group"] else []} for row in table["rows"]]
    ends = [abs(row[name]) for row in rows for name in ("low", "high", "difference") if row[name] is not None]
    return dict(table) | {
        "columns": [columns[name] for name in table["columns"]],
        "rows": rows,
        "top": max(ends, default=0.0) or 1.0,
    }


def tolerances(reader: Reader, columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = {metric.key: metric.name for metric in reader.metrics}
    return [
        one
        | {
            "within": points(one["within"]).lstrip("+"),
            "name": names[one["metric"]],
            "mark": columns[one["column"]]["mark"],
        }
        for one in reader.result["tolerances"]
    ]

"""The pages that are tables of the stored counts: rates, intersections, conditions, systems side by side."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlencode

import numpy as np
from django.urls import path

from fairness.compare import compare_systems
from fairness.disaggregate import Row, Table, View

from .. import figures
from ..exports import view_query
from ..limits import mark_of
from .controls import AGGREGATION_NAMES, MOST_FILTERS, VERSUS_NAMES, metric_choices
from .frame import Report, report_page

MOST_IN_FIGURE = 60


def label(row: Row) -> str:
    return " · ".join(row.group.values())


def sorted_rows(table: Table, higher_is_better: bool) -> list[Row]:
    """Worst first; what is too small to say last."""
    sign = 1 if higher_is_better else -1
    return sorted(table.groups, key=lambda row: (row.value is None, sign * (row.value or 0.0), label(row)))


# Selects that several pages have


def add_system(report: Report) -> None:
    chosen = report.controls.get("system", report.systems[0])
    report.controls.add("system", "System", [(name, name) for name in report.systems], chosen)


def add_metric(report: Report, metrics: Sequence | None = None) -> None:
    choices = metric_choices(report.metrics if metrics is None else metrics)
    report.controls.add("metric", "Rate", choices, report.controls.get("metric", report.result["headline"]))


def add_aggregation(report: Report, grouped: bool) -> None:
    known = [
        name
        for name in report.kind.aggregations
        if name != "cluster_mean" or report.result["method"]["clustered"]
    ]
    words = {
        "exposure": report.headline.exposure_name,
        "rows": report.kind.row_word[1],
        "people": report.kind.cluster_word[1],
    }
    choices = [
        (name, AGGREGATION_NAMES[name].format(**words)) for name in known if grouped or name != "macro"
    ]
    report.controls.add("aggregation", "Averaged", choices, report.controls.get("aggregation", "pooled"))


def add_columns(report: Report, by: tuple[str, ...]) -> None:
    first = by[0]
    report.controls.add("by", "By", [(name, titled(report, name)) for name in report.names], first, 1)
    beside = [
        name
        for name in report.names
        if name != first and report.reader.allows(plain_view(report, (first, name)))
    ]
    if beside:
        choices = [("", "nothing more"), *((name, titled(report, name)) for name in beside)]
        report.controls.add("by", "and by", choices, by[1] if len(by) > 1 else "", 2)


def add_filters(report: Report, by: tuple[str, ...], metric: str | None = None) -> None:
    """A select for each filter, and one more to add another, as far as the reader may filter at all."""
    sections = [
        (titled(report, column["name"]), [(f"{column['name']}={group}", group) for group in column["groups"]])
        for column in report.columns
        if column["name"] not in by and may_filter(report, by, column)
    ]
    if not sections:
        return
    present = [f"{column}={group}" for column, group in report.where]
    for number, chosen in enumerate([*present, ""][:MOST_FILTERS], 1):
        text = "Only" if number == 1 else "and only"
        report.controls.add_sections("where", text, [("", [("", "everyone")]), *sections], chosen, number)


def may_filter(report: Report, by: tuple[str, ...], column: dict) -> bool:
    where = ((column["name"], column["groups"][0]),)
    return report.reader.allows(replace(plain_view(report, by), where=where))


def plain_view(report: Report, by: tuple[str, ...]) -> View:
    return View(report.systems[0], report.result["headline"], by=by)


def titled(report: Report, name: str) -> str:
    mark = report.mark(name)
    return f"{name} ({mark})" if mark else name


def add_versus(report: Report, by: tuple[str, ...]) -> tuple[str, str | None]:
    """What groups are compared with, and the baseline group where it is one."""
    named = report.settings.baselines.get(by[0]) if len(by) == 1 else None
    versus = report.controls.get("versus", "baseline" if named else "rest")
    known = [name for name in VERSUS_NAMES if name != "baseline" or len(by) == 1]
    report.controls.add("versus", "Compared with", [(name, VERSUS_NAMES[name]) for name in known], versus)
    if versus != "baseline" or len(by) != 1:
        return versus, None
    groups = report.column(by[0])["groups"]
    asked = report.controls.get("baseline")
    baseline = asked if asked in groups else named or groups[0]
    report.controls.add("baseline", "Baseline group", [(group, group) for group in groups], baseline)
    return versus, baseline


# Pages


@report_page("rates")
def rates(report: Report) -> dict:
    by = report.asked.by or report.names[:1]
    add_system(report)
    add_metric(report)
    add_aggregation(report, grouped=True)
    for name in by:
        report.column(name)
    add_columns(report, by)
    versus, baseline = add_versus(report, by)
    add_filters(report, by)
    view = replace(report.asked, by=by, versus=versus, baseline=baseline)
    return table_context(report, report.table(view))


def alone(report: Report, by: tuple[str, ...]) -> View:
    """What the address asks for, by these columns and compared with the rest."""
    return replace(report.asked, by=by, versus="rest", baseline=None)


def table_context(report: Report, table: Table) -> dict:
    metric = report.metric(table.metric)
    rows = sorted_rows(table, metric.higher_is_better)
    drawn = rows[:MOST_IN_FIGURE]
    return {
        "table": table,
        "metric": metric,
        "rows": [{"groups": list(row.group.values()), "row": row} for row in rows],
        "columns": [{"name": name, "mark": report.mark(name)} for name in table.columns],
        "figure": figures.forest(
            [label(row) for row in drawn],
            drawn,
            overall=table.overall,
            title=f"{metric.name}, with 95 % interval",
        ),
        "left_out": len(rows) - len(drawn),
        "merged": merged(report, table.columns),
        "note": table_note(report, table),
        "query": view_query(table),
    }


def merged(report: Report, names: Sequence[str]) -> list[dict]:
    return [report.column(name) for name in names if report.column(name)["merged"]]


def table_note(report: Report, table: Table, *, tested: bool = True) -> dict:
    """What stands under a table: how it was averaged, how intervals and p values came about."""
    metric = report.metric(table.metric)
    clustered, rows = report.result["method"]["clustered"], report.kind.row_word[1]
    people = report.people[1]
    plain_binary = metric.binary and table.aggregation in ("pooled", "macro")
    if clustered:
        interval = f"studentised bootstrap over {people}, {report.settings.replicates:,} replicates"
        test = f"the score test over {people}"
    elif plain_binary:
        weighted = report.result["method"]["weighted"]
        interval = "Wilson's, on the effective number of rows" if weighted else "Wilson's"
        test = f"the score test over {rows}" if weighted else "Fisher's exact test"
    else:
        interval, test = f"linearised over {rows}, by Student's t", f"the score test over {rows}"
    words = {
        "exposure": metric.exposure_name,
        "rows": rows,
        "people": report.kind.cluster_word[1],
    }
    return {
        "aggregation": AGGREGATION_NAMES[table.aggregation].format(**words),
        "interval": interval,
        "test": test,
        "tests": table.tests if tested else None,
        "versus": table.baseline if table.baseline is not None else VERSUS_NAMES[table.versus],
        "is_best": table.versus == "best",
        "product": bool(metric.product_of),
    }


@report_page("intersections")
def intersections(report: Report) -> dict:
    pairs = report.reader.pairs
    by = report.asked.by or fullest(report, pairs)
    add_system(report)
    add_metric(report)
    add_aggregation(report, grouped=False)
    first = by[0]
    report.column(first)
    report.controls.add("by", "Down", [(n, titled(report, n)) for n in in_a_pair(report)], first, 1)
    beside = [name for pair in pairs if first in pair for name in pair if name != first]
    second = by[1] if len(by) > 1 and by[1] != first else (beside or [""])[0]
    report.controls.add("by", "Across", [(n, titled(report, n)) for n in beside], second, 2)
    if len(beside) == 1:
        report.controls.add_sections(
            "by", "Across", [("", [(beside[0], titled(report, beside[0]))])], second, 2
        )
    add_filters(report, (first, second))
    table = report.table(alone(report, (first, second)))
    return table_context(report, table) | {"heat": heat_map(report, table)}


def fullest(report: Report, pairs: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """The first pair of columns of whose combinations most have rows: nested columns say little together."""
    cells = report.reader.cells

    def filled(pair: tuple[str, str]) -> float:
        places = [cells.place(name) for name in pair]
        seen = cells.frame.select(f"c{place}" for place in places).unique().height
        return seen / np.prod([len(cells.columns[place].groups) for place in places])

    return tuple(max(pairs, key=filled))


def in_a_pair(report: Report) -> list[str]:
    return [name for name in report.names if any(name in pair for pair in report.reader.pairs)]


def heat_map(report: Report, table: Table) -> dict:
    """A grid of a table by two columns: each cell with how far it is from everyone."""
    down, across = table.columns
    cells = {(row.group[down], row.group[across]): row for row in table.groups}
    overall = table.overall.value
    known = [row.value for row in table.groups if row.value is not None]
    farthest = 0.0 if overall is None else max((abs(value - overall) for value in known), default=0.0)
    rows = [group for group in report.column(down)["groups"] if any(key[0] == group for key in cells)]
    columns = [group for group in report.column(across)["groups"] if any(key[1] == group for key in cells)]
    sign = -1 if report.metric(table.metric).higher_is_better else 1
    grid = [
        {
            "label": group,
            "cells": [
                heat_cell(row, sign * figures.heat(row.value, overall, farthest) if row else 0)
                for row in (cells.get((group, other)) for other in columns)
            ],
        }
        for group in rows
    ]
    return {
        "rows": grid,
        "columns": columns,
        "down": mark_pair(report, down),
        "across": mark_pair(report, across),
    }


def heat_cell(row: Row | None, heat: int) -> dict:
    """heat: 4 is far worse than everyone, -4 far better."""
    return {
        "row": row,
        "css": f"heat-{'w' if heat > 0 else 'b'}{abs(heat)}",
        "worse": heat > 1,
        "better": heat < -1,
    }


def mark_pair(report: Report, name: str) -> dict:
    return {"name": name, "mark": mark_of(report.column(name))}


@report_page("conditions")
def conditions(report: Report) -> dict:
    names = report.of_role("condition")
    groups = report.of_role("group")
    condition = report.controls.get("condition", names[0])
    add_system(report)
    add_metric(report)
    add_aggregation(report, grouped=False)
    report.controls.add("condition", "Condition", [(name, name) for name in names], condition)
    allowed = [name for name in groups if report.reader.allows(plain_view(report, (name, condition)))]
    by = (report.asked.by or tuple(allowed) or ("",))[0]
    report.controls.add("by", "By", [(name, titled(report, name)) for name in allowed], by)
    by_itself = report.table(alone(report, (condition,)))
    context = table_context(report, by_itself) | {"condition": condition, "by": by}
    if by:
        context |= by_condition(report, report.table(alone(report, (by, condition))))
    return context


def by_condition(report: Report, table: Table) -> dict:
    """Groups down, conditions across."""
    group, condition = table.columns
    found = {(row.group[group], row.group[condition]): row for row in table.groups}
    groups = [name for name in report.column(group)["groups"] if any(key[0] == name for key in found)]
    levels = [name for name in report.column(condition)["groups"] if any(key[1] == name for key in found)]
    series = {level: [found.get((name, level)) for name in groups] for level in levels}
    return {
        "crossed": [
            {"label": name, "rows": [found.get((name, level)) for level in levels]} for name in groups
        ],
        "levels": levels,
        "group": mark_pair(report, group),
        "crossed_note": table_note(report, table, tested=False),
        "crossed_figure": figures.several(
            groups, series, title=f"{report.metric(table.metric).name}, with 95 % interval"
        ),
    }


@report_page("systems")
def systems(report: Report) -> dict:
    names = report.systems
    by = report.asked.by[:1] or report.names[:1]
    first = report.controls.get("first", names[0])
    second = report.controls.get("second", next(name for name in names if name != first))
    add_metric(report, [metric for metric in report.metrics if not metric.product_of])
    if by:
        report.controls.add("by", "By", [(name, titled(report, name)) for name in report.names], by[0])
    report.controls.add("first", "First system", [(name, name) for name in names], first)
    report.controls.add("second", "Second system", [(name, name) for name in names], second)
    view = replace(alone(report, by), aggregation="pooled")
    tables = [report.table(replace(view, system=name)) for name in names]
    metric = report.metric(view.metric)
    paired = compare_systems(
        report.reader.cells, report.kind, metric, (first, second), report.settings, by=by, where=view.where
    )
    labels = [" · ".join(row.group.values()) or "everyone" for row in paired.rows]
    return {
        "metric": metric,
        "by": mark_pair(report, by[0]) if by else None,
        "side_by_side": side_by_side(tables, metric.higher_is_better),
        "paired": [{"label": text, "row": row} for text, row in zip(labels, paired.rows, strict=True)],
        "first": first,
        "second": second,
        "paired_query": urlencode(
            [("first", first), ("second", second), ("metric", metric.key), *(("by", name) for name in by)]
            + [("where", f"{column}={group}") for column, group in view.where]
        ),
        "same": first == second,
        "figure": figures.differences(labels, paired.rows, title="first less second"),
        "note": table_note(report, tables[0], tested=False),
        "matched": any(row.row_low is not None for row in paired.rows),
    }


def side_by_side(tables: Sequence[Table], higher_is_better: bool) -> list[dict]:
    """A line for everyone and each group, a cell for each system; the best of a line is marked."""
    lines = []
    for rows in zip(*(table.rows for table in tables), strict=True):
        known = [row.value for row in rows if row.value is not None]
        best = (max(known) if higher_is_better else min(known)) if known else None
        lines.append(
            {
                "label": label(rows[0]) or "everyone",
                "cells": [{"row": r, "best": r.value == best} for r in rows],
            }
        )
    return lines


urlpatterns = [
    path("audits/<slug:key>/rates/", rates, name="rates"),
    path("audits/<slug:key>/intersections/", intersections, name="intersections"),
    path("audits/<slug:key>/conditions/", conditions, name="conditions"),
    path("audits/<slug:key>/systems/", systems, name="systems"),
]

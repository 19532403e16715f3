"""The front page of a report (or how far its audit is), and the pages that read what the result holds ready:
errors by type and word, worst groups, calibration.
"""

from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django_htmx.http import HttpResponseClientRefresh

from common.waiting import queue_of
from fairness.columns import shown as quoted

from .. import figures
from ..written import count
from .frame import Report, is_part, report_page, shown, visible_audit
from .tables import add_filters, add_system, alone, label, sorted_rows, table_note, titled

MOST_WORST = 5
MOST_DRAWN = 60
ASKS_AGAIN = "running"


def report(request: HttpRequest, key: str) -> HttpResponse:
    """The overview; without a result, how far the audit is, which asks again until there is one."""
    audit = visible_audit(request, key)
    if not audit.is_unfinished and request.GET.get("seen") == ASKS_AGAIN and is_part(request):
        return HttpResponseClientRefresh()
    if audit.is_done:
        return shown(request, Report(request, audit), "report", overview)
    context = {
        "audit": audit,
        "is_owner": audit.is_owned_by(request.user),
        "asks_again": ASKS_AGAIN,
        # One audit at a time, as analysis claims them.
        "queue": queue_of([audit], at_once=1).get(audit.pk),
    }
    page = "_running.html" if is_part(request) else "running.html"
    return render(request, f"audits/{page}", context)


def overview(report: Report) -> dict:
    result, headline = report.result, report.headline
    return {
        "headlines": [
            {"system": system, "row": headline_table(report, system)["rows"][0]} for system in report.systems
        ],
        "headline": headline,
        "data": result["data"],
        **coverage(report),
        "stats": stats(report),
        "tolerances": tolerances(report),
        "sensitivity": sensitivity(report),
        "worst_first": worst_first(report),
    }


def stats(report: Report) -> list[dict]:
    """What the audit rests on, in a few numbers."""
    whole, given = report.result["coverage"]["overall"], report.result["coverage"]
    left_out = report.result["data"]["excluded"]
    note = f"{count(left_out)} more left out" if left_out else "none left out"
    found = [(given["row_word"], count(whole["rows"]), note)]
    if given["clustered"]:
        found.append((given["people_word"], count(whole["people"]), ""))
    if given["exposure_name"] != "rows":
        found.append((given["exposure_name"], count(whole["exposure"]), ""))
    if whole["hours"] is not None:
        found.append(("hours", f"{whole['hours']:,.1f}", ""))
    return [{"label": label.capitalize(), "value": value, "note": note} for label, value, note in found]


def coverage(report: Report) -> dict:
    """Who is in the data by each column that the reader may see, and the pairs of groups with few or none."""
    given = report.result["coverage"]
    rows = given["overall"]["rows"] or 1
    columns = [
        column
        | {
            "shown_mark": report.mark(column["name"]),
            "groups": [group | {"share": group["rows"] / rows} for group in column["groups"]],
        }
        for column in given["columns"]
        if column["name"] in report.names
    ]
    shown = given["overall"]
    width = 3 + given["clustered"] + (given["exposure_name"] != "rows") + (shown["hours"] is not None)
    width += bool(shown["empty"]) + bool(shown["excluded"])
    return {
        "coverage": given | {"columns": columns, "width": width},
        "thin": [cell for cell in given["thin"]["cells"] if report.reader.shows(cell["columns"])],
        "unseen": [cell for cell in given["unseen"]["cells"] if report.reader.shows(cell["columns"])],
    }


def headline_table(report: Report, system: str, *columns: str) -> dict:
    """The headline as the result holds it ready; its first row is everyone's."""
    return next(
        table
        for table in report.result["tables"]
        if (table["system"], table["columns"], table["metric"])
        == (system, list(columns), report.result["headline"])
    )


def worst_first(report: Report) -> list[dict]:
    """The widest gaps to everyone else of the headline, over all columns, of the first system."""
    found = []
    sign = -1 if report.headline.higher_is_better else 1
    for name in report.of_role("group"):
        found += [
            {"column": name, "mark": report.mark(name), "label": row["group"][name], "row": row}
            for row in headline_table(report, report.systems[0], name)["rows"][1:]
            if row["gap"] is not None and sign * row["gap"] > 0
        ]
    found.sort(key=lambda line: -sign * line["row"]["gap"])
    return found[:MOST_WORST]


def tolerances(report: Report) -> list[dict]:
    found = []
    for judged in report.result["tolerances"]:
        if judged["column"] in report.names:
            metric = report.metric(judged["metric"])
            found.append(
                judged
                | {
                    "points": points_of(judged["within"]),
                    "name": metric.name,
                    "mark": report.mark(judged["column"]),
                }
            )
    return found


def points_of(share: float) -> str:
    points = f"{100 * share:g}"
    return f"{points} point" if points == "1" else f"{points} points"


def sensitivity(report: Report) -> dict | None:
    """The headline under every variant: everyone first, then each column's groups, a section each."""
    given = report.result["sensitivity"]
    if not given:
        return None
    system = report.systems[0]
    lines = [line for line in given["rows"] if line["system"] == system]
    sections = [{"name": "", "mark": "", "rows": lines_of("", lines, given)}]
    sections += [
        {"name": name, "mark": report.mark(name), "rows": lines_of(name, lines, given)}
        for name in report.names
    ]
    used = given["variants"].index(report.result["settings"][given["setting"]])
    return given | {
        "sections": sections,
        "used": used,
        "shown_system": system,
        "columns": len(given["variants"]) + 1,
    }


def lines_of(column: str, lines: list[dict], given: dict) -> list[dict]:
    return [
        {
            "group": line["group"] or "everyone",
            "values": [line["values"].get(name) for name in given["variants"]],
        }
        for line in lines
        if line["column"] == column
    ]


# Errors


@report_page("errors")
def errors(report: Report) -> dict:
    """Errors by type in each group, and the words that each group's are about."""
    add_system(report)
    by = (report.asked.by or report.names or ("",))[0]
    report.controls.add("by", "By", [(name, titled(report, name)) for name in report.names], by)
    types = [report.metric(key) for key in report.kind.type_metrics if key in {m.key for m in report.metrics}]
    if types:
        add_filters(report, (by,) if by else ())
    context: dict = {"by": {"name": by, "mark": report.mark(by)} if by else None, "types": types}
    if types:
        context |= by_type(report, types, (by,) if by else ())
    system = report.controls.get("system", report.systems[0])
    context["columns_of_types"] = len(types) + 2
    words = [part for part in report.result["words"] if part["system"] == system and part["column"] == by]
    context["has_words"] = bool(words)
    context["words"] = words[0]["groups"] if words else []
    return context


def by_type(report: Report, types: list, by: tuple[str, ...]) -> dict:
    """The parts of the headline side by side, the group with the highest headline first."""
    view = replace(alone(report, by), aggregation="pooled")
    whole = report.table(replace(view, metric=report.headline.key))
    tables = [report.table(replace(view, metric=metric.key)) for metric in types]
    found = [{tuple(row.group.values()): row for row in table.rows} for table in tables]
    order = [whole.overall, *sorted_rows(whole, report.headline.higher_is_better)]
    lines = [
        {
            "label": label(row) or "everyone",
            "whole": row,
            "cells": [part[tuple(row.group.values())] for part in found],
        }
        for row in order
    ]
    drawn = [line for line in lines if line["whole"].value is not None][:MOST_DRAWN]
    parts = {
        metric.name: [line["cells"][place].value for line in drawn] for place, metric in enumerate(types)
    }
    return {
        "lines": lines,
        "headline": report.headline,
        "note": table_note(report, whole, tested=False),
        "figure": figures.stacked([line["label"] for line in drawn], parts, title=report.headline.name),
    }


# Worst groups


@report_page("worst")
def worst(report: Report) -> dict:
    add_system(report)
    system = report.controls.get("system", report.systems[0])
    found = [part for part in report.result["worst"] if part["system"] == system]
    if not found:
        raise ValueError(f"There is no system {quoted(system)}.")
    lines = [
        group | {"conditions": [condition(report, *pair) for pair in group["conditions"]]}
        for group in found[0]["groups"]
    ]
    return {"found": found[0], "lines": lines, "metric": report.metric(found[0]["metric"])}


def condition(report: Report, name: str, group: str) -> dict:
    return {"name": name, "mark": report.mark(name), "group": group}


# Calibration


@report_page("calibration")
def calibration(report: Report) -> dict:
    found = report.result["calibration"]
    systems = list(dict.fromkeys(part["system"] for part in found))
    system = report.controls.get("system", systems[0])
    report.controls.add("system", "Score", [(name, name) for name in systems], system)
    by = (report.asked.by or ("",))[0]
    choices = [("", "everyone together"), *((name, titled(report, name)) for name in report.names)]
    report.controls.add("by", "By", choices, by)
    if by:
        report.column(by)
    if system not in systems:
        raise ValueError(f"There is no score {quoted(system)}.")
    groups = next(part["groups"] for part in found if part["system"] == system and part["column"] == by)
    curves = {
        group["group"]: [
            (b["score"], b["rate"], b["rate_low"], b["rate_high"], b["n"]) for b in group["bins"]
        ]
        for group in groups
        if group["bins"]
    }
    return {
        "groups": groups,
        "by": {"name": by, "mark": report.mark(by)} if by else None,
        "system": system,
        "favourable": report.result["method"]["facts"].get("favourable"),
        "figure": figures.calibration(curves, title="share that deserved it"),
    }


urlpatterns = [
    path("audits/<slug:key>/", report, name="report"),
    path("audits/<slug:key>/errors/", errors, name="errors"),
    path("audits/<slug:key>/worst/", worst, name="worst"),
    path("audits/<slug:key>/calibration/", calibration, name="calibration"),
]

"""Several audits at once: two side by side, and a series of releases over time."""

from collections.abc import Iterator, Sequence

import numpy as np
from django.http import Http404, HttpRequest, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.cache import patch_vary_headers

from common.jobs import Status
from common.spreadsheet import csv_lines
from fairness.columns import shown as quoted
from fairness.disaggregate import Row, View
from fairness.intervals import mover_gap

from .. import figures
from ..exports import in_chunks
from ..models import Audit
from ..rules import UNHELD
from .controls import Controls, metric_choices
from .frame import Report, is_part, visible_audit
from .tables import titled

MOST_CHOICES = 200
OF_A_RATE = ("n", "clusters", "exposure", "errors", "value", "low", "high", "note")
MOST_RELEASES = 60
MOST_LINES = len(figures.SYMBOLS)
SETTING_NAMES = {
    "normalise": "the normalisation",
    "favourable": "the favourable label",
    "exclude": "the rows left out",
    "smallest": "the smallest group shown",
}
TREND_NOTE = "Each release with its 95 % interval, the oldest first."


def answer(request: HttpRequest, name: str, context: dict, status: int = 200) -> HttpResponseBase:
    """The page, its part, or with as=csv the table alone."""
    if request.GET.get("as") == "csv" and status == 200:
        lines = csv_lines(*CSV_OF[name](context))
        response = StreamingHttpResponse(in_chunks(lines), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        return response
    context["csv"] = f"?{with_csv(request.GET)}"
    template = f"audits/_{name}.html" if is_part(request) else f"audits/{name}.html"
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def with_csv(query: QueryDict) -> str:
    asked = query.copy()
    asked["as"] = "csv"
    return asked.urlencode()


# Two audits


def compare(request: HttpRequest) -> HttpResponseBase:
    """Two audits of one kind; with fewer named, a choice of what to compare with."""
    pair = [chosen(request, name) for name in ("a", "b")]
    context = {"a": pair[0], "b": pair[1], "choices": choices_for(request, pair[0]), "kind": None}
    if pair[0] is None or pair[1] is None:
        return render(request, "audits/compare.html", context)
    status = 200
    controls = Controls(request.GET)
    context["kind"] = pair[0].get_kind()
    context["controls"] = controls.shown
    try:
        context |= side_by_side(request, pair, controls)
    except ValueError as error:
        context, status = context | {"refusal": str(error)}, 400
    return answer(request, "compare", context, status)


def chosen(request: HttpRequest, name: str) -> Audit | None:
    key = request.GET.get(name, "")
    if not key:
        return None
    audit = visible_audit(request, key[:60])
    if not audit.is_done:
        raise Http404
    return audit


def choices_for(request: HttpRequest, first: Audit | None) -> list[Audit]:
    listed = Audit.objects.listed_to(request.user).filter(status=Status.SCORED).for_lists()
    if first is not None:
        listed = listed.filter(kind=first.kind).exclude(pk=first.pk)
    return list(listed.order_by("-finished")[:MOST_CHOICES])


def side_by_side(request: HttpRequest, pair: Sequence[Audit], controls: Controls) -> dict:
    if pair[0].kind != pair[1].kind:
        raise ValueError("These are audits of two different kinds. Choose two of one kind.")
    reports = [Report(request, audit) for audit in pair]
    systems = []
    for name, report in zip(("system_a", "system_b"), reports, strict=True):
        system = controls.get(name, report.systems[0])
        label = f"System of the {'first' if name == 'system_a' else 'second'}"
        controls.add(name, label, [(known, known) for known in report.systems], system)
        systems.append(system)
    metrics = [metric for metric in reports[0].metrics if metric in reports[1].metrics]
    key = controls.get("metric", reports[0].result["headline"])
    controls.add("metric", "Rate", metric_choices(metrics), key)
    metric = next((metric for metric in metrics if metric.key == key), None)
    if metric is None:
        raise ValueError(f"The two audits have no rate {quoted(key)} in common.")
    sections = [section(reports, systems, key, name) for name in reports[0].names if name in reports[1].names]
    everyone = [
        report.table(View(system, key)).overall for report, system in zip(reports, systems, strict=True)
    ]
    return {
        "metric": metric,
        "systems": systems,
        "everyone": line("everyone", *everyone),
        "sections": [part for part in sections if part["lines"]],
        "same_data": len({report.result["data"]["sha256"] for report in reports}) == 1,
        "same_test_set": is_same_test_set(reports),
        "same_settings": reports[0].result["settings"] == reports[1].result["settings"],
        "differing": differing(reports),
    }


def section(reports: Sequence[Report], systems: Sequence[str], metric: str, column: str) -> dict:
    """The groups of one column that both audits have."""
    first, second = (
        {row.group[column]: row for row in report.table(View(system, metric, by=(column,))).groups}
        for report, system in zip(reports, systems, strict=True)
    )
    return {
        "name": column,
        "mark": reports[0].mark(column),
        "other_mark": reports[1].mark(column),
        "lines": [line(group, row, second[group]) for group, row in first.items() if group in second],
    }


def line(label: str, first: Row, second: Row) -> dict:
    """Two rates and their change, with its interval as if they were independent."""
    known = first.value is not None and second.value is not None
    sides = [(row.value, row.low, row.high) for row in (second, first)]
    interval = mover_gap(*(np.nan if end is None else end for side in sides for end in side))
    return {
        "label": label,
        "a": first,
        "b": second,
        "change": second.value - first.value if known else None,
        "low": None if np.isnan(interval.low) else float(interval.low),
        "high": None if np.isnan(interval.high) else float(interval.high),
    }


def is_same_test_set(reports: Sequence[Report]) -> bool:
    """Whether all were made of the same rows and references, whatever the systems wrote of them."""
    return len({report.result["data"]["test_set_sha256"] for report in reports}) == 1


def differing(reports: Sequence[Report]) -> list[str]:
    """Which settings that change numbers are not the same."""
    ours, theirs = (report.result["settings"] for report in reports)
    names = (*reports[0].kind.settings, "exclude", "smallest")
    return [SETTING_NAMES.get(name, name) for name in names if ours[name] != theirs[name]]


def compared_rows(context: dict) -> tuple[Sequence[str], Iterator[dict]]:
    """The table of two audits as CSV: a line for each group."""

    def rows() -> Iterator[dict]:
        for column, lines in [
            ("", [context["everyone"]]),
            *((s["name"], s["lines"]) for s in context["sections"]),
        ]:
            for one in lines:
                found = {"metric": context["metric"].key, "column": column, "group": one["label"]}
                for side, system in zip("ab", context["systems"], strict=True):
                    found |= {f"{side}_audit": context[side].key, f"{side}_system": system}
                    found |= {f"{side}_{name}": getattr(one[side], name) for name in OF_A_RATE}
                yield found | {name: one[name] for name in ("change", "low", "high")}

    sides = [f"{side}_{name}" for side in "ab" for name in ("audit", "system", *OF_A_RATE)]
    return ("metric", "column", "group", *sides, "change", "low", "high"), rows()


# A series


def released_rows(context: dict) -> tuple[Sequence[str], Iterator[dict]]:
    """The table of a series as CSV: a line for each release and group."""

    def rows() -> Iterator[dict]:
        column = context["by"]["name"] if context["by"] else ""
        for release in context["releases"]:
            about = {"release": release["name"], "audit": release["audit"].key, "system": release["system"]}
            for group, row in zip(context["lines"], release["cells"], strict=True):
                if row is not None:
                    found = about | {"metric": context["metric"].key, "column": column, "group": group}
                    yield found | {name: getattr(row, name) for name in OF_A_RATE}

    return ("release", "audit", "system", "metric", "column", "group", *OF_A_RATE), rows()


CSV_OF = {"compare": compared_rows, "series": released_rows}


def series(request: HttpRequest, owner: str, series: str) -> HttpResponseBase:
    if UNHELD.search(owner):
        raise Http404
    audits = list(
        Audit.objects.listed_to(request.user)
        .filter(owner__username=owner, series=series, status=Status.SCORED)
        .select_related("owner")
        .order_by("-created", "-id")[:MOST_RELEASES]
    )
    if not audits:
        raise Http404
    audits = [audit for audit in reversed(audits) if audit.kind == audits[0].kind]
    controls = Controls(request.GET)
    context = {"series": series, "owner": owner, "audits": audits, "kind": audits[0].get_kind()}
    status = 200
    try:
        context |= over_time(request, audits, controls)
    except ValueError as error:
        context, status = context | {"refusal": str(error)}, 400
    return answer(request, "series", context | {"controls": controls.shown}, status)


def over_time(request: HttpRequest, audits: Sequence[Audit], controls: Controls) -> dict:
    reports = [Report(request, audit) for audit in audits]
    last = reports[-1]
    metrics = [metric for metric in last.metrics if all(metric in report.metrics for report in reports)]
    key = controls.get("metric", last.result["headline"])
    controls.add("metric", "Rate", metric_choices(metrics), key)
    columns = [name for name in last.names if all(name in report.names for report in reports)]
    by = controls.get("by")
    controls.add(
        "by", "By", [("", "everyone together"), *((name, titled(last, name)) for name in columns)], by
    )
    metric = next((metric for metric in metrics if metric.key == key), None)
    if metric is None or (by and by not in columns):
        raise ValueError("The audits of this series do not all have that rate or column.")
    tables = [report.table(View(report.systems[0], key, by=(by,) if by else ())) for report in reports]
    groups = list(dict.fromkeys(row.group[by] for table in tables for row in table.groups)) if by else []
    rows = {"everyone": [table.overall for table in tables]}
    for group in groups:
        rows[group] = [
            next((row for row in table.groups if row.group[by] == group), None) for table in tables
        ]
    names = [audit.release or f"no {place}" for place, audit in enumerate(audits, 1)]
    return {
        "metric": metric,
        "by": {"name": by, "mark": last.mark(by)} if by else None,
        "releases": [
            {
                "audit": audit,
                "name": name,
                "system": report.systems[0],
                "cells": [found[place] for found in rows.values()],
            }
            for place, (audit, name, report) in enumerate(zip(audits, names, reports, strict=True))
        ],
        "lines": list(rows),
        "figure": figures.trend(names, dict(list(rows.items())[:MOST_LINES]), title=metric.name),
        "same_test_set": is_same_test_set(reports),
        "newest": audits[-1],
        "chart_note": TREND_NOTE
        if len(rows) <= MOST_LINES
        else f"{TREND_NOTE} The first {MOST_LINES} lines; all stand in the table.",
    }


urlpatterns = [
    path("audits/compare/", compare, name="compare"),
    path("audits/series/<str:owner>/<slug:series>/", series, name="series"),
]

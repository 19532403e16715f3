"""What leaves the site: the service card, the report in one file, the result, and every table as CSV."""

from collections.abc import Callable, Iterator
from functools import wraps

from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import path, reverse

from common.files import link_to
from common.spreadsheet import csv_lines
from fairness.compare import compare_systems

from .. import card as cards
from .. import exports
from ..access import Reader
from ..asked import is_asked, view_of
from ..offline import offline
from ..pdf import card_pdf as drawn
from .frame import Report, frame, visible_audit
from .rows import by_person

CSV = "text/csv; charset=utf-8"
PARQUET = "application/vnd.apache.parquet"
PEOPLE = ("system", "metric", "column", "group", "person", "rows", "errors", "exposure", "value")


def export(view: Callable[[HttpRequest, Reader], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A view of an audit that has its result; what the address says wrongly is a sentence."""

    @wraps(view)
    def answer(request: HttpRequest, key: str, **names: str) -> HttpResponseBase:
        audit = visible_audit(request, key)
        if not audit.is_done:
            raise Http404
        try:
            return view(request, Reader(audit, request.user), **names)
        except ValueError as error:
            return HttpResponse(f"{error}\n", content_type="text/plain; charset=utf-8", status=400)

    return answer


def address(request: HttpRequest, reader: Reader) -> str:
    return request.build_absolute_uri(reverse("audits:report", args=[reader.audit.key]))


def as_file(response: HttpResponseBase, reader: Reader, name: str) -> HttpResponseBase:
    response["Content-Disposition"] = f'attachment; filename="{file_name(reader, name)}"'
    return response


def file_name(reader: Reader, name: str) -> str:
    return f"audit-{reader.audit.key}-{name}"


def csv_file(lines: Iterator[str], reader: Reader, name: str) -> HttpResponseBase:
    return as_file(StreamingHttpResponse(exports.in_chunks(lines), content_type=CSV), reader, f"{name}.csv")


# Data


@export
def result_json(request: HttpRequest, reader: Reader) -> HttpResponseBase:
    body = exports.result_json(reader, address(request, reader))
    return as_file(HttpResponse(body, content_type="application/json"), reader, "result.json")


@export
def tables_csv(request: HttpRequest, reader: Reader) -> HttpResponseBase:
    """Every table of rates, or the one that the address asks for."""
    tables = reader.result["tables"]
    if is_asked(request.GET):
        tables = [reader.table(view_of(request.GET, reader)).as_dict()]
    return csv_file(exports.table_lines(reader.audit, tables), reader, "tables")


@export
def part_csv(request: HttpRequest, reader: Reader, part: str) -> HttpResponseBase:
    if part not in exports.PARTS:
        raise Http404
    return csv_file(exports.part_lines(exports.PARTS[part], reader.result), reader, part)


@export
def comparisons_csv(request: HttpRequest, reader: Reader) -> HttpResponseBase:
    """The stored comparisons, or that of the two systems that the address names."""
    result, pair = reader.result, (request.GET.get("first", ""), request.GET.get("second", ""))
    if all(pair):
        view = view_of(request.GET, reader)
        reader.table(view)  # refuses what is not there or not to be seen
        metric = next(metric for metric in reader.metrics if metric.key == view.metric)
        table = compare_systems(
            reader.cells, reader.kind, metric, pair, reader.settings, by=view.by, where=view.where
        )
        result = {"comparisons": [table.as_dict()]}
    return csv_file(exports.part_lines(exports.PARTS["comparisons"], result), reader, "comparisons")


@export
def speakers_csv(request: HttpRequest, reader: Reader) -> HttpResponseBase:
    """Each person's rate, as the page of speakers shows it."""
    report = Report(request, reader.audit)
    if "speakers" not in report.tabs():
        raise Http404
    view = report.asked
    by = (view.by or report.names)[0]
    metric = report.metric(view.metric)
    if metric.product_of:
        raise ValueError(f"{metric.name} is not counted for single people. Choose another rate.")
    report.column(by)
    about = {"system": view.system, "metric": metric.key, "column": by}
    people = by_person(report, view.system, metric, by).rename({"e": "errors", "x": "exposure"})
    lines = csv_lines(PEOPLE, (about | row for row in exports.in_pieces(people)))
    return csv_file(lines, reader, "speakers")


@export
def utterances_csv(request: HttpRequest, reader: Reader) -> HttpResponseBase:
    if not reader.may_read_texts:
        raise Http404
    return csv_file(exports.utterance_lines(reader), reader, "utterances")


@export
def cells_parquet(request: HttpRequest, reader: Reader) -> HttpResponseBase:
    if not reader.may_read_texts:
        raise Http404
    link = link_to(reader.audit.cells, file_name(reader, "cells.parquet"), PARQUET)
    if link:
        return HttpResponseRedirect(link, headers={"Cache-Control": "private, no-store"})
    body = exports.stored_cells(reader.audit)
    return as_file(HttpResponse(body, content_type=PARQUET), reader, "cells.parquet")


# Documents


@export
def report_html(request: HttpRequest, reader: Reader) -> HttpResponseBase:
    context = offline(reader, address(request, reader))
    return as_file(
        HttpResponse(render_to_string("audits/export/offline.html", context)), reader, "report.html"
    )


def card_of(request: HttpRequest, reader: Reader) -> cards.Card:
    system = request.GET.get("system") or reader.result["systems"][0]
    return cards.build(reader, system, address(request, reader))


@export
def card(request: HttpRequest, reader: Reader) -> HttpResponseBase:
    report = Report(request, reader.audit)
    context = frame(report) | {"card": card_of(request, reader), "query": request.GET.urlencode()}
    return render(request, "audits/export/card.html", context)


@export
def card_pdf(request: HttpRequest, reader: Reader) -> HttpResponseBase:
    body = drawn(card_of(request, reader))
    return as_file(HttpResponse(body, content_type="application/pdf"), reader, "card.pdf")


urlpatterns = [
    path("audits/<slug:key>/result.json", result_json, name="result_json"),
    path("audits/<slug:key>/tables.csv", tables_csv, name="tables_csv"),
    path("audits/<slug:key>/comparisons.csv", comparisons_csv, name="comparisons_csv"),
    path("audits/<slug:key>/speakers.csv", speakers_csv, name="speakers_csv"),
    path("audits/<slug:key>/utterances.csv", utterances_csv, name="utterances_csv"),
    path("audits/<slug:key>/<slug:part>.csv", part_csv, name="part_csv"),
    path("audits/<slug:key>/cells.parquet", cells_parquet, name="cells_parquet"),
    path("audits/<slug:key>/report.html", report_html, name="offline"),
    path("audits/<slug:key>/card/", card, name="card"),
    path("audits/<slug:key>/card.pdf", card_pdf, name="card_pdf"),
]

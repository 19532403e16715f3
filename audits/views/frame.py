"""What every page of a report shares: the audit that may be seen, its tabs, the tables made of it."""

from collections.abc import Callable
from functools import cached_property, wraps

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import NoReverseMatch, reverse
from django.utils.cache import patch_vary_headers

from fairness.columns import shown as quoted
from fairness.disaggregate import View
from fairness.kinds.base import Metric

from ..access import Reader
from ..asked import view_of
from ..limits import mark_of
from ..models import Audit
from ..rules import UNHELD
from .controls import Controls

TABS = {
    "report": "Overview",
    "rates": "Rates",
    "intersections": "Intersections",
    "errors": "Errors",
    "conditions": "Conditions",
    "speakers": "Speakers",
    "systems": "Systems",
    "worst": "Worst groups",
    "calibration": "Calibration",
    "utterances": "Utterances",
    "method": "Method",
}
EXPORTS = (
    ("card", "Service card", "rules"),
    ("card_pdf", "Service card, PDF", "file"),
    ("offline", "Report in one HTML file", "chart"),
    ("tables_csv", "Tables, CSV", "table"),
    ("result_json", "Result, JSON", "code"),
)


class Report:
    """An audit with its result, as one reader may see it, and the selects of the page that shows it."""

    def __init__(self, request: HttpRequest, audit: Audit) -> None:
        self.request, self.audit = request, audit
        self.reader = Reader(audit, request.user)
        self.kind, self.metrics, self.settings = self.reader.kind, self.reader.metrics, self.reader.settings
        self.result = self.reader.result
        self.table = self.reader.table
        self.systems = tuple(self.result["systems"])
        seen = [column for column in audit.result["columns"] if column["name"] in self.reader.columns]
        self.columns = tuple(sorted(seen, key=lambda column: column["role"] == "condition"))
        self.names = tuple(column["name"] for column in self.columns)
        self.controls = Controls(request.GET)

    @cached_property
    def asked(self) -> View:
        """The view that the address asks for. Raises ValueError for a filter that is none."""
        return view_of(self.request.GET, self.reader)

    @property
    def where(self) -> tuple[tuple[str, str], ...]:
        return self.asked.where

    def column(self, name: str) -> dict:
        """Raises ValueError for a column that the reader may not see."""
        for column in self.columns:
            if column["name"] == name:
                return column
        raise ValueError(f"There is no group column {quoted(name)}.")

    def of_role(self, role: str) -> list[str]:
        return [column["name"] for column in self.columns if column["role"] == role]

    def mark(self, name: str) -> str:
        return mark_of(self.column(name))

    def metric(self, key: str) -> Metric:
        for metric in self.metrics:
            if metric.key == key:
                return metric
        raise ValueError(f"There is no metric {quoted(key)}.")

    @property
    def headline(self) -> Metric:
        return self.metric(self.result["headline"])

    @property
    def people(self) -> tuple[str, str]:
        return self.kind.cluster_word if self.result["method"]["clustered"] else self.kind.row_word

    def tabs(self) -> dict[str, str]:
        """The tabs that this kind, this data and this reader have."""
        parts, reads = self.kind.parts, self.reader.may_read_texts
        has = {
            "rates": bool(self.columns),
            "intersections": bool(self.reader.pairs),
            "errors": "types" in parts or bool(self.result["words"]),
            "conditions": bool(self.of_role("condition")),
            "speakers": reads and self.result["method"]["clustered"] and bool(self.columns),
            "systems": len(self.systems) > 1,
            "worst": bool(self.result["worst"]),
            "calibration": bool(self.result["calibration"]),
            "utterances": reads and self.has_texts,
        }
        return {name: label for name, label in TABS.items() if has.get(name, True)}

    @property
    def has_texts(self) -> bool:
        """Whether there are texts to read: a file may hold only counts."""
        given = [self.kind.role(key) for key in self.result["roles"].values()]
        return "texts" in self.kind.parts and any(role is not None and role.text for role in given)


def visible_audit(request: HttpRequest, key: str) -> Audit:
    if UNHELD.search(key):
        raise Http404
    return get_object_or_404(Audit.objects.visible_to(request.user).select_related("owner"), key=key)


def own_audit(request: HttpRequest, key: str) -> Audit:
    audit = visible_audit(request, key)
    if not audit.is_owned_by(request.user):
        raise Http404
    return audit


def is_part(request: HttpRequest) -> bool:
    """Whether only the page's part is asked for: by htmx, and not to bring back an earlier page."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def report_page(name: str) -> Callable:
    """A page of a report: the view gets the Report and returns what its part shows.

    What the address says wrongly is a sentence on the page. A tab that the audit or the reader does not have
    is not found; an audit without a result has only the page of its progress.
    """

    def decorate(view: Callable[[Report], dict]) -> Callable[[HttpRequest, str], HttpResponse]:
        @wraps(view)
        def page(request: HttpRequest, key: str) -> HttpResponse:
            audit = visible_audit(request, key)
            if not audit.is_done:
                raise Http404
            report = Report(request, audit)
            if name not in report.tabs():
                raise Http404
            return shown(request, report, name, view)

        return page

    return decorate


def shown(request: HttpRequest, report: Report, name: str, view: Callable[[Report], dict]) -> HttpResponse:
    status = 200
    try:
        context = view(report)
    except ValueError as error:
        context, status = {"refusal": str(error)}, 400
    template = f"audits/_{name}.html" if is_part(request) else f"audits/{name}.html"
    response = render(request, template, frame(report) | context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def frame(report: Report) -> dict:
    """What the heading, the tabs and the controls of every page of a report show."""
    key = report.audit.key
    return {
        "audit": report.audit,
        "kind": report.kind,
        "report": report,
        "is_owner": report.audit.is_owned_by(report.request.user),
        "tabs": [
            {"url": reverse(f"audits:{name}", args=[key]), "label": label}
            for name, label in report.tabs().items()
        ],
        "exports": exports(key),
        "csv_url": address("tables_csv", key),
        "controls": report.controls.shown,
    }


def exports(key: str) -> list[dict]:
    found = [{"url": address(name, key), "label": label, "icon": icon} for name, label, icon in EXPORTS]
    return [export for export in found if export["url"]]


def address(name: str, key: str) -> str:
    """The address of an export, where the site has it."""
    try:
        return reverse(f"audits:{name}", args=[key])
    except NoReverseMatch:
        return ""

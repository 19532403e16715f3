"""What only those see who may read texts: each speaker as a dot, and utterances with their words aligned."""

from collections.abc import Iterable

import polars as pl
from django.core.paginator import Page, Paginator
from django.urls import path

from fairness.columns import shown as quoted
from fairness.normalise import normalise
from fairness.wer import align

from .. import figures, store
from .frame import Report, report_page
from .tables import add_filters, add_metric, add_system, titled

UTTERANCES_ON_A_PAGE = 25
PEOPLE_ON_A_PAGE = 50
MOST_DOTS = 2000
ERRORS = {
    "": "any",
    "some": "with errors",
    "none": "without errors",
    "substitutions": "with substitutions",
    "deletions": "with deletions",
    "insertions": "with insertions",
}
DOTS = "A dot for each; point at one to see who it is."
SOME_DOTS = "{drawn:,} of them, drawn at random; all stand in the table."
ORDERS = {"": "most errors first", "rate": "highest rate first", "file": "as in the file"}


def counts_of(rows: pl.DataFrame, system: int) -> pl.DataFrame:
    """What was counted for one system, under the names that the metrics' expressions have."""
    prefix = f"{system}:"
    return rows.select(
        pl.col(name).alias(name.removeprefix(prefix)) for name in rows.columns if name.startswith(prefix)
    )


def paged(report: Report, rows: pl.DataFrame, size: int) -> tuple[Page, pl.DataFrame]:
    page = Paginator(range(rows.height), size).get_page(report.request.GET.get("page"))
    return page, rows[page.object_list.start : page.object_list.stop]


def place_of(report: Report, system: str) -> int:
    if system not in report.systems:
        raise ValueError(f"There is no system {quoted(system)}.")
    return report.systems.index(system)


def only(report: Report, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of the groups that the address asks for."""
    for column, group in report.where:
        if group not in report.column(column)["groups"]:
            raise ValueError(f"There is no group {quoted(group)} in {quoted(column)}.")
        rows = rows.filter(pl.col(f"g:{column}").cast(pl.String) == group)
    return rows


# Speakers


@report_page("speakers")
def speakers(report: Report) -> dict:
    by = (report.asked.by or report.names)[:1]
    add_system(report)
    add_metric(report, [metric for metric in report.metrics if not metric.product_of])
    report.controls.add("by", "By", [(name, titled(report, name)) for name in report.names], by[0])
    add_filters(report, by)
    column = report.column(by[0])
    metric = report.metric(report.asked.metric)
    if metric.product_of:
        raise ValueError(f"{metric.name} is not counted for single {report.people[1]}. Choose another rate.")
    people = by_person(report, report.asked.system, metric, by[0])
    groups = [group for group in column["groups"] if group in set(people["group"])]
    page, listed = paged(report, people, PEOPLE_ON_A_PAGE)
    drawn = people if people.height <= MOST_DOTS else people.sample(MOST_DOTS, seed=0, shuffle=False)
    dots = [
        (groups.index(row["group"]), row["value"], row["person"], row["x"])
        for row in drawn.iter_rows(named=True)
    ]
    return {
        "metric": metric,
        "by": {"name": by[0], "mark": report.mark(by[0])},
        "page": page,
        "people": listed.to_dicts(),
        "matching": people.height,
        "chart_title": f"{metric.name} of each {report.people[0]}",
        "chart_note": DOTS if drawn.height == people.height else SOME_DOTS.format(drawn=drawn.height),
        "quartiles": quartiles(people, groups),
        "figure": figures.speakers(groups, dots, title=metric.name),
    }


def by_person(report: Report, system: str, metric, column: str) -> pl.DataFrame:
    """A row for each person in each group: rows, errors, exposure, value; the highest value first."""
    rows = only(report, store.read_rows(report.audit))
    counted = counts_of(rows, place_of(report, system)).select(
        metric.errors.cast(pl.Float64).alias("e"), metric.exposure.cast(pl.Float64).alias("x")
    )
    found = (
        counted.with_columns(
            rows["person"].cast(pl.String), rows[f"g:{column}"].cast(pl.String).alias("group")
        )
        .group_by("group", "person")
        .agg(pl.len().alias("rows"), pl.col("e", "x").sum())
        .filter(pl.col("x") > 0)
        .with_columns((pl.col("e") / pl.col("x")).alias("value"))
    )
    return found.sort(["value", "person"], descending=[not metric.higher_is_better, False])


def quartiles(people: pl.DataFrame, groups: Iterable[str]) -> list[dict]:
    """How each group's people are spread."""
    spread = {
        row["group"]: row
        for row in people.group_by("group")
        .agg(
            pl.len().alias("people"),
            pl.col("value").quantile(0.25, "linear").alias("low"),
            pl.col("value").median().alias("middle"),
            pl.col("value").quantile(0.75, "linear").alias("high"),
            pl.col("value").max().alias("most"),
        )
        .iter_rows(named=True)
    }
    return [spread[group] for group in groups]


# Utterances


@report_page("utterances")
def utterances(report: Report) -> dict:
    add_system(report)
    system = report.controls.get("system", report.systems[0])
    wrong, order = report.controls.get("errors"), report.controls.get("order")
    add_filters(report, ())
    report.controls.add("errors", "Errors", ERRORS.items(), wrong)
    report.controls.add("order", "Order", ORDERS.items(), order)
    if wrong not in ERRORS or order not in ORDERS:
        raise ValueError("There is no such choice of errors or order.")
    place = place_of(report, system)
    rows = only(report, store.read_rows(report.audit))
    rows = sorted_by(order, with_errors(wrong, rows, place, report), place, report)
    words = report.request.GET.get("q", "").strip()[:200]
    if words:
        texts = pl.concat_str("reference", f"hypothesis:{place}", separator="\n").str.to_lowercase()
        rows = rows.filter(texts.str.contains(words.lower(), literal=True))
    page, listed = paged(report, rows, UTTERANCES_ON_A_PAGE)
    return {
        "page": page,
        "utterances": aligned(report, listed, place),
        "matching": rows.height,
        "words": words,
        "system": system,
    }


def with_errors(wrong: str, rows: pl.DataFrame, place: int, report: Report) -> pl.DataFrame:
    if not wrong:
        return rows
    if wrong in ("some", "none"):
        errors = counts_of(rows, place).select(report.headline.errors.alias("e")).to_series()
        return rows.filter(errors > 0 if wrong == "some" else errors == 0)
    return rows.filter(pl.col(f"{place}:{wrong}") > 0)


def sorted_by(order: str, rows: pl.DataFrame, place: int, report: Report) -> pl.DataFrame:
    if order == "file":
        return rows
    sums = counts_of(rows, place).select(
        report.headline.errors.alias("e"), (report.headline.errors / report.headline.exposure).alias("r")
    )
    key = sums["r"].fill_nan(0) if order == "rate" else sums["e"]
    return rows.with_columns(key.alias("sorted_by")).sort("sorted_by", descending=True, maintain_order=True)


def aligned(report: Report, rows: pl.DataFrame, place: int) -> list[dict]:
    """The utterances of a page: what was said against what was written, as they were compared."""
    said, written = (
        normalise(rows[name], report.settings.normalise).to_list()
        for name in ("reference", f"hypothesis:{place}")
    )
    counts = counts_of(rows, place).select(
        report.headline.errors.alias("errors"), report.headline.exposure.alias("exposure")
    )
    found = []
    for row, ours, theirs, (errors, exposure) in zip(
        rows.iter_rows(named=True), said, written, counts.iter_rows(), strict=True
    ):
        found.append(
            {
                "row": row["row"],
                "id": row.get("id"),
                "person": row.get("person"),
                "groups": [(column["name"], row[f"g:{column['name']}"]) for column in report.columns],
                "reference": row["reference"],
                "hypothesis": row[f"hypothesis:{place}"],
                "steps": align(ours, theirs),
                "errors": errors,
                "exposure": exposure,
                "rate": errors / exposure if exposure else None,
            }
        )
    return found


urlpatterns = [
    path("audits/<slug:key>/speakers/", speakers, name="speakers"),
    path("audits/<slug:key>/utterances/", utterances, name="utterances"),
]

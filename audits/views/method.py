"""How a report was computed: in words, in versions, and as the command that computes it again."""

from django.urls import path

from ..limits import mark_of
from ..method import command
from .frame import Report, report_page

SAID_RATES = (
    "Every rate is a sum of errors over a sum of what could have gone wrong, over the rows of a group: "
    "pooled unless the page says otherwise."
)
SAID_SMALL = (
    "Groups of fewer than {least:,} {people} were put together before anything was counted. Cells of two "
    "columns that are smaller than that are shown as too small to say."
)
SAID_CLUSTERS = (
    "What one person said in several rows hangs together, so {people} are drawn and not {rows}: a "
    "studentised bootstrap of {draws:,} draws from the sums of each, with a linearised standard error in "
    "every draw, 95 %. Fewer than ten {people} are flagged, and with one there is no interval."
)
SAID_ROWS = (
    "No people are named, so {rows} are taken for independent: Wilson's interval for shares, Newcombe's way "
    "for gaps, and for other rates the linearised variance against Student's t, 95 %."
)
SAID_SCORE = (
    "Two-sided, by the score test of the sums of each of the {people} against Student's t; never from "
    "bootstrap counts. Corrected by Holm, and by Benjamini and Hochberg, over the groups of the table shown."
)
SAID_EXACT = (
    "Two-sided, by Fisher's exact test for shares and by the score test of {rows} otherwise. Corrected by "
    "Holm, and by Benjamini and Hochberg, over the groups of the table shown."
)
SAID_GAPS = (
    "A gap is a group's rate less that of what it is compared with, a ratio is the one over the other. Their "
    "intervals are made of those of both rates, and of how much the two share."
)
SAID_WEIGHTS = (
    "Errors and what could have gone wrong are multiplied by each row's weight before they are summed."
)
SAID_WORST = (
    "All combinations of values of up to three columns are searched on one half of the {people}; what is "
    "found there is tested on the other half, with p values corrected for what was found."
)

SAID_HIDDEN = (
    "Texts, single {people} and small cells are for the owner, the readers whom the owner names and staff. "
    "When the report is public or unlisted, everybody else gets only tables from which no subtraction leaves "
    "fewer than {least:,} {people}. Of this data these are: {columns}; two columns together, or one filtered "
    "by the other: {pairs}."
)
MOST_PAIRS = 20


@report_page("method")
def method(report: Report) -> dict:
    result = report.result
    facts = result["method"]["facts"]
    return {
        "data": result["data"],
        "method": result["method"],
        "facts": [
            (name.replace("_", " ").capitalize(), written(value)) for name, value in facts.items() if value
        ],
        "settings": result["settings"],
        "columns": [c | {"mark": mark_of(c)} for c in report.columns],
        "command": command(result),
        "said": said(report),
        "schema_version": result["schema_version"],
        "metrics": report.metrics,
        "aggregations": report.kind.aggregations,
    }


def said(report: Report) -> list[dict]:
    """How every number came about, in words that fit this data."""
    method, settings = report.result["method"], report.settings
    rows, people = report.kind.row_word[1], report.people[1]
    texts = [
        ("Rates", SAID_RATES),
        ("Small groups", SAID_SMALL.format(least=settings.smallest, people=people)),
    ]
    if method["clustered"]:
        texts.append(("Intervals", SAID_CLUSTERS.format(people=people, rows=rows, draws=settings.replicates)))
        texts.append(("p values", SAID_SCORE.format(people=people)))
    else:
        texts.append(("Intervals", SAID_ROWS.format(rows=rows)))
        texts.append(("p values", SAID_EXACT.format(rows=rows)))
    texts.append(("Gaps and ratios", SAID_GAPS))
    if method["weighted"]:
        texts.append(("Weights", SAID_WEIGHTS))
    if report.result["worst"]:
        texts.append(("Worst groups", SAID_WORST.format(people=people)))
    texts.append(("What is hidden", said_hidden(report)))
    return [{"title": title, "text": text} for title, text in texts]


def said_hidden(report: Report) -> str:
    """What everybody is offered, said to the owner too, who may want to know before publishing."""
    offered = report.result["disclosure"]
    pairs = [f"{first} and {second}" for first, second in offered["pairs"]]
    more = len(pairs) - MOST_PAIRS
    listed = [*pairs[:MOST_PAIRS], *([f"{more} more"] if more > 0 else [])]
    return SAID_HIDDEN.format(
        people=report.people[1],
        least=report.settings.smallest,
        columns=", ".join(offered["columns"]) or "none by group",
        pairs=", ".join(listed) or "none",
    )


def written(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


urlpatterns = [path("audits/<slug:key>/method/", method, name="method")]

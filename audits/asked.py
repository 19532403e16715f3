"""The table that an address asks for: the same parameters on every page, in the API and in the exports."""

from collections.abc import Sequence

from django.http import QueryDict

from fairness.disaggregate import View

from .access import Reader

NO_FILTER = "A filter is written COLUMN=GROUP; “{text}” is none."
SHOWN = 60
PARAMETERS = ("system", "metric", "aggregation", "by", "where", "versus", "baseline")


def is_asked(query: QueryDict) -> bool:
    """Whether an address asks for one table of its own."""
    return any(query.get(name) for name in PARAMETERS)


def view_of(query: QueryDict, reader: Reader) -> View:
    """Raises ValueError for a filter that is none; whether the rest is there, `Reader.table` says."""
    result = reader.audit.result
    versus = query.get("versus") or "rest"
    return View(
        system=query.get("system") or result["systems"][0],
        metric=query.get("metric") or result["headline"],
        by=tuple(dict.fromkeys(filter(None, query.getlist("by")))),
        where=filters(query.getlist("where"), [column["name"] for column in result["columns"]]),
        aggregation=query.get("aggregation") or "pooled",
        versus=versus,
        baseline=query.get("baseline") or None,
    )


def filters(texts: Sequence[str], columns: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """COLUMN=GROUP pairs. A column's name may hold “=” itself, so the longest known one is taken."""
    found = []
    for text in dict.fromkeys(filter(None, texts)):
        if "=" not in text:
            raise ValueError(NO_FILTER.format(text=text[:SHOWN]))
        known = [name for name in columns if text.startswith(f"{name}=")]
        column = max(known, key=len) if known else text.partition("=")[0]
        found.append((column, text[len(column) + 1 :]))
    return tuple(found)

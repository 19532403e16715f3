"""How an audit's numbers came about, and the command that gives them again: texts for card and report."""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from fairness.kinds.base import Metric, Settings

from .access import Reader
from .written import count

MOST_DESCRIBED = 600
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
MARKUP = re.compile(r"(?m)^\s{0,3}(?:#{1,6}|>|[-*+]|\d+\.)\s+|[*`]+|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)")
OPTIONS = {
    "normalise": "--normalise",
    "favourable": "--favourable",
    "threshold": "--threshold",
    "smallest": "--smallest",
    "replicates": "--replicates",
    "random_state": "--random-state",
}


def plain(markdown: str) -> str:
    """A description in Markdown as one paragraph of plain text, cut where it is long."""
    text = " ".join(MARKUP.sub("", LINK.sub(r"\1", markdown)).split())
    return text if len(text) <= MOST_DESCRIBED else f"{text[: MOST_DESCRIBED - 1].rsplit(' ', 1)[0]} …"


def command(result: Mapping[str, Any]) -> str:
    """The command that computes the result again from the file, with no server."""
    settings, usual = result["settings"], Settings()
    words = ["python", "-m", "fairness", "audit", "FILE", "--kind", result["kind"]]
    for column, role in result["roles"].items():
        words += ["--role", f"{column}={role}"]
    for name, option in OPTIONS.items():
        if settings[name] is not None and settings[name] != getattr(usual, name):
            words += [option, str(settings[name])]
    if tuple(settings["not_stated"]) != usual.not_stated:
        words += [word for text in settings["not_stated"] or ("",) for word in ("--not-stated", text)]
    for column, pattern in settings["exclude"]:
        words += ["--exclude", f"{column}={pattern}"]
    for option, pairs in (("--mark", settings["marks"]), ("--baseline", settings["baselines"])):
        for column, value in pairs.items():
            words += [option, f"{column}={value}"]
    for one in settings["tolerances"]:
        words += ["--tolerance", f"{one['metric']}:{one['column']}={one['within']}"]
    return " ".join(shlex.quote(word) for word in words)


def facts(reader: Reader) -> tuple[tuple[str, str], ...]:
    """Normaliser, averaging, intervals, tests, smallest group, versions, and the file's hash."""
    result, settings = reader.result, reader.settings
    people = (reader.kind.cluster_word if result["method"]["clustered"] else reader.kind.row_word)[1]
    headline = reader.metrics[0]
    known = result["method"]["facts"]
    found = [
        *((name.replace("_", " ").capitalize(), shown(value)) for name, value in known.items()),
        ("Averaged", f"pooled: errors summed over {headline.exposure_name} summed"),
        ("Intervals", f"95 %, {interval_method(reader, headline)}"),
        ("Gaps", "against everyone else; intervals from those of both sides"),
        ("p values", f"two-sided, by {test_of(reader, headline)}, corrected by Holm over each table"),
        (
            "Smallest group",
            f"{count(settings.smallest)} {people}; smaller ones are counted together before any table",
        ),
        ("Computed with", ", ".join(f"{name} {text}" for name, text in result["method"]["versions"].items())),
        ("File", f"SHA-256 {result['data']['sha256']}"),
    ]
    return tuple((name, text) for name, text in found if text)


def shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def interval_method(reader: Reader, metric: Metric) -> str:
    clustered, weighted = (reader.result["method"][name] for name in ("clustered", "weighted"))
    if clustered:
        return (
            f"studentised bootstrap over {reader.kind.cluster_word[1]}, "
            f"{count(reader.settings.replicates)} replicates, seed {reader.settings.random_state}"
        )
    if metric.binary:
        return "Wilson's, on the effective number of rows" if weighted else "Wilson's"
    return f"linearised over {reader.kind.row_word[1]}, by Student's t"


def test_of(reader: Reader, metric: Metric) -> str:
    if reader.result["method"]["clustered"]:
        return f"the score test over {reader.kind.cluster_word[1]}"
    if metric.binary and not reader.result["method"]["weighted"]:
        return "Fisher's exact test"
    return f"the score test over {reader.kind.row_word[1]}"

"""What a service card says: facts and sentences from an audit's result, as one reader may see it.

No layout here: the page and the PDF draw the same `Card`. It is about one system of the audit, it says
"proven" only of what a corrected p value proves, and it lists beside it what these data cannot tell.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fairness.disaggregate import Row, Table, View
from fairness.kinds.base import Metric

from . import limits, method
from .access import Reader
from .limits import Covered, mark_of
from .written import NBSP, count, gap_interval, interval, p_value, percent, points, times

ALPHA = 0.05
MOST_LINES = 12  # of a table; the rest is in the report
MOST_TABLES = 8
MOST_COLUMNS = 12
MOST_GAPS = 12

NO_COLUMNS = "No column of the data says who the people are, so nothing can be said about groups."
NOTHING_PROVEN = (
    "No difference between a group and everyone else is proven by these data. That is no evidence that there "
    "is none: see what these data cannot tell."
)
PROVEN_WORSE = "Proven worse than everyone else"
PROVEN_BETTER = "Proven better than everyone else"
UNKNOWN = "These data cannot tell: the gap may be anything in its interval, or chance"
SCALE = "Drawn from 0 to {top}; dashed: everyone. Gap to everyone else, p two-sided and corrected (Holm)."
LEFT_OUT = "{hidden} more {word} in the report and in its CSV."


@dataclass(frozen=True)
class Line:
    """A group in a table of rates; the three numbers are what is drawn."""

    group: str
    people: str
    rate: str
    interval: str
    gap: str
    p: str
    note: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Rates:
    """A metric by one column: everyone, then the groups, the worst first. top: the end of the scale."""

    title: str
    metric: str
    column: str
    mark: str
    counted: str
    everyone: Line
    lines: tuple[Line, ...]
    top: float
    note: str

    @property
    def scale(self) -> str:
        return SCALE.format(top=percent(self.top))


@dataclass(frozen=True)
class Measured:
    """A metric over everyone."""

    name: str
    formula: str
    meaning: str
    rate: str
    interval: str


@dataclass(frozen=True)
class Gaps:
    """Of one metric: which gaps to everyone else are proven, worse and better, and which cannot be told."""

    metric: str
    meaning: str
    worse: tuple[str, ...]
    better: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def lists(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """What is proven, each list that has something in it under its title."""
        titled = ((PROVEN_WORSE, self.worse), (PROVEN_BETTER, self.better))
        return tuple((title, texts) for title, texts in titled if texts)

    @property
    def unknown_title(self) -> str:
        return UNKNOWN


@dataclass(frozen=True)
class Card:
    title: str
    system: str
    others: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    description: str
    summary: tuple[str, ...]
    measured: tuple[Measured, ...]
    covered: tuple[Covered, ...]
    rates: tuple[Rates, ...]
    gaps: tuple[Gaps, ...]
    promises: tuple[str, ...]
    limits: tuple[str, ...]
    method: tuple[tuple[str, str], ...]
    command: str
    address: str
    owner: str
    finished: datetime


def build(reader: Reader, system: str, address: str) -> Card:
    """The card of one system of an audit. Raises ValueError for a system that is not there."""
    if system not in reader.result["systems"]:
        raise ValueError(
            f"There is no system “{system}”. Choose among {', '.join(reader.result['systems'])}."
        )
    return _Making(reader, system).card(address)


def metrics_of_harm(metrics: Iterable[Metric]) -> list[Metric]:
    """What a card shows by group: the headline, and every other rate of things that go wrong one by one.

    Selection and base rates say how often something is so; rates that split or restate the headline say the
    same harm again.
    """
    headline, *others = metrics
    return [headline, *(m for m in others if m.binary and not m.neutral and not m.higher_is_better)]


class _Making:
    """One card in the making."""

    def __init__(self, reader: Reader, system: str) -> None:
        self.reader, self.system = reader, system
        self.audit, self.result, self.kind = reader.audit, reader.result, reader.kind
        self.people = self.kind.cluster_word if self.result["method"]["clustered"] else self.kind.row_word
        columns = [column for column in self.result["columns"] if column["name"] in reader.columns]
        self.columns, self.left_out = columns[:MOST_COLUMNS], columns[MOST_COLUMNS:]
        self.metrics = metrics_of_harm(reader.metrics)
        self.tables = [
            (metric, column, reader.table(View(system, metric.key, by=(column["name"],))))
            for metric in self.metrics
            for column in self.columns
        ]

    def card(self, address: str) -> Card:
        audit = self.audit
        gaps = tuple(self.gaps(metric) for metric in self.metrics) if self.columns else ()
        return Card(
            title=audit.title,
            system=self.system,
            others=tuple(name for name in self.result["systems"] if name != self.system),
            facts=self.facts(),
            description=method.plain(audit.description),
            summary=self.summary(gaps),
            measured=tuple(self.measured()),
            covered=tuple(
                limits.covered(one, self.people) for one in self.result["coverage"]["columns"][:MOST_COLUMNS]
            ),
            rates=tuple(self.rates(*table) for table in self.tables[:MOST_TABLES]),
            gaps=gaps,
            promises=tuple(
                self.promise(one) for one in self.result["tolerances"] if one["system"] == self.system
            ),
            limits=(*self.unread(), *limits.limits(self.reader, [table for _, _, table in self.tables])),
            method=method.facts(self.reader),
            command=method.command(self.result),
            address=address,
            owner=audit.owner.get_username(),
            finished=audit.finished,
        )

    def facts(self) -> tuple[tuple[str, str], ...]:
        audit, data = self.audit, self.result["data"]
        size = times(data["kept"], self.kind.row_word)
        if data["people"] is not None:
            size += f" of {times(data['people'], self.kind.cluster_word)}"
        overall = self.result["coverage"]["overall"]
        if self.metrics[0].exposure_name != self.kind.row_word[1]:
            size += f", {count(overall['exposure'])} {self.metrics[0].exposure_name}"
        if overall["hours"]:
            size += f", {overall['hours']:,.1f} hours"
        found = (
            ("System", audit.system),
            ("Release", audit.release),
            ("Result column", self.system if self.system != audit.system else ""),
            ("Kind", self.kind.name),
            ("Measured on", size),
            ("When", f"{audit.finished:%-d %B %Y}"),
            ("By", audit.owner.get_username()),
        )
        return tuple((name, text) for name, text in found if text)

    def unread(self) -> Iterable[str]:
        """What this card leaves to the report."""
        if self.left_out:
            names = ", ".join(column["name"] for column in self.left_out)
            yield f"Columns that this card leaves to the report: {names}."
        if len(self.tables) > MOST_TABLES:
            yield f"{count(len(self.tables) - MOST_TABLES)} more tables by group are in the report."

    # Rates

    def everyone(self, metric: Metric) -> Mapping[str, Any]:
        return next(
            table["rows"][0]
            for table in self.result["tables"]
            if table["system"] == self.system and table["metric"] == metric.key
            and not table["columns"] and not table["where"]
        )  # fmt: skip

    def summary(self, gaps: tuple[Gaps, ...]) -> tuple[str, ...]:
        found = []
        for metric in self.metrics:
            row = self.everyone(metric)
            around = f"95 % interval {interval(row['low'], row['high'])}"
            found.append(f"{metric.name}: {percent(row['value'])} ({around}). {metric.meaning}")
        if not self.columns:
            return (*found, NO_COLUMNS)
        worse, better = (sum(len(getattr(one, name)) for one in gaps) for name in ("worse", "better"))
        if not worse and not better:
            return (*found, NOTHING_PROVEN)
        tested = sum(table.tests for _, _, table in self.tables)
        return (
            *found,
            f"Of {count(tested)} comparisons of a group with everyone else, {count(worse)} prove that the "
            f"group fares worse and {count(better)} that it fares better.",
        )

    def measured(self) -> Iterable[Measured]:
        for metric in self.reader.metrics:
            row = self.everyone(metric)
            yield Measured(
                metric.name,
                metric.formula,
                metric.meaning,
                percent(row["value"]),
                interval(row["low"], row["high"]),
            )

    def rates(self, metric: Metric, column: Mapping[str, Any], table: Table) -> Rates:
        rows = worst_first(table, metric)
        hidden = len(rows) - MOST_LINES
        return Rates(
            title=f"{metric.name} by {column['name']}",
            metric=metric.short,
            column=column["name"],
            mark=mark_of(column),
            counted=self.people[1],
            everyone=self.line(table.overall, "everyone"),
            lines=tuple(self.line(row, row.group[column["name"]]) for row in rows[:MOST_LINES]),
            top=max((row.high or row.value or 0.0 for row in table.rows), default=0.0) or 1.0,
            note=LEFT_OUT.format(hidden=hidden, word="group is" if hidden == 1 else "groups are")
            if hidden > 0
            else "",
        )

    def line(self, row: Row, name: str) -> Line:
        return Line(
            group=name,
            people=count(row.n if row.clusters is None else row.clusters),
            rate=percent(row.value),
            interval=interval(row.low, row.high),
            gap=points(row.gap),
            p=p_value(row.p_adjusted),
            note=row.note,
            value=row.value,
            low=row.low,
            high=row.high,
        )

    # Gaps

    def gaps(self, metric: Metric) -> Gaps:
        sign = -1 if metric.higher_is_better else 1
        proven: list[tuple[float, str]] = []
        unknown: list[tuple[float, str]] = []
        for other, column, table in self.tables:
            if other.key != metric.key:
                continue
            for row in table.groups:
                name = f"{limits.titled(column)}{NBSP}={NBSP}{row.group[column['name']]}"
                if row.gap is None:
                    continue
                if row.p_adjusted is not None and row.p_adjusted <= ALPHA:
                    proven.append((sign * row.gap, proven_sentence(name, row)))
                else:
                    unknown.append((sign * row.gap, unknown_sentence(name, row)))
        proven.sort(reverse=True)
        unknown.sort(reverse=True)
        return Gaps(
            metric=metric.name,
            meaning=metric.meaning,
            worse=shortened([text for gap, text in proven if gap > 0]),
            better=shortened([text for gap, text in reversed(proven) if gap <= 0]),
            unknown=shortened([text for _, text in unknown]),
        )

    def promise(self, one: Mapping[str, Any]) -> str:
        metric = next(metric for metric in self.reader.metrics if metric.key == one["metric"])
        column = next(column for column in self.result["columns"] if column["name"] == one["column"])
        within = points(one["within"]).lstrip("+")
        said = f"{metric.name} within {within} across the groups of {limits.titled(column)}"
        if one["gap"] is None:
            return f"{said}: {one['answer']}. No two groups are large enough to compare."
        between = f"{one['first']} and {one['second']}"
        return (
            f"{said}: {one['answer']}. The pair that decides is {between}: {points(one['gap'])} "
            f"({gap_interval(one['low'], one['high'])})."
        )


def worst_first(table: Table, metric: Metric) -> list[Row]:
    """The groups with the worst rates first; what has no rate last."""
    sign = 1 if metric.higher_is_better else -1
    return sorted(
        table.groups,
        key=lambda row: (row.value is None, sign * (row.value or 0.0), *row.group.values()),
    )


def proven_sentence(name: str, row: Row) -> str:
    rest = None if row.value is None or row.gap is None else row.value - row.gap
    return (
        f"{name}: {percent(row.value)} against {percent(rest)} for everyone else, {points(row.gap)} "
        f"({gap_interval(row.gap_low, row.gap_high)}; p {p_value(row.p_adjusted)})"
    )


def unknown_sentence(name: str, row: Row) -> str:
    return f"{name}: {points(row.gap)} ({gap_interval(row.gap_low, row.gap_high)})"


def shortened(texts: list[str]) -> tuple[str, ...]:
    left = len(texts) - MOST_GAPS
    return (*texts[:MOST_GAPS], f"and {count(left)} more, in the report") if left > 0 else tuple(texts)

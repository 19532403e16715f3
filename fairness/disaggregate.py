"""Any table of a report from the stored cells: rates by group, intervals, gaps, and p values corrected over
the table.

Everything a reader can switch is a field of `View`; nothing is computed from rows again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairness.cells import MOST_CELLS, Cells, Ints
from fairness.columns import nearest, shown
from fairness.corrections import benjamini_hochberg, holm
from fairness.intervals import mover_gap, mover_ratio
from fairness.kinds.base import Kind, Metric, Settings
from fairness.sides import (
    Estimates,
    Selection,
    Sides,
    chunks,
    correlation,
    each_cluster_once,
    estimate,
    influence,
    product,
    two_sided_p,
)

AGGREGATIONS = ("pooled", "row_mean", "cluster_mean", "macro")
VERSUS = ("rest", "baseline", "best")
FEW_CLUSTERS = 10
BEST_ROWS = 30  # of a few rows some group is the best by chance

TOO_SMALL = "too small to show: fewer than {least} {people}"
FEW = "only {n} {people}: read the interval with care"
ONE = "one {person}: how much {people} differ is not known, so there is no interval"
NOTHING = "no {exposure}: there is no rate"
TOO_MANY = (
    "{columns} have {count:,} groups together; a table shows at most {most:,}. Choose columns of fewer "
    "groups, or keep some rows only."
)


@dataclass(frozen=True)
class View:
    """What a table shows: at most two columns, filtered on whole groups, compared with one thing."""

    system: str
    metric: str
    by: tuple[str, ...] = ()
    where: tuple[tuple[str, str], ...] = ()
    aggregation: str = "pooled"
    versus: str = "rest"
    baseline: str | None = None


@dataclass(frozen=True)
class Row:
    """A group. n: rows with exposure; clusters: people among them (None where none are named). value, gap and
    their intervals are in units of the metric; p is two-sided, p_adjusted by Holm, p_bh by Benjamini and
    Hochberg. What is too small to show has only its group and a note.
    """

    group: Mapping[str, str]
    n: int | None
    clusters: int | None
    exposure: float | None
    errors: float | None
    value: float | None
    low: float | None
    high: float | None
    gap: float | None = None
    gap_low: float | None = None
    gap_high: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    p_bh: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Table:
    """The row of everyone first, then the groups in the order of their labels. tests: how many p values are
    corrected together. baseline: the group compared with, where it is one.
    """

    system: str
    columns: tuple[str, ...]
    metric: str
    aggregation: str
    where: tuple[tuple[str, str], ...]
    versus: str
    baseline: str | None
    tests: int
    rows: tuple[Row, ...]

    @property
    def overall(self) -> Row:
        return self.rows[0]

    @property
    def groups(self) -> tuple[Row, ...]:
        return self.rows[1:]

    def as_dict(self) -> dict[str, Any]:
        plain = asdict(self)
        return plain | {
            "columns": list(self.columns),
            "where": [list(pair) for pair in self.where],
            "rows": [asdict(row) for row in self.rows],
        }


def tabulate(cells: Cells, kind: Kind, metrics: Sequence[Metric], view: View, settings: Settings) -> Table:
    """The table of a view. Raises ValueError with a sentence for what the cells do not have.

    Rates are ratios of sums (`pooled`), means over rows (`row_mean`) or over clusters (`cluster_mean`);
    `macro` is pooled in the groups and their mean, each group counting once, in the row of everyone. A gap is
    a group's value less the value of its rest, of the baseline group, or of the best group; its interval
    combines both sides' intervals (mover_gap) with the correlation that shared clusters give. Against the
    best group there is no p value, as the same data chose it.
    """
    metric = _checked(cells, kind, metrics, view, settings)
    inside = inside_of(cells, view.where)
    labels, code = groups_of(cells, view.by, inside)
    if len(labels) > MOST_CELLS:
        names = " and ".join(map(shown, view.by))
        raise ValueError(TOO_MANY.format(columns=names, count=len(labels), most=MOST_CELLS))
    report = _Report(Selection.of(cells, inside), kind, metric, view, settings)
    whole = report.components(np.zeros(len(code), np.int64), 1)
    overall = report.rows([{}], report.finished(whole), report.estimate(report.finished(whole)))[0]
    if not labels:
        return report.table((overall,), None)
    pieces = chunks(len(labels), report.selection.n_clusters)
    rows: list[Row] = []
    estimated: list[Estimates] = []
    for piece in pieces:
        sides = report.piece(code, len(labels), piece)
        estimated.append(report.estimate(sides))
        rows += report.rows(labels[piece], sides, estimated[-1])
    if view.aggregation == "macro":
        overall = report.macro(overall, rows, code)
    place = report.place_of_other(rows)
    if view.versus == "rest" or place is not None:
        compared = [
            row
            for piece, own in zip(pieces, estimated, strict=True)
            for row in report.compared(rows[piece], own, code, len(labels), piece, whole, place)
        ]
        rows = report.corrected(compared)
    return report.table((overall, *rows), None if place is None else rows[place].group[view.by[0]])


class _Report:
    """One table in the making."""

    def __init__(
        self, selection: Selection, kind: Kind, metric: Metric, view: View, settings: Settings
    ) -> None:
        self.selection, self.kind, self.metric, self.view, self.settings = (
            selection,
            kind,
            metric,
            view,
            settings,
        )
        self.system = selection.cells.systems.index(view.system)
        self.clustered = selection.cells.clustered
        self.binary = metric.binary and view.aggregation in ("pooled", "macro")
        words = kind.cluster_word if self.clustered else kind.row_word
        self.person, self.people_word = words

    # Sums

    def components(self, code: Ints, n_groups: int) -> list[Sides]:
        """The sums that a side is finished from: one, or two where the metric is a product."""
        by_row = self.view.aggregation == "row_mean"
        names = self.metric.product_of or (self.metric.key,)
        return [self.selection.sides(self.system, name, code, n_groups, by_row) for name in names]

    def finished(self, components: list[Sides]) -> Sides:
        if self.view.aggregation == "cluster_mean":
            components = [each_cluster_once(side) for side in components]
        return components[0] if len(components) == 1 else product(components[0], components[1])

    def piece(self, code: Ints, n_groups: int, piece: slice) -> Sides:
        return self.finished(self.components(code - piece.start, min(piece.stop, n_groups) - piece.start))

    # Rows

    def estimate(self, sides: Sides) -> Estimates:
        found = estimate(
            sides,
            binary=self.binary,
            signed=self.metric.product_of is not None,
            replicates=self.settings.replicates,
            random_state=self.settings.random_state,
        )
        if self.metric.product_of and not self.clustered:
            nothing = np.full(len(found.value), np.nan)
            return Estimates(found.value, nothing, nothing)
        return found

    def rows(self, labels: Sequence[Mapping[str, str]], sides: Sides, found: Estimates) -> list[Row]:
        return [self.row(label, place, sides, found) for place, label in enumerate(labels)]

    def row(self, label: Mapping[str, str], place: int, sides: Sides, found: Estimates) -> Row:
        people = self.people(place, sides)
        least = self.settings.smallest
        if (label or self.view.where) and people < least:
            note = TOO_SMALL.format(least=least, people=self.people_word)
            return Row(label, *(None,) * 7, note=note)
        value, low, high = (known(part[place]) for part in (found.value, found.low, found.high))
        note = ""
        if value is None:
            note = NOTHING.format(exposure=self.metric.exposure_name)
        elif self.clustered and people == 1:
            note = ONE.format(person=self.person, people=self.people_word)
        elif self.clustered and people < FEW_CLUSTERS:
            note = FEW.format(n=people, people=self.people_word)
        sums = sides.sums
        return Row(
            group=label,
            n=round(float(sums.n[place])),
            clusters=people if self.clustered else None,
            exposure=known(sums.x[place]),
            errors=None if self.metric.product_of else known(sums.e[place]),
            value=value,
            low=low,
            high=high,
            note=note,
        )

    def people(self, place: int, sides: Sides) -> int:
        """Clusters, or rows where none are named."""
        if sides.by_cluster is None:
            return round(float(sides.sums.n[place]))
        return int(np.count_nonzero(sides.by_cluster[1][place]))

    def macro(self, overall: Row, rows: list[Row], code: Ints) -> Row:
        """The mean of the groups shown, each counting once (interval: as mover_gap, for a sum)."""
        shown_rows = [place for place, row in enumerate(rows) if row.value is not None]
        values, low, high = (
            np.array([getattr(rows[place], name) for place in shown_rows], dtype=np.float64)
            for name in ("value", "low", "high")
        )
        if not len(values):
            return replace(overall, value=None, low=None, high=None)
        distances = np.stack([values - low, high - values])
        squares = (distances**2).sum(-1)
        if self.clustered:
            u = influence(self.piece(code, len(rows), slice(0, len(rows))))[shown_rows]
            size = np.sqrt((u * u).sum(-1))
            # d' R d for the correlations R that shared clusters give, as the length of one sum of influences.
            scaled = np.divide(distances, size, out=np.zeros_like(distances), where=size > 0)
            together = np.stack([(scale[:, None] * u).sum(0) for scale in scaled])
            squares = (together**2).sum(-1) + (distances**2 * (size == 0)).sum(-1)
        below, above = (np.sqrt(squares) / len(values)).tolist()
        mean = float(values.mean())
        return replace(overall, value=mean, low=known(mean - below), high=known(mean + above))

    # Comparisons

    def place_of_other(self, rows: list[Row]) -> int | None:
        """The row that all are compared with, where it is one group."""
        if self.view.versus == "rest":
            return None
        if self.view.versus == "baseline":
            named = self.view.baseline or self.settings.baselines.get(self.view.by[0])
            places = [place for place, row in enumerate(rows) if row.group[self.view.by[0]] == named]
            return places[0] if places and rows[places[0]].value is not None else None
        known_rows = [(row, place) for place, row in enumerate(rows) if row.low is not None]
        large = [(row, place) for row, place in known_rows if (row.n or 0) >= BEST_ROWS] or known_rows
        values = [(row.value or 0.0, place) for row, place in large]
        if not values:
            return None
        return (max(values) if self.metric.higher_is_better else min(values))[1]

    def compared(
        self,
        rows: list[Row],
        own: Estimates,
        code: Ints,
        n_groups: int,
        piece: slice,
        whole: list[Sides],
        place: int | None,
    ) -> list[Row]:
        told = np.flatnonzero([row.value is not None for row in rows])
        if not len(told):
            return rows
        parts = self.components(code - piece.start, min(piece.stop, n_groups) - piece.start)
        if len(told) < len(rows):
            parts = [part.take(told) for part in parts]
        ours = self.finished(parts)
        if place is None:
            theirs = self.finished(
                [all_rows.rest_of(part) for all_rows, part in zip(whole, parts, strict=True)]
            )
        else:
            one = self.finished(self.components(code - place, 1))
            theirs = one.take(np.zeros(len(told), np.intp))
        own, other = own.take(told), self.estimate(theirs)
        shared = correlation(ours, theirs)
        sides = (own.value, own.low, own.high, other.value, other.low, other.high)
        gap, ratio = (mover(*sides, correlation=shared) for mover in (mover_gap, mover_ratio))
        with np.errstate(invalid="ignore", divide="ignore"):
            times = own.value / other.value
        tested = self.view.versus != "best" and not self.metric.product_of
        p = two_sided_p(ours, theirs, binary=self.binary) if tested else np.full(len(told), np.nan)
        done = list(rows)
        for index, at in enumerate(told.tolist()):
            if piece.start + at == place or self.people(index, theirs) < self.settings.smallest:
                continue
            values = (own.value[index] - other.value[index], gap.low[index], gap.high[index])
            ratios = (times[index], ratio.low[index], ratio.high[index])
            names = ("gap", "gap_low", "gap_high", "ratio", "ratio_low", "ratio_high", "p")
            found: dict[str, Any] = dict(zip(names, map(known, (*values, *ratios, p[index])), strict=True))
            done[at] = replace(rows[at], **found)
        return done

    def corrected(self, rows: list[Row]) -> list[Row]:
        p = np.array([np.nan if row.p is None else row.p for row in rows])
        return [
            replace(row, p_adjusted=known(adjusted), p_bh=known(discovered))
            for row, adjusted, discovered in zip(rows, holm(p), benjamini_hochberg(p), strict=True)
        ]

    def table(self, rows: tuple[Row, ...], baseline: str | None) -> Table:
        view = self.view
        return Table(
            system=view.system,
            columns=view.by,
            metric=view.metric,
            aggregation=view.aggregation,
            where=view.where,
            versus=view.versus,
            baseline=baseline,
            tests=sum(row.p is not None for row in rows),
            rows=rows,
        )


def _checked(cells: Cells, kind: Kind, metrics: Sequence[Metric], view: View, settings: Settings) -> Metric:
    for name, value, known in (
        ("system", view.system, cells.systems),
        ("metric", view.metric, tuple(metric.key for metric in metrics)),
        ("aggregation", view.aggregation, kind.aggregations),
        ("comparison", view.versus, VERSUS),
    ):
        if value not in known:
            raise ValueError(f"There is no {name} {shown(value)}.{nearest(value, known)}")
    if view.aggregation == "cluster_mean" and not cells.clustered:
        raise ValueError(f"A mean over {kind.cluster_word[1]} needs a column that names them.")
    if len(view.by) > 2 or len(set(view.by)) < len(view.by):
        raise ValueError("A table goes by at most two different columns.")
    for column in (*view.by, *(column for column, _ in view.where)):
        cells.place(column)
    if view.versus == "baseline" and len(view.by) != 1:
        raise ValueError("A baseline group needs a table by one column.")
    if view.versus == "baseline":
        groups = cells.columns[cells.place(view.by[0])].groups
        named = view.baseline or settings.baselines.get(view.by[0])
        if named not in groups:
            raise ValueError(f"Choose the baseline group among {', '.join(groups)}.")
    return next(metric for metric in metrics if metric.key == view.metric)


def inside_of(cells: Cells, where: Sequence[tuple[str, str]]) -> NDArray[np.bool_]:
    inside = np.ones(cells.frame.height, np.bool_)
    for column, group in where:
        place = cells.place(column)
        groups = cells.columns[place].groups
        if group not in groups:
            raise ValueError(f"There is no group {shown(group)} in {shown(column)}.{nearest(group, groups)}")
        inside &= cells.codes(place) == groups.index(group)
    return inside


def groups_of(
    cells: Cells, by: Sequence[str], inside: NDArray[np.bool_]
) -> tuple[list[dict[str, str]], Ints]:
    """The groups that have rows, in the order of their labels, and the group of each cell inside."""
    if not by:
        return [], np.zeros(int(inside.sum()), np.int64)
    places = [cells.place(column) for column in by]
    joint = np.zeros(int(inside.sum()), np.int64)
    for place in places:
        joint = joint * len(cells.columns[place].groups) + cells.codes(place)[inside]
    present, code = np.unique(joint, return_inverse=True)
    labels = []
    for value in present.tolist():
        label: dict[str, str] = {}
        for place in reversed(places):
            column = cells.columns[place]
            value, at = divmod(value, len(column.groups))
            label[column.name] = column.groups[at]
        labels.append({column: label[column] for column in by})
    return labels, code.astype(np.int64)


def known(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None

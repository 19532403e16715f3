"""Figures of a public sample, each with the table beside it: plain Plotly dicts, ready for JSON.

The figures carry no title (the page has one) and no font colour (the page sets it); backgrounds are
transparent and every colour has a contrast of at least 3 on white and on near black. Texts from the data are
escaped, as Plotly reads tags in labels.
"""

import math
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from numpy.typing import ArrayLike

from fairness.clustered import cluster_interval
from fairness.intervals import wilson
from fairness.rates import Floats
from fairness.slices.coding import CodedColumn, code_column, short_number

TEAL, ORANGE, GREY = "#17858c", "#c9661b", "#808080"
GRID = "rgba(128, 128, 128, 0.3)"
MOST_BINS = 20
LABEL = 24  # characters of a label in a figure; the table has it whole

Dict = dict[str, Any]


@dataclass(frozen=True)
class CountRow:
    """A bar: what it stands for, its rows, and their share of all rows, missing ones included."""

    label: str
    rows: int
    share: float


@dataclass(frozen=True)
class Distribution:
    """How a column's values are spread: the figure, the table beside it, and how many rows are missing."""

    figure: Dict
    table: tuple[CountRow, ...]
    rows: int
    missing: int


@dataclass(frozen=True)
class RateRow:
    """A group: rows with exposure, clusters among them (None without), its rate and 95 % interval.

    rate, low and high are None, and note says why, where the group is too small to say.
    """

    label: str
    rows: int
    clusters: int | None
    exposure: float
    errors: float
    rate: float | None
    low: float | None
    high: float | None
    note: str


@dataclass(frozen=True)
class GroupRates:
    """Rates by group, worst first: the figure, the table beside it, and the row of everyone."""

    figure: Dict
    table: tuple[RateRow, ...]
    overall: RateRow


def show_distribution(column: pl.Series) -> Distribution:
    """The distribution of a Float64 or String column of n rows, null where missing.

    A number column: bins of one round width (at most MOST_BINS), or its values where they are few. A text
    column: its 20 most frequent values by count, then all others together, then the missing. Raises
    ValueError for a column without rows.

    >>> shown = show_distribution(pl.Series("sex", ["f", "m", "f", None]))
    >>> [(row.label, row.rows, row.share) for row in shown.table]
    [('f', 2, 0.5), ('m', 1, 0.25), ('missing', 1, 0.25)]
    """
    if column.is_empty():
        raise ValueError("a column without rows has no distribution")
    coded = code_column(column, bins=2)
    binned = coded.labels[0].startswith("< ") and column.dtype.is_numeric()
    labels, counts, figure = _histogram(column) if binned else _bars(coded, column.dtype == pl.String)
    table = tuple(
        CountRow(label, count, count / len(column)) for label, count in zip(labels, counts, strict=True)
    )
    return Distribution(figure, table, len(column), column.null_count())


def _histogram(column: pl.Series) -> tuple[list[str], list[int], Dict]:
    values = column.cast(pl.Float64).fill_nan(None).drop_nulls().to_numpy()
    edges = _round_edges(float(values.min()), float(values.max()))
    counts = np.histogram(values, edges)[0].tolist()
    names = [short_number(edge) for edge in edges.tolist()]
    labels = [f"{low} to < {high}" for low, high in pairwise(names)]
    middle, widths = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    bars = {
        "type": "bar",
        "x": middle.tolist(),
        "y": counts,
        "width": widths.tolist(),
        "customdata": labels,
        "hovertemplate": "%{customdata}: %{y:,} rows<extra></extra>",
        "marker": {"color": TEAL, "line": {"width": 1, "color": GRID}},
    }
    figure = _figure(
        [bars], height=280, x={"title": {"text": _short(column.name)}}, y={"title": {"text": "rows"}}
    )
    if missing := column.null_count():
        labels, counts = [*labels, "missing"], [*counts, missing]
    return labels, counts, figure


def _bars(coded: CodedColumn, by_count: bool) -> tuple[list[str], list[int], Dict]:
    counts = np.bincount(coded.codes, minlength=coded.width).tolist()
    named = [place for place, text in enumerate(coded.conditions) if not text.endswith(" IS NULL")]
    if by_count:
        named.sort(key=lambda place: -counts[place])
    tail = [place for place in reversed(range(coded.width)) if place not in named]
    order = [*named, *tail]
    labels, counts = [coded.labels[place] for place in order], [counts[place] for place in order]
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": counts,
        "y": list(range(len(order))),
        "hovertemplate": "%{x:,} rows<extra></extra>",
        "marker": {"color": [TEAL if place in named else GREY for place in order]},
    }
    return labels, counts, _figure([bars], **_one_line_each(labels), x={"title": {"text": "rows"}})


def _round_edges(low: float, high: float) -> Floats:
    """Bin edges at multiples of 1, 2, 2.5 or 5 times a power of ten, the last above `high`.

    >>> _round_edges(18.0, 90.0).tolist()[:3]
    [15.0, 20.0, 25.0]
    """
    least = (high - low) / (MOST_BINS - 2)
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * unit for unit in (1, 2, 2.5, 5, 10) if power * unit >= least)
    first, last = math.floor(low / step), math.floor(high / step) + 1
    edges: Floats = np.unique(np.arange(first, last + 1, dtype=np.float64) * step)
    return edges


def show_group_rates(
    column: pl.Series,
    errors: ArrayLike,
    exposure: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    min_rows: int = 30,
    min_clusters: int = 20,
) -> GroupRates:
    """Rate and 95 % interval of each group of a column, worst first; the groups too small to say come last.

    column: n values; groups are those of `fairness.slices.coding` (values, or five quantile bins). errors,
    exposure, weights: float[n]; clusters: int[n]. Intervals: Wilson's for single rows, on Kish's effective
    number of rows where they have weights; linearised by clusters where there are any, and where all clusters
    agree (no error at all), Wilson's on the number of clusters. Rows, and clusters, below the minimum make a
    group too small to say.

    >>> shown = show_group_rates(pl.Series("sex", ["f"] * 40 + ["m"] * 50), [1] * 8 + [0] * 82, [1] * 90)
    >>> [(row.label, row.rows, row.rate, round(row.high, 3)) for row in shown.table]
    [('f', 40, 0.2, 0.348), ('m', 50, 0.0, 0.071)]
    """
    e, x = np.asarray(errors, np.float64), np.asarray(exposure, np.float64)
    w = np.ones(len(e)) if weights is None else np.asarray(weights, np.float64)
    unit = None if clusters is None else np.asarray(clusters)
    if unit is None and not (np.isin(e, (0, 1)).all() and np.isin(x, (0, 1)).all()):
        unit = np.arange(len(e))
    counts = _Counts(e * w, x * w, unit, clusters is not None, min_rows, min_clusters)
    coded = code_column(column, bins=5)
    rows = [_rate_row(label, counts, coded.codes == code) for code, label in enumerate(coded.labels)]
    rows.sort(key=lambda row: (row.rate is None, -(row.rate or 0), -row.rows))
    overall = _rate_row("all rows", counts, np.ones(len(e), np.bool_))
    return GroupRates(_dots(rows, overall), tuple(rows), overall)


@dataclass(frozen=True)
class _Counts:
    """What the rates are made of, weights already in; `unit` says which rows vary together."""

    errors: Floats
    exposure: Floats
    unit: npt.NDArray[Any] | None
    clustered: bool
    min_rows: int
    min_clusters: int


def _rate_row(label: str, counts: _Counts, group: npt.NDArray[np.bool_]) -> RateRow:
    inside = group & (counts.exposure > 0)
    errors, exposure = counts.errors[inside], counts.exposure[inside]
    total, whole, rows = float(errors.sum()), float(exposure.sum()), int(inside.sum())
    units = None if counts.unit is None else np.unique(counts.unit[inside], return_inverse=True)
    clusters = units[0].size if units is not None and counts.clustered else None
    note = ""
    if rows < max(counts.min_rows, 1):
        note = f"too small to say: {rows:,} rows, {max(counts.min_rows, 1):,} needed"
    elif clusters is not None and clusters < counts.min_clusters:
        note = f"too small to say: {clusters:,} clusters, {counts.min_clusters:,} needed"
    if note:
        return RateRow(label, rows, clusters, whole, total, None, None, None, note)
    low, high = _interval(errors, exposure, None if units is None else units[1])
    return RateRow(label, rows, clusters, whole, total, total / whole, low, high, "")


def _interval(errors: Floats, exposure: Floats, unit: npt.NDArray[np.intp] | None) -> tuple[float, float]:
    """The 95 % interval of the rate of these rows; errors and exposure are weighted."""
    if unit is None:
        size = exposure.sum() ** 2 / np.square(exposure).sum()
    else:
        by_unit, exposed = np.bincount(unit, errors), np.bincount(unit, exposure)
        if not np.allclose(by_unit * exposed.sum(), by_unit.sum() * exposed):
            found = cluster_interval(by_unit, exposed)
            high = float(found.high)
            return float(found.low), min(high, 1.0) if (errors <= exposure).all() else high
        size = float(exposed.size)
    rate = min(errors.sum() / exposure.sum(), 1.0)
    found = wilson(rate * size, size)
    return float(found.low), float(found.high)


def _dots(rows: list[RateRow], overall: RateRow) -> Dict:
    """Rates as dots with their intervals, one line a group, and a dashed line at the rate of all rows."""
    known = [(place, row) for place, row in enumerate(rows) if row.rate is not None]
    small = [place for place, row in enumerate(rows) if row.rate is None]
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": [row.rate for _, row in known],
        "y": [place for place, _ in known],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [(row.high or 0) - (row.rate or 0) for _, row in known],
            "arrayminus": [(row.rate or 0) - (row.low or 0) for _, row in known],
            "color": TEAL,
            "thickness": 2,
            "width": 5,
        },
        "marker": {"color": TEAL, "size": 9},
        "customdata": [[row.low, row.high, row.rows] for _, row in known],
        "hovertemplate": "%{x:.1%} (95 % interval %{customdata[0]:.1%} to %{customdata[1]:.1%}), "
        "%{customdata[2]:,} rows<extra></extra>",
    }
    words = {
        "type": "scatter",
        "mode": "markers+text",
        "marker": {"size": 12, "opacity": 0},
        "x": [0] * len(small),
        "y": small,
        "text": [f"too small to say ({rows[place].rows:,} rows)" for place in small],
        "textposition": "middle right",
        "hoverinfo": "skip",
    }
    figure = _figure(
        [dots, words] if small else [dots],
        **_one_line_each([row.label for row in rows]),
        x={"title": {"text": "rate, with its 95 % interval"}, "tickformat": ".0~%", "rangemode": "tozero"},
    )
    if overall.rate is not None:
        line = {"type": "line", "x0": overall.rate, "x1": overall.rate, "y0": 0, "y1": 1, "yref": "paper"}
        figure["layout"]["shapes"] = [
            line | {"layer": "below", "line": {"color": ORANGE, "width": 2, "dash": "dash"}}
        ]
        figure["layout"]["annotations"] = [
            {
                "x": overall.rate,
                "y": 1,
                "yref": "paper",
                "yanchor": "bottom",
                "showarrow": False,
                "text": f"all rows {overall.rate:.1%}",
            }
        ]
    return figure


def _one_line_each(labels: list[str]) -> Dict:
    """Height and vertical axis of a figure with one line a label, the first on top."""
    axis = {
        "tickmode": "array",
        "tickvals": list(range(len(labels))),
        "ticktext": [_short(label) for label in labels],
        "range": [len(labels) - 0.5, -0.5],
        "ticklabelstandoff": 6,
        "showgrid": False,
    }
    return {"height": 90 + 28 * len(labels), "y": axis}


def _figure(traces: list[Dict], *, height: int, x: Dict, y: Dict) -> Dict:
    axis = {"automargin": True, "fixedrange": True, "gridcolor": GRID, "zeroline": False, "linecolor": GRID}
    layout = {
        "height": height,
        "margin": {"l": 8, "r": 12, "t": 28, "b": 40},
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "showlegend": False,
        "bargap": 0.25,
        "xaxis": axis | x,
        "yaxis": axis | y,
    }
    return {"data": traces, "layout": layout}


def _short(text: str) -> str:
    return escape(text if len(text) <= LABEL else f"{text[: LABEL - 1]}…", quote=False)

"""Figures of a report: plain Plotly dicts, ready for JSON.

The page draws them in its own colours (static/js/figures.js), so traces name none but the dashed line of
everyone; where several traces stand side by side a symbol or a pattern tells them apart too. Texts from the
data are escaped, as Plotly reads tags in labels.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from fairness.disaggregate import Row

Dict = dict[str, Any]

LINE = "#c9661b"
GRID = "rgba(128, 128, 128, 0.3)"
LABEL = 24  # characters of a label in a figure; the table has it whole
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "x", "star", "hexagon")
PATTERNS = ("", "/", ".", "x", "-", "+")
ROW_HEIGHT = 30
FEW_TICKS = {"nticks": 5, "tickangle": 0}  # of a phone
INTERVAL = "%{x:.1%} (95 % interval %{customdata[0]:.1%} to %{customdata[1]:.1%})"


def forest(labels: Sequence[str], rows: Sequence[Row], *, overall: Row | None, title: str) -> Dict:
    """A dot and its interval for each group, in the order given, the first on top; dashed: everyone.

    Groups that are too small have words in place of a dot; those of few people are hollow.
    """
    known = [(place, row) for place, row in enumerate(rows) if row.value is not None]
    small = [place for place, row in enumerate(rows) if row.value is None]
    dots = _dots([place for place, _ in known], [row for _, row in known])
    dots["marker"] = {"size": 9, "symbol": ["circle-open" if row.note else "circle" for _, row in known]}
    figure = _figure([dots, *_words(small)], **_lines(labels), x=_share_axis(title))
    if overall is not None and overall.value is not None:
        _mark(figure, overall.value, f"all {100 * overall.value:.1f} %")
    return figure


def _dots(places: Sequence[float], rows: Sequence[Any]) -> Dict:
    """Values with their intervals; rows have value, low, high and n."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [row.value for row in rows],
        "y": list(places),
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [_length(row.value, row.high) for row in rows],
            "arrayminus": [_length(row.low, row.value) for row in rows],
            "thickness": 2,
            "width": 4,
        },
        "customdata": [[row.low, row.high, row.n] for row in rows],
        "hovertemplate": f"{INTERVAL}, n = %{{customdata[2]:,}}<extra></extra>",
    }


def _length(low: float | None, high: float | None) -> float:
    return 0.0 if low is None or high is None else high - low


def _words(places: Sequence[int]) -> list[Dict]:
    """In place of the dots of groups that are too small."""
    if not places:
        return []
    words = {
        "type": "scatter",
        "mode": "markers+text",
        "marker": {"size": 12, "opacity": 0},
        "x": [0] * len(places),
        "y": list(places),
        "text": ["too small to say"] * len(places),
        "textposition": "middle right",
        "hoverinfo": "skip",
        "showlegend": False,
    }
    return [words]


def several(labels: Sequence[str], series: Mapping[str, Sequence[Row | None]], *, title: str) -> Dict:
    """A line of dots for each label, one dot a series: groups by condition, or groups by system.

    series: name -> a row for each label, None where there is none.
    """
    step = 0.7 / max(len(series), 1)
    traces = []
    for number, (name, rows) in enumerate(series.items()):
        shift = (number - (len(series) - 1) / 2) * step
        known = [(place, row) for place, row in enumerate(rows) if row is not None and row.value is not None]
        trace = _dots([place + shift for place, _ in known], [row for _, row in known])
        trace |= {"name": short(name), "marker": {"size": 8, "symbol": SYMBOLS[number % len(SYMBOLS)]}}
        trace["hovertemplate"] = f"{escape(name)}: {trace['hovertemplate']}"
        traces.append(trace)
    height = max(ROW_HEIGHT, 12 + 15 * len(series))
    return _figure(traces, **_lines(labels, height), x=_share_axis(title), legend=True)


def stacked(labels: Sequence[str], parts: Mapping[str, Sequence[float | None]], *, title: str) -> Dict:
    """Bars made of parts, one a label: errors by type. parts: name -> a share for each label."""
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": short(name),
            "x": list(values),
            "y": list(range(len(labels))),
            "marker": {"pattern": {"shape": PATTERNS[number % len(PATTERNS)], "solidity": 0.25}},
            "hovertemplate": f"{escape(name)}: %{{x:.1%}}<extra></extra>",
        }
        for number, (name, values) in enumerate(parts.items())
    ]
    figure = _figure(traces, **_lines(labels), x=_share_axis(title), legend=True)
    figure["layout"]["barmode"] = "stack"
    return figure


def speakers(labels: Sequence[str], dots: Iterable[tuple[int, float, str, float]], *, title: str) -> Dict:
    """Each speaker a dot in the line of their group. dots: (place of the group, value, speaker, exposure)."""
    found = list(dots)
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": [value for _, value, _, _ in found],
        "y": [place + _scatter(number) for number, (place, *_) in enumerate(found)],
        "marker": {"size": 7, "opacity": 0.55},
        "cliponaxis": False,
        "customdata": [[escape(name), exposure] for _, _, name, exposure in found],
        "hovertemplate": "%{customdata[0]}: %{x:.1%} of %{customdata[1]:,}<extra></extra>",
    }
    return _figure([trace], **_lines(labels, 44), x=_share_axis(title))


def _scatter(number: int) -> float:
    """Dots side by side rather than on each other: the same places every time."""
    return ((number * 0.618034) % 1 - 0.5) * 0.62


def differences(labels: Sequence[str], rows: Sequence[Any], *, title: str) -> Dict:
    """Paired differences: by people filled, by matched rows hollow, a line at no difference."""
    traces = []
    for name, low, high, shift, symbol in (
        ("from people", "low", "high", -0.14, "circle"),
        ("from matched rows", "row_low", "row_high", 0.14, "diamond-open"),
    ):
        known = [
            (place, row)
            for place, row in enumerate(rows)
            if row.difference is not None and getattr(row, low) is not None
        ]
        if not known:
            continue
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": [100 * row.difference for _, row in known],
                "y": [place + shift for place, _ in known],
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [100 * (getattr(row, high) - row.difference) for _, row in known],
                    "arrayminus": [100 * (row.difference - getattr(row, low)) for _, row in known],
                    "thickness": 2,
                    "width": 4,
                },
                "marker": {"size": 8, "symbol": symbol},
                "customdata": [[100 * getattr(row, low), 100 * getattr(row, high)] for _, row in known],
                "hovertemplate": f"{name}: %{{x:+.1f}} pp (%{{customdata[0]:+.1f}} to "
                "%{customdata[1]:+.1f} pp)<extra></extra>",
            }
        )
    axis = {"title": {"text": f"{title}, in percentage points"}, "tickformat": "+~g"} | FEW_TICKS
    figure = _figure(traces, **_lines(labels, 36), x=axis, legend=True)
    _mark(figure, 0.0)
    return figure


def trend(releases: Sequence[str], series: Mapping[str, Sequence[Row | None]], *, title: str) -> Dict:
    """Values over releases, a line a series, with intervals."""
    traces = []
    for number, (name, rows) in enumerate(series.items()):
        known = [(place, row) for place, row in enumerate(rows) if row is not None and row.value is not None]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": short(name),
                "x": [place + (number - (len(series) - 1) / 2) * 0.03 for place, _ in known],
                "y": [row.value for _, row in known],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [_length(row.value, row.high) for _, row in known],
                    "arrayminus": [_length(row.low, row.value) for _, row in known],
                    "thickness": 1.5,
                    "width": 4,
                },
                "marker": {"size": 8, "symbol": SYMBOLS[number % len(SYMBOLS)]},
                "customdata": [[row.low, row.high] for _, row in known],
                "hovertemplate": f"{escape(name)}: %{{y:.1%}} (95 % interval %{{customdata[0]:.1%}} to "
                "%{customdata[1]:.1%})<extra></extra>",
            }
        )
    x = {
        "tickmode": "array",
        "tickvals": list(range(len(releases))),
        "ticktext": [short(release) for release in releases],
        "range": [-0.4, len(releases) - 0.6],
        "showgrid": False,
    }
    y = {"title": {"text": title}, "tickformat": ".0~%", "rangemode": "tozero"}
    return _figure(traces, height=420, x=x, y=y, legend=True)


def calibration(
    series: Mapping[str, Sequence[tuple[float, float, float, float, int]]], *, title: str
) -> Dict:
    """Curves of (mean score, share that deserved it, low, high, rows), a line a group; dashed: calibrated."""
    traces = []
    for number, (name, bins) in enumerate(series.items()):
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": short(name),
                "x": [score for score, *_ in bins],
                "y": [share for _, share, *_ in bins],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [high - share for _, share, _, high, _ in bins],
                    "arrayminus": [share - low for _, share, low, _, _ in bins],
                    "thickness": 1,
                    "width": 3,
                },
                "marker": {"size": 7, "symbol": SYMBOLS[number % len(SYMBOLS)]},
                "customdata": [[low, high, rows] for _, _, low, high, rows in bins],
                "hovertemplate": f"{escape(name)}: score %{{x:.2f}}, %{{y:.1%}} (%{{customdata[0]:.1%}} to "
                "%{customdata[1]:.1%}), n = %{customdata[2]:,}<extra></extra>",
            }
        )
    x = {"title": {"text": "mean score"}, "range": [-0.02, 1.02], "tickformat": ".1f"}
    y = {"title": {"text": title}, "range": [-0.02, 1.02], "tickformat": ".0%"}
    figure = _figure(traces, height=460, x=x, y=y, legend=True)
    line = {"type": "line", "x0": 0, "y0": 0, "x1": 1, "y1": 1, "layer": "below"}
    figure["layout"]["shapes"] = [line | {"line": {"color": LINE, "width": 2, "dash": "dash"}}]
    return figure


def heat(value: float | None, overall: float | None, farthest: float) -> int:
    """How strongly a cell of a heat map is coloured: -4 (far below everyone) to 4 (far above)."""
    if value is None or overall is None or farthest <= 0:
        return 0
    return round(4 * max(-1.0, min(1.0, (value - overall) / farthest)))


def short(text: str) -> str:
    return escape(text if len(text) <= LABEL else f"{text[: LABEL - 1]}…", quote=False)


def _lines(labels: Sequence[str], each: int = ROW_HEIGHT) -> Dict:
    """Height and vertical axis of a figure with one line a label, the first on top."""
    axis = {
        "tickmode": "array",
        "tickvals": list(range(len(labels))),
        "ticktext": [short(label) for label in labels],
        "range": [len(labels) - 0.5, -0.5],
        "ticklabelstandoff": 6,
        "showgrid": False,
    }
    return {"height": 96 + each * len(labels), "y": axis}


def _share_axis(title: str) -> Dict:
    return {"title": {"text": title}, "tickformat": ".0~%", "rangemode": "tozero"} | FEW_TICKS


def _mark(figure: Dict, x: float, text: str = "") -> None:
    line = {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "layer": "below"}
    figure["layout"]["shapes"] = [line | {"line": {"color": LINE, "width": 2, "dash": "dash"}}]
    if text:
        words = {"x": x, "y": 1, "yref": "paper", "yanchor": "bottom", "showarrow": False, "text": text}
        figure["layout"]["annotations"] = [words]


def _figure(traces: list[Dict], *, height: int, x: Dict, y: Dict, legend: bool = False) -> Dict:
    axis = {"automargin": True, "fixedrange": True, "gridcolor": GRID, "zeroline": False, "linecolor": GRID}
    layout = {
        "height": height,
        "margin": {"l": 8, "r": 12, "t": 44 if legend else 28, "b": 40},
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "showlegend": legend,
        "bargap": 0.25,
        "xaxis": axis | x,
        "yaxis": axis | y,
    }
    return {"data": traces, "layout": layout}

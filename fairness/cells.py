"""The stored counts of an audit: what every table is made of.

Rows are summed once, by cluster and by combination of group and condition columns. Groups smaller than the
smallest to be shown are merged before that, so nothing that is read from here can name them.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairness.columns import TableError, shown
from fairness.kinds.base import NOT_MARKED, Counted, Metric, Roles, Settings
from fairness.rates import Floats
from fairness.slices.coding import MAX_DISTINCT, code_column

SMALLER = "smaller groups"
NOT_STATED = "not stated"
MAX_GROUPS = 200
MOST_CELLS = 1_000  # a table of more is read by nobody
MOST_CROSSED = 4  # systems of which every metric is compared row by row; with more, the headline alone
MAX_LABEL = 100
BINS = 5
METADATA = "faultline"
# Sums that are there with and without weights; the others of `Cells.moment` only with weights.
PLAIN = ("n", "e", "x", "ee", "ex", "xx")

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class GroupColumn:
    """A column to group by: its labels after merging, how its values came about, how many groups were
    merged.
    """

    name: str
    role: str
    mark: str
    groups: tuple[str, ...]
    merged: int = 0


@dataclass(frozen=True)
class Cells:
    """A row of `frame` is one cluster in one combination of groups.

    frame: "cluster" (int32, 0 where rows are their own clusters), "c0", "c1", ... the codes (int16) of
    `columns`, "rows", "duration" (seconds), "empty" and "empty_errors" (rows without headline exposure, for
    each system summed, and the errors counted in them), and the sums `moment` reads.
    """

    columns: tuple[GroupColumn, ...]
    systems: tuple[str, ...]
    metrics: tuple[str, ...]
    clustered: bool
    weighted: bool
    frame: pl.DataFrame

    def place(self, column: str) -> int:
        """Where a column stands. Raises ValueError with a sentence for one that is not there."""
        for place, known in enumerate(self.columns):
            if known.name == column:
                return place
        raise ValueError(f"There is no group column {shown(column)}.")

    def codes(self, place: int) -> Ints:
        return self.frame.get_column(f"c{place}").to_numpy().astype(np.int64)

    def moment(self, system: int, metric: str, name: str, by_row: bool = False) -> Floats:
        """A sum of every cell: n (rows with exposure), e and x (errors and exposure, weighted), ee, ex, xx
        (raw squares); where there are weights, raw_e, raw_x, and vee, vex, vxx, vx (squares, and exposure,
        times weight squared). by_row: of every row's own rate instead, each with exposure 1.
        """
        if not self.weighted and name not in PLAIN:
            name = name.removeprefix("raw_") if name.startswith("raw_") else name.removeprefix("v")
        suffix = ":rows" if by_row else ""
        return self.frame.get_column(f"{system}/{metric}{suffix}/{name}").to_numpy().astype(np.float64)

    def crossed(self, first: int, second: int, metric: str) -> Floats | None:
        """The sum over rows of both systems' errors multiplied, for every cell; None where it was not
        kept.
        """
        name = f"{min(first, second)}x{max(first, second)}/{metric}"
        return self.frame.get_column(name).to_numpy() if name in self.frame.columns else None

    def to_parquet(self) -> bytes:
        """The cells as one Parquet file, the same bytes for the same cells and library."""
        facts = {
            "columns": [asdict(column) for column in self.columns],
            "systems": self.systems,
            "metrics": self.metrics,
            "clustered": self.clustered,
            "weighted": self.weighted,
        }
        buffer = io.BytesIO()
        self.frame.write_parquet(buffer, metadata={METADATA: json.dumps(facts)})
        return buffer.getvalue()

    @staticmethod
    def from_parquet(data: bytes) -> "Cells":
        facts = json.loads(pl.read_parquet_metadata(io.BytesIO(data))[METADATA])
        columns = tuple(
            GroupColumn(**(column | {"groups": tuple(column["groups"])})) for column in facts["columns"]
        )
        return Cells(
            columns=columns,
            systems=tuple(facts["systems"]),
            metrics=tuple(facts["metrics"]),
            clustered=facts["clustered"],
            weighted=facts["weighted"],
            frame=pl.read_parquet(io.BytesIO(data)),
        )


@dataclass(frozen=True)
class Grouping:
    """The group and condition columns of n rows: what they are and, int16[columns][n], each row's code."""

    columns: tuple[GroupColumn, ...]
    codes: tuple[NDArray[np.int16], ...]

    def labels(self, place: int) -> pl.Series:
        """The merged label of every row."""
        column = self.columns[place]
        groups = pl.Series(column.name, column.groups, dtype=pl.String)
        return groups.gather(self.codes[place].astype(np.int64))


def group_rows(
    frame: pl.DataFrame, roles: Roles, settings: Settings, clusters: Ints | None, kept: NDArray[np.bool_]
) -> Grouping:
    """Code every column of groups, then of conditions, and merge its small groups.

    kept: bool[n], the rows that count (the others are coded too, so that exclusions can be counted by group).
    A text column has a group for each value, a number column one for each of few values and else for each of
    five bins of equal counts; a missing value, and a text that `settings.not_stated` names, is "not stated".
    Raises TableError for a column of one value or of more than MAX_GROUPS.
    """
    columns, codes = [], []
    for name in (*roles.columns("group"), *roles.columns("condition")):
        labels, code = _coded(_stated(frame.get_column(name), settings.not_stated))
        column = GroupColumn(name, roles.of[name], settings.marks.get(name, NOT_MARKED), labels)
        merged, code = merge_small(column, code, settings.smallest, clusters, kept)
        columns.append(merged)
        codes.append(code.astype(np.int16))
    return Grouping(tuple(columns), tuple(codes))


def _stated(column: pl.Series, not_stated: Sequence[str]) -> pl.Series:
    """The column without the texts that mean that nothing is stated."""
    if column.dtype != pl.String or not not_stated:
        return column
    return column.set(column.is_in(list(not_stated)), None)


def _coded(column: pl.Series) -> tuple[tuple[str, ...], Ints]:
    name = shown(column.name)
    if column.dtype.is_numeric() and column.n_unique() > MAX_DISTINCT + 1:
        coded = code_column(column, bins=BINS)
        labels = tuple(NOT_STATED if label == "missing" else label for label in coded.labels)
        return labels, coded.codes.astype(np.int64)
    if column.dtype.is_numeric():
        coded = code_column(column, bins=2)
        labels = tuple(NOT_STATED if label == "missing" else label for label in coded.labels)
        texts, code = labels, coded.codes.astype(np.int64)
    else:
        values = column.drop_nulls().unique().sort()
        if values.len() > MAX_GROUPS:
            raise TableError(
                f"Column {name} holds {values.len():,} different groups; at most {MAX_GROUPS} are taken. Is "
                "it a name? Give it another role, put its values into fewer groups, or leave it out."
            )
        texts = tuple(_cut(value) for value in values.to_list())
        code = _positions(column, values)
        if column.null_count():
            texts = (*texts, NOT_STATED)
    if len(texts) < 2:
        only = f"only {shown(texts[0])} in every row" if texts else "nothing"
        raise TableError(f"Column {name} holds {only}, so it tells no groups apart. Leave it out.")
    if len(set(texts)) < len(texts):
        return _joined(texts, code)
    return texts, code


def _positions(column: pl.Series, values: pl.Series) -> Ints:
    found = column.cast(pl.Enum(values), strict=False).to_physical().cast(pl.Int64)
    return found.fill_null(values.len()).to_numpy()


def _cut(label: str) -> str:
    return label if len(label) <= MAX_LABEL else f"{label[: MAX_LABEL - 1]}…"


def _joined(texts: tuple[str, ...], code: Ints) -> tuple[tuple[str, ...], Ints]:
    """Groups whose labels read the same are one."""
    distinct = tuple(dict.fromkeys(texts))
    places = np.array([distinct.index(text) for text in texts], np.int64)
    return distinct, places[code]


def merge_small(
    column: GroupColumn, code: Ints, smallest: int, clusters: Ints | None, kept: NDArray[np.bool_]
) -> tuple[GroupColumn, Ints]:
    """Merge the groups with fewer than `smallest` people into "smaller groups".

    People are distinct clusters among the kept rows, or kept rows where none are named. While the merged
    group is still too small it absorbs the next smallest (of equals the one whose label comes first).
    """
    count = len(column.groups)
    people = _people(code[kept], None if clusters is None else clusters[kept], count)
    order = sorted(range(count), key=lambda place: (people[place], column.groups[place]))
    small = [place for place in order if people[place] < smallest]
    if not small:
        return column, code

    def together(places: Sequence[int]) -> int:
        inside = np.isin(code, places) & kept
        return int(inside.sum() if clusters is None else np.unique(clusters[inside]).size)

    while together(small) < smallest and len(small) < count:
        small.append(order[len(small)])
    others = [place for place in range(count) if place not in small]
    name = SMALLER if SMALLER not in column.groups else f"{SMALLER} (merged)"
    places = np.full(count, len(others), np.int64)
    places[others] = np.arange(len(others))
    labels = (*(column.groups[place] for place in others), name)
    return replace(column, groups=labels, merged=len(small)), places[code]


def _people(code: Ints, clusters: Ints | None, count: int) -> Ints:
    if clusters is None:
        return np.bincount(code, minlength=count)
    width = int(clusters.max()) + 1 if clusters.size else 1
    return np.bincount(np.unique(code * width + clusters) // width, minlength=count)


def sum_cells(
    counted: Counted,
    grouping: Grouping,
    *,
    clusters: Ints | None,
    weights: Floats | None,
    duration: Floats | None,
    aggregations: Sequence[str],
) -> Cells:
    """Sum the counted rows into cells. All arrays have a value for each of the n counted rows.

    Sums by cell are of float64 and exact as long as counts are whole and unweighted.
    """
    n = counted.counts[0].height
    keys = pl.DataFrame(
        {
            "cluster": np.zeros(n, np.int32) if clusters is None else clusters.astype(np.int32),
            **{f"c{place}": codes for place, codes in enumerate(grouping.codes)},
        }
    )
    cell, first = _cells_of(keys)
    add = _Adder(cell, len(first))
    sums: dict[str, Floats] = {
        "rows": add(np.ones(n)),
        "duration": add(np.zeros(n) if duration is None else duration),
    }
    headline = [_values(counts, counted.metrics[0]) for counts in counted.counts]
    nothing = headline[0][1] == 0
    lost = [errors * (exposure == 0) for errors, exposure in headline]
    sums |= {"empty": add(nothing.astype(np.float64)), "empty_errors": add(np.sum(lost, axis=0))}
    for metric in counted.metrics:
        if metric.product_of is not None:
            continue
        pairs = [_values(counts, metric) for counts in counted.counts]
        for place, (errors, exposure) in enumerate(pairs):
            name = f"{place}/{metric.key}"
            sums |= {
                f"{name}/{key}": value for key, value in _moments(add, errors, exposure, weights).items()
            }
            if "row_mean" in aggregations:
                rate = np.divide(errors, exposure, out=np.zeros(n), where=exposure > 0)
                own = _moments(add, rate, (exposure > 0).astype(np.float64), weights)
                sums |= {f"{name}:rows/{key}": value for key, value in own.items()}
        few = len(pairs) <= MOST_CROSSED or metric is counted.metrics[0]
        if weights is None and few:
            for a, b in combinations(range(len(pairs)), 2):
                sums[f"{a}x{b}/{metric.key}"] = add(pairs[a][0] * pairs[b][0])
    return Cells(
        columns=grouping.columns,
        systems=counted.systems,
        metrics=tuple(metric.key for metric in counted.metrics),
        clustered=clusters is not None,
        weighted=weights is not None,
        frame=keys[first].hstack(pl.DataFrame(sums)),
    )


def _cells_of(keys: pl.DataFrame) -> tuple[Ints, Ints]:
    """The cell of every row, int64[n], in the order of the keys, and the first row of every cell."""
    n = keys.height
    joined = np.zeros(n, np.int64)
    width = 1
    for column in keys.get_columns():
        codes = column.to_numpy()
        size = int(codes.max()) + 1
        if width * size >= 1 << 62:
            joined = pl.Series(joined).rank("dense").to_numpy().astype(np.int64) - 1
            width = int(joined.max()) + 1
        joined = joined * size + codes
        width *= size
    cell = pl.Series(joined).rank("dense").to_numpy().astype(np.int64) - 1
    first = np.empty(int(cell.max()) + 1, np.int64)
    first[cell[::-1]] = np.arange(n - 1, -1, -1)
    return cell, first


@dataclass(frozen=True)
class _Adder:
    """Sums by cell."""

    cell: Ints
    count: int

    def __call__(self, values: Floats) -> Floats:
        return np.bincount(self.cell, weights=values, minlength=self.count).astype(np.float64, copy=False)


def _values(counts: pl.DataFrame, metric: Metric) -> tuple[Floats, Floats]:
    """Errors and exposure of every row."""
    both = counts.with_columns(  # with_columns: a literal is given to every row
        metric.errors.cast(pl.Float64).alias("errors"), metric.exposure.cast(pl.Float64).alias("exposure")
    )
    return both.get_column("errors").to_numpy(), both.get_column("exposure").to_numpy()


def _moments(add: _Adder, e: Floats, x: Floats, weights: Floats | None) -> dict[str, Floats]:
    if weights is None:
        sums = {"n": (x > 0).astype(np.float64), "e": e, "x": x, "ee": e * e, "ex": e * x, "xx": x * x}
        return {name: add(value) for name, value in sums.items()}
    w, inside = weights, weights > 0
    plain = {"ee": e * e, "ex": e * x, "xx": x * x, "raw_e": e, "raw_x": x}
    raw = {name: value * inside for name, value in plain.items()}
    squares = {"vee": w * w * e * e, "vex": w * w * e * x, "vxx": w * w * x * x, "vx": w * w * x}
    sums = {
        "n": ((x > 0) & inside).astype(np.float64),
        "e": w * e,
        "x": w * x,
        **{k: v * inside for k, v in raw.items()},
        **squares,
    }
    return {name: add(value) for name, value in sums.items()}

"""What a public report may show beside its tables: tenths of a score, and groups in the half of the people in
which they were confirmed. Each splits people in a way that no table does, so each is a view of its own.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from fairness.calibration import bin_of
from fairness.cells import Cells, GroupColumn, Ints
from fairness.disclosure import View, offered_beside
from fairness.kept import KeptRows
from fairness.kinds.base import Counted, Settings
from fairness.rates import Floats
from fairness.worst import halves_of

MOST_SETS = 500_000  # of rows told apart: beyond, nothing is shown beside the tables
MOST_SCORES = 3


def mark_public(
    result: dict[str, Any], kept: KeptRows, counted: Counted, cells: Cells, settings: Settings
) -> None:
    """Say in a result's "calibration" whether each part is "public", and in its "worst" which columns are
    "even": those of which every group may be shown in the half that confirms it.

    Decided by the rules of `fairness.disclosure`, each beside all that is offered and admitted before. Of
    several scores the first MOST_SCORES can be public; groups confirmed on a sample of the rows cannot.
    """
    places = {column.name: place for place, column in enumerate(cells.columns)}
    offered: list[View] = [(places[name],) for name in result["disclosure"]["columns"]]
    offered += [(places[one], places[other]) for one, other in result["disclosure"]["pairs"]]
    splits = _Splits(kept, counted, cells, settings)
    tenths = {name: splits.add(code) for name, code in _tenths(counted)}
    halves = {}
    for found in result["worst"]:
        if found["groups"] and found["n"] == len(kept.places):
            halves[found["system"]] = splits.add(_confirming(found["system"], kept, counted, settings))
    wanted = {
        (split, *columns)
        for split in tenths.values()
        for columns in [(), *((places[name],) for name in result["disclosure"]["columns"])]
    }
    for found in result["worst"]:
        split = halves.get(found["system"])
        views = {tuple(sorted(places[name] for name, _ in group["conditions"])) for group in found["groups"]}
        wanted |= {
            (split, *view) for view in ((), *views) if split is not None and (not view or view in offered)
        }
    admitted = splits.admitted(offered, sorted(wanted, key=lambda view: (len(view), view)), settings.smallest)
    for part in result["calibration"]:
        column = (places[part["column"]],) if part["column"] else ()
        part["public"] = (tenths.get(part["system"], -1), *column) in admitted
    for found in result["worst"]:
        split = halves.get(found["system"], -1)
        found["even"] = [
            [cells.columns[place].name for place in view[1:]]
            for view in sorted(admitted)
            if view[0] == split and len(view) > 1 and (split,) in admitted
        ]


def _tenths(counted: Counted) -> Iterator[tuple[str, Ints]]:
    scored = [
        (system, counts)
        for system, counts in zip(counted.systems, counted.counts, strict=True)
        if "score" in counts.columns
    ]
    for system, counts in scored[:MOST_SCORES]:
        yield system, bin_of(counts.get_column("score").to_numpy())


def _confirming(system: str, kept: KeptRows, counted: Counted, settings: Settings) -> Ints:
    """0 for rows that were searched, 1 for those that confirm, 2 for those in neither half."""
    metric = counted.metrics[0]
    counts = counted.counts[counted.systems.index(system)]
    exposure = _of_rows(counts, metric.exposure, len(kept.places))
    searched, confirming = halves_of(exposure, kept.clusters, kept.weights, settings.random_state)
    return np.where(searched, 0, np.where(confirming, 1, 2)).astype(np.int64)


def _of_rows(counts: pl.DataFrame, value: pl.Expr, n: int) -> Floats:
    """An expression's value of every row, as a literal has but one."""
    found = counts.select(value.cast(pl.Float64).alias("value")).to_series().to_numpy()
    return np.broadcast_to(found, n)


class _Splits:
    """The kept rows' groups, with further splits of them as columns after those of the cells."""

    def __init__(self, kept: KeptRows, counted: Counted, cells: Cells, settings: Settings) -> None:
        self.kept, self.counted, self.cells = kept, counted, cells
        self.added: list[Ints] = []

    def add(self, code: Ints) -> int:
        """Where the split stands; one that is there already is not added again."""
        for place, known in enumerate(self.added):
            if np.array_equal(known, code):
                return len(self.cells.columns) + place
        self.added.append(code)
        return len(self.cells.columns) + len(self.added) - 1

    def admitted(self, offered: Sequence[View], wanted: Sequence[View], smallest: int) -> set[View]:
        if not wanted:
            return set()
        cells = self._cells()
        if cells.frame.height > MOST_SETS:
            return set()
        return set(offered_beside(cells, offered, wanted, smallest))

    def _cells(self) -> Cells:
        """Cells of these columns, with as many sums as `fairness.disclosure` reads."""
        metric, n = self.counted.metrics[0], len(self.kept.places)
        codes = [*(code.astype(np.int64) for code in self.kept.grouping.codes), *self.added]
        cluster = np.zeros(n, np.int64) if self.kept.clusters is None else self.kept.clusters
        keys = {"cluster": cluster} | {f"c{place}": code for place, code in enumerate(codes)}
        weighed = np.ones(n, np.bool_) if self.kept.weights is None else self.kept.weights > 0
        seen = {
            f"{place}/{metric.key}/n": _of_rows(counts, metric.exposure > 0, n) * weighed
            for place, counts in enumerate(self.counted.counts)
        }
        sums = [pl.len().cast(pl.Float64).alias("rows"), *(pl.col(name).sum() for name in seen)]
        frame = pl.DataFrame(keys | seen).group_by(list(keys), maintain_order=True).agg(sums)
        split = [
            GroupColumn("", "condition", "", tuple(map(str, range(int(c.max()) + 1)))) for c in self.added
        ]
        return Cells(
            columns=(*self.cells.columns, *split),
            systems=self.cells.systems,
            metrics=self.cells.metrics,
            clustered=self.cells.clustered,
            weighted=False,
            frame=frame,
        )

"""What a public report may show, so that nobody is singled out by subtracting one table from another.

A view is the split of all rows by one offered column or by an offered pair of columns, whose every cell is a
set of rows. Counts and sums of the sets, and so all rates, are published, and whoever reads them can add and
subtract them with any factors. People are distinct clusters, or rows where none are named; a set of rows has
as many people as have a row in it. This holds for all that is offered, with `smallest` people at the least:

1. Every set has at least that many people.
2. Of two sets, one within the other, the larger has as many people as the smaller or at least that many more:
   counts of people are published too, and one person can be in several groups of a condition.
3. Whatever is worked out from the sets of any two views together is about nobody or about at least that many
   people (`fairness.cuts`). This covers differences of two sets, a set less all sets of a view inside it, and
   unions less unions. Where rows are people that is checked exactly; where they are not, a bound may refuse
   what is safe, and never allows what is not.
4. Where three or more views together have few joint cells, a search through the span of their sets finds
   nothing about fewer people (`fairness.spans`). It is complete where every joint cell is that large, where
   sums over smaller ones alone have at most two dimensions, and where at most ten are smaller. Otherwise it
   can miss what takes cells of three views, and larger joint tables are not searched beyond 1 to 3.

Bounds are not covered (a count is not negative, so three numbers can confine a fourth), nor what a reader
knows already, nor small numbers of errors, of labels or of rows without exposure within a set: those are what
a rate says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from fairness.cells import Cells, Ints
from fairness.cuts import People, safe_together
from fairness.rates import Floats
from fairness.spans import few_in_span

MOST_CELLS = 1_000  # a table of more is read by nobody

View = tuple[int, ...]


@dataclass(frozen=True)
class Disclosure:
    """The columns, and the pairs of them, that a public report may tabulate and filter by."""

    columns: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"columns": list(self.columns), "pairs": [list(pair) for pair in self.pairs]}


def offered(cells: Cells, smallest: int) -> Disclosure:
    """The columns and pairs of columns whose tables together single out nobody, as defined above.

    Columns are offered one by one, those of people before conditions and else in the order of the file, then
    pairs in that order; each if it is safe beside all that are offered before it. A pair of more than
    MOST_CELLS cells is not offered. Everybody counts who has a row, and apart from that everybody who has a
    row with exposure of the first metric, since tables count those.
    """
    order = sorted(range(len(cells.columns)), key=lambda place: cells.columns[place].role == "condition")
    publics = [_Public(cells, rows, smallest) for rows in _populations(cells)]

    def admitted(view: View) -> bool:
        if not all(public.admits(view) for public in publics):
            return False
        for public in publics:
            public.offer(view)
        return True

    columns = [place for place in order if admitted((place,))]
    pairs = [pair for pair in combinations(columns, 2) if admitted(pair)]
    names = [column.name for column in cells.columns]
    return Disclosure(tuple(names[place] for place in columns), tuple((names[a], names[b]) for a, b in pairs))


def offered_columns(cells: Cells, smallest: int) -> tuple[str, ...]:
    """The columns that `offered` offers."""
    return offered(cells, smallest).columns


def offered_pairs(cells: Cells, smallest: int) -> tuple[tuple[str, str], ...]:
    """The pairs of columns that `offered` offers."""
    return offered(cells, smallest).pairs


def _populations(cells: Cells) -> list[Floats]:
    """Whom tables count: the rows of every cell, and those with exposure where they are others."""
    found = [cells.frame.get_column("rows").to_numpy().astype(np.float64)]
    for system in range(len(cells.systems)):
        rows = cells.moment(system, cells.metrics[0], "n")
        seen = [rows > 0, *(other > 0 for other in found)] if cells.clustered else [rows, *found]
        if not any(np.array_equal(seen[0], other) for other in seen[1:]):
            found.append(rows)
    return found


class _Public:
    """What readers have of one population: the views offered so far, and their sets."""

    def __init__(self, cells: Cells, rows: Floats, least: int) -> None:
        self.least = least
        there = np.flatnonzero(rows > 0)
        person = None
        if cells.clustered:
            cluster = cells.frame.get_column("cluster").to_numpy()[there]
            by_person = np.argsort(cluster, kind="stable")
            there, person = there[by_person], cluster[by_person].astype(np.int64)
        self.people = People(person, rows[there])
        self.columns = [_dense(cells.codes(place)[there]) for place in range(len(cells.columns))]
        everyone = np.zeros(len(there), np.int64)
        self.codes: dict[View, Ints] = {(): everyone}
        self.sizes: dict[View, Floats] = {(): self.people.count(everyone, 1)}
        self.offered: list[View] = [()]

    def admits(self, view: View) -> bool:
        code = self.codes[view] = self._code(view)
        size = self.sizes[view] = self.people.count(code, int(code.max(initial=-1)) + 1)
        return (
            bool(len(size))
            and len(size) <= MOST_CELLS
            and bool((size >= self.least).all())
            and all(self._counts_are_safe(view, other) for other in self.offered)
            and all(self._cells_are_safe(view, other) for other in _widest(self.offered))
            and not any(self._span_is_unsafe(views) for views in self._together(view))
        )

    def offer(self, view: View) -> None:
        self.offered.append(view)

    def _code(self, view: View) -> Ints:
        if len(view) == 1:
            return self.columns[view[0]]
        one, other = (self.columns[place] for place in view)
        return _dense(one * (int(other.max(initial=0)) + 1) + other)

    def _counts_are_safe(self, view: View, other: View) -> bool:
        if self.people.person is None:
            return True  # people are rows, and those stand in the cells
        for inner, outer in ((view, other), (other, view)):
            within = _within(self.codes[inner], self.codes[outer], len(self.sizes[inner]))
            nested = within >= 0
            more = self.sizes[outer][within[nested]] - self.sizes[inner][nested]
            if ((more > 0) & (more < self.least)).any():
                return False
        return True

    def _cells_are_safe(self, view: View, other: View) -> bool:
        if set(other) <= set(view):  # the other's sets are unions of this one's
            return True
        return safe_together(self.people, self.codes[view], self.codes[other], self.least)

    def _together(self, view: View) -> Iterator[list[View]]:
        """Views to search together: all, or, as those may be too many, those within three columns."""
        views = [*self.offered, view]
        yield _widest(views)
        used = sorted({place for v in views for place in v})
        for chosen in combinations(used, 3):
            if set(view) < set(chosen) and len(used) > 3:
                yield _widest([v for v in views if set(v) <= set(chosen)])

    def _span_is_unsafe(self, views: list[View]) -> bool:
        if len(views) < 3:
            return False
        return bool(few_in_span(self.people, [self.codes[view] for view in views], self.least))


def _widest(views: list[View]) -> list[View]:
    """The views that no other one refines."""
    return [view for view in views if not any(set(view) < set(other) for other in views)]


def _dense(code: Ints) -> Ints:
    """The same split with the codes 0, 1, ... and none unused."""
    there = np.zeros(int(code.max(initial=-1)) + 1, np.bool_)
    there[code] = True
    return (np.cumsum(there) - 1)[code]


def _within(inner: Ints, outer: Ints, count: int) -> Ints:
    """For each cell of one split, int64[count], the cell of the other that holds it whole, or -1."""
    within = np.full(count, -1, np.int64)
    within[inner] = outer
    within[inner[within[inner] != outer]] = -1
    return within

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
   sums over smaller ones alone have at most two dimensions, and where at most twelve cells are smaller.
   Elsewhere it can miss what takes sets of three views, and larger joint tables are held to 1 to 3 alone.

Bounds are not covered (a count is not negative, so three numbers can confine a fourth), nor what a reader
knows already, nor small numbers of errors, of labels or of rows without exposure within a set: those are what
a rate says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairness.cells import MOST_CELLS, Cells, Ints
from fairness.cuts import People, dense, safe_together
from fairness.rates import Floats
from fairness.spans import few_in_span

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
    if not cells.columns:
        return Disclosure((), ())
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


def offered_beside(
    cells: Cells, offered: Sequence[View], wanted: Sequence[View], smallest: int
) -> list[View]:
    """Of further views, by the places of their columns, those that are safe beside the offered ones and each
    other, taken in their order.
    """
    publics = [_Public(cells, rows, smallest) for rows in _populations(cells)]
    for public in publics:
        for view in offered:
            public.see(view)
            public.offer(view)
    found = []
    for view in wanted:
        if all(public.admits(view) for public in publics):
            found.append(view)
            for public in publics:
                public.offer(view)
    return found


def _populations(cells: Cells) -> list[Floats]:
    """Whom tables count: the rows of every cell, and those with exposure where they are others."""
    found = [cells.frame.get_column("rows").to_numpy().astype(np.float64)]
    for system in range(len(cells.systems)):
        rows = cells.moment(system, cells.metrics[0], "n")
        seen = [rows > 0, *(other > 0 for other in found)] if cells.clustered else [rows, *found]
        if not any(np.array_equal(seen[0], other) for other in seen[1:]):
            found.append(rows)
    return found


@dataclass(frozen=True)
class Fixed:
    """Of each set of a view: one of its rows, int64[sets]; and in which columns all of it is of one group,
    bool[columns, sets].
    """

    row: Ints
    same: NDArray[np.bool_]


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
        if (
            person is not None and (np.diff(person) > 0).all()
        ):  # nobody in two sets of rows: as if one row each
            self.people = People(None, np.ones(len(there)))
        else:
            self.people = People(person, rows[there])
        self.columns = [dense(cells.codes(place)[there])[1] for place in range(len(cells.columns))]
        everyone = np.zeros(len(there), np.int64)
        self.codes: dict[View, Ints] = {(): everyone}
        self.sizes: dict[View, Floats] = {(): self.people.count(everyone, 1)}
        self.fixed: dict[View, Fixed] = {(): self._fixed(everyone, 1)}
        self.offered: list[View] = [()]

    def see(self, view: View) -> bool:
        """Look at the sets of a view; whether each is large enough."""
        code = self.codes[view] = self._code(view)
        count = int(code.max(initial=-1)) + 1
        size = self.sizes[view] = self.people.count(code, count)
        if not 1 <= count <= MOST_CELLS or (size < self.least).any():
            return False
        self.fixed[view] = self._fixed(code, count)
        return True

    def admits(self, view: View) -> bool:
        return self.see(view) and (
            all(self._counts_are_safe(view, other) for other in self.offered)
            and all(self._cells_are_safe(view, other) for other in _widest(self.offered))
            and not any(self._span_is_unsafe(views) for views in self._together(view))
        )

    def offer(self, view: View) -> None:
        self.offered.append(view)

    def _code(self, view: View) -> Ints:
        code, *others = (self.columns[place] for place in view)
        for other in others:
            code = dense(code * (int(other.max(initial=0)) + 1) + other)[1]
        return code

    def _fixed(self, code: Ints, count: int) -> Fixed:
        row = np.zeros(count, np.int64)
        row[code] = np.arange(len(code))
        same = [np.bincount(code, column != column[row][code], count) == 0 for column in self.columns]
        return Fixed(row, np.stack(same))

    def _counts_are_safe(self, view: View, other: View) -> bool:
        if self.people.person is None:
            return True  # people are rows, and those stand in the cells
        for inner, outer in ((view, other), (other, view)):
            fixed = self.fixed[inner]
            nested = fixed.same[list(outer)].all(0)
            around = self.codes[outer][fixed.row[nested]]
            more = self.sizes[outer][around] - self.sizes[inner][nested]
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
        used = sorted({place for view in views for place in view})
        columns = [self.columns[place] for place in used]
        return bool(few_in_span(self.people, columns, [self.codes[view] for view in views], self.least))


def _widest(views: list[View]) -> list[View]:
    """The views that no other one refines."""
    return [view for view in views if not any(set(view) < set(other) for other in views)]

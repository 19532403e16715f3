"""What three and more tables give away together: a search for sums about few people in the span of their
cells.
"""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fairness.cells import Ints
from fairness.cuts import People, dense
from fairness.rates import Floats

MOST_WORK = 2_000_000  # sets * sets * joint cells
FEW_CELLS = 12  # so few light ones that every selection of them is tried
MOST_CROSSED = 12
ZERO = 1e-7


def few_in_span(people: People, columns: list[Ints], views: list[Ints], least: int) -> bool | None:
    """Whether sums and differences of the cells of several views single out fewer than `least` people; None
    where there are too many cells to search. The views, int64[m] each, are splits by some of the columns.

    The published cells span a space of sums over joint cells. Taken in the order of their people, the
    heaviest first, the joint cells on which that space has its pivots are a heaviest basis; a sum about light
    joint cells alone is one of the rows with light pivots. Without any nothing is given away. The rows, and
    what is left of two of them when one cell is cancelled, are looked at; with at most two rows that is all
    there is. With at most FEW_CELLS light joint cells every selection of them is.
    """
    starts = np.cumsum([0, *(int(view.max()) + 1 for view in views)])
    code = _joint(columns, MOST_WORK // int(starts[-1]) ** 2)
    if code is None:
        return None
    cells = int(code.max()) + 1
    row = np.zeros(cells, np.int64)
    row[code] = np.arange(len(code))
    size = people.count(code, cells)
    if (size >= least).all():
        return False
    sets = np.zeros((int(starts[-1]), cells))
    for start, view in zip(starts, views, strict=False):
        sets[start + view[row], np.arange(cells)] = 1
    order = np.argsort(-size, kind="stable")
    rows, pivots = _reduced(sets[:, order])
    light = np.flatnonzero(size[order] < least)
    rows = rows[np.isin(pivots, light)][:, light]
    if not len(rows):
        return False
    kept = np.isin(code, order[light])
    place = np.zeros(cells, np.int64)
    place[order[light]] = np.arange(len(light))
    crowd = _Crowd(people.take(kept), place[code[kept]], len(light), least)
    if len(light) <= FEW_CELLS:
        return _few_cells(rows, crowd)
    return crowd.any_small(rows != 0) or crowd.any_small(_crossed(rows))


class _Crowd:
    """Who is in the light joint cells."""

    def __init__(self, people: People, code: Ints, n: int, least: int) -> None:
        self.least, self.rows_are_people = least, people.person is None
        self.shared, self.met = people.shared(code, n), people.met(code, n)

    def small(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which selections of cells, bool[k, n], hold fewer than `least` people and anybody."""
        small = chosen.astype(np.float64) @ self.shared < self.least - ZERO
        small &= chosen.any(-1)
        if not self.rows_are_people and small.any():
            people = np.count_nonzero(chosen[small].astype(np.float64) @ self.met.T, axis=-1)
            small[small] = people < self.least
        return small

    def any_small(self, chosen: NDArray[np.bool_]) -> bool:
        return bool(self.small(chosen).any())


def _few_cells(rows: Floats, crowd: _Crowd) -> bool:
    """Whether a selection of few people holds all of some sum: rows then depend on each other outside it."""
    n = rows.shape[1]
    number = np.arange(1 << n)
    chosen = (number[:, None] >> np.arange(n) & 1).astype(np.bool_)
    small = crowd.small(chosen)
    wider = np.array([small[number | 1 << cell] & ~chosen[:, cell] for cell in range(n)]).any(0)
    chosen = chosen[small & ~wider]
    if not len(chosen):
        return False
    outside = np.where(chosen[:, None, :], 0.0, rows[None])
    return bool((np.linalg.matrix_rank(outside, tol=ZERO) < len(rows)).any())


def _crossed(rows: Floats) -> NDArray[np.bool_]:
    """What is left of pairs of rows, the lightest first, when one cell of both is cancelled."""
    found = [np.zeros((0, rows.shape[1]), np.bool_)]
    for one, other in combinations(rows[: -MOST_CROSSED - 1 : -1], 2):
        both = np.flatnonzero((one != 0) & (other != 0))
        left = one[None] - (one[both] / other[both])[:, None] * other[None]
        found.append(np.abs(left) > ZERO)
    return np.concatenate(found)


def _joint(columns: list[Ints], most: int) -> Ints | None:
    """The joint cell of each set of rows; None where there are more than `most`."""
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        present, code = dense(code * (int(column.max()) + 1) + column)
        if len(present) > most:
            return None
    return code


def _reduced(table: Floats) -> tuple[Floats, Ints]:
    """The reduced rows of a table and the columns they have their pivots in, from the left."""
    rows = table.copy()
    pivots: list[int] = []
    for column in range(rows.shape[1]):
        at = len(pivots)
        if at == len(rows):
            break
        best = at + int(np.argmax(np.abs(rows[at:, column])))
        if abs(rows[best, column]) <= ZERO:
            continue
        rows[[at, best]] = rows[[best, at]]
        rows[at] /= rows[at, column]
        factor = rows[:, column].copy()
        factor[at] = 0
        some = np.flatnonzero(factor)
        rows[some] -= factor[some, None] * rows[at]
        rows[np.abs(rows) <= ZERO] = 0
        pivots.append(column)
    return rows[: len(pivots)], np.array(pivots, np.int64)

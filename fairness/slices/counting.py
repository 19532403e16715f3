"""Counting every cell of many tables of columns in few passes over the rows.

A pass joins the codes of several columns into one number per row and counts it once (bincount); the tables of
all smaller sets of those columns are sums over its axes. So a search to depth 3 of 12 columns passes over the
rows a few dozen times, not once for each of 299 tables.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt

from fairness.slices.coding import CodedColumn

MIN_CELLS, MAX_CELLS = 1 << 9, 1 << 15  # of a pass; a table wider than its rows costs more than it saves
BATCH = 1 << 17

Floats = npt.NDArray[np.float64]
Columns = tuple[int, ...]


@dataclass(frozen=True)
class Sums:
    """Sums over the rows with exposure of a cell, all of one shape.

    rows; exposure; errors; squares, the sum of (errors - R * exposure)^2 with R the overall rate.
    """

    rows: Floats
    exposure: Floats
    errors: Floats
    squares: Floats


class Rows:
    """The m rows with exposure, and how to sum them by code.

    errors, exposure: float64[m], already weighted. Where each row has exposure 1 and 0 or 1 errors, two
    counts say everything and one integer bincount gives both.
    """

    def __init__(self, errors: Floats, exposure: Floats) -> None:
        self.count = len(errors)
        self.errors, self.exposure = errors, exposure
        self.rate = float(errors.sum() / exposure.sum())
        self.plain = bool((exposure == 1).all() and ((errors == 0) | (errors == 1)).all())
        self.wrong = errors.astype(np.uint8)
        self.squares = np.square(errors - self.rate * exposure)

    def sum_by(self, codes: npt.NDArray[np.integer], cells: int, start: int = 0) -> Floats:
        """float64[cells, 4]: rows, exposure, errors and squares by code, for the rows from `start` on."""
        if self.plain:
            return self._sum_plain(codes, cells, self.wrong[start : start + len(codes)])
        stop = start + len(codes)
        parts = [np.bincount(codes, minlength=cells)]
        for values in (self.exposure, self.errors, self.squares):
            parts.append(np.bincount(codes, values[start:stop], minlength=cells))
        return np.stack(parts, axis=1).astype(np.float64)

    def sum_some(self, codes: npt.NDArray[np.integer], cells: int, rows: npt.NDArray[np.intp]) -> Floats:
        """As `sum_by`, for the rows given by number; `codes` are theirs."""
        if self.plain:
            return self._sum_plain(codes, cells, self.wrong[rows])
        parts = [np.bincount(codes, minlength=cells)]
        for values in (self.exposure, self.errors, self.squares):
            parts.append(np.bincount(codes, values[rows], minlength=cells))
        return np.stack(parts, axis=1).astype(np.float64)

    def _sum_plain(self, codes: npt.NDArray[np.integer], cells: int, wrong: npt.NDArray[np.uint8]) -> Floats:
        pairs = np.bincount(codes * 2 + wrong, minlength=2 * cells).reshape(cells, 2).astype(np.float64)
        right, errors = pairs[:, 0], pairs[:, 1]
        squares = errors * (1 - self.rate) ** 2 + right * self.rate**2
        return np.stack([right + errors, right + errors, errors, squares], axis=1)


def count_tables(rows: Rows, columns: Sequence[CodedColumn], size: int) -> Iterator[tuple[Columns, Sums]]:
    """The table of every set of `size` columns: its columns' places, and sums shaped by their widths."""
    widths = [column.width for column in columns]
    cells = min(max(rows.count // 16, MIN_CELLS), MAX_CELLS)
    for block, sets in _blocks(widths, size, cells):
        table = _count(rows, [columns[place] for place in block])
        for chosen in sets:
            others = tuple(axis for axis, place in enumerate(block) if place not in chosen)
            yield chosen, Sums(*np.moveaxis(table.sum(axis=others), -1, 0))


def _count(rows: Rows, block: Sequence[CodedColumn]) -> Floats:
    """Sums by all columns of the block at once, shaped by their widths and, last, the four sums."""
    shape = [column.width for column in block]
    cells = int(np.prod(shape))
    total = np.zeros((cells, 4))
    for start in range(0, rows.count, BATCH):
        codes = block[0].codes[start : start + BATCH].astype(np.int32)
        for column in block[1:]:
            codes *= column.width
            codes += column.codes[start : start + BATCH]
        total += rows.sum_by(codes, cells, start)
    return total.reshape(*shape, 4)


def _blocks(widths: Sequence[int], size: int, cells: int) -> Iterator[tuple[Columns, list[Columns]]]:
    """Blocks of columns that together hold every set of `size`, and the sets each is the first to hold.

    Greedy: a block starts with the first set not yet held and takes, while its cells stay few, the column
    that brings most new sets.
    """
    n, sizes = len(widths), np.array(widths)
    todo = np.zeros((n,) * size, np.bool_)  # symmetric: every order of a set still to be held
    for chosen in permutations(range(n), size):
        todo[chosen] = True
    while todo.any():
        block = [int(place) for place in np.unravel_index(np.argmax(todo), todo.shape)]
        while True:
            fresh = todo[np.ix_(range(n), *[block] * (size - 1))].reshape(n, -1).sum(axis=1)
            fresh[block] = 0
            fresh[sizes * np.prod(sizes[block]) > cells] = 0
            best = int(np.argmax(fresh))
            if not fresh[best]:
                break
            block.append(best)
        block.sort()
        yield tuple(block), [chosen for chosen in combinations(block, size) if todo[chosen]]
        todo[np.ix_(*[block] * size)] = False

"""Counting every cell of many tables of columns in few passes over the rows.

A pass joins the codes of several columns into one number per row and counts it once (bincount); the tables of
all smaller sets of those columns are sums over its axes. So a search to depth 3 of 12 columns passes over the
rows a few dozen times, not once for each of 299 tables.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
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
        self.rate = float(errors.sum() / exposure.sum())
        self.plain = bool((exposure == 1).all() and ((errors == 0) | (errors == 1)).all())
        self.wrong = errors.astype(np.uint8) if self.plain else np.zeros(self.count, np.uint8)
        self.summed = () if self.plain else (exposure, errors, np.square(errors - self.rate * exposure))

    def sum_by(self, columns: Sequence[CodedColumn], which: slice | npt.NDArray[np.intp]) -> Floats:
        """Sums by the codes of these columns at once, over some rows: [2 or 4, *widths], for `sums`.

        Plain rows join their outcome (right or wrong) to the codes and are counted; others are summed.
        """
        codes = self.wrong[which].astype(np.int32)
        for column in columns:
            codes *= column.width
            codes += column.codes[which]
        widths = [column.width for column in columns]
        cells = math.prod(widths)
        if self.plain:
            table = np.bincount(codes, minlength=2 * cells).astype(np.float64)
        else:
            sums = [np.bincount(codes, values[which], cells) for values in self.summed]
            table = np.concatenate([np.bincount(codes, minlength=cells), *sums])
        return table.reshape(-1, *widths)

    def sums(self, table: Floats) -> Sums:
        """A table of `sum_by`, or sums over some of its later axes, by name."""
        if not self.plain:
            return Sums(*table)
        right, wrong = table
        rows = right + wrong
        return Sums(rows, rows, wrong, wrong * (1 - self.rate) ** 2 + right * self.rate**2)


def count_tables(rows: Rows, columns: Sequence[CodedColumn], size: int) -> Iterator[tuple[Columns, Sums]]:
    """The table of every set of `size` columns: its columns' places, and sums shaped by their widths."""
    widths = [column.width for column in columns]
    cells = min(max(rows.count // 16, MIN_CELLS), MAX_CELLS)
    for block, sets in _blocks(widths, size, cells):
        joined = [columns[place] for place in block]
        batches = (slice(start, start + BATCH) for start in range(0, rows.count, BATCH))
        table = reduce(np.add, (rows.sum_by(joined, batch) for batch in batches))
        for chosen in sets:
            others = tuple(axis for axis, place in enumerate(block, start=1) if place not in chosen)
            yield chosen, rows.sums(table.sum(axis=others))


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

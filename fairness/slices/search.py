"""Searching for the slices where a model does worst: all conjunctions to depth 3, a beam beyond.

Sub-group discovery by exhaustive counting: with few codes a column, every cell of every table of up to three
columns is counted (see `counting`), so nothing is missed and no bound has to be trusted. Beyond depth 3 the
best slices are extended by one condition at a time.

A slice that does no better than one of the slices it refines is left out, and so is one with the same rows as
a better one.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import comb

import numpy as np
import numpy.typing as npt
import polars as pl
from numpy.typing import ArrayLike

from fairness.slices.coding import CodedColumn, code_column
from fairness.slices.counting import Columns, Floats, Rows, Sums, count_tables

EXHAUSTIVE = 3
MAX_TABLES = 250_000

Chosen = tuple[tuple[int, int], ...]  # (place of the column, code), by column
Found = tuple[float, Chosen]


@dataclass(frozen=True)
class Slice:
    """A group given by conditions on columns, and how it does against all other rows.

    conditions: SQL texts, joined by AND in `rule`, which `compile_rule` accepts and which takes exactly these
    rows; rows: all of them, also those without exposure; exposure and errors: their (weighted) sums; rate and
    rest_rate: errors / exposure inside and outside; gap: rate - rest_rate; group_weight: share of all
    exposure; quality: what the search ranked by.
    """

    conditions: tuple[str, ...]
    rule: str
    rows: int
    exposure: float
    errors: float
    rate: float
    rest_rate: float
    gap: float
    group_weight: float
    quality: float


def _weighted_gap(sums: Sums, whole: Sums) -> Floats:
    return (sums.errors - whole.errors / whole.exposure * sums.exposure) / whole.exposure


def _score(sums: Sums, whole: Sums) -> Floats:
    weight = sums.exposure / whole.exposure
    excess = sums.errors - whole.errors / whole.exposure * sums.exposure
    variance = (1 - weight) ** 2 * sums.squares + weight**2 * (whole.squares - sums.squares)
    return np.divide(excess, np.sqrt(variance), out=np.zeros_like(excess), where=variance > 0)


QUALITIES: dict[str, Callable[[Sums, Sums], Floats]] = {"weighted_gap": _weighted_gap, "score": _score}


def search_slices(
    frame: pl.DataFrame,
    errors: ArrayLike,
    exposure: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    columns: Sequence[str] | None = None,
    depth: int = 3,
    bins: int = 5,
    min_rows: int = 30,
    top: int = 10,
    quality: str = "weighted_gap",
    beam: int = 100,
) -> tuple[Slice, ...]:
    """The `top` slices of highest quality above 0, best first.

    frame: n rows of Float64 and String columns; errors, exposure, weights: [n], none negative; a weight
    multiplies both. columns: those to search, by default all; bins: for number columns (see `coding`);
    min_rows: rows with exposure that slice and rest must both have; beam: slices kept at each depth beyond 3.

    quality: "weighted_gap" is group_weight * (rate - overall rate), known as weighted relative accuracy
    (Klösgen 1996; Lavrač, Flach and Zupan 1999), 0 where the group is no worse; "score" is the score test
    T = sum(u) / sqrt(sum(u^2)), u = (in group - group_weight) * (errors - overall rate * exposure), which
    says how surely it is worse.

    Raises ValueError for unknown columns or qualities, unequal lengths, values that cannot be, and when the
    columns are too many for the depth.

    >>> frame = pl.DataFrame({"sex": ["f", "m"] * 50, "city": ["a"] * 50 + ["b"] * 50})
    >>> errors = [1.0, 0.0] * 25 + [0.0] * 50
    >>> best = search_slices(frame, errors, [1.0] * 100, min_rows=10)[0]
    >>> best.rule, best.rows, best.rate, best.gap
    ("city = 'a' AND sex = 'f'", 25, 1.0, 1.0)
    """
    score = QUALITIES.get(quality)
    if score is None or depth < 1 or min_rows < 1 or top < 1 or beam < 1:
        raise ValueError(
            f"quality is one of {', '.join(QUALITIES)}; depth, min_rows, top and beam are positive"
        )
    names = sorted(frame.columns if columns is None else columns)
    level = min(depth, EXHAUSTIVE, len(names))
    if unknown := set(names) - set(frame.columns):
        raise ValueError(f"no such column: {', '.join(sorted(unknown))}")
    if comb(len(names), level) > MAX_TABLES:
        raise ValueError(f"{len(names)} columns are too many for depth {level}; name fewer")
    wrong, exposed = _weighted(frame.height, errors, exposure, weights)
    some = exposed > 0
    if not some.any() or not names:
        return ()
    coded = [code_column(frame.get_column(name), bins) for name in names]
    rows = Rows(wrong[some], exposed[some])
    search = _Search(
        rows, coded if some.all() else [replace(c, codes=c.codes[some]) for c in coded], score, min_rows
    )
    keep = max(4 * top + 50, beam)
    found = search.exhaust(level, keep)
    if depth > level == EXHAUSTIVE:
        found += search.extend(heapq.nlargest(beam, (f for f in found if len(f[1]) == level)), depth, beam)
    return _described(found, coded, wrong, exposed, top)


def _weighted(
    n: int, errors: ArrayLike, exposure: ArrayLike, weights: ArrayLike | None
) -> tuple[Floats, Floats]:
    arrays = [np.asarray(a, np.float64) for a in (errors, exposure, 1.0 if weights is None else weights)]
    shapes = [(n,), (n,), () if weights is None else (n,)]
    if any(a.shape != shape or not (a >= 0).all() for a, shape in zip(arrays, shapes, strict=True)):
        raise ValueError("errors, exposure and weights are one number a row, none negative")
    if arrays[0][arrays[1] == 0].any():
        raise ValueError("a row without exposure cannot hold an error")
    return arrays[0] * arrays[2], arrays[1] * arrays[2]


class _Search:
    """One search: the rows with exposure, their coded columns, and what makes a slice good."""

    def __init__(
        self, rows: Rows, columns: list[CodedColumn], score: Callable[[Sums, Sums], Floats], min_rows: int
    ) -> None:
        self.rows, self.columns, self.score, self.min_rows = rows, columns, score, min_rows
        self.whole = rows.sums(rows.sum_by([], slice(None)))

    def exhaust(self, level: int, keep: int) -> list[Found]:
        """The `keep` best conjunctions of up to `level` conditions, none worse than one it refines."""
        found: list[Found] = []
        best: dict[Columns, Floats] = {(): np.array(0.0)}
        for size in range(1, level + 1):
            previous, best = best, {}
            for chosen, sums in count_tables(self.rows, self.columns, size):
                inner = tuple(slice(len(self.columns[place].conditions)) for place in chosen)
                value = self._value(Sums(*(part[inner] for part in vars(sums).values())))
                parents = [previous[chosen[:i] + chosen[i + 1 :]] for i in range(size)]
                bar = np.maximum.reduce(
                    np.broadcast_arrays(*(np.expand_dims(parent, i) for i, parent in enumerate(parents)))
                )
                floor = found[0][0] if len(found) == keep else 0.0
                for cell in np.argwhere((value > bar * (1 + 1e-12)) & (value > floor)):
                    _push(
                        found,
                        keep,
                        (float(value[tuple(cell)]), tuple(zip(chosen, cell.tolist(), strict=True))),
                    )
                if size < level:
                    best[chosen] = np.maximum(value, bar)
        return found

    def extend(self, frontier: list[Found], depth: int, beam: int) -> list[Found]:
        """The beam's slices at each depth up to `depth`, each better than the slice it extends."""
        found: list[Found] = []
        for _ in range(EXHAUSTIVE, depth):
            wider: dict[Chosen, float] = {}
            for value, chosen in frontier:
                wider |= {child: better for better, child in self._children(value, chosen)}
            frontier = heapq.nlargest(beam, ((value, chosen) for chosen, value in wider.items()))
            found += frontier
        return found

    def _children(self, value: float, chosen: Chosen) -> Iterator[Found]:
        inside = np.flatnonzero(_members(self.columns, chosen))
        taken = {place for place, _ in chosen}
        for place, column in enumerate(self.columns):
            if place in taken:
                continue
            table = self.rows.sum_by([column], inside)
            values = self._value(self.rows.sums(table[:, : len(column.conditions)]))
            for code in np.flatnonzero(values > value * (1 + 1e-12)):
                yield float(values[code]), tuple(sorted((*chosen, (place, int(code)))))

    def _value(self, sums: Sums) -> Floats:
        """Quality of each cell, -inf where the cell or its rest has too few rows."""
        enough = (sums.rows >= self.min_rows) & (self.whole.rows - sums.rows >= self.min_rows)
        return np.where(enough, self.score(sums, self.whole), -np.inf)


def _push(found: list[Found], keep: int, item: Found) -> None:
    """Keep the best `keep` in a heap whose first is the worst."""
    if len(found) < keep:
        heapq.heappush(found, item)
    elif item > found[0]:
        heapq.heapreplace(found, item)


def _members(columns: Sequence[CodedColumn], chosen: Chosen) -> npt.NDArray[np.bool_]:
    mask = np.ones(columns[0].codes.size, np.bool_)
    for place, code in chosen:
        mask &= columns[place].codes == code
    return mask


def _described(
    found: list[Found], columns: list[CodedColumn], errors: Floats, exposure: Floats, top: int
) -> tuple[Slice, ...]:
    """The best slices with different rows; of several with the same rows, the one with fewest conditions."""
    whole = float(errors.sum()), float(exposure.sum())
    slices: list[Slice] = []
    seen: set[bytes] = set()
    for quality, chosen in sorted(found, key=lambda item: (-item[0], len(item[1]), item[1])):
        mask = _members(columns, chosen)
        key = np.packbits(mask).tobytes()
        if key in seen:
            continue
        seen.add(key)
        conditions = tuple(columns[place].conditions[code] for place, code in chosen)
        inside = np.flatnonzero(mask)
        sums = float(errors[inside].sum()), float(exposure[inside].sum())
        slices.append(_slice(conditions, inside.size, sums, whole, quality))
        if len(slices) == top:
            break
    return tuple(slices)


def _slice(
    conditions: tuple[str, ...],
    rows: int,
    inside: tuple[float, float],
    whole: tuple[float, float],
    quality: float,
) -> Slice:
    """A slice from its (errors, exposure) and those of all rows."""
    rate, rest_rate = inside[0] / inside[1], (whole[0] - inside[0]) / (whole[1] - inside[1])
    return Slice(
        conditions=conditions,
        rule=" AND ".join(conditions),
        rows=rows,
        exposure=inside[1],
        errors=inside[0],
        rate=rate,
        rest_rate=rest_rate,
        gap=rate - rest_rate,
        group_weight=inside[1] / whole[1],
        quality=quality,
    )

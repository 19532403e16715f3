"""Splitting a bounty's rows once into public sample, leaderboard half and final half.

Rows that belong together stay together: the rows of one cluster, and rows with identical features (else a
participant could look a hidden row up in the sample). Of speech only the clusters do: there the features tell
who spoke, where and into what, and many speakers share them, so that they give no row away, while rows joined
by them would put a whole accent on one side.

Within that, every combination of label and prediction (of numbers, of the fifths they lie in) is spread over
the parts in the same shares. Of speech the declared groups are: a group is proven by its speakers, and chance
would leave some too few. Where none is declared, rows are spread by their errors a word: none, up to the
median of those that have any, more, or no word said. Not by both: what a group's luck was on the sample would
then tell what it is on the hidden rows.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fairness.columns import TableError
from fairness.tables import MAX_CLASSES, CheckedTable

SAMPLE, LEADERBOARD, FINAL = 0, 1, 2
# Blocks that stay together, on average, in each combination of declared groups that is spread evenly.
UNITS_A_STRATUM = 5
PARTS = ("public sample", "leaderboard half", "final half")

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def split_rows(
    checked: CheckedTable, *, sample_share: float, leaderboard_share: float, seed: int
) -> npt.NDArray[np.int8]:
    """The part of each of the table's n rows: int8[n], 0 sample, 1 leaderboard, 2 final.

    sample_share and leaderboard_share: shares of all rows, above 0 and together below 1; the final half is
    what is left. Rows are shuffled by `seed`; the same table, shares and seed give the same parts. Without
    clusters and repeated rows each part is within two rows of its share, in all and within every stratum (a
    combination of label and prediction); otherwise within about the largest block of rows that stay together.

    Raises ValueError for shares that cannot be, TableError when a part would be empty.

    >>> from fairness.tables import check_bounty_table
    >>> frame = pl.DataFrame({"x": range(10), "y": [0, 1] * 5, "p": [0, 1] * 5})
    >>> table = check_bounty_table(frame, measure="error", label="y", prediction="p")
    >>> np.bincount(split_rows(table, sample_share=0.2, leaderboard_share=0.4, seed=1)).tolist()
    [2, 4, 4]
    """
    shares = np.array([sample_share, leaderboard_share, 1 - sample_share - leaderboard_share])
    if not (np.isfinite(shares).all() and (shares > 1e-9).all()):
        raise ValueError("The shares of sample and leaderboard must be above 0 and together below 1.")
    units = _units(checked)
    parts = _assign(units, _strata(checked, units), shares, np.random.default_rng(seed))[units].astype(
        np.int8
    )
    sizes = np.bincount(parts, minlength=3)
    if not sizes.all():
        raise TableError(
            f"The {PARTS[int(np.argmin(sizes))]} would be empty: {len(parts):,} rows in {units.max() + 1:,} "
            f"blocks that stay together ({_BLOCKS[checked.measure != 'wer']}, add rows or change the shares."
        )
    return parts


_BLOCKS = {
    True: "a cluster, or rows with identical visible columns). Show more columns",
    False: "a speaker). Add speakers",
}


def _strata(checked: CheckedTable, units: Ints) -> Ints:
    """The stratum of each row: its label and prediction, or of texts its groups, else its errors a word."""
    if checked.measure != "wer":
        pairs = {"y": checked.y_true.tolist(), "p": checked.y_pred.tolist()}
        return _codes(pl.DataFrame({name: _levels(pl.Series(texts)) for name, texts in pairs.items()}))
    groups = _balanced(checked, units)
    if groups:
        return _codes(pl.DataFrame(groups))
    spoken = checked.exposure > 0
    rate = np.divide(checked.errors, checked.exposure, out=np.full(spoken.size, -1.0), where=spoken)
    wrong = rate[rate > 0]
    middle = float(np.median(wrong)) if wrong.size else 0.0
    return _codes(pl.DataFrame({"level": np.searchsorted([-0.5, 0, middle], rate)}))


def _levels(texts: pl.Series) -> pl.Series:
    """Labels as they are; of more numbers than could be labels, the fifth of the rows that each is in."""
    if texts.n_unique() <= MAX_CLASSES:
        return texts
    numbers = texts.cast(pl.Float64)
    cuts = [numbers.quantile(share) for share in (0.2, 0.4, 0.6, 0.8)]
    return pl.Series(np.searchsorted(np.array(cuts, dtype=np.float64), numbers.to_numpy()).astype(str))


def _balanced(checked: CheckedTable, units: Ints) -> list[pl.Series]:
    """The declared groups that are spread evenly, in their order, while their combinations stay large."""
    most = (units.max() + 1) // UNITS_A_STRATUM
    chosen: list[pl.Series] = []
    for place, name in enumerate(checked.groups):
        wider = [*chosen, checked.features.get_column(name).alias(str(place))]
        if pl.DataFrame(wider).n_unique() <= most:
            chosen = wider
    return chosen


def _codes(frame: pl.DataFrame) -> Ints:
    """The same code for equal rows (by their hashes): 0, 1, ... in the order of first appearance."""
    hashes = frame.hash_rows(seed=0).to_numpy()
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    rank = np.empty(first.size, np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    return rank[inverse]


def _units(checked: CheckedTable) -> Ints:
    """The block each row stays in: rows joined, directly or by others, by cluster or identical features."""
    if checked.measure == "wer":
        rows = np.arange(checked.features.height)
        return rows if checked.clusters is None else _codes(pl.DataFrame({"cluster": checked.clusters}))
    same = _codes(checked.features)
    if checked.clusters is None:
        return same
    clusters = checked.clusters
    nodes = int(same.max()) + int(clusters.max()) + 2
    edges = coo_array((np.ones(same.size, np.int8), (same, same.max() + 1 + clusters)), shape=(nodes, nodes))
    _, component = connected_components(edges, directed=False)
    return _codes(pl.DataFrame({"block": component[same]}))


@dataclass(frozen=True)
class _Kinds:
    """Units of the same make-up (rows per stratum) are interchangeable: one kind."""

    of_unit: Ints  # the kind of each unit
    size: Ints  # rows of a unit of each kind
    counts: list[tuple[Ints, Ints]]  # strata and rows in them, for each kind


def _assign(units: Ints, strata: Ints, shares: Floats, rng: np.random.Generator) -> Ints:
    """The part of each unit. Large units first; what they leave open, the small ones fill."""
    kinds = _kinds(units, strata)
    rows = np.bincount(strata)
    missing = np.append(rows, rows.sum()) * shares[:, None]  # [part, stratum]; the last stratum is all rows
    order = rng.permutation(kinds.of_unit.size)
    order = order[np.argsort(kinds.of_unit[order], kind="stable")]
    starts = np.searchsorted(kinds.of_unit[order], np.arange(kinds.size.size + 1))
    parts = np.empty(kinds.of_unit.size, np.int64)
    for kind in np.argsort(-kinds.size, kind="stable"):
        members = order[starts[kind] : starts[kind + 1]]
        parts[members] = _spread(members.size, kinds.counts[kind], missing, shares, rng)
    return parts


def _kinds(units: Ints, strata: Ints) -> _Kinds:
    n_strata = int(strata.max()) + 1
    cells, amounts = np.unique(units * n_strata + strata, return_counts=True)
    of_cell, stratum = np.divmod(cells, n_strata)
    starts = np.flatnonzero(np.diff(of_cell, prepend=-1))
    makeup = pl.DataFrame({"unit": of_cell, "stratum": stratum, "rows": amounts})
    lists = makeup.group_by("unit", maintain_order=True).agg("stratum", "rows")
    words = lists.select(
        pl.concat_list(pl.col("stratum"), pl.col("rows"))
        .list.eval(pl.element().cast(pl.String))
        .list.join(" ")
    )
    of_unit = _codes(words)
    _, example = np.unique(of_unit, return_index=True)
    ends = np.append(starts[1:], of_cell.size)
    counts = [(stratum[starts[u] : ends[u]], amounts[starts[u] : ends[u]]) for u in example]
    return _Kinds(of_unit, np.array([rows.sum() for _, rows in counts]), counts)


def _spread(
    n_units: int, makeup: tuple[Ints, Ints], missing: Floats, shares: Floats, rng: np.random.Generator
) -> Ints:
    """Parts for n interchangeable units, subtracting them from what the parts are missing.

    Whole multiples go by what each part misses in the units' strata. A block left over goes to a part that
    has room for it, drawn by what it misses, so that no one can tell where the largest went; a single row, or
    a block without room, goes to the part that misses most.
    """
    strata, rows = makeup
    size = rows.sum()
    need = np.maximum(missing[:, strata] @ rows, 0)
    whole = np.floor(n_units * need / max(need.sum(), 1)).astype(np.int64)
    _take(missing, whole, strata, rows)
    chosen = [np.repeat(np.arange(3), whole)]
    for _ in range(n_units - int(whole.sum())):
        need = np.maximum(missing[:, strata] @ rows, 0) * (missing[:, -1] >= size)
        if size > 1 and need.any():
            part = int(rng.choice(3, p=need / need.sum()))
        else:
            behind = missing[:, -1] - shares * missing[:, -1].sum()
            part = int(np.argmax(missing[:, strata] @ rows / size + behind))
        _take(missing, np.eye(3, dtype=np.int64)[part], strata, rows)
        chosen.append(np.array([part]))
    return np.concatenate(chosen)


def _take(missing: Floats, units: Ints, strata: Ints, rows: Ints) -> None:
    missing[:, strata] -= np.outer(units, rows)
    missing[:, -1] -= units * rows.sum()

"""The pointer decision list: a model repaired group by group, so that no group already won is ever lost
again.

Globus-Harris, Kearns and Roth, "An algorithmic framework for bias bounties" (FAccT 2022), in arrays: each
node keeps which rows' answers it changed, and what the change did to their loss.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairness.losses import Losses

Mask = NDArray[np.bool_]
Rows = NDArray[np.int32]
Sources = NDArray[np.uint16]
Counts = NDArray[np.signedinteger]  # whole units, in as few bytes as hold them
Answers = NDArray[Any]  # labels, codes or numbers: all of one list alike
MAX_FIXES = np.iinfo(np.uint16).max


@dataclass(frozen=True)
class Node:
    """One line of the list: for the rows in a fix's group, its predictor's answer or a past version's.

    Fixes are numbered from 1 in the order of acceptance. `version` is None for the predictor, else the
    version pointed to: 0 is the base model, and the list's first t nodes make version t.
    """

    group: int
    version: int | None = None


@dataclass(frozen=True)
class Change:
    """What a node changed: rows, int32[m], who answers them now, uint16[m], and the change of their loss."""

    rows: Rows
    source: Sources
    delta: Counts


@dataclass(frozen=True)
class PointerList:
    """A list over n evaluation rows. Immutable: `extend` gives a new one that shares the old one's arrays.

    `base` are the base model's losses in whole units (fairness.losses.scaled), int64[n]. `groups` and
    `answers` hold for each fix its rows and its predictor's losses on them. `totals[v]` is the loss of
    version v over all rows and `by_group[k][v]` over the rows of fix k + 1, in units. `rounds[k]` is the
    version that stood when fix k + 1 and its repairs were in. `source` says who answers each row now (0: the
    base model, k: fix k), and `losses` what that costs.
    """

    base: Losses
    groups: tuple[Rows, ...]
    answers: tuple[Counts, ...]
    nodes: tuple[Node, ...]
    changes: tuple[Change, ...]
    totals: tuple[int, ...]
    by_group: tuple[tuple[int, ...], ...]
    rounds: tuple[int, ...]
    source: Sources
    losses: Losses

    @classmethod
    def start(cls, base: Losses) -> "PointerList":
        """The list without a fix: every row is answered by the base model. Raises ValueError for losses that
        are not whole numbers.
        """
        if not np.issubdtype(base.dtype, np.integer):
            raise ValueError("Losses are counted in whole units: see fairness.losses.scaled.")
        base = base.astype(np.int64)
        source = np.zeros(len(base), dtype=np.uint16)
        return cls(base, (), (), (), (), (int(base.sum()),), (), (), source, base)

    @property
    def version(self) -> int:
        return len(self.nodes)

    def gain(self, group: Mask, answers: Losses) -> int:
        """By how many units the total would fall if the group's rows, bool[n], cost `answers`,
        int64[rows].
        """
        return int(self.losses[group].sum() - np.sum(answers, dtype=np.int64))

    def extend(self, group: Mask, answers: Losses) -> "PointerList":
        """The list with one more fix in front, then repaired.

        While a group of the list does worse than in some past version, a pointer to its best version (of
        equals the earliest) goes in front, first for the group that was accepted first. Each pointer lowers
        the total by at least one unit, so repairs end; afterwards no group costs more than in any past
        version. Whether the fix should be accepted is `fairness.fixes.judge_fix`'s question, not asked here:
        one without a gain makes the total rise.

        `group` is bool[n], `answers` int64[rows of the group]. Raises ValueError for other lengths or types.

        >>> whole = PointerList.start(np.array([1, 1, 0, 0]))
        >>> first = whole.extend(np.array([True, True, False, False]), np.array([0, 0]))
        >>> second = first.extend(np.array([False, True, True, True]), np.array([1, -1, -1]))
        >>> second.nodes, second.totals
        ((Node(group=1, version=None), Node(group=2, version=None), Node(group=1, version=1)), (2, 0, -1, -2))
        """
        rows, answers = self._checked(group, answers)
        number = len(self.groups) + 1
        grown = replace(
            self,
            groups=(*self.groups, rows),
            answers=(*self.answers, answers),
            by_group=(*self.by_group, self._history(group)),
        )
        grown = grown._prepend(Node(number), np.full(len(rows), number, dtype=np.uint16), answers)
        while (repair := grown._regressed()) is not None:
            rows, source = grown.groups[repair.group - 1], grown.sources_at(repair.version or 0)
            grown = grown._prepend(repair, source[rows], grown._costs(rows, source[rows]))
        return replace(grown, rounds=(*grown.rounds, grown.version))

    def sources_at(self, version: int) -> Sources:
        """Who answers each row at a version, uint16[n]: 0 the base model, k fix k."""
        if version == self.version:
            return self.source
        source = np.zeros(len(self.base), dtype=np.uint16)
        for change in self.changes[:version]:
            source[change.rows] = change.source
        return source

    def losses_at(self, version: int) -> Losses:
        """What each row costs at a version, int64[n], in units."""
        losses = self.base.copy()
        for change in self.changes[:version]:
            losses[change.rows] += change.delta
        return losses

    def choose(self, base: Answers, given: Sequence[Answers]) -> Answers:
        """Each row's answer now: `base` [n] is the base model's, `given` each fix's on its group's rows."""
        return _choose(self.source, base, self.groups, given)

    def _checked(self, group: Mask, answers: Losses) -> tuple[Rows, Counts]:
        if group.dtype != np.bool_ or group.shape != self.base.shape:
            raise ValueError(f"A group holds one boolean for each of the {len(self.base)} rows.")
        rows = np.flatnonzero(group).astype(np.int32)
        costs = np.asarray(answers)
        if costs.shape != rows.shape or not np.issubdtype(costs.dtype, np.integer):
            raise ValueError(f"A fix has one loss, a whole number, for each of its {len(rows)} rows.")
        if len(self.groups) >= MAX_FIXES:
            raise ValueError(f"A list holds at most {MAX_FIXES} fixes.")
        return rows, _narrow(costs.astype(np.int64))

    def _history(self, group: Mask) -> tuple[int, ...]:
        """What the rows of a group cost at every version so far."""
        costs = [int(self.base[group].sum())]
        for change in self.changes:
            costs.append(costs[-1] + _sum(change.delta[group[change.rows]]))
        return tuple(costs)

    def _prepend(self, node: Node, source: Sources, costs: Counts) -> "PointerList":
        rows = self.groups[node.group - 1]
        moved = self.source[rows] != source
        rows, source = rows[moved], source[moved]
        delta = _narrow(costs[moved] - self.losses[rows])
        new_source, new_losses = self.source.copy(), self.losses.copy()
        new_source[rows] = source
        new_losses[rows] += delta
        # What the node did to each row, 0 elsewhere, is summed over each group.
        spread = np.zeros(len(self.base), dtype=delta.dtype)
        spread[rows] = delta
        return replace(
            self,
            nodes=(*self.nodes, node),
            changes=(*self.changes, Change(rows, source, delta)),
            totals=(*self.totals, self.totals[-1] + _sum(delta)),
            by_group=tuple(
                (*costs, costs[-1] + _sum(spread[group]))
                for costs, group in zip(self.by_group, self.groups, strict=True)
            ),
            source=new_source,
            losses=new_losses,
        )

    def _costs(self, rows: Rows, source: Sources) -> Losses:
        """What the rows cost when answered by these parts."""
        costs = self.base[rows]
        for part in np.unique(source[source > 0]).tolist():
            answered = source == part
            places = np.searchsorted(self.groups[part - 1], rows[answered])
            costs[answered] = self.answers[part - 1][places]
        return costs

    def _regressed(self) -> Node | None:
        for number, costs in enumerate(self.by_group, start=1):
            best = min(costs)
            if costs[-1] > best:
                return Node(number, costs.index(best))
        return None


def sources(nodes: Sequence[Node], groups: Sequence[Mask], n: int) -> Sources:
    """Who answers each of n rows by the whole list, uint16[n]: 0 the base model, k fix k.

    `groups[k - 1]` is the group of fix k on these rows, bool[n]. Raises ValueError for a mask of another
    length, and for a node that names a group or a version that is not before it.

    >>> sources([Node(1), Node(2), Node(1, 1)], [np.array([1, 1, 0], bool), np.array([0, 1, 1], bool)], 3)
    array([1, 1, 2], dtype=uint16)
    """
    *_, last = _walk(nodes, groups, n)
    return last


def versions(nodes: Sequence[Node], groups: Sequence[Mask], n: int) -> Iterator[Sources]:
    """Who answers each of n rows at version 0, 1, ... of the list: a uint16[n] for each. Raises as
    `sources`.
    """
    return (source.copy() for source in _walk(nodes, groups, n))


def _walk(nodes: Sequence[Node], groups: Sequence[Mask], n: int) -> Iterator[Sources]:
    """One array, changed from version to version; only versions that a later node points to are kept."""
    for mask in groups:
        if mask.dtype != np.bool_ or mask.shape != (n,):
            raise ValueError(f"A group holds one boolean for each of the {n} rows.")
    for place, node in enumerate(nodes):
        if not 1 <= node.group <= len(groups) or not (node.version is None or 0 <= node.version <= place):
            raise ValueError(f"Node {place + 1} names a group or a version that is not before it.")
    last_use = {node.version: place for place, node in enumerate(nodes) if node.version is not None}
    rows: dict[int, NDArray[np.intp]] = {}
    kept: dict[int, Sources] = {}
    source = np.zeros(n, dtype=np.uint16)
    for place, node in enumerate(nodes):
        yield source
        if place in last_use:
            kept[place] = source.copy()
        if node.group not in rows:
            rows[node.group] = np.flatnonzero(groups[node.group - 1])
        held = rows[node.group]
        if node.version is None:
            source[held] = node.group
            continue
        source[held] = kept[node.version][held]
        if last_use[node.version] == place:
            del kept[node.version]
    yield source


def choose(source: Sources, base: Answers, groups: Sequence[Mask], given: Sequence[Answers]) -> Answers:
    """Each row's answer by who gives it: base, [n], and of each fix the answers on its group's rows.

    >>> groups = [np.array([False, True, True])]
    >>> choose(np.array([0, 1, 0], np.uint16), np.array([7, 7, 7]), groups, [np.array([1, 2])])
    array([7, 1, 7])
    """
    return _choose(source, base, [np.flatnonzero(group) for group in groups], given)


def _choose(
    source: Sources, base: Answers, groups: Sequence[NDArray[np.integer]], given: Sequence[Answers]
) -> Answers:
    # A type that holds all of them: longer labels are not cut off, nor fractions of numbers.
    chosen = base.astype(np.result_type(base, *given))
    for number, (rows, answers) in enumerate(zip(groups, given, strict=True), start=1):
        answered = source[rows] == number
        chosen[rows[answered]] = answers[answered]
    return chosen


def _sum(values: Counts) -> int:
    return int(values.sum(dtype=np.int64))


def _narrow(values: Losses) -> Counts:
    """The same numbers in as few bytes as hold them."""
    least, most = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    for dtype in (np.int8, np.int16, np.int32):
        if np.iinfo(dtype).min <= least and most <= np.iinfo(dtype).max:
            return values.astype(dtype)
    return values

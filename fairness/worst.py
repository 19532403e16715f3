"""The worst groups: searched on one half of the people, confirmed on the other.

What is found by looking is not evidence for itself. So the slices where errors are most surely above average
are searched among half of the clusters, and only the other half, which the search never saw, says how much
worse they are and with which p value.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairness.cells import NOT_STATED, Ints
from fairness.clustered import cluster_score, linearised_lower
from fairness.corrections import holm
from fairness.intervals import fisher_p, newcombe
from fairness.rates import Floats
from fairness.slices import Slice, search_slices
from fairness.slices.coding import code_column
from fairness.verdict import Evidence, Mask, sum_side

LEVEL = 0.05
SPARE = 4  # slices searched for each one shown, as some hold too few people
MAX_VALUES = 200


@dataclass(frozen=True)
class WorstGroup:
    """A slice: its conditions as (column, group), what the search half showed and what the other half says.

    n: rows with exposure; clusters: people among them, None where none are named. gap = rate - rest_rate on
    the confirming half, with its 95 % interval; p is one-sided, p_adjusted by Holm over all slices tested.
    confirmed: p_adjusted below 0.05 and a gap above 0.
    """

    conditions: tuple[tuple[str, str], ...]
    searched_n: int
    searched_gap: float
    n: int
    clusters: int | None
    exposure: float
    errors: float
    rate: float
    rest_rate: float
    gap: float
    gap_low: float | None
    gap_high: float | None
    p: float
    p_adjusted: float
    confirmed: bool


@dataclass(frozen=True)
class WorstGroups:
    """The slices in the order of the search. Each half: how many people (clusters, or rows with exposure)."""

    groups: tuple[WorstGroup, ...]
    columns: tuple[str, ...]
    depth: int
    searched_people: int
    confirming_people: int
    random_state: int

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        groups = [
            asdict(group) | {"conditions": [list(c) for c in group.conditions]} for group in self.groups
        ]
        return asdict(self) | {"columns": list(self.columns), "tests": len(groups), "groups": groups}


def worst_groups(
    features: pl.DataFrame,
    errors: Floats,
    exposure: Floats,
    clusters: Ints | None,
    weights: Floats | None,
    *,
    smallest: int,
    min_rows: int = 30,
    top: int = 10,
    depth: int = 3,
    random_state: int = 0,
) -> WorstGroups:
    """Up to `top` groups given by up to `depth` columns whose rate is worst, confirmed where they were not
    searched.

    features: n rows of labels, of which a column's 20 most frequent are searched; errors, exposure, weights:
    float64[n], no errors without exposure; clusters: int64[n]. A group and its rest hold at least `min_rows`
    rows with exposure and max(smallest, 2) people in both halves, and one group within another leaves at
    least `smallest` people between them. One-sided p values are Fisher's for 0/1 rows without clusters and
    weights and those of the cluster score test otherwise; the gap's interval is Newcombe's or linearised. If
    no group is worse the chance that any is confirmed is at most 5 %. The same random_state gives the same
    halves. Raises ValueError for what `search_slices` and `Evidence` refuse.

    >>> place = pl.Series("place", ["north", "south"] * 400)
    >>> errors = np.tile([0.0, 1.0, 0.0, 0.0], 200)
    >>> found = worst_groups(place.to_frame(), errors, np.ones(800), None, None, smallest=10)
    >>> found.groups[0].conditions, found.groups[0].rest_rate, found.groups[0].confirmed
    ((('place', 'south'),), 0.0, True)
    """
    features = features.with_columns(pl.all().fill_null(NOT_STATED))
    people = _people(len(errors), clusters)
    halves = [np.flatnonzero(half) for half in halves_of(exposure, clusters, weights, random_state)]
    found: tuple[Slice, ...] = ()
    if all(len(half) for half in halves) and features.width:
        rows = halves[0]
        found = search_slices(
            features[rows],
            errors[rows],
            exposure[rows],
            weights=None if weights is None else weights[rows],
            depth=depth,
            min_rows=min_rows,
            top=SPARE * top,
            quality="score",
        )
    picked = _Picked(features, people, halves, max(smallest, 2), min_rows).pick(found, top)
    evidence = Evidence(
        errors[halves[1]],
        exposure[halves[1]],
        None if clusters is None else people[halves[1]],
        None if weights is None else weights[halves[1]],
    )
    return WorstGroups(
        groups=_confirmed(evidence, picked),
        columns=tuple(features.columns),
        depth=depth,
        searched_people=len(np.unique(people[halves[0]])),
        confirming_people=len(np.unique(people[halves[1]])),
        random_state=random_state,
    )


def _people(n: int, clusters: Ints | None) -> Ints:
    return np.arange(n) if clusters is None else np.unique(clusters, return_inverse=True)[1]


def halves_of(
    exposure: Floats, clusters: Ints | None, weights: Floats | None, random_state: int
) -> tuple[Mask, Mask]:
    """The rows that are searched and those that confirm, bool[n] each; one that counts nothing is in none."""
    some = exposure > 0 if weights is None else (exposure > 0) & (weights > 0)
    first = split_people(_people(len(exposure), clusters), some, random_state)
    return first & some, ~first & some


def split_people(people: Ints, some: Mask, random_state: int) -> Mask:
    """bool[n]: the rows of one half of the people, int64[n] codes from 0.

    People with the most rows in `some` are paired with those who have nearly as many, and a coin says who of
    a pair goes where; so both halves have as many people (to one) and about as many rows.
    """
    random = np.random.default_rng(random_state)
    rows = np.bincount(people[some], minlength=int(people.max()) + 1 if len(people) else 0)
    order = np.lexsort((random.random(len(rows)), -rows))  # seeded, no secret  # nosec
    pairs = (len(rows) + 1) // 2
    coin = random.random(pairs) < 0.5  # seeded, no secret  # nosec
    first = np.zeros(len(rows), np.bool_)
    first[order] = np.stack([coin, ~coin], axis=1).ravel()[: len(rows)]
    return first[people]


Candidate = tuple[Slice, tuple[tuple[str, str], ...], Mask]


class _Picked:
    """Which slices may be shown: large enough in both halves, and not nearly the same as another one."""

    def __init__(
        self,
        features: pl.DataFrame,
        people: Ints,
        halves: Sequence[NDArray[np.intp]],
        smallest: int,
        min_rows: int,
    ) -> None:
        self.people = [people[half] for half in halves]
        self.smallest, self.min_rows = smallest, min_rows
        self.known: dict[str, tuple[str, str]] = {}
        self.codes: dict[tuple[str, str], tuple[int, list[NDArray[np.uint32]]]] = {}
        for name in features.columns:
            column = features.get_column(name)
            groups = column.unique().sort()
            coded = column.cast(pl.Enum(groups)).to_physical().to_numpy()
            parts = [coded[half] for half in halves]
            place = {group: at for at, group in enumerate(groups.to_list())}
            named = code_column(groups, bins=2, max_values=MAX_VALUES)
            for condition, label in zip(named.conditions, named.labels, strict=False):
                self.known[condition] = (name, label)
                self.codes[name, label] = (place[label], parts)

    def pick(self, found: Sequence[Slice], top: int) -> list[Candidate]:
        """The first `top` slices that may be shown, with their conditions and rows of the confirming half."""
        picked: list[Candidate] = []
        shown: list[list[Mask]] = [[], []]
        for one in found:
            conditions = tuple(self.known[condition] for condition in one.conditions)
            masks = [self._mask(conditions, half) for half in range(2)]
            if not all(self._large(mask, half, shown[half]) for half, mask in enumerate(masks)):
                continue
            picked.append((one, conditions, masks[1]))
            for half, mask in enumerate(masks):
                shown[half].append(mask)
            if len(picked) == top:
                break
        return picked

    def _mask(self, conditions: Sequence[tuple[str, str]], half: int) -> Mask:
        mask = np.ones(len(self.people[half]), np.bool_)
        for condition in conditions:
            code, parts = self.codes[condition]
            mask &= parts[half] == code
        return mask

    def _large(self, mask: Mask, half: int, shown: Sequence[Mask]) -> bool:
        if min(rows := int(mask.sum()), len(mask) - rows) < self.min_rows:
            return False
        if min(self._count(mask, half), self._count(~mask, half)) < self.smallest:
            return False
        for other in shown:
            for larger, smaller in ((mask, other), (other, mask)):
                if not (smaller & ~larger).any() and self._count(larger & ~smaller, half) < self.smallest:
                    return False
        return True

    def _count(self, mask: Mask, half: int) -> int:
        return int(np.count_nonzero(np.bincount(self.people[half][mask])))


def _confirmed(evidence: Evidence, picked: Sequence[Candidate]) -> tuple[WorstGroup, ...]:
    tested = [_test(evidence, mask) for _, _, mask in picked]
    adjusted = holm([one["p"] for one in tested]).tolist()
    return tuple(
        WorstGroup(
            conditions=conditions,
            searched_n=found.rows,
            searched_gap=found.gap,
            **one,
            p_adjusted=p,
            confirmed=p < LEVEL and one["gap"] > 0,
        )
        for (found, conditions, _), one, p in zip(picked, tested, adjusted, strict=True)
    )


def _test(evidence: Evidence, mask: Mask) -> dict[str, Any]:
    """The mask's rate against the rest's, its interval and its one-sided p."""
    errors, exposure = evidence.weighted
    x, n = float(errors.sum(where=mask)), float(exposure.sum(where=mask))
    y, m = float(errors.sum()) - x, float(exposure.sum()) - n
    if evidence.binary:
        p = float(fisher_p(x, n, y, m))
        interval = newcombe(x, n, y, m, LEVEL)
        low, high = float(interval.low), float(interval.high)
    else:
        group, rest = sum_side(evidence, mask), sum_side(evidence, ~mask)
        p = float(cluster_score(group, rest).p_value)
        low = float(linearised_lower(group, rest, LEVEL / 2))
        high = -float(linearised_lower(rest, group, LEVEL / 2))
    clusters = evidence.clusters
    return {
        "n": int(mask.sum()),
        "clusters": None if clusters is None else int(np.count_nonzero(np.bincount(clusters[mask]))),
        "exposure": n,
        "errors": x,
        "rate": x / n,
        "rest_rate": y / m,
        "gap": x / n - y / m,
        "gap_low": low if np.isfinite(low) else None,
        "gap_high": high if np.isfinite(high) else None,
        "p": p,
    }

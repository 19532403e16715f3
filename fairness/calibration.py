"""Whether a score means the same in every group: what it promised against what came true, in bins of the
score.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fairness.cells import Ints
from fairness.intervals import wilson
from fairness.rates import Floats

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Rows with a score in [low, high): their mean score, the share that deserved it, and its interval."""

    low: float
    high: float
    n: int
    score: float
    rate: float
    rate_low: float
    rate_high: float


@dataclass(frozen=True)
class Calibration:
    """A group's bins that hold at least `least` people, and over all its rows the mean score less the share
    that deserved the favourable outcome: above 0 the score promises too much. `error` is the mean absolute
    difference over the bins, weighted by rows (expected calibration error; Naeini, Cooper and Hauskrecht
    2015). hidden: how many bins hold fewer people. A reader of all groups' bins can work one of those out by
    subtraction.
    """

    group: str
    n: int | None
    difference: float | None
    error: float | None
    bins: tuple[Bin, ...]
    hidden: int = 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def calibrate(
    scores: ArrayLike,
    deserved: ArrayLike,
    codes: Ints,
    groups: tuple[str, ...],
    *,
    least: int,
    clusters: Ints | None = None,
) -> tuple[Calibration, ...]:
    """The calibration of every group, by ten bins of equal width. Rows count once, whatever their weight.

    scores: float[n] in 0..1; deserved: 0 or 1, [n]; codes: int[n], each row's place in `groups`; clusters:
    int[n] of 0 and more, whose each row is. A group or bin with fewer than `least` people (rows, where none
    are named) is not shown. Intervals are Wilson's, 95 %, of rows taken as independent. Raises ValueError for
    scores outside 0..1.

    >>> found = calibrate([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], np.zeros(4, int), ("all",), least=1)[0]
    >>> round(found.difference, 3), round(found.error, 3), [one.n for one in found.bins]
    (0.0, 0.15, [1, 1, 1, 1])
    """
    score, true = np.asarray(scores, np.float64), np.asarray(deserved, np.float64)
    if not ((score >= 0) & (score <= 1)).all():
        raise ValueError("Scores lie between 0 and 1.")
    place = bin_of(score)
    person = np.arange(len(score)) if clusters is None else clusters
    return tuple(
        _group(name, score[at], true[at], place[at], person[at], max(least, 1))
        for name, at in _rows(codes, groups)
    )


def bin_of(score: Floats) -> Ints:
    """The bin of each score, 0..BINS-1."""
    return np.minimum((score * BINS).astype(np.int64), BINS - 1)


def _rows(codes: Ints, groups: tuple[str, ...]) -> list[tuple[str, Ints]]:
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(groups) + 1))
    return [(name, order[ends[i] : ends[i + 1]]) for i, name in enumerate(groups)]


def _group(name: str, score: Floats, true: Floats, binned: Ints, person: Ints, least: int) -> Calibration:
    n = len(score)
    counts = np.bincount(binned, minlength=BINS)
    people = np.bincount(np.unique(person * BINS + binned) % BINS, minlength=BINS)
    hidden = int(np.count_nonzero((people > 0) & (people < least)))
    if np.unique(person).size < least:
        return Calibration(name, None, None, None, (), hidden)
    sums, hits = np.bincount(binned, score, BINS), np.bincount(binned, true, BINS)
    shown = np.flatnonzero(people >= least)
    interval = wilson(hits, counts)
    return Calibration(
        group=name,
        n=n,
        difference=float(score.mean() - true.mean()),
        error=float(np.abs(sums - hits).sum() / n),
        bins=tuple(
            Bin(
                low=place / BINS,
                high=(place + 1) / BINS,
                n=int(counts[place]),
                score=float(sums[place] / counts[place]),
                rate=float(hits[place] / counts[place]),
                rate_low=float(interval.low[place]),
                rate_high=float(interval.high[place]),
            )
            for place in shown.tolist()
        ),
        hidden=hidden,
    )

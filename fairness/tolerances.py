"""Whether a promise about groups is kept: met, not met, or cannot be told from this data."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from scipy.special import ndtri

from fairness.cells import Cells
from fairness.disaggregate import Row, View, tabulate
from fairness.kinds.base import Kind, Metric, Settings, Tolerance

MET, NOT_MET, CANNOT_TELL = "met", "not met", "cannot tell"


@dataclass(frozen=True)
class Judgement:
    """A tolerance judged for one system: the pair of groups that decided it, and the gap between them.

    `first` is the group with the higher value; low and high are the gap's 95 % interval.
    """

    system: str
    metric: str
    column: str
    within: float
    answer: str
    first: str | None
    second: str | None
    gap: float | None
    low: float | None
    high: float | None
    pairs: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def judge_tolerance(
    cells: Cells, kind: Kind, metrics: Sequence[Metric], system: str, tolerance: Tolerance, settings: Settings
) -> Judgement:
    """Judge that no two groups of a column differ by more than `within`.

    Met when the 95 % interval of every pair's gap lies within the tolerance (each pair has to pass, so the
    chance that all do wrongly is at most that of one; Berger 1982). Not met when some pair's interval lies
    beyond it even when widened for the number of pairs (Bonferroni, by normal quantiles). Otherwise these
    data cannot tell, as where a group is too small to be shown. Raises ValueError for a metric or column that
    is not there.
    """
    view = View(system, tolerance.metric, by=(tolerance.column,), versus="baseline")
    groups = cells.columns[cells.place(tolerance.column)].groups
    pairs: list[tuple[str, Row]] = []
    unknown = False
    for other in groups[:-1]:
        rows = tabulate(cells, kind, metrics, replace(view, baseline=other), settings).groups
        later = [row for row in rows if groups.index(row.group[tolerance.column]) > groups.index(other)]
        pairs += [(other, row) for row in later if row.gap_low is not None]
        unknown |= any(row.gap_low is None for row in later)
    count = len(pairs)
    if not pairs:
        return Judgement(
            system, tolerance.metric, tolerance.column, tolerance.within, CANNOT_TELL, *(None,) * 5, pairs=0
        )
    factor = float(ndtri(1 - 0.025 / count) / ndtri(0.975))
    beyond = [pair for pair in pairs if _least(pair[1], factor) > tolerance.within]
    if beyond:
        answer, worst = NOT_MET, max(beyond, key=lambda pair: _least(pair[1], factor))
    else:
        worst = max(pairs, key=lambda pair: max(pair[1].gap_high or 0, -(pair[1].gap_low or 0)))
        kept = all(max(row.gap_high or 0, -(row.gap_low or 0)) <= tolerance.within for _, row in pairs)
        answer = MET if kept and not unknown else CANNOT_TELL
    return _judgement(system, tolerance, answer, worst, count)


def _least(row: Row, factor: float) -> float:
    """The least that the gap can be in size, with its interval widened by the factor; 0 where it holds 0."""
    gap, low, high = row.gap or 0.0, row.gap_low or 0.0, row.gap_high or 0.0
    return max(gap - factor * (gap - low), -(gap + factor * (high - gap)), 0.0)


def _judgement(
    system: str, tolerance: Tolerance, answer: str, pair: tuple[str, Row], count: int
) -> Judgement:
    other, row = pair
    first, second = row.group[tolerance.column], other
    gap, low, high = row.gap or 0.0, row.gap_low or 0.0, row.gap_high or 0.0
    if gap < 0:
        first, second, gap, low, high = second, first, -gap, -high, -low
    return Judgement(
        system,
        tolerance.metric,
        tolerance.column,
        tolerance.within,
        answer,
        first,
        second,
        gap,
        low,
        high,
        count,
    )

"""Judging a fix: is the predictor provably better on its group than the model as it stands?"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, logsumexp

from fairness.losses import Losses
from fairness.pointer_list import Mask, PointerList
from fairness.rates import Floats

ACCEPTED = "accepted"
NOT_PROVEN = "not_proven"
NOTHING_NEW = "nothing_new"
TOO_LITTLE_EXPOSURE = "too_little_exposure"

STAKES = np.geomspace(1 / 64, 0.99, 8)  # shares of the largest stake that no outcome can ruin


@dataclass(frozen=True)
class FixVerdict:
    """What scoring says of a fix. A code but accepted, not_proven apart, follows from groups and answers
    alone.

    `better` and `worse` are rows where the predictor costs less and more than the model as it stands,
    `changed` the rows where its answer differs. `gain` is the drop in the overall mean loss by the predictor
    alone, `points` 100 times the drop with the repairs that followed, 0 if refused; `group_before` and
    `group_after` are the mean loss of the group's rows, `before` and `after` that of all rows, with repairs.
    `repairs` are the pointers the fix brought with it: (fix whose group it protects, version pointed to).
    """

    accepted: bool
    code: str
    points: float
    gain: float
    rows: int
    clusters: int | None
    changed: int
    better: int
    worse: int
    test: str
    p_value: float | None
    group_weight: float
    group_before: float | None
    group_after: float | None
    before: float
    after: float
    repairs: tuple[tuple[int, int], ...]


def judge_fix(
    model: PointerList,
    group: Mask,
    answers: Losses,
    differs: Mask,
    level: float,
    *,
    scale: float = 1.0,
    worst: Floats | None = None,
    clusters: NDArray[np.int64] | None = None,
    epsilon: float = 0.0,
    min_rows: int = 30,
    min_clusters: int = 20,
) -> tuple[FixVerdict, PointerList]:
    """Judge a fix at `level` against the model as it stands; the verdict, and the model after it.

    `group` is bool[n]; of its m rows `answers` int64[m] are the predictor's losses in units of 1 / `scale`,
    `differs` bool[m] says where its answer is another than the model's, and `worst` float64[m] how much more
    each could cost than the model's, whatever the label (1 where they differ, of 0/1 losses). `clusters`
    int64[n] names who rows belong to.

    The fix is accepted when the mean loss over all n rows falls by at least `epsilon` and by more than
    nothing, and the gain is proven at the level: by McNemar's exact test (Edwards 1948; binomial) for 0/1
    losses without clusters, else by `stake_p` over clusters, or over rows. It needs `min_rows` rows in the
    group and, where clusters are named, `min_clusters` clusters. If no predictor truly is better, the chance
    of acceptance is at most the level. Raises ValueError for arrays of other lengths and for a level outside
    0..1.

    >>> model = PointerList.start(np.r_[np.ones(40, int), np.zeros(960, int)])
    >>> group = np.arange(1000) < 100
    >>> verdict, repaired = judge_fix(model, group, np.zeros(100, int), np.arange(100) < 40, level=1e-4)
    >>> verdict.code, verdict.points, repaired.totals
    ('accepted', 4.0, (40, 0))
    """
    if not 0 < level < 1:
        raise ValueError(f"A level lies between 0 and 1, not at {level}.")
    n, rows = len(model.base), int(np.count_nonzero(group))
    if len(differs) != rows or len(answers) != rows:
        raise ValueError(f"A fix has one answer for each of its {rows} rows.")
    before = model.losses[group]
    drop = before - answers
    held = None if clusters is None else clusters[group]
    counted = None if held is None else len(np.unique(held))
    gained = model.gain(group, answers)
    test, p_value = "", None
    code = NOT_PROVEN
    if rows < max(min_rows, 1) or (counted is not None and counted < min_clusters):
        code = TOO_LITTLE_EXPOSURE
    elif not differs.any():
        code = NOTHING_NEW
    else:
        bound = differs.astype(np.float64) if worst is None else worst
        test, p_value = _prove(drop, scale, bound, held, exact=worst is None)
        least = math.ceil(Fraction(str(epsilon)) * Fraction(scale) * n)
        if p_value <= level and gained > 0 and gained >= least:
            code = ACCEPTED
    after = model.extend(group, answers) if code == ACCEPTED else model
    whole = scale * n
    return FixVerdict(
        accepted=code == ACCEPTED,
        code=code,
        points=100 * (model.totals[-1] - after.totals[-1]) / whole if n else 0.0,
        gain=gained / whole if n else 0.0,
        rows=rows,
        clusters=counted,
        changed=int(np.count_nonzero(differs)),
        better=int(np.count_nonzero(drop > 0)),
        worse=int(np.count_nonzero(drop < 0)),
        test=test,
        p_value=p_value,
        group_weight=rows / n if n else 0.0,
        group_before=float(before.sum()) / (scale * rows) if rows else None,
        group_after=float(after.losses[group].sum()) / (scale * rows) if rows else None,
        before=model.totals[-1] / whole if n else 0.0,
        after=after.totals[-1] / whole if n else 0.0,
        repairs=tuple(
            (node.group, node.version) for node in after.nodes[model.version :] if node.version is not None
        ),
    ), after


def mcnemar_p(better: int, worse: int) -> float:
    """One-sided exact McNemar test: how likely at least `better` of better + worse fair coins show heads.

    A p near 0 is strong evidence that better rows are the more frequent ones; without a row that differs it
    is 1.

    >>> mcnemar_p(5, 0), mcnemar_p(0, 0)
    (0.03125, 1.0)
    """
    return float(bdtr(worse, better + worse, 0.5)) if better + worse else 1.0


def stake_p(gains: Floats, ruin: float) -> float:
    """One-sided p for "these independent gains, float64[m], do not add up to more than 0 in expectation".

    Somebody who doubts it stakes a fixed share L of their money on each: sum over L of w_L * prod(1 + L *
    gain) is a bet that, were the claim true, would not grow in expectation, so by Markov's inequality 1 over
    its value is a p value, whatever the gains' distribution and however few there are. No gain may be below
    -`ruin`, which is fixed before anything about the labels is known; L goes from 1/64 to 0.99 of 1 / ruin,
    in 8 steps of equal weight. A mixture of fixed stakes as in Waudby-Smith and Ramdas, "Estimating means of
    bounded random variables by betting" (JRSS B 2024). The order of the gains does not matter.

    A p near 0 is strong evidence of a gain; without a gain or a loss it is 1. Raises ValueError for a gain
    below -`ruin`.

    >>> round(stake_p(np.ones(20), ruin=1.0), 6)
    8e-06
    """
    gains = gains[gains != 0]
    if not len(gains):
        return 1.0
    if ruin <= 0 or gains.min() < -ruin * (1 + 1e-9):
        raise ValueError(f"A gain of {gains.min()} is below -{ruin}, the least that was said to be possible.")
    # The same few values come again and again, where rows are counted.
    values, counts = np.unique(gains, return_counts=True)
    grown = np.log1p(np.outer(STAKES / ruin, values)) @ counts
    return math.exp(min(0.0, math.log(len(STAKES)) - logsumexp(grown)))


def _prove(
    drop: Losses, scale: float, worst: Floats, clusters: NDArray[np.int64] | None, *, exact: bool
) -> tuple[str, float]:
    if exact and clusters is None:
        return "mcnemar", mcnemar_p(int(np.count_nonzero(drop > 0)), int(np.count_nonzero(drop < 0)))
    gains: Floats = np.asarray(drop / scale)
    # Losses are whole units: each may be half a unit off.
    bounds = worst if exact else worst + 1 / scale
    if clusters is not None:
        codes = np.unique(clusters, return_inverse=True)[1]
        gains, bounds = (np.bincount(codes, weights=values).astype(np.float64) for values in (gains, bounds))
    return "stake", stake_p(gains, float(bounds.max()))

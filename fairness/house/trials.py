"""Which drafts become proposals: those that prove better on rows that had no say in them.

The sample is cut into two halves by chance. Drafts are made from one half and tried on the other, then the
other way round.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from fairness.fixes import mcnemar_p
from fairness.house.drafts import MIN_LEAF, Draft, Format, Mask, Method, Rows, Sample

LEVEL = 0.05  # chance of proposing anything at all where nothing can be gained, at most
ALIKE = 0.5


@dataclass(frozen=True)
class Proposal:
    """A group, and a predictor that did better on it than the model.

    `group_rule` is an SQL condition that `compile_rule` takes. So is `predictor` where `predictor_format` is
    "rule": it answers the positive label where it is true and else the other one; where it is "constant" it
    is a label. `rows` are the group's rows in the whole sample. `gain` is counted on the half of the sample
    that the proposal was not made from: rows of the group that the model gets wrong and the predictor right,
    minus the reverse.
    """

    group_rule: str
    predictor_format: Format
    predictor: str
    rows: int
    gain: int


@dataclass(frozen=True)
class Trial:
    """A draft, tried: its group, where in it the answer changes, and the p of so large a gain by chance."""

    proposal: Proposal
    group: Mask
    changed: Mask
    p_value: float


def propose(
    method: Method,
    features: pl.DataFrame,
    y_true: ArrayLike,
    y_pred: ArrayLike,
    labels: Sequence[str],
    positive: str,
    *,
    top: int,
    min_rows: int,
    random_state: int,
) -> tuple[Proposal, ...]:
    """The `top` drafts of a method that gained most, of those whose gain is proven; best first.

    Drafts made from one half are tried on the other at LEVEL / 2, divided by how many they are (Bonferroni),
    with McNemar's exact one-sided test: where no row can be expected to gain, the chance of any proposal is at
    most LEVEL. Of two with much the same group, or much the same changes of answer (Jaccard index above
    ALIKE), the better is kept. Empty where there is nothing to propose.

    Raises ValueError for arrays of other lengths and for labels that are not among `labels`.
    """
    truth, answers = np.asarray(y_true, dtype=object), np.asarray(y_pred, dtype=object)
    if not truth.shape == answers.shape == (features.height,):
        raise ValueError(f"The sample has {features.height} rows; y_true and y_pred hold one label for each.")
    if unknown := {*truth, *answers, positive} - set(labels):
        raise ValueError(f"These are not among the labels: {', '.join(sorted(map(str, unknown)))}.")
    sample = Sample(features, truth, answers, tuple(labels), positive, min_rows, random_state)
    if features.height < 4 * MIN_LEAF or not sample.wrong.any() or not sample.features:
        return ()
    first, second = np.array_split(np.random.default_rng(random_state).permutation(features.height), 2)
    proven = [*_proven(sample, method, first, second), *_proven(sample, method, second, first)]
    return tuple(trial.proposal for trial in _best(proven, top))


def _proven(sample: Sample, method: Method, made_from: Rows, held_out: Rows) -> Iterator[Trial]:
    drafts = dict.fromkeys(method(sample, np.sort(made_from)))
    tried = [trial for draft in drafts if (trial := _try(sample, draft, held_out)) is not None]
    return (trial for trial in tried if trial.p_value <= LEVEL / 2 / len(tried))


def _try(sample: Sample, draft: Draft, held_out: Rows) -> Trial | None:
    """A draft tried on these rows; None for a group of too few rows or of all, or if no answer changes."""
    group, answers = sample.mask(draft.group_rule), sample.answers(draft)
    changed = group & (answers != sample.y_pred)
    rows = int(np.count_nonzero(group))
    if not sample.min_rows <= rows < len(group) or not changed[held_out].any():
        return None
    better = int(np.count_nonzero((changed & (answers == sample.y_true))[held_out]))
    worse = int(np.count_nonzero((changed & ~sample.wrong)[held_out]))
    proposal = Proposal(draft.group_rule, draft.predictor_format, draft.predictor, rows, better - worse)
    return Trial(proposal, group, changed, mcnemar_p(better, worse))


def _best(trials: Iterable[Trial], top: int) -> list[Trial]:
    """Those of greatest gain, the smaller group first where it is equal, none much like a better one."""
    kept: list[Trial] = []
    for trial in sorted(trials, key=lambda trial: (-trial.proposal.gain, trial.proposal.rows)):
        if len(kept) < top and not any(
            _alike(trial.group, better.group) or _alike(trial.changed, better.changed) for better in kept
        ):
            kept.append(trial)
    return kept


def _alike(a: Mask, b: Mask) -> bool:
    """Whether the Jaccard index of two groups, rows of both over rows of either, is above ALIKE."""
    return bool(np.count_nonzero(a & b) > ALIKE * np.count_nonzero(a | b))

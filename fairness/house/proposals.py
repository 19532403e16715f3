"""What a house team proposes, and which drafts become proposals: those that did better where they were not
made.

The sample is cut into two halves by chance. Drafts are made from one half and tried on the other, then the
other way round, so a gain is never counted on rows that had a say in its draft. Of the drafts made from a
half those that gain most on it are tried, together, with Holm's correction: where nothing is better than the
model, the chance that anything at all is proposed is at most LEVEL, half of it for each half.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from numpy.typing import ArrayLike

from fairness.corrections import holm
from fairness.fixes import mcnemar_p
from fairness.house.features import Feature, Matrix, features_of, matrix_of
from fairness.slices.rules import RuleError, compile_rule
from fairness.tables import Labels, schema_of

MIN_LEAF = 10  # rows of a half
LEVEL = 0.05
TRIED = 4  # drafts made from a half: the more, the harder for each
ALIKE = 0.5

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
Format = Literal["rule", "constant"]


@dataclass(frozen=True)
class Proposal:
    """A group, and a predictor that did better on it than the model.

    `group_rule` is an SQL condition that `compile_rule` takes. So is `predictor` where `predictor_format` is
    "rule": it answers the positive label where it is true, else the other one; where it is "constant" it is a
    label. `rows` are the group's rows in the whole sample. `gain` is counted on the half of the sample that
    the proposal was not made from: rows that the model gets wrong and the predictor right, minus the reverse.
    """

    group_rule: str
    predictor_format: Format
    predictor: str
    rows: int
    gain: int


@dataclass(frozen=True)
class Draft:
    """A proposal that has not been tried."""

    group_rule: str
    predictor_format: Format
    predictor: str

    @property
    def rules(self) -> tuple[str, ...]:
        return (self.group_rule, self.predictor) if self.predictor_format == "rule" else (self.group_rule,)


@dataclass(frozen=True)
class Trial:
    """A draft on half of the sample: its group in the whole sample, and p of "no gain"."""

    proposal: Proposal
    group: Mask
    p_value: float


@dataclass(frozen=True)
class Sample:
    """The public sample of n rows as both methods read it."""

    frame: pl.DataFrame
    y_true: Labels
    y_pred: Labels
    labels: tuple[str, ...]
    positive: str
    min_rows: int
    random_state: int

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        return features_of(self.frame, 2 * MIN_LEAF)

    @cached_property
    def codes(self) -> Matrix:
        """float32[n, number of features]: what trees are fitted to."""
        return matrix_of(self.features, self.frame)

    @property
    def least_rows(self) -> int:
        """The least rows a group may have in a half."""
        return -(-self.min_rows // 2)

    def mask(self, rule: str) -> Mask:
        return compile_rule(rule, schema_of(self.frame)).mask(self.frame)

    def takes(self, *rules: str) -> bool:
        """Whether each is a rule within the limits on length and depth."""
        try:
            return bool([compile_rule(rule, schema_of(self.frame)) for rule in rules])
        except RuleError:
            return False


Method = Callable[[Sample, Rows], Iterable[Draft]]


def propose(
    method: Method,
    features: pl.DataFrame,
    y_true: ArrayLike,
    y_pred: ArrayLike,
    labels: tuple[str, ...],
    positive: str,
    *,
    top: int,
    min_rows: int,
    random_state: int,
) -> tuple[Proposal, ...]:
    """The `top` best drafts of a method, of those that gained more than chance explains; see `Proposal`.

    Raises ValueError for arrays of other lengths, and for labels that are not among `labels`.
    """
    truth, answers = np.asarray(y_true, dtype=object), np.asarray(y_pred, dtype=object)
    if not truth.shape == answers.shape == (features.height,):
        raise ValueError("y_true and y_pred are one label a row")
    if not {*truth, *answers, positive} <= set(labels):
        raise ValueError("y_true, y_pred and positive are among the labels")
    sample = Sample(features, truth, answers, labels, positive, min_rows, random_state)
    if features.height < 4 * MIN_LEAF or not sample.features:
        return ()
    halves = np.array_split(np.random.default_rng(random_state).permutation(features.height), 2)
    held_up: list[Trial] = []
    for made_from, held_out in (halves, halves[::-1]):
        drafts = dict.fromkeys(method(sample, np.sort(made_from)))
        fitted = [(draft, trial) for draft in drafts if (trial := _try(sample, draft, made_from)) is not None]
        fitted.sort(key=lambda pair: -pair[1].proposal.gain)
        best = [draft for draft, _ in fitted[:TRIED]]
        tried = [trial for draft in best if (trial := _try(sample, draft, held_out)) is not None]
        adjusted = holm([trial.p_value for trial in tried])
        held_up += [trial for trial, p in zip(tried, adjusted, strict=True) if p <= LEVEL / 2]
    return _best(held_up, top)


def _try(sample: Sample, draft: Draft, half: Rows) -> Trial | None:
    """What these rows say of a draft, or None of a group that is too small or everybody."""
    group = sample.mask(draft.group_rule)
    rows = int(np.count_nonzero(group))
    if not max(sample.min_rows, 1) <= rows < len(group):
        return None
    if draft.predictor_format == "rule":
        (other,) = set(sample.labels) - {sample.positive}
        answers = np.where(sample.mask(draft.predictor), sample.positive, other)
    else:
        answers = np.full(len(group), draft.predictor, dtype=object)
    right = (answers == sample.y_true)[half]
    wrong = (sample.y_pred != sample.y_true)[half]
    inside = group[half]
    better = int(np.count_nonzero(inside & right & wrong))
    worse = int(np.count_nonzero(inside & ~right & ~wrong))
    gain = better - worse
    proposal = Proposal(draft.group_rule, draft.predictor_format, draft.predictor, rows=rows, gain=gain)
    return Trial(proposal, group, mcnemar_p(better, worse))


def _best(trials: Iterable[Trial], top: int) -> tuple[Proposal, ...]:
    """The `top` of greatest gain, none of them much the same rows as a better one."""
    kept: list[Trial] = []
    for trial in sorted(trials, key=lambda trial: (-trial.proposal.gain, trial.proposal.rows)):
        if len(kept) < top and not any(_alike(trial.group, better.group) for better in kept):
            kept.append(trial)
    return tuple(trial.proposal for trial in kept)


def _alike(a: Mask, b: Mask) -> bool:
    """Whether the Jaccard index of two groups, shared rows over rows of either, is above `ALIKE`."""
    return bool(np.count_nonzero(a & b) > ALIKE * np.count_nonzero(a | b))

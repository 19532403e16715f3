"""The public sample as both house teams read it, and the drafts they make from a part of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from fairness.house.features import Feature, Matrix, features_of, matrix_of
from fairness.slices.rules import RuleError, compile_rule
from fairness.tables import Labels, schema_of

MIN_LEAF = 10  # rows that a leaf of a tree is fitted to, at least

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]  # numbers of rows
Format = Literal["rule", "constant"]


@dataclass(frozen=True)
class Draft:
    """A group and a predictor on it that have not been tried; what the fields say, `Proposal` says."""

    group_rule: str
    predictor_format: Format
    predictor: str

    @property
    def rules(self) -> tuple[str, ...]:
        return (self.group_rule, self.predictor) if self.predictor_format == "rule" else (self.group_rule,)


@dataclass(frozen=True)
class Sample:
    """The public sample of n rows: visible columns, true labels and what the model answers."""

    frame: pl.DataFrame
    y_true: Labels
    y_pred: Labels
    labels: tuple[str, ...]
    positive: str
    min_rows: int
    random_state: int

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        return features_of(self.frame, min_rows=2 * MIN_LEAF)

    @cached_property
    def codes(self) -> Matrix:
        """What trees are fitted to: float32[n, number of features]."""
        return matrix_of(self.features, self.frame)

    @cached_property
    def wrong(self) -> Mask:
        """Where the model is wrong: bool[n]."""
        return np.asarray(self.y_true != self.y_pred, dtype=np.bool_)

    def mask(self, rule: str) -> Mask:
        """Where a rule is true: bool[n]."""
        return compile_rule(rule, schema_of(self.frame)).mask(self.frame)

    def answers(self, draft: Draft) -> Labels:
        """The predictor's answer to every row, in the group or not: object[n]."""
        if draft.predictor_format == "constant":
            return np.full(self.frame.height, draft.predictor, dtype=object)
        (other,) = set(self.labels) - {self.positive}
        return np.where(self.mask(draft.predictor), self.positive, other).astype(object)

    def takes(self, rules: Iterable[str]) -> bool:
        """Whether all of these are rules, not longer or deeper than a rule may be."""
        try:
            for rule in rules:
                compile_rule(rule, schema_of(self.frame))
        except RuleError:
            return False
        return True


Method = Callable[[Sample, Rows], Iterable[Draft]]

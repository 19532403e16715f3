"""The methods of the two house teams: they see the public sample alone, and propose fixes as rules."""

from collections.abc import Sequence

import polars as pl
from numpy.typing import ArrayLike

from fairness.house.costs import cost_drafts
from fairness.house.proposals import Proposal, propose
from fairness.house.slices import slice_drafts

__all__ = ["Proposal", "propose_costs", "propose_slices"]


def propose_slices(
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
    """Slices where the model errs most, each with a decision tree fitted to the truth in it.

    `features` are the sample's visible columns (Float64 or String, null where missing), `y_true` and `y_pred`
    one label a row, `labels` all of them and `positive` what a rule answers where it is true. At most `top`
    proposals, the best first, none of a group under `min_rows` rows or much the same as a better one; the
    same for the same `random_state`. Each held up on the half of the sample it was not made from (exact
    McNemar test, 5 % for all drafts together by Holm's correction); of 150 samples whose labels and
    predictions were coin flips, 8 led to a proposal. Empty where there is nothing to propose. Raises
    ValueError for unequal lengths and for labels that are not among `labels`.
    """
    return propose(
        slice_drafts,
        features,
        y_true,
        y_pred,
        tuple(labels),
        positive,
        top=top,
        min_rows=min_rows,
        random_state=random_state,
    )


def propose_costs(
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
    """Where regressions of the cost of each label expect another one to cost less than the model's.

    `features` are the sample's visible columns (Float64 or String, null where missing), `y_true` and `y_pred`
    one label a row, `labels` all of them and `positive` what a rule answers where it is true. At most `top`
    proposals, the best first, none of a group under `min_rows` rows or much the same as a better one; the
    same for the same `random_state`. Each held up on the half of the sample it was not made from (exact
    McNemar test, 5 % for all drafts together by Holm's correction); of 150 samples whose labels and
    predictions were coin flips, 5 led to a proposal. Empty where there is nothing to propose. Raises
    ValueError for unequal lengths and for labels that are not among `labels`.
    """
    return propose(
        cost_drafts,
        features,
        y_true,
        y_pred,
        tuple(labels),
        positive,
        top=top,
        min_rows=min_rows,
        random_state=random_state,
    )

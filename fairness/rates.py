"""Errors and exposure: the two columns every measure here is a ratio of."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from fairness.losses import LOSSES
from fairness.normalise import normalise
from fairness.wer import count_words

Floats = NDArray[np.float64]

MEASURES = (
    "error",
    "false_rejection",
    "false_acceptance",
    "squared_error",
    "absolute_error",
    "log_loss",
    "wer",
)
# Labels and predictions are numbers; of log_loss only the predictions, which are probabilities.
OF_NUMBERS = ("squared_error", "absolute_error")
LOSS_OF = {"squared_error": "squared", "absolute_error": "absolute", "log_loss": "log"}
ONE_SIDED = ("false_rejection", "false_acceptance")


@dataclass(frozen=True)
class Counts:
    """Errors and exposure of every row, float64[n]; a row without exposure cannot hold an error."""

    errors: Floats
    exposure: Floats


def count_errors(
    measure: str,
    y_true: ArrayLike,
    y_pred: ArrayLike,
    favourable: str | None = None,
    normaliser: str = "none",
) -> Counts:
    """Count each row's errors and exposure under a measure, so that its rate is sum(errors) / sum(exposure).

    - error: wrong predictions out of all rows.
    - false_rejection: rows that deserve the favourable label and are refused it, out of those that deserve it
      (1 - equal opportunity's true positive rate; Hardt, Price and Srebro 2016).
    - false_acceptance: rows given the favourable label without deserving it, out of those that do not deserve
      it.
    - squared_error, absolute_error: the loss of a predicted number, (prediction - label)^2 or its absolute
      value, in the label's unit, squared or not.
    - log_loss: -ln of the probability that was given to what is true, in nats; the prediction is the
      probability of the favourable label, held between 1e-6 and 1 - 1e-6.
    - wer: words substituted, deleted and inserted between a reference and a hypothesis, out of the words of
      the reference, once the `normaliser` has been over both. It can exceed 1. A reference without words has
      exposure 0, so what was written for it counts as no error: insertions into silence are no share of words
      said, and whether a row takes part must not depend on what the system made of it.

    `y_true` and `y_pred` are label strings of equal length n (for wer references and hypotheses, None for an
    empty one); where they are numbers, numbers or their texts. Both results are 0 or 1 per row, for wer whole
    numbers of words, for losses of numbers any errors and exposure 1: errors 0 is a right prediction or a row
    outside the measure, exposure 0 a row outside the measure.
    Raises ValueError for an unknown measure or normaliser, for unequal lengths, for a text that is no number
    where one is needed, and without the favourable label where the measure needs one.

    >>> counts = count_errors("false_rejection", ["yes", "yes", "no"], ["yes", "no", "no"], favourable="yes")
    >>> counts.errors.tolist(), counts.exposure.tolist()
    ([0.0, 1.0, 0.0], [1.0, 1.0, 0.0])
    >>> said, written = ["One, two.", "yes", ""], ["one too", "oh yes yes", "hm"]
    >>> counts = count_errors("wer", said, written, normaliser="basic")
    >>> counts.errors.tolist(), counts.exposure.tolist()
    ([1.0, 2.0, 0.0], [2.0, 1.0, 0.0])
    """
    if measure not in MEASURES:
        raise ValueError(f"Unknown measure '{measure}': choose one of {', '.join(MEASURES)}.")
    if measure in (*ONE_SIDED, "log_loss") and favourable is None:
        raise ValueError(f"The measure {measure} needs the favourable label.")
    true, predicted = _labels(y_true), _labels(y_pred)
    if true.shape != predicted.shape:
        raise ValueError(
            f"There are {len(true)} labels and {len(predicted)} predictions: give one of each a row."
        )
    if measure == "wer":
        return _word_errors(true, predicted, normaliser)
    if measure == "error":
        return Counts((true != predicted).astype(np.float64), np.ones(len(true)))
    if measure in LOSS_OF:
        numbers = true == favourable if measure == "log_loss" else true
        loss = LOSSES[LOSS_OF[measure]]
        return Counts(loss(numbers.astype(np.float64), predicted.astype(np.float64)), np.ones(len(true)))
    accepted = predicted == favourable
    if measure == "false_rejection":
        exposed, wrong = true == favourable, ~accepted
    else:
        exposed, wrong = true != favourable, accepted
    return Counts((exposed & wrong).astype(np.float64), exposed.astype(np.float64))


def _word_errors(references: NDArray[Any], hypotheses: NDArray[Any], normaliser: str) -> Counts:
    said, written = (
        normalise(pl.Series(texts.tolist(), dtype=pl.String), normaliser).to_list()
        for texts in (references, hypotheses)
    )
    counts = count_words(said, written)
    errors = counts.substitutions + counts.deletions + counts.insertions
    exposure = counts.words.astype(np.float64)
    return Counts(np.where(exposure > 0, errors, 0).astype(np.float64), exposure)


def _labels(values: ArrayLike) -> NDArray[Any]:
    # As objects from the start: an array of texts would give each the room of the longest.
    array = np.asarray(values, dtype=object)
    if array.ndim != 1:
        raise ValueError("Labels and predictions are one column each.")
    return array


@dataclass(frozen=True)
class GroupRates:
    """One entry per group: rows with exposure, exposure, errors, and their rate (NaN without exposure)."""

    rows: NDArray[np.int64]
    exposure: Floats
    errors: Floats
    rate: Floats


def rate_by(
    errors: ArrayLike,
    exposure: ArrayLike,
    codes: ArrayLike,
    n_groups: int,
    weights: ArrayLike | None = None,
) -> GroupRates:
    """Pool the rate of every group: sum(weight * errors) / sum(weight * exposure) over the group's rows.

    `errors`, `exposure`, `weights` are float[n]; `codes` int[n] names each row's group in 0..n_groups-1, and
    a negative code puts the row in no group. A rate of 0 means no error; a group without exposure has rate
    NaN. Raises ValueError for a code of n_groups or more.

    >>> by = rate_by([1, 0, 1, 0], [1, 1, 1, 1], [0, 0, 1, -1], n_groups=3)
    >>> by.rows.tolist(), by.rate.tolist()
    ([2, 1, 0], [0.5, 1.0, nan])
    """
    code = np.asarray(codes, dtype=np.int64)
    error, exposed = np.asarray(errors, dtype=np.float64), np.asarray(exposure, dtype=np.float64)
    if code.size and code.max() >= n_groups:
        raise ValueError(f"Code {code.max()} names no group: there are {n_groups}.")
    weight = np.ones(len(code)) if weights is None else np.asarray(weights, dtype=np.float64)
    kept = (code >= 0) & (exposed * weight > 0)
    code, error, exposed, weight = code[kept], error[kept], exposed[kept], weight[kept]
    pooled_errors = np.bincount(code, weights=error * weight, minlength=n_groups).astype(np.float64)
    pooled_exposure = np.bincount(code, weights=exposed * weight, minlength=n_groups).astype(np.float64)
    rate = np.divide(pooled_errors, pooled_exposure, out=np.full(n_groups, np.nan), where=pooled_exposure > 0)
    return GroupRates(np.bincount(code, minlength=n_groups), pooled_exposure, pooled_errors, rate)

"""Losses of predictions, row by row and as whole numbers, so that sums of them are exact and never tie by
chance.

A loss is kept in units: `scaled` writes it as int64 multiples of 1 / `scale`. Of 0/1 losses the scale is 1.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Losses = NDArray[np.int64]
# Numbers to be predicted lie within this, or their squares and sums of squares would be infinite.
LARGEST = 1e50
CLIP = 1e-6  # a probability is held between this and 1 minus this
# The base model's mean loss is at least so many units, and a row counts at most RANGE * STEPS of them, so
# that
# the sum of four million rows stays within int64.
RANGE, STEPS = 1 << 20, 1 << 20
MAX_ROWS = 1 << 22


def zero_one(y_true: NDArray[np.generic], y_pred: NDArray[np.generic]) -> Floats:
    """1 where the labels differ, 0 where they agree; its mean is 1 - accuracy."""
    return np.asarray(y_true != y_pred, dtype=np.float64)


def squared(y_true: Floats, y_pred: Floats) -> Floats:
    """(y_pred - y_true)^2, in squared units of the label."""
    return np.square(np.subtract(y_pred, y_true, dtype=np.float64))


def absolute(y_true: Floats, y_pred: Floats) -> Floats:
    """|y_pred - y_true|, in units of the label."""
    return np.abs(np.subtract(y_pred, y_true, dtype=np.float64))


def log(y_true: Floats, y_pred: Floats) -> Floats:
    """-ln of the probability given to what came true, in nats; `y_true` is 0 or 1, `y_pred` the probability
    of 1.

    Probabilities are held between 1e-6 and 1 - 1e-6, so that one row costs at most 13.8.

    >>> log(np.array([1.0, 0.0]), np.array([0.5, 0.0])).round(4).tolist()
    [0.6931, 0.0]
    """
    p = np.clip(np.asarray(y_pred, dtype=np.float64), CLIP, 1 - CLIP)
    return -np.log(np.where(np.asarray(y_true) == 1, p, 1 - p))


def best_constant(loss: str, y_true: Floats) -> float:
    """The one answer for all rows that costs least: the mean, of absolute loss the median.

    >>> best_constant("squared", np.array([0.0, 0.0, 3.0]))
    1.0
    >>> best_constant("absolute", np.array([0.0, 0.0, 3.0]))
    0.0
    """
    return float(np.median(y_true) if loss == "absolute" else np.mean(y_true))


def worst_case(loss: str, now: Floats, then: Floats, low: float, high: float) -> Floats:
    """How much more `then` could cost than `now`, float64[m], whatever the label between `low` and `high`.

    For squared loss it is reached at an end of the range, as the difference is linear in the label; for
    absolute loss it is at most how far the two are apart; of log loss the labels are 0 and 1, of 0/1 loss the
    range does not matter. Never below 0.

    >>> worst_case("squared", np.array([1.0]), np.array([3.0]), low=0.0, high=5.0)
    array([8.])
    """
    if loss == "zero_one":
        return np.asarray(now != then, dtype=np.float64)
    if loss == "absolute":
        return np.abs(np.subtract(then, now, dtype=np.float64))
    ends = (0.0, 1.0) if loss == "log" else (low, high)
    more = [
        LOSSES[loss](np.full(len(now), end), then) - LOSSES[loss](np.full(len(now), end), now) for end in ends
    ]
    return np.maximum(np.maximum(*more), 0.0)


LOSSES: dict[str, Callable[..., Floats]] = {
    "zero_one": zero_one,
    "squared": squared,
    "absolute": absolute,
    "log": log,
}


def scale_of(loss: str, base: Floats) -> float:
    """How many units make up a loss of 1: 1 for 0/1 losses, else a power of two fixed by the base model's
    mean.

    Raises ValueError for more than 4,194,304 rows of a loss that is not 0/1, as their sum may not be exact,
    and for a mean that is not finite.

    >>> scale_of("zero_one", np.array([1.0])), scale_of("squared", np.array([0.5, 1.5]))
    (1.0, 1048576.0)
    """
    if loss == "zero_one":
        return 1.0
    if len(base) > MAX_ROWS:
        raise ValueError(f"This loss is summed exactly over at most {MAX_ROWS:,} rows, not {len(base):,}.")
    mean = float(np.mean(base)) if len(base) else 0.0
    if not math.isfinite(mean):
        raise ValueError(f"The base model's mean loss is {mean}; it has to be a finite number.")
    return float(STEPS / 2.0 ** np.floor(np.log2(mean))) if mean > 0 else float(STEPS)


def scaled(losses: Floats, scale: float) -> Losses:
    """Losses in units, int64[n], each to the nearest one; a row counts at most 2^40 of them.

    >>> scaled(np.array([0.25, 1.0]), 4.0).tolist()
    [1, 4]
    """
    if np.isnan(losses).any():
        raise ValueError("A loss is missing (NaN).")
    return np.rint(np.minimum(np.asarray(losses) * scale, float(RANGE) * STEPS)).astype(np.int64)

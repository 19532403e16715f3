"""Losses of predictions, row by row and as whole numbers, so that sums of them are exact and never tie by
chance.

A loss is kept in units: `scaled` writes it as int64 multiples of 1 / `scale`. Of 0/1 losses the scale is 1.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fairness.rates import Floats

Losses = NDArray[np.int64]
CLIP = 1e-6  # a probability is held between this and 1 minus this
# A row's loss counts at most this many times the mean of the base model's, in steps of this fine a part of
# it:
# four million rows of it stay within int64.
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
    p = np.clip(y_pred, CLIP, 1 - CLIP)
    return -np.log(np.where(np.asarray(y_true) == 1, p, 1 - p))


LOSSES: dict[str, Callable[..., Floats]] = {
    "zero_one": zero_one,
    "squared": squared,
    "absolute": absolute,
    "log": log,
}


def scale_of(loss: str, base: Floats) -> float:
    """How many units make up a loss of 1: 1 for 0/1 losses, else a power of two fixed by the base model's
    mean.

    Raises ValueError for more than 4,194,304 rows of a loss that is not 0/1, as their sum may not be exact.

    >>> scale_of("zero_one", np.array([1.0])), scale_of("squared", np.array([0.5, 1.5]))
    (1.0, 1048576.0)
    """
    if loss == "zero_one":
        return 1.0
    if len(base) > MAX_ROWS:
        raise ValueError(f"This loss is summed exactly over at most {MAX_ROWS:,} rows, not {len(base):,}.")
    mean = float(np.mean(base)) if len(base) else 0.0
    return float(STEPS / 2.0 ** np.floor(np.log2(mean))) if mean > 0 else float(STEPS)


def scaled(losses: Floats, scale: float) -> Losses:
    """Losses in units, int64[n], each to the nearest one; a row counts at most 2^40 of them.

    >>> scaled(np.array([0.25, 1.0]), 4.0).tolist()
    [1, 4]
    """
    if np.isnan(losses).any():
        raise ValueError("A loss is missing (NaN).")
    return np.rint(np.minimum(np.asarray(losses) * scale, float(RANGE) * STEPS)).astype(np.int64)

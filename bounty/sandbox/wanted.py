"""What a fix's predictor is asked for, and what its outputs mean as that: a label, a number or a
probability.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fairness.losses import LARGEST

from .answers import CODE, Refusal
from .labels import canonical

# As float32 gives them: what a row's probabilities may miss 1 by together, and one may be below 0 or above 1.
SUM_TOLERANCE, RANGE_TOLERANCE = 1e-3, 1e-5
NUMBERS = (int, float, np.integer, np.floating, np.bool_)


@dataclass(frozen=True)
class Wanted:
    """`kind` is label, number or probability: of `positive`, one of two `labels`."""

    kind: str
    labels: tuple[str, ...] = ()
    positive: str = ""


def labels_of(values: object, rows: int, labels: list[str]) -> np.ndarray:
    """Codes of labels: from labels, or from probabilities in their order, of which the first highest wins."""
    array = np.asarray(values)
    if array.dtype.kind == "f" and array.shape == (rows, len(labels)) and len(labels) > 1:
        return distributions(array.astype(np.float64)).argmax(axis=1).astype(CODE)
    names, codes = canonical(array, rows, not_a_label="unknown_labels")
    used = [names[code] for code in np.unique(codes)]
    unknown = [name for name in used if name not in labels]
    if unknown:
        raise Refusal("unknown_labels", "labels", ", ".join(unknown[:5]), ", ".join(labels))
    places = np.array([labels.index(name) if name in labels else 0 for name in names], CODE)
    return places[codes]


def numbers_of(values: object, rows: int, wanted: Wanted) -> np.ndarray:
    """One finite number for each row; of probabilities in the order of the labels, the positive one's."""
    array = np.asarray(values)
    if wanted.kind == "probability" and array.shape == (rows, 2):
        both = distributions(as_floats(array))
        return np.ascontiguousarray(both[:, wanted.labels.index(wanted.positive)])
    if array.shape not in ((rows,), (rows, 1)):
        raise Refusal("wrong_output_shape", "output_shape", rows, list(array.shape))
    numbers = as_floats(array.reshape(rows))
    return within_range(numbers) if wanted.kind == "probability" else numbers


def as_floats(array: np.ndarray) -> np.ndarray:
    """float64, all finite."""
    missing = pd.isna(array)
    if array.dtype.kind == "O" and not missing.any():
        other = next((value for value in array.flat if not isinstance(value, NUMBERS)), None)
        if other is not None:
            raise Refusal("not_a_number", "answers", f"values of type {type(other).__name__}")
    elif array.dtype.kind not in "biufO":
        raise Refusal("not_a_number", "answers", f"values of type {array.dtype}")
    if not missing.any():
        array = array.astype(np.float64)
        missing = np.isinf(array)
    if missing.any():
        raise Refusal("has_missing_answers", "not_finite", int(by_row(missing).sum()), len(array))
    if array.size and np.abs(array).max() > LARGEST:
        raise Refusal("not_a_number", "answers", f"numbers beyond {LARGEST:.0e}")
    return array


def distributions(array: np.ndarray) -> np.ndarray:
    """Rows of probabilities, which add up to 1."""
    chances = within_range(as_floats(array))
    sums = chances.sum(axis=1)
    if len(sums) and np.abs(sums - 1).max() > SUM_TOLERANCE:
        raise Refusal("not_a_probability", "sums", f"{sums[np.abs(sums - 1).argmax()]:.4g}")
    return chances


def within_range(array: np.ndarray) -> np.ndarray:
    if array.size and (array.min() < -RANGE_TOLERANCE or array.max() > 1 + RANGE_TOLERANCE):
        raise Refusal("not_a_probability", "range", f"{array.min():.4g}", f"{array.max():.4g}")
    return array.clip(0, 1)


def by_row(flags: np.ndarray) -> np.ndarray:
    return flags.reshape(len(flags), -1).any(axis=1)

"""What a fix's predictor is asked for, and what its outputs mean as that: a label, a number or a
probability.
"""

from dataclasses import dataclass

import numpy as np

from .answers import CODE, Refusal
from .labels import canonical

SUM_TOLERANCE = 1e-3  # of a row's probabilities, as float32 gives them


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
        check_probabilities(array)
        return array.argmax(axis=1).astype(CODE)
    names, codes = canonical(values, rows)
    used = [names[code] for code in np.unique(codes)]
    unknown = [name for name in used if name not in labels]
    if unknown:
        raise Refusal("unknown_labels", "labels", ", ".join(unknown[:5]), ", ".join(labels))
    places = np.array([labels.index(name) if name in labels else 0 for name in names], CODE)
    return places[codes]


def numbers_of(values: object, rows: int, wanted: Wanted) -> np.ndarray:
    """One finite number for each row; of probabilities in the order of the labels, the positive one's."""
    array = np.asarray(values)
    both = wanted.kind == "probability" and array.shape == (rows, 2)
    if array.shape not in ((rows,), (rows, 1)) and not both:
        raise Refusal("wrong_output_shape", "output_shape", rows, list(array.shape))
    if array.dtype.kind not in "biuf":
        raise Refusal("wrong_output_shape", "output_type", array.dtype)
    array = array.astype(np.float64)
    if both:
        check_probabilities(array)
        return np.ascontiguousarray(array[:, wanted.labels.index(wanted.positive)])
    array = array.reshape(rows)
    check_finite(array)
    if wanted.kind == "probability":
        check_range(array)
    return array


def check_probabilities(array: np.ndarray) -> None:
    check_finite(array)
    check_range(array)
    if len(array) and np.abs(array.sum(axis=1) - 1).max() > SUM_TOLERANCE:
        raise Refusal("not_a_probability", "sums", f"{array.sum(axis=1).max():.4g}")


def check_finite(array: np.ndarray) -> None:
    missing = (
        int((~np.isfinite(array)).any(axis=-1).sum()) if array.ndim > 1 else int((~np.isfinite(array)).sum())
    )
    if missing:
        raise Refusal("has_missing_answers", "not_finite", missing, len(array))


def check_range(array: np.ndarray) -> None:
    if array.size and (array.min() < 0 or array.max() > 1):
        raise Refusal("not_a_probability", "range", f"{array.min():.4g}", f"{array.max():.4g}")

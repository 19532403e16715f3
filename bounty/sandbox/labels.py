"""What a model's answers mean: one label per row, in one canonical way of writing it.

Whole numbers have one label however they are written: true, 1, 1.0 and "1" are all "1". A group's answers are
"1" and "0".
"""

import math

import numpy as np
import pandas as pd

from .answers import CODE, MAX_LABELS, Refusal

MAX_LABEL_CHARACTERS = 200


def canonical(
    values: object, rows: int, not_a_label: str = "not_zero_or_one"
) -> tuple[list[str], np.ndarray]:
    """One batch's answers as distinct labels and a code per row.

    `not_a_label` is the code of a refusal of what is neither text nor number.
    """
    array = np.asarray(values)
    if array.shape not in ((rows,), (rows, 1)):
        raise Refusal("wrong_output_shape", "output_shape", rows, list(array.shape))
    array = array.reshape(rows)
    if array.dtype.kind in "OUST":
        return _code_objects(array.astype(object), not_a_label)
    if array.dtype.kind not in "biuf":
        raise Refusal("wrong_output_shape", "output_type", array.dtype)
    _check_missing(np.isnan(array) if array.dtype.kind == "f" else np.zeros(rows, bool))
    if ((array == 0) | (array == 1)).all():
        return ["0", "1"], array.astype(CODE)
    distinct, codes = np.unique(array, return_inverse=True)
    _check_count(len(distinct))
    return [_label(value, not_a_label) for value in distinct.tolist()], codes.astype(CODE)


def merge(batches: list[tuple[list[str], np.ndarray]]) -> tuple[list[str], np.ndarray]:
    labels: dict[str, int] = {}
    parts = []
    for names, codes in batches:
        places = np.array([labels.setdefault(name, len(labels)) for name in names], CODE)
        parts.append(places[codes])
    _check_count(len(labels))
    return list(labels), np.concatenate(parts)


def _code_objects(values: np.ndarray, not_a_label: str) -> tuple[list[str], np.ndarray]:
    empty = [isinstance(value, str) and not value for value in values]
    _check_missing(pd.isna(values) | np.array(empty, bool))
    labels: dict[str, int] = {}
    codes = np.empty(len(values), CODE)
    for row, value in enumerate(values):
        codes[row] = labels.setdefault(_label(value, not_a_label), len(labels))
        _check_count(len(labels))
    return list(labels), codes


def _label(value: object, not_a_label: str) -> str:
    if isinstance(value, (bool, int, np.integer, np.bool_)):
        label = str(int(value))
    elif isinstance(value, (float, np.floating)):
        label = str(int(value)) if math.isfinite(value) and value == int(value) else repr(float(value))
    elif isinstance(value, str):
        label = str(value)
    else:
        raise Refusal(not_a_label, "answers", f"objects of type {type(value).__name__}")
    if len(label) > MAX_LABEL_CHARACTERS:
        raise Refusal("too_many_labels")
    return label


def _check_missing(missing: np.ndarray) -> None:
    if missing.any():
        raise Refusal("has_missing_answers", "missing", int(missing.sum()), len(missing))


def _check_count(labels: int) -> None:
    if labels > MAX_LABELS:
        raise Refusal("too_many_labels")

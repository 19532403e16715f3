"""What a model's answers mean: label codes, int64 places in the task's labels, or numbers, float64."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairness.bundle import Part, Task
from fairness.columns import TableError, shown
from fairness.tables import canonical_labels

ROUNDED = 1e-5  # how far a float32 probability may be outside of 0 and 1, as on the platform
GROUP_LABELS = ("0", "1")


def constant(part: Part, task: Task) -> int | float:
    """What a constant answers: a code or a number."""
    if task.kind == "label":
        return task.labels.index(part.text)
    return float(numbers(np.array([float(part.text)]), 1, task.kind)[0])


def label_codes(answers: NDArray[Any], n: int, labels: tuple[str, ...]) -> NDArray[np.int64]:
    """Answers, [n] or [n, 1] of labels, as places in `labels`, int64[n]; true, 1, 1.0 and "1" are all "1".

    Raises ValueError with a sentence for another shape, for missing answers and unknown labels.

    >>> label_codes(np.array([1.0, 0.0]), 2, ("0", "1")).tolist()
    [1, 0]
    """
    column = _column(answers, n)
    try:
        texts = pl.Series(canonical_labels(column, "answer").tolist(), dtype=pl.String)
    except (TableError, TypeError) as error:
        raise ValueError("it gives answers that are missing, infinite, or no labels.") from error
    known, codes = pl.Series(labels), pl.Series(range(len(labels)), dtype=pl.Int64)
    unknown = texts.filter(texts.is_in(known.implode()).not_())
    if unknown.len():
        raise ValueError(f"it answers {shown(unknown[0])}; the labels are {', '.join(map(shown, labels))}.")
    return np.asarray(texts.replace_strict(known, codes, return_dtype=pl.Int64), dtype=np.int64)


def score_codes(scores: NDArray[Any], n: int, labels: tuple[str, ...]) -> NDArray[np.int64]:
    """The place of the highest of scores, float[n, labels], in each row, of equal ones the first; of anything
    else than scores `label_codes`.

    >>> score_codes(np.array([[0.2, 0.8], [0.5, 0.5]], np.float32), 2, ("no", "yes")).tolist()
    [1, 0]
    """
    if scores.dtype.kind != "f" or scores.shape != (n, len(labels)):
        return label_codes(scores, n, labels)
    if np.isnan(scores).any():
        raise ValueError("it gives scores that are missing (NaN).")
    return np.asarray(np.argmax(scores, axis=1), dtype=np.int64)


def numbers(answers: NDArray[Any], n: int, kind: str) -> NDArray[np.float64]:
    """A model's answers as float64[n]. Raises ValueError with a sentence for what is no number, or no
    probability.
    """
    column = _column(answers, n)
    if column.dtype.kind not in "biuf" or not np.isfinite(column).all():
        raise ValueError("it gives answers that are no numbers, missing or infinite.")
    numbers = column.astype(np.float64)
    if kind != "probability":
        return numbers
    if not ((numbers >= -ROUNDED) & (numbers <= 1 + ROUNDED)).all():
        raise ValueError("it gives probabilities outside 0 and 1.")
    return numbers.clip(0, 1)


def _column(answers: NDArray[Any], n: int) -> NDArray[Any]:
    if answers.shape not in ((n,), (n, 1)):
        raise ValueError(f"it gives {answers.shape} answers for {n} rows; one for each row is needed.")
    return answers.reshape(n)

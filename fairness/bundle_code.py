"""The formats of a bundle that are code, run here without a sandbox: only for those who trust its authors."""

import contextlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skops.io import get_untrusted_types, loads  # type: ignore[import-untyped]

from fairness.columns import Schema, shown
from fairness.tables import canonical_labels

Values = Mapping[str, NDArray[Any]]


def load_skops(data: bytes, schema: Schema, *, positive: str = "") -> Callable[[Values], NDArray[Any]]:
    """A scikit-learn model's predict(frame), or where a label is named its column of predict_proba(frame), if
    the model has one. Every type in the file is trusted.

    Raises ValueError for a model without predict, or of other columns, and what skops raises for a file it
    cannot load.
    """
    model = loads(data, trusted=get_untrusted_types(data=data))
    if not callable(getattr(model, "predict", None)):
        raise ValueError("it has no predict method.")
    wanted = _wanted(model, [column.name for column in schema])
    if positive and callable(getattr(model, "predict_proba", None)):
        classes = canonical_labels(list(model.classes_), "class").tolist()
        if positive not in classes:
            raise ValueError(f"it knows no {shown(positive)}.")
        place = classes.index(positive)
        chances: Callable[[pd.DataFrame], Any] = model.predict_proba
        return _predictor(lambda frame: chances(frame)[:, place], wanted)
    return _predictor(model.predict, wanted)


def load_python(data: bytes, schema: Schema) -> Callable[[Values], NDArray[Any]]:
    """The function predict(frame) of a Python text. The text runs with all that this process may do.

    Raises ValueError for a text without predict, and whatever the text raises.
    """
    names: dict[str, Any] = {"__name__": "submission"}
    with contextlib.redirect_stdout(sys.stderr):
        exec(compile(data.decode(), "submission.py", "exec"), names)  # noqa: S102 -- asked to, by --trust-code  # nosec
    if not callable(names.get("predict")):
        raise ValueError("it defines no function predict.")
    return _predictor(names["predict"], [column.name for column in schema])


def _predictor(
    predict: Callable[[pd.DataFrame], Any], columns: list[str]
) -> Callable[[Values], NDArray[Any]]:
    def answer(values: Values) -> NDArray[Any]:
        # A frame of its own: a model may write into it. What it prints must not end up among predictions.
        frame = pd.DataFrame({name: values[name].copy() for name in columns})
        with contextlib.redirect_stdout(sys.stderr):
            return np.asarray(predict(frame))

    return answer


def _wanted(model: Any, columns: list[str]) -> list[str]:
    """The columns a model was fitted on, in its own order; all where it does not say."""
    wanted = getattr(model, "feature_names_in_", None)
    if wanted is not None:
        names = [str(name) for name in wanted]
        if unknown := [name for name in names if name not in columns]:
            raise ValueError(f"it was fitted on {shown(unknown[0])}, which is no column of the schema.")
        return names
    count = getattr(model, "n_features_in_", len(columns))
    if count != len(columns):
        raise ValueError(f"it was fitted on {count} columns, and the schema has {len(columns)}.")
    return columns

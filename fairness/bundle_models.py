"""The models of a bundle as functions of rows: groups give booleans, predictors and the base model answers
(`fairness.bundle_answers`).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairness.bundle import Part, Task
from fairness.bundle_answers import GROUP_LABELS, constant, label_codes, numbers, score_codes
from fairness.bundle_code import load_python, load_skops
from fairness.columns import Schema
from fairness.onnx_session import Values, load_onnx
from fairness.pointer_list import Answers, Mask
from fairness.slices.rules import compile_rule

Model = Callable[[pl.DataFrame], NDArray[Any]]

LOADERS: dict[str, Callable[[bytes, Schema], Callable[[Values], NDArray[Any]]]] = {
    "onnx": load_onnx,
    "skops": load_skops,
    "python": load_python,
}


def load_group(part: Part, schema: Schema) -> Callable[[pl.DataFrame], Mask]:
    """Whether rows are in the group, bool[n], for a frame of the schema's columns.

    Loading and running raise whatever the model raises, and ValueError with a sentence for answers other than
    0 and 1, true and false.
    """
    if part.format == "rule":
        return compile_rule(part.text, schema).mask
    model = _load(part, schema)
    return lambda frame: label_codes(model(frame), frame.height, GROUP_LABELS) == 1


def load_predictor(part: Part, schema: Schema, task: Task) -> Callable[[pl.DataFrame], Answers]:
    """Answers for the rows of a frame. Raises as `load_group`, for answers that the task does not have."""
    if part.format == "rule":
        mask, yes = compile_rule(part.text, schema).mask, task.labels.index(task.positive)
        return lambda frame: np.where(mask(frame), yes, 1 - yes)
    if part.format == "constant":
        answer = constant(part, task)
        return lambda frame: np.full(frame.height, answer)
    if task.kind == "probability":
        return _probabilities(part, schema, task)
    model = _load(part, schema)
    if task.kind == "label":
        return lambda frame: score_codes(model(frame), frame.height, task.labels)
    return lambda frame: numbers(model(frame), frame.height, task.kind)


def _probabilities(part: Part, schema: Schema, task: Task) -> Callable[[pl.DataFrame], Answers]:
    """The positive label's probability, also of a model that gives both in the order of the labels."""
    model: Callable[[Values], NDArray[Any]]
    if part.format == "onnx":
        model = load_onnx(part.data, schema, probability=True)
    elif part.format == "skops":
        model = load_skops(part.data, schema, positive=task.positive)
    else:
        model = load_python(part.data, schema)
    place = task.labels.index(task.positive)

    def answer(frame: pl.DataFrame) -> Answers:
        given = model(columns_of(frame))
        one = given[:, place] if given.shape == (frame.height, 2) else given
        return numbers(one, frame.height, task.kind)

    return answer


def columns_of(frame: pl.DataFrame) -> Values:
    """The columns as models other than rules take them: float64, NaN where missing, or strings, "" where
    missing.
    """
    return {
        column.name: column.fill_null(np.nan).to_numpy()
        if column.dtype == pl.Float64
        else column.fill_null("").to_numpy().astype(object)
        for column in frame
    }


def _load(part: Part, schema: Schema) -> Model:
    model = LOADERS[part.format](part.data, schema)
    return lambda frame: model(columns_of(frame))

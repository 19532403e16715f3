"""An ONNX model as a function of rows, run by onnxruntime on one thread."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairness.columns import Schema
from fairness.onnx_check import read_onnx
from fairness.onnx_inputs import DECIMALS, Port, feed_rows, plan_feeds

# onnxruntime would report home otherwise; it looks when it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime  # type: ignore[import-untyped]

SILENT = 4  # what goes wrong is raised; a log of it would only say it twice

Values = Mapping[str, NDArray[Any]]


def start_session(data: bytes) -> Any:
    """An onnxruntime session for a model in bytes; whatever onnxruntime raises."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = SILENT
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def load_onnx(data: bytes, schema: Schema, *, probability: bool = False) -> Callable[[Values], NDArray[Any]]:
    """The model's first output as a function of n rows (`fairness.onnx_inputs.feed_rows`); of probabilities
    the first output of decimals whose shape is one of theirs, as classifiers put their labels before them.

    Raises ValueError for a model that is not taken or whose inputs no column fits, and what onnxruntime
    raises for one it cannot load.
    """
    read_onnx(data)
    session = start_session(data)
    ports = [
        Port(port.name, port.type, tuple(size if isinstance(size, int) else None for size in port.shape))
        for port in session.get_inputs()
    ]
    feeds = plan_feeds(ports, schema)
    outputs = session.get_outputs()
    names = [one.name for one in outputs if one.type in DECIMALS] if probability else []

    def answer(values: Values) -> NDArray[Any]:
        given = [np.asarray(one) for one in session.run(names or [outputs[0].name], feed_rows(feeds, values))]
        n = len(next(iter(values.values())))
        return next((one for one in given if one.shape in ((n,), (n, 1), (n, 2))), given[0])

    return answer

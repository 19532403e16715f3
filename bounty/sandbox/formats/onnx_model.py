"""ONNX: checked as a tree of nodes first, then run by onnxruntime on one thread."""

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from onnxruntime.capi import onnxruntime_pybind11_state as errors

from fairness.tables import Schema

from ..answers import Refusal
from ..rows import Rows
from ..wanted import Wanted
from .onnx_check import check

TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}
TEXT = "tensor(string)"
DECIMALS = ("tensor(float)", "tensor(double)")
INVALID = (
    errors.InvalidProtobuf,
    errors.InvalidGraph,
    errors.NotImplemented,
    errors.InvalidArgument,
    errors.Fail,
)


def load(payload: memoryview, schema: Schema, wanted: Wanted | None = None) -> Callable[[Rows], np.ndarray]:
    """The first output answers; of a predictor asked for probabilities, the first one of decimal numbers
    whose shape fits, [N], [N, 1] or [N, 2], as classifiers put their labels first.
    """
    data = bytes(payload)
    try:
        check(onnx.load_model_from_string(data))
    except DecodeError as error:
        raise Refusal("unreadable_model") from error
    session = start_session(data)
    feed = feeder(session.get_inputs(), schema)
    if wanted is not None and wanted.kind == "probability":
        return chances(session, feed)
    output = session.get_outputs()[0]
    if not output.type.startswith("tensor("):
        raise Refusal("wrong_output_shape", "output_type", output.type)
    return lambda rows: session.run([output.name], feed(rows))[0]


def chances(session: onnxruntime.InferenceSession, feed: Callable[[Rows], dict]) -> Callable[[Rows], object]:
    outputs = session.get_outputs()
    names = [output.name for output in outputs if output.type in DECIMALS]
    if not names:
        raise Refusal("wrong_output_shape", "no_decimals", ", ".join(output.type for output in outputs))

    def predict(rows: Rows) -> object:
        n = len(rows)
        answers = session.run(names, feed(rows))
        return next((one for one in answers if one.shape in ((n,), (n, 1), (n, 2))), answers[0])

    return predict


def start_session(data: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # The arena doubles its blocks: a model would meet the memory limit at half of it.
    options.enable_cpu_mem_arena = False
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except INVALID as error:
        raise Refusal("unreadable_model") from error


def feeder(inputs: list, schema: Schema) -> Callable[[Rows], dict[str, np.ndarray]]:
    """How a batch of rows becomes the model's inputs: one per column, or all numbers in one."""
    for node in inputs:
        if node.type not in TYPES and node.type != TEXT:
            raise Refusal("wrong_inputs", "input_type", node.name, node.type, "float32 or string")
    columns = {column.name: column for column in schema}
    if len(inputs) == 1 and inputs[0].name not in columns:
        return one_matrix(inputs[0], schema)
    for node in inputs:
        if node.name not in columns:
            raise Refusal("wrong_inputs", "input_name", node.name, ", ".join(columns))
        if (node.type == TEXT) != (columns[node.name].dtype == "text"):
            wanted = "string" if columns[node.name].dtype == "text" else "float32"
            raise Refusal("wrong_inputs", "input_type", node.name, node.type, wanted)
        check_shape(node, 1)

    def feed(rows: Rows) -> dict[str, np.ndarray]:
        values = rows.columns()
        return {node.name: cast(values[node.name][:, None], node) for node in inputs}

    return feed


def one_matrix(node: onnxruntime.NodeArg, schema: Schema) -> Callable[[Rows], dict[str, np.ndarray]]:
    texts = [column.name for column in schema if column.dtype == "text"]
    if texts:
        raise Refusal("wrong_inputs", "input_text", ", ".join(texts))
    if node.type == TEXT:
        raise Refusal("wrong_inputs", "input_type", node.name, node.type, "float32")
    check_shape(node, len(schema))
    return lambda rows: {node.name: cast(rows.matrix(), node)}


def check_shape(node: onnxruntime.NodeArg, width: int) -> None:
    """[any number of rows, width]; a name or nothing stands for any number."""
    free_rows = len(node.shape) == 2 and not isinstance(node.shape[0], int)
    if not free_rows or (isinstance(node.shape[1], int) and node.shape[1] != width):
        raise Refusal("wrong_inputs", "input_shape", node.name, node.shape, f"[N, {width}]")


def cast(values: np.ndarray, node: onnxruntime.NodeArg) -> np.ndarray:
    if node.type == TEXT:
        return values
    dtype = TYPES[node.type]
    if np.issubdtype(dtype, np.integer) and not (values == np.trunc(values)).all():
        raise Refusal("wrong_inputs", "input_missing", node.name)
    return values.astype(dtype)

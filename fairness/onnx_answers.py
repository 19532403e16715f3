"""A part's output, in the graph, as what it answers: label codes or numbers.

The same readings as `fairness.bundle_answers` gives to arrays. An answer that is none of the labels, which
stops a bundle, has the code -1 here.
"""

import math

from onnx import TensorProto, ValueInfoProto

from fairness.bundle import Task
from fairness.bundle_answers import GROUP_LABELS
from fairness.onnx_graph import DOUBLE, INT64, STRING, Graph
from fairness.tables import canonical_labels

FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)
INTEGERS = (
    TensorProto.BOOL,
    TensorProto.INT8,
    TensorProto.INT16,
    TensorProto.INT32,
    TensorProto.INT64,
    TensorProto.UINT8,
    TensorProto.UINT16,
    TensorProto.UINT32,
)
NO_LABEL = -1
NO_WIDTH = "it does not state how many columns its output has."


def group_of(graph: Graph, tensor: str, output: ValueInfoProto) -> str:
    """A group's answers as bool [n]. Raises ValueError with a sentence, as all here."""
    kind, _ = _stated(output)
    return graph.add("Equal", _codes(graph, tensor, kind, GROUP_LABELS), graph.constant(1))


def answers_of(graph: Graph, tensor: str, output: ValueInfoProto, task: Task) -> str:
    """A predictor's answers as int64 [n] of label codes, or double [n]."""
    kind, width = _stated(output)
    if task.kind != "label":
        if kind == STRING:
            raise ValueError("it answers texts where numbers are needed.")
        if task.kind == "probability":
            tensor = _positive(graph, tensor, width, task)
        number = graph.flat(graph.add("Cast", tensor, to=DOUBLE))
        if task.kind == "probability":
            return graph.add("Clip", number, graph.constant(0.0), graph.constant(1.0))
        return number
    if kind in FLOATS and width is None:
        raise ValueError(NO_WIDTH)
    if kind in FLOATS and width == len(task.labels):
        return graph.add("ArgMax", graph.add("Cast", tensor, to=DOUBLE), axis=1, keepdims=0)
    return _codes(graph, tensor, kind, task.labels)


def _positive(graph: Graph, tensor: str, width: int | None, task: Task) -> str:
    """[n] or [n, 1] of probabilities as they are; of two columns, one for each label, the positive one."""
    if width is None:
        raise ValueError(NO_WIDTH)
    if width != 2:
        return tensor
    return graph.add("Gather", tensor, graph.constant(task.labels.index(task.positive)), axis=1)


def _stated(output: ValueInfoProto) -> tuple[int, int | None]:
    """Type, and columns where they are stated; 1 for [n]."""
    tensor = output.type.tensor_type
    kind, sizes = tensor.elem_type, tensor.shape.dim
    if not tensor.HasField("shape") or len(sizes) not in (1, 2):
        raise ValueError("its output is not stated to be [rows] or [rows, columns].")
    if kind not in (*FLOATS, *INTEGERS, STRING):
        raise ValueError("its output is neither numbers nor strings.")
    if len(sizes) == 1:
        return kind, 1
    return kind, sizes[1].dim_value if sizes[1].HasField("dim_value") else None


def _codes(graph: Graph, tensor: str, kind: int, labels: tuple[str, ...]) -> str:
    """[n] or [n, 1] of labels as int64 [n]."""
    values: dict[str, str | int | float] = {label: label for label in labels}
    if kind != STRING:
        values = {label: number for label in labels if (number := _number(label)) is not None}
    if kind in INTEGERS:
        tensor = graph.add("Cast", tensor, to=INT64)
        values = {label: int(label) for label, number in values.items() if float(number) % 1 == 0}
    elif kind in FLOATS:
        tensor = graph.add("Cast", tensor, to=DOUBLE)
    tensor, codes = graph.flat(tensor), graph.constant(NO_LABEL)
    # From -1 on every label in turn: a row's answer is one of them at most.
    codes = graph.add("Expand", codes, graph.add("Shape", tensor))
    for label, value in values.items():
        is_it = graph.add("Equal", tensor, graph.constant(value))
        codes = graph.add("Where", is_it, graph.constant(labels.index(label)), codes)
    return codes


def _number(label: str) -> float | None:
    """The number whose label this is: of "1" it is 1, of "01" and "1.0" there is none."""
    try:
        number = float(label)
    except ValueError:
        return None
    return number if math.isfinite(number) and canonical_labels([number], "label")[0] == label else None

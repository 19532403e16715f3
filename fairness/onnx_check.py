"""What an ONNX model of a bundle may hold. Its graphs are walked whole, those inside other nodes too."""

from collections.abc import Iterator

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import AttributeProto, GraphProto, ModelProto, SparseTensorProto, TensorProto

from fairness.columns import shown

DEFAULT, ML = "", "ai.onnx.ml"
DOMAINS = (DEFAULT, "ai.onnx", ML)
# Loops run without end in a few bytes; the others answer at random or decode images.
FORBIDDEN = frozenset(
    "Loop Scan SequenceMap Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform "  # noqa: SIM905
    "RandomUniformLike ImageDecoder".split()
)


def read_onnx(data: bytes) -> ModelProto:
    """The model in these bytes, once nothing in it reads files, loops, answers at random, or is unknown.

    Raises ValueError with a sentence on the first thing that is not taken.

    >>> read_onnx(b"nothing")
    Traceback (most recent call last):
    ValueError: it is no ONNX model.
    """
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise ValueError("it is no ONNX model.") from error
    if not model.HasField("graph"):
        raise ValueError("it is no ONNX model.")
    if model.functions or model.training_info:
        raise ValueError("it holds functions of its own or training graphs.")
    for graph in graphs(model.graph):
        for node in graph.node:
            if node.domain not in DOMAINS or node.op_type in FORBIDDEN:
                raise ValueError(f"it uses the operator {shown(node.op_type)}, which is not taken.")
        if any(is_external(tensor) for tensor in tensors(graph)):
            raise ValueError("its weights lie in other files.")
    return model


def graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """The graph and every graph inside it."""
    waiting = [graph]
    while waiting:
        current = waiting.pop()
        yield current
        for attribute in attributes(current):
            waiting.extend(inner_graphs(attribute))


def inner_graphs(attribute: AttributeProto) -> list[GraphProto]:
    return [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]


def attributes(graph: GraphProto) -> Iterator[AttributeProto]:
    """The attributes of this graph's nodes, without those of graphs inside it."""
    for node in graph.node:
        yield from node.attribute


def sparse_tensors(graph: GraphProto) -> Iterator[SparseTensorProto]:
    """Every sparse tensor of this graph, without those of graphs inside it."""
    yield from graph.sparse_initializer
    for attribute in attributes(graph):
        if attribute.HasField("sparse_tensor"):
            yield attribute.sparse_tensor
        yield from attribute.sparse_tensors


def tensors(graph: GraphProto) -> Iterator[TensorProto]:
    """Every tensor of this graph, without those of graphs inside it."""
    yield from graph.initializer
    for attribute in attributes(graph):
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
    for tensor in sparse_tensors(graph):
        yield tensor.values
        yield tensor.indices


def is_external(tensor: TensorProto) -> bool:
    """Whether a tensor's numbers lie in another file."""
    return tensor.data_location == TensorProto.EXTERNAL or len(tensor.external_data) > 0

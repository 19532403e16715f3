"""What an ONNX model may hold. Its graphs are walked whole, those inside other nodes too."""

from collections.abc import Iterator

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto

from ..answers import Refusal

DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
# Loops run without end in a few bytes; the others answer at random or decode images.
FORBIDDEN = """
    Loop Scan SequenceMap Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike
    ImageDecoder
"""


def check(model: ModelProto) -> None:
    """Raises Refusal at the first thing that is not taken."""
    if not model.HasField("graph"):
        raise Refusal("unreadable_model")
    if model.functions:
        raise Refusal("forbidden_operator", "operator", "functions of its own")
    if model.training_info:
        raise Refusal("forbidden_operator", "operator", "training graphs")
    for graph in graphs(model.graph):
        for node in graph.node:
            if node.domain not in DOMAINS:
                raise Refusal("forbidden_operator", "operator", f"{node.op_type} of the domain {node.domain}")
            if node.op_type in FORBIDDEN.split():
                raise Refusal("forbidden_operator", "operator", node.op_type)
        if any(is_external(tensor) for tensor in tensors(graph)):
            raise Refusal("external_data")


def graphs(graph: GraphProto) -> Iterator[GraphProto]:
    waiting = [graph]
    while waiting:
        current = waiting.pop()
        yield current
        for attribute in attributes(current):
            if attribute.HasField("g"):
                waiting.append(attribute.g)
            waiting.extend(attribute.graphs)


def attributes(graph: GraphProto) -> Iterator[AttributeProto]:
    for node in graph.node:
        yield from node.attribute


def tensors(graph: GraphProto) -> Iterator[TensorProto]:
    """Every tensor of this graph, without those of graphs inside it."""
    yield from graph.initializer
    sparse = list(graph.sparse_initializer)
    for attribute in attributes(graph):
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        if attribute.HasField("sparse_tensor"):
            sparse.append(attribute.sparse_tensor)
        sparse.extend(attribute.sparse_tensors)
    for tensor in sparse:
        yield tensor.values
        yield tensor.indices


def is_external(tensor: TensorProto) -> bool:
    return tensor.data_location == onnx.TensorProto.EXTERNAL or len(tensor.external_data) > 0

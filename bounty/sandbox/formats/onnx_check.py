"""What an ONNX model may hold, as refusals; what is looked at and forbidden is the same as for a bundle."""

from onnx import ModelProto

from fairness.onnx_check import DOMAINS, FORBIDDEN, graphs, is_external, tensors

from ..answers import Refusal


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
            if node.op_type in FORBIDDEN:
                raise Refusal("forbidden_operator", "operator", node.op_type)
        if any(is_external(tensor) for tensor in tensors(graph)):
            raise Refusal("external_data")

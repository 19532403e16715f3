"""Small ONNX models that are groups, made by hand so that tests know exactly what they answer."""

import onnx
from django.core.files.uploadedfile import SimpleUploadedFile
from onnx import TensorProto, helper

from bounty.models import Bounty


def below(bounty: Bounty, column: str, value: float) -> SimpleUploadedFile:
    """1 where a number column is below a value, with one input per visible column."""
    inputs = [
        helper.make_tensor_value_info(
            name["name"], TensorProto.FLOAT if name["dtype"] == "number" else TensorProto.STRING, [None, 1]
        )
        for name in bounty.schema
    ]
    graph = helper.make_graph(
        [
            helper.make_node("Less", [column, "limit"], ["is_below"]),
            helper.make_node("Cast", ["is_below"], ["group"], to=TensorProto.INT64),
        ],
        "below",
        inputs,
        [helper.make_tensor_value_info("group", TensorProto.INT64, [None, 1])],
        [helper.make_tensor("limit", TensorProto.FLOAT, [1], [value])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return SimpleUploadedFile("below.onnx", model.SerializeToString())

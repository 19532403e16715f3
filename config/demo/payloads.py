"""The files participants submit to do harm, to cheat, or by mistake."""

import os
from collections.abc import Callable, Sequence

import skops.io
from onnx import NodeProto, TensorProto, helper
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from .learned import fit, onnx_file, tree
from .sample import Sample

OPSET, IR_VERSION = 17, 9


def group_above_mean(sample: Sample) -> bytes:
    """Rows above the mean of whichever rows come along: not a property of a person."""
    column = "obrat"
    nodes = [*above_mean(column), helper.make_node("Cast", ["above"], ["answer"], to=TensorProto.INT64)]
    return graph(nodes, column)


def label_above_mean(sample: Sample) -> bytes:
    """A predictor that does the same: one label above the mean of the rows that come along, one below."""
    column, labels = "age", sorted(set(sample.y_true))
    texts = [helper.make_tensor(label, TensorProto.STRING, [1], [label.encode()]) for label in labels]
    nodes = [*above_mean(column), helper.make_node("Where", ["above", *labels[::-1]], ["answer"])]
    return graph(nodes, column, texts, answer=TensorProto.STRING)


def above_mean(column: str) -> list[NodeProto]:
    return [
        helper.make_node("ReduceMean", [column], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Greater", [column, "mean"], ["above"]),
    ]


def zero_one_tree(rule: str) -> Callable[[Sample], bytes]:
    """A predictor that forgot the labels' names: 1 and 0 for the higher and the lower one."""

    def make(sample: Sample) -> bytes:
        return onnx_file(sample, fit(sample, tree(), sample.y_true == max(sample.y_true), sample.group(rule)))

    return make


def server_file(sample: Sample) -> bytes:
    """Asks the server to read one of its own files as the model's weights."""
    stolen = helper.make_tensor("stolen", TensorProto.FLOAT, [8], bytes(32), raw=True)
    stolen.ClearField("raw_data")
    stolen.data_location = TensorProto.EXTERNAL
    stolen.external_data.add(key="location", value="../../../../etc/passwd")
    column = sample.numbers[0]
    nodes = [
        helper.make_node("ReduceMax", ["stolen"], ["limit"], keepdims=0),
        helper.make_node("Greater", [column, "limit"], ["above"]),
        helper.make_node("Cast", ["above"], ["answer"], to=TensorProto.INT64),
    ]
    return graph(nodes, column, [stolen])


def shell_command(sample: Sample) -> bytes:
    """A pipeline whose first step is os.system: whoever trusts the file runs a command."""
    return skops.io.dumps(make_pipeline(FunctionTransformer(os.system), LogisticRegression()))


def graph(
    nodes: list[NodeProto],
    column: str,
    weights: Sequence[TensorProto] = (),
    answer: int = TensorProto.INT64,
) -> bytes:
    """One number column in, an answer out."""
    inputs = [helper.make_tensor_value_info(column, TensorProto.FLOAT, [None, 1])]
    outputs = [helper.make_tensor_value_info("answer", answer, [None, 1])]
    model = helper.make_model(
        helper.make_graph(nodes, "answers", inputs, outputs, list(weights)),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    return model.SerializeToString()

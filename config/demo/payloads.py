"""The files participants submit: two fitted to the public sample, three meant to do harm or to cheat."""

import os

import skops.io
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from .audited import RANDOM_STATE
from .sample import MIN_ROWS, Sample

OPSET, IR_VERSION = 17, 9


def onnx_tree(sample: Sample) -> bytes:
    """A decision tree that learned where the model errs: 1 in leaves where it errs more often than not."""
    tree = DecisionTreeClassifier(max_depth=3, min_samples_leaf=MIN_ROWS, random_state=RANDOM_STATE)
    pipeline = fit(sample, SimpleImputer(strategy="median"), tree)
    inputs = [
        (name, StringTensorType([None, 1]) if name in sample.texts else FloatTensorType([None, 1]))
        for name in sample.features.columns
    ]
    model = to_onnx(pipeline, initial_types=inputs, options={id(tree): {"zipmap": False}})
    return model.SerializeToString()


def skops_pipeline(sample: Sample) -> bytes:
    """Logistic regression on the same question."""
    prepare = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return skops.io.dumps(fit(sample, prepare, LogisticRegression()))


def fit(sample: Sample, numbers: object, classifier: object) -> Pipeline:
    prepare = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), sample.texts),
        (numbers, sample.numbers),
    )
    frame, wrong = sample.to_learn_from()
    return make_pipeline(prepare, classifier).fit(frame, wrong.astype(int))


def above_mean(sample: Sample) -> bytes:
    """Rows above the mean of whichever rows come along: not a property of a person."""
    column = "obrat"
    nodes = [
        helper.make_node("ReduceMean", [column], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Greater", [column, "mean"], ["above"]),
        helper.make_node("Cast", ["above"], ["group"], to=TensorProto.INT64),
    ]
    return graph(nodes, column)


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
        helper.make_node("Cast", ["above"], ["group"], to=TensorProto.INT64),
    ]
    return graph(nodes, column, [stolen])


def shell_command(sample: Sample) -> bytes:
    """A pipeline whose first step is os.system: whoever trusts the file runs a command."""
    return skops.io.dumps(make_pipeline(FunctionTransformer(os.system), LogisticRegression()))


def graph(nodes: list, column: str, weights: list | None = None) -> bytes:
    """One number column in, the group out."""
    inputs = [helper.make_tensor_value_info(column, TensorProto.FLOAT, [None, 1])]
    outputs = [helper.make_tensor_value_info("group", TensorProto.INT64, [None, 1])]
    model = helper.make_model(
        helper.make_graph(nodes, "group", inputs, outputs, weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    return model.SerializeToString()

"""The four formats: each loads a payload and returns a function from rows to one answer per row."""

from . import onnx_model, python_function, rule, skops_model

LOADERS = {
    "rule": rule.load,
    "onnx": onnx_model.load,
    "skops": skops_model.load,
    "python": python_function.load,
}

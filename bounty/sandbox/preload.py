"""What a child may use. It has no files, so all of it is imported before it is forked."""

import importlib
import pkgutil

from onnx import TensorProto, helper

from .formats.onnx_model import start_session

STANDARD = """
    abc array ast base64 bisect calendar cmath codecs collections collections.abc colorsys contextlib copy csv
    dataclasses datetime decimal difflib enum fractions functools hashlib heapq html inspect io itertools json
    math numbers operator pprint random re reprlib statistics string struct textwrap time traceback types
    typing unicodedata warnings weakref zlib
    encodings.ascii encodings.cp437 encodings.cp1252 encodings.idna encodings.latin_1 encodings.utf_16
    encodings.utf_8_sig
"""
LIBRARIES = """
    joblib numpy numpy.fft numpy.linalg numpy.ma numpy.polynomial numpy.random onnx onnxruntime polars
    scipy scipy.interpolate scipy.linalg scipy.optimize scipy.sparse scipy.spatial scipy.special scipy.stats
    skops.io sqlglot
"""
# Import parts of themselves on first use, anywhere: taken whole.
WHOLE = "narwhals pandas sklearn"
NOT_FOR_USE = {"_build_utils", "conftest", "experimental", "tests", "this"}


def warm_up() -> None:
    """Imports, and one session: onnxruntime takes longer over its first than over a model."""
    for module in f"{STANDARD} {LIBRARIES}".split():
        importlib.import_module(module)
    for package in WHOLE.split():
        import_package(package)
    start_session(smallest_model())


def smallest_model() -> bytes:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N"])
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N"])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "smallest", [value], [answer])
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def import_package(name: str) -> None:
    try:
        package = importlib.import_module(name)
    except ImportError:
        # For a library that is not installed, which no submission can want.
        return
    for part in pkgutil.iter_modules(getattr(package, "__path__", ()), f"{name}."):
        if part.name.rsplit(".", 1)[1] not in NOT_FOR_USE:
            import_package(part.name)

"""A submitted ONNX model as a part of a larger graph: cut down to one output, brought to common
versions of the operators, renamed, and given the graph's columns.
"""

from collections.abc import Callable, Iterable, Iterator

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, checker, defs, helper
from onnx.shape_inference import InferenceError
from onnx.version_converter import ConvertError, convert_version

from fairness.columns import Schema, shown
from fairness.onnx_check import DEFAULT, ML, attributes, graphs, inner_graphs, read_onnx, sparse_tensors
from fairness.onnx_graph import FLOAT, Graph
from fairness.onnx_inputs import DECIMALS, TEXT, Feed, Port, plan_feeds

OLDEST = 19  # the first in which texts can be compared
NEWEST = 1000  # far beyond any
TYPES: dict[str, int] = {
    "tensor(float)": TensorProto.FLOAT,
    "tensor(double)": TensorProto.DOUBLE,
    "tensor(int64)": TensorProto.INT64,
    "tensor(int32)": TensorProto.INT32,
    TEXT: TensorProto.STRING,
}
NAMES = {number: name for name, number in TYPES.items()}


def read_part(data: bytes, *, probability: bool = False) -> ModelProto:
    """A model, cut down to the nodes that its answer needs: its first output, or of probabilities the first
    of decimals, as `fairness.onnx_session.load_onnx` reads it. Raises ValueError with a sentence.
    """
    model = read_onnx(data)
    for graph in graphs(model.graph):
        if any(True for _ in sparse_tensors(graph)):
            raise ValueError("it holds sparse weights.")
        for node in graph.node:
            node.domain = DEFAULT if node.domain == "ai.onnx" else node.domain
    if not model.graph.output:
        raise ValueError("it has no output.")
    versions = {
        DEFAULT if entry.domain == "ai.onnx" else entry.domain: entry.version for entry in model.opset_import
    }
    if not all(0 < version < NEWEST for version in versions.values()):
        raise ValueError("it states a version of operators that there is none of.")
    answer = model.graph.output[0]
    if probability:
        decimals = [one for one in model.graph.output if _port(one).type in DECIMALS]
        answer = next((one for one in decimals if _may_be_chances(_port(one))), [*decimals, answer][0])
    return helper.make_model(
        _needed_for(answer, model.graph),
        ir_version=model.ir_version,
        opset_imports=[
            helper.make_opsetid(domain, version)
            for domain, version in versions.items()
            if domain in (DEFAULT, ML)
        ],
    )


def _may_be_chances(port: Port) -> bool:
    """Whether [n], [n, 1] or [n, 2] is what the stated shape allows."""
    if port.shape is None or len(port.shape) == 1:
        return True
    return len(port.shape) == 2 and port.shape[1] in (None, 1, 2)


def versions_needed(model: ModelProto) -> dict[str, int]:
    """Domain -> the version a model states, but of the ML operators the oldest that has those it uses."""
    stated = _versions(model)
    needed = {DEFAULT: stated.get(DEFAULT, OLDEST)}
    since = [
        _schema(node, stated.get(ML, 1)).since_version for node in _nodes(model.graph) if node.domain == ML
    ]
    return needed | ({ML: max(since)} if since else {})


def convert(model: ModelProto, common: dict[str, int]) -> ModelProto:
    """The same model in the common versions of the operators. Raises ValueError where there is no way."""
    stated = _versions(model)
    for node in _nodes(model.graph):
        if node.domain == ML:
            old, new = _schema(node, stated.get(ML, 1)), _schema(node, common[ML])
            # The one operator of these that got another meaning is the first LabelEncoder.
            renewed = node.op_type == "LabelEncoder" and old.since_version == 1 < new.since_version
            if renewed or new.deprecated:
                raise ValueError(
                    f"{node.op_type} is another operator in {ML} {common[ML]}, which others need."
                )
    try:
        if stated.get(DEFAULT, common[DEFAULT]) != common[DEFAULT]:
            model = convert_version(model, common[DEFAULT])
        checker.check_model(model)
    except (ConvertError, InferenceError, checker.ValidationError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise ValueError(f"it cannot be brought to opset {common[DEFAULT]}: {reason}") from error
    return model


def feeds_of(model: ModelProto, schema: Schema) -> tuple[Feed, ...]:
    """What the model's inputs are given. Raises ValueError for inputs that no column fits."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return plan_feeds([_port(value) for value in model.graph.input if value.name not in weights], schema)


def embed(graph: Graph, model: ModelProto, feeds: Iterable[Feed], columns: dict[str, str]) -> str:
    """Add the model to the graph; the name of its one output there.

    `columns` names the tensor of each column, [n, 1]: double, NaN where missing, or string.
    """
    given = {feed.port.name: _fed(graph, feed, columns) for feed in feeds}

    def renamed(name: str) -> str:
        return given.get(name, f"{graph.prefix}{name}/") if name else name

    _rename(model.graph, renamed)
    graph.nodes.extend(model.graph.node)
    graph.constants.extend(model.graph.initializer)
    return str(model.graph.output[0].name)


def _needed_for(answer: ValueInfoProto, graph: GraphProto) -> GraphProto:
    needed, kept = {answer.name}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(_used(node))
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    named = {tensor.name for tensor in weights}
    unused = {tensor.name for tensor in graph.initializer} - named
    inputs = [value for value in graph.input if value.name not in unused]
    # Statements of inner shapes stay behind: in the whole graph other numbers of rows meet.
    return helper.make_graph(kept[::-1], "part", inputs, [answer], weights)


def _used(node: NodeProto) -> Iterator[str]:
    """The names a node takes, with those that graphs inside it take from around them."""
    yield from node.input
    for attribute in node.attribute:
        for inner in inner_graphs(attribute):
            yield from (name for deeper in _nodes(inner) for name in deeper.input)
            yield from (value.name for graph in graphs(inner) for value in graph.output)


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    """The nodes of a graph and of every graph inside it."""
    for inner in graphs(graph):
        yield from inner.node


def _versions(model: ModelProto) -> dict[str, int]:
    return {entry.domain: entry.version for entry in model.opset_import}


def _schema(node: NodeProto, version: int) -> defs.OpSchema:
    try:
        return defs.get_schema(node.op_type, version, node.domain)
    except (defs.SchemaError, TypeError) as error:  # a name of other bytes than UTF-8 is no str
        raise ValueError(f"there is no operator {shown(node.op_type)} in {node.domain} {version}.") from error


def _port(value: ValueInfoProto) -> Port:
    tensor = value.type.tensor_type
    shape = tuple(size.dim_value if size.HasField("dim_value") else None for size in tensor.shape.dim)
    kind = NAMES.get(tensor.elem_type, "tensor of another type")
    return Port(value.name, kind, shape if tensor.HasField("shape") else None)


def _fed(graph: Graph, feed: Feed, columns: dict[str, str]) -> str:
    """What an input is given, by the same steps as in `fairness.onnx_inputs.feed_rows`."""
    tensors = [columns[name] for name in feed.columns]
    if feed.port.type == TEXT:
        return tensors[0]
    if feed.matrix:
        rounded = [graph.add("Cast", tensor, to=FLOAT) for tensor in tensors]
        tensors = [graph.add("Concat", *rounded, axis=1)]
    return graph.add("Cast", tensors[0], to=TYPES[feed.port.type])


def _rename(graph: GraphProto, renamed: Callable[[str], str]) -> None:
    """Every name of a graph and of the graphs inside it, in place."""
    for node in graph.node:
        node.name = renamed(node.name)
        node.input[:] = [renamed(name) for name in node.input]
        node.output[:] = [renamed(name) for name in node.output]
    for tensor in graph.initializer:
        tensor.name = renamed(tensor.name)
    for value in (*graph.input, *graph.output):
        value.name = renamed(value.name)
        for size in value.type.tensor_type.shape.dim:
            if size.HasField("dim_param"):
                size.dim_param = renamed(size.dim_param)
    del graph.value_info[:]
    for attribute in attributes(graph):
        for inner in inner_graphs(attribute):
            _rename(inner, renamed)

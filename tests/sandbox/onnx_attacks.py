"""Hostile ONNX: models that reach out, run on, grow, answer by chance, or are no models."""

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .arena import CONTAINED, Attack

F, I, S, B = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING, TensorProto.BOOL  # noqa: E741
OPSETS = (helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3))


def const(name: str, values: object, dtype: type = np.int64) -> TensorProto:
    return numpy_helper.from_array(np.array(values, dtype), name)


def node(op: str, inputs: str, outputs: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def model(
    nodes: list,
    constants: tuple = (),
    *,
    inputs: tuple = (("x", F, ["N", 1]), ("y", F, ["N", 1])),
    output: tuple = ("out", B, None),
    opsets: tuple = OPSETS,
    **how: object,
) -> Callable[[], bytes]:
    """The bytes of a model, made only when they are wanted."""

    def make() -> bytes:
        graph = helper.make_graph(
            nodes,
            "attack",
            [helper.make_tensor_value_info(*value) for value in inputs],
            [helper.make_tensor_value_info(*output)],
            list(constants),
        )
        return helper.make_model(graph, opset_imports=list(opsets), ir_version=8, **how).SerializeToString()

    return make


ZERO = const("zero", [[0]], np.float32)
GOOD = node("Greater", "x zero", "good")


def after(*nodes: onnx.NodeProto, constants: tuple = (), **how: object) -> Callable[[], bytes]:
    """The right answer, `good`, on which further nodes work until `out`."""
    return model([GOOD, *nodes], (ZERO, *constants), **how)


def external(location: str) -> Callable[[], bytes]:
    tensor = TensorProto(name="zero", data_type=F, dims=[1, 1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="length", value="4")
    return model([node("Greater", "x zero", "out")], (tensor,))


def external_attribute() -> bytes:
    tensor = TensorProto(data_type=F, dims=[1, 1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    return model([node("Constant", "", "zero", value=tensor), node("Greater", "x zero", "out")])()


def graph(nodes: list, output: str, kind: int = B, inputs: tuple = ()) -> onnx.GraphProto:
    given = [helper.make_tensor_value_info(name, dtype, shape) for name, dtype, shape in inputs]
    return helper.make_graph(nodes, "inner", given, [helper.make_tensor_value_info(output, kind, None)])


def loop() -> bytes:
    body = graph(
        [node("Identity", "go_in", "go_out"), node("Identity", "state", "next")],
        "go_out",
        inputs=(("turn", I, []), ("go_in", B, []), ("state", B, ["N", 1])),
    )
    body.output.append(helper.make_tensor_value_info("next", B, ["N", 1]))
    return after(
        node("Loop", "turns true good", "out", body=body),
        constants=(const("turns", 2**62), const("true", 1, bool)),
    )()


def scan() -> bytes:
    body = graph([node("Identity", "row", "same")], "same", inputs=(("row", B, [1]),))
    return after(node("Scan", "good", "out", body=body, num_scan_inputs=1))()


def sequence_map() -> bytes:
    body = graph([node("Identity", "item", "same")], "same", inputs=(("item", B, ["N", 1]),))
    return after(
        node("SequenceConstruct", "good", "list"),
        node("SequenceMap", "list", "mapped", body=body),
        node("SequenceAt", "mapped first", "out"),
        constants=(const("first", 0),),
    )()


def nested_in_if(inner: onnx.NodeProto) -> Callable[[], bytes]:
    branch = graph([inner, node("Greater", "noise zero", "inside")], "inside")
    plain = graph([node("Identity", "good", "plain")], "plain")
    return after(
        node("If", "yes", "out", then_branch=branch, else_branch=plain), constants=(const("yes", 1, bool),)
    )


def nest_of_ifs() -> bytes:
    """Twelve levels, both branches of each alike: 4096 leaves."""
    inner = graph([node("Identity", "good", "leaf")], "leaf")
    for level in range(12):
        name = f"level{level}"
        inner = graph([node("If", "yes", name, then_branch=inner, else_branch=inner)], name)
    last = node("If", "yes", "out", then_branch=inner, else_branch=inner)
    return after(last, constants=(const("yes", 1, bool),))()


def nest_of_graphs() -> bytes:
    """Graphs in attributes in nodes in graphs, deeper than a parser should follow: no library writes this."""

    def field(number: int, data: bytes) -> bytes:
        size, length = len(data), b""
        while size > 127:
            size, length = size >> 7, length + bytes([size & 127 | 128])
        return bytes([number << 3 | 2]) + length + bytes([size]) + data

    inner = b""
    for _ in range(2000):
        inner = field(1, field(5, field(6, inner)))
    return b"\x08\x08" + field(7, inner)


def local_function(domain: str, name: str) -> Callable[[], bytes]:
    def make() -> bytes:
        function = helper.make_function(
            domain, name, ["a"], ["b"], [node("RandomNormalLike", "a", "b")], [helper.make_opsetid("", 18)]
        )
        return model(
            [node(name, "x", "noise", domain=domain), node("Greater", "noise zero", "out")],
            (ZERO,),
            opsets=(*OPSETS, helper.make_opsetid(domain, 1)) if domain else OPSETS,
            functions=[function],
        )()

    return make


def random(op: str, inputs: str = "", **attributes: object) -> Callable[[], bytes]:
    return model(
        [
            node(op, inputs, "noise", **attributes),
            node("Cast", "noise", "number", to=F),
            node("Greater", "number zero", "out"),
        ],
        (ZERO,),
    )


def grown_texts() -> bytes:
    doublings = [node("StringConcat", f"t{i} t{i}", f"t{i + 1}") for i in range(40)]
    return model(
        [node("Cast", "x", "t0", to=S), *doublings, node("StringSplit", "t40", "parts count")],
        output=("count", I, None),
        opsets=(helper.make_opsetid("", 20),),
    )()


def forest_with_a_wrong_child(child: int) -> Callable[[], bytes]:
    """A tree whose first node sends every row to a node that is not there, or back to itself."""
    trees = node(
        "TreeEnsembleClassifier",
        "x",
        "out scores",
        domain="ai.onnx.ml",
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[0, 0, 0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_values=[0.0, 0.0, 0.0],
        nodes_truenodeids=[child, 0, 0],
        nodes_falsenodeids=[child, 0, 0],
        class_treeids=[0, 0],
        class_nodeids=[1, 2],
        class_ids=[0, 1],
        class_weights=[1.0, 1.0],
        classlabels_int64s=[0, 1],
        post_transform="NONE",
    )
    return model([trees], output=("out", I, None))


def feature_out_of_reach() -> bytes:
    raw = onnx.load_model_from_string(forest_with_a_wrong_child(1)())
    for attribute in raw.graph.node[0].attribute:
        if attribute.name == "nodes_featureids":
            attribute.ints[0] = 10**9
        if attribute.name == "nodes_falsenodeids":
            attribute.ints[0] = 2
    return raw.SerializeToString()


def giant(op: str) -> Callable[[], bytes]:
    """A tensor far beyond the limit, of a few bytes of model."""
    shape = const("shape", [200_000, 200_000])
    grow = {
        "ConstantOfShape": [node("ConstantOfShape", "shape", "big")],
        "Expand": [node("Expand", "zero shape", "big")],
        "Tile": [node("Tile", "zero shape", "big")],
        "Range": [node("Range", "from to step", "big")],
        "EyeLike": [node("ConstantOfShape", "shape", "shaped"), node("EyeLike", "shaped", "big")],
        "Resize": [node("Resize", "zero  factors", "big")],
    }[op]
    constants = (
        ZERO,
        shape,
        const("from", 0.0, np.float32),
        const("to", 1e10, np.float32),
        const("step", 1.0, np.float32),
        const("factors", [1e5, 1e5], np.float32),
    )
    last = [node("ReduceMax", "big", "most", keepdims=0), node("Less", "x most", "out")]
    return model([*grow, *last], constants)


def slow() -> bytes:
    """Twenty products of two large matrices: no loop, and far longer than the limit."""
    nodes = [
        node("Expand", "zero shape", "m0"),
        *(node("MatMul", f"m{i} m{i}", f"m{i + 1}") for i in range(20)),
    ]
    last = [node("ReduceMax", "m20", "most", keepdims=0), node("Less", "x most", "out")]
    return model(nodes + last, (ZERO, const("shape", [3000, 3000])))()


def cut(make: Callable[[], bytes], share: float) -> Callable[[], bytes]:
    def halve() -> bytes:
        data = make()
        return data[: int(len(data) * share)]

    return halve


GOOD_MODEL = after(node("Identity", "good", "out"))
NOISE_LIKE_X = node("RandomNormalLike", "x", "noise")


def attacks(cases: dict[str, tuple], **how: object) -> list[Attack]:
    return [
        Attack(name, "onnx", payload, tuple(ends.split()), **how) for name, (payload, ends) in cases.items()
    ]


REACHING = attacks(
    {
        "data in /etc/passwd": (external("/etc/passwd"), "external_data"),
        "data in /etc/shadow": (external("/etc/shadow"), "external_data"),
        "data up the path": (external("../../../../etc/passwd"), "external_data"),
        "data in /proc": (external("/proc/self/environ"), "external_data"),
        "data of an attribute outside": (external_attribute, "external_data"),
        "an operator of Microsoft's": (
            after(
                node("Gelu", "x", "out", domain="com.microsoft"),
                opsets=(*OPSETS, helper.make_opsetid("com.microsoft", 1)),
            ),
            "forbidden_operator",
        ),
        "an operator of its own": (
            after(node("Shell", "x", "out", domain="evil"), opsets=(*OPSETS, helper.make_opsetid("evil", 1))),
            "forbidden_operator",
        ),
        "a training operator": (
            after(
                node("Adagrad", "x", "out", domain="ai.onnx.preview.training"),
                opsets=(*OPSETS, helper.make_opsetid("ai.onnx.preview.training", 1)),
            ),
            "forbidden_operator",
        ),
        "an operator that is not there": (after(node("Shell", "x", "out")), "unreadable_model"),
        "a function of its own": (local_function("own", "Noise"), "forbidden_operator"),
        "a function in the place of an operator": (local_function("", "Relu"), "forbidden_operator"),
        "an image": (
            model(
                [node("ImageDecoder", "bytes", "pixels"), node("Greater", "x zero", "out")],
                (ZERO, const("bytes", [1, 2, 3], np.uint8)),
                opsets=(helper.make_opsetid("", 20),),
            ),
            "forbidden_operator",
        ),
    }
)
RANDOM = attacks(
    {
        "RandomNormalLike": (random("RandomNormalLike", "x"), "forbidden_operator"),
        "RandomUniformLike": (random("RandomUniformLike", "x"), "forbidden_operator"),
        "RandomNormal": (random("RandomNormal", shape=[400, 1]), "forbidden_operator"),
        "RandomUniform": (random("RandomUniform", shape=[400, 1]), "forbidden_operator"),
        "Bernoulli": (random("Bernoulli", "x"), "forbidden_operator"),
        "Multinomial": (random("Multinomial", "x", sample_size=1), "forbidden_operator"),
        "noise inside an If": (nested_in_if(NOISE_LIKE_X), "forbidden_operator"),
    }
)
RUNNING_ON = attacks(
    {
        "Loop": (loop, "forbidden_operator"),
        "Scan": (scan, "forbidden_operator"),
        "SequenceMap": (sequence_map, "forbidden_operator"),
        "a Loop inside an If": (
            nested_in_if(node("Loop", "yes yes", "noise", body=graph([], "out"))),
            "forbidden_operator",
        ),
        "a nest of Ifs": (nest_of_ifs, f"{CONTAINED} unreadable_model model_error too_slow too_much_memory"),
        "a nest of graphs too deep": (nest_of_graphs, "unreadable_model"),
        "products without end": (slow, "too_slow"),
        "a tree that comes back to itself": (
            forest_with_a_wrong_child(0),
            "unreadable_model model_error crashed too_slow wrong_output_shape not_zero_or_one group_is_empty",
        ),
        "a tree with a child that is not there": (
            forest_with_a_wrong_child(10**6),
            "unreadable_model model_error crashed",
        ),
        "a tree that asks for a feature out of reach": (
            feature_out_of_reach,
            "unreadable_model model_error crashed contained other_answer",
        ),
    },
    wall_seconds=1.0,
)
GROWING = attacks(
    {
        f"{op} of a giant": (giant(op), "too_much_memory model_error")
        for op in ("ConstantOfShape", "Expand", "Tile")
    }
    | {
        "Range without end": (giant("Range"), "too_much_memory model_error too_slow"),
        "EyeLike of a giant": (giant("EyeLike"), "too_much_memory model_error"),
        "Resize to a giant": (giant("Resize"), "too_much_memory model_error unreadable_model"),
        "texts that double": (grown_texts, "too_much_memory model_error too_slow crashed"),
        "a negative shape": (
            model(
                [
                    node("ConstantOfShape", "shape", "big"),
                    node("ReduceMax", "big", "m", keepdims=0),
                    node("Less", "x m", "out"),
                ],
                (const("shape", [-5, -5]),),
            ),
            "model_error unreadable_model too_much_memory",
        ),
        "a constant larger than its data": (
            model(
                [node("Greater", "x zero", "out")],
                (TensorProto(name="zero", data_type=F, dims=[2**31, 2**31]),),
            ),
            "unreadable_model model_error too_much_memory",
        ),
        "a constant of a negative size": (
            model([node("Greater", "x zero", "out")], (TensorProto(name="zero", data_type=F, dims=[-1, 1]),)),
            "unreadable_model model_error",
        ),
        "a constant with too little data": (
            model(
                [node("Greater", "x zero", "out")],
                (TensorProto(name="zero", data_type=F, dims=[400, 1], raw_data=b"1234"),),
            ),
            "unreadable_model model_error",
        ),
        "an index out of reach": (
            model([node("Gather", "x far", "out")], (const("far", [10**12]),)),
            "model_error unreadable_model",
        ),
        "a reshape that does not fit": (
            model([node("Reshape", "x far", "out")], (const("far", [7, 11, 13]),)),
            "model_error unreadable_model",
        ),
        "a hundred megabytes": (lambda: b"\x08\x08" + b"\0" * (100 << 20), "too_large"),
    },
    memory_mb=128,
    wall_seconds=3.0,
)
NO_MODELS = attacks(
    {
        "nothing": (lambda: b"", "unreadable_model"),
        "noise": (lambda: np.random.default_rng(0).bytes(4096), "unreadable_model"),
        "a model cut in half": (cut(GOOD_MODEL, 0.5), "unreadable_model"),
        "a model cut at its end": (cut(GOOD_MODEL, 0.98), "unreadable_model"),
        "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(100), "unreadable_model"),
        "no graph": (lambda: onnx.ModelProto(ir_version=8).SerializeToString(), "unreadable_model"),
        "an operator set to come": (
            after(node("Identity", "good", "out"), opsets=(helper.make_opsetid("", 9999),)),
            "unreadable_model",
        ),
        "a cycle": (
            model([node("Not", "b", "a"), node("Not", "a", "b"), node("Not", "a", "out")]),
            "unreadable_model",
        ),
        "an input from nowhere": (model([node("Not", "nowhere", "out")]), "unreadable_model"),
        "two nodes of one name": (
            after(node("Not", "good", "out"), node("Identity", "good", "out")),
            "unreadable_model",
        ),
    }
)
MISFITS = attacks(
    {
        "an input that is no column": (
            after(node("Identity", "good", "out"), inputs=(("x", F, ["N", 1]), ("label", F, ["N", 1]))),
            "wrong_inputs",
        ),
        "an input whose name is an attack": (
            model(
                [node("Not", "a", "out")],
                inputs=(("a", F, ["N", 1]), ("<script>\n\x1b[2J" + "x" * 999, F, ["N", 1])),
            ),
            "wrong_inputs unreadable_model",
        ),
        "text for a number": (
            model([node("Cast", "x", "out", to=B)], inputs=(("x", S, ["N", 1]), ("y", F, ["N", 1]))),
            "wrong_inputs",
        ),
        "three columns of two": (
            model([node("Cast", "in", "out", to=B)], inputs=(("in", F, ["N", 3]),)),
            "wrong_inputs",
        ),
        "a fixed number of rows": (
            after(node("Identity", "good", "out"), inputs=(("x", F, [400, 1]), ("y", F, [400, 1]))),
            "wrong_inputs",
        ),
        "a cube": (
            model([node("Cast", "in", "out", to=B)], inputs=(("in", F, ["N", 2, 2]),)),
            "wrong_inputs",
        ),
        "a flat input": (after(node("Identity", "good", "out"), inputs=(("x", F, ["N"]),)), "wrong_inputs"),
        "whole numbers for fractions": (
            model([node("Cast", "x", "out", to=B)], inputs=(("x", I, ["N", 1]),)),
            "wrong_inputs",
        ),
        "half precision": (
            model([node("Cast", "x", "out", to=B)], inputs=(("x", TensorProto.FLOAT16, ["N", 1]),)),
            "wrong_inputs",
        ),
        "one answer": (
            after(node("ReduceMax", "x", "m", keepdims=0), node("Greater", "m zero", "out")),
            "wrong_output_shape",
        ),
        "two answers a row": (after(node("Concat", "good good", "out", axis=1)), "wrong_output_shape"),
        "a row too many": (
            after(node("Concat", "good one", "out", axis=0), constants=(const("one", [[1]], bool),)),
            "wrong_output_shape",
        ),
        "a sequence": (
            after(node("SequenceConstruct", "good", "out"), output=("out", B, None)),
            "wrong_output_shape unreadable_model",
        ),
        "not a number": (
            model(
                [node("Sqrt", "minus", "nan"), node("Add", "x nan", "out")],
                (const("minus", [[-1]], np.float32),),
                output=("out", F, None),
            ),
            "has_missing_answers",
        ),
        "halves": (
            after(
                node("Cast", "good", "number", to=F),
                node("Mul", "number half", "out"),
                constants=(const("half", 0.5, np.float32),),
                output=("out", F, None),
            ),
            "not_zero_or_one",
        ),
        "words": (
            after(node("Cast", "x", "out", to=S), output=("out", S, None)),
            "not_zero_or_one too_many_labels",
        ),
        "all rows": (after(node("Equal", "x x", "out")), "group_is_everything"),
        "no row": (after(node("Less", "x x", "out")), "group_is_empty"),
    },
    judged=True,
)
OTHER_ROWS = attacks(
    {
        "the mean of the batch": (
            after(
                node("ReduceMean", "x axes", "mean"),
                node("Greater", "x mean", "out"),
                constants=(const("axes", [0]),),
            ),
            "depends_on_other_rows",
        ),
        "the largest of the batch": (
            after(
                node("TopK", "x k", "top place", axis=0),
                node("Less", "x top", "small"),
                node("Not", "small", "out"),
                constants=(const("k", [1]),),
            ),
            "depends_on_other_rows",
        ),
        "the place of the largest": (
            after(
                node("ArgMax", "x", "place", axis=0),
                node("Gather", "x at", "first", axis=0),
                node("Greater", "x first", "out"),
                constants=(const("at", [0]),),
            ),
            "depends_on_other_rows",
        ),
        "a running sum": (
            after(
                node("CumSum", "x axis", "sums"),
                node("Greater", "sums zero", "out"),
                constants=(const("axis", 0),),
            ),
            "depends_on_other_rows",
        ),
        "the row before": (
            after(
                node("Pad", "x pads", "longer"),
                node("Slice", "longer from to", "before"),
                node("Greater", "x before", "out"),
                constants=(const("pads", [1, 0, 0, 0]), const("from", [0]), const("to", [-1])),
            ),
            "depends_on_other_rows",
        ),
        "the number of rows": (
            after(
                node("Shape", "x", "shape"),
                node("Gather", "shape at", "rows"),
                node("Less", "rows many", "few"),
                node("And", "good few", "out"),
                constants=(const("at", 0), const("many", 300)),
            ),
            "depends_on_other_rows group_is_empty",
        ),
        "the rows sorted": (
            after(
                node("Shape", "x", "shape"),
                node("Gather", "shape at", "rows"),
                node("TopK", "x rows", "sorted place", axis=0),
                node("Greater", "sorted zero", "out"),
                constants=(const("at", [0]),),
            ),
            "depends_on_other_rows",
        ),
        "dropout at work": (
            after(
                node("Dropout", "x half on", "dropped"),
                node("Greater", "dropped zero", "out"),
                constants=(const("half", 0.5, np.float32), const("on", 1, bool)),
            ),
            "not_deterministic depends_on_other_rows unreadable_model",
        ),
        "a norm over the batch": (
            after(
                node("Softmax", "x", "soft", axis=0),
                node("Greater", "soft small", "out"),
                constants=(const("small", 0.005, np.float32),),
            ),
            "depends_on_other_rows",
        ),
    },
    judged=True,
)
ONNX_ATTACKS = REACHING + RANDOM + RUNNING_ON + GROWING + NO_MODELS + MISFITS + OTHER_ROWS

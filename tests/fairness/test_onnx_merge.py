"""One ONNX file of a repaired model answers every row as its bundle and as a walk down the list do."""

import numpy as np
import onnx
import polars as pl
import pytest
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fairness.bundle import Bundle, BundleError, Fix, NotMergeable, Part, Task
from fairness.bundle_predict import predict
from fairness.columns import Column
from fairness.onnx_compare import run_merged
from fairness.onnx_merge import merge_onnx
from fairness.pointer_list import Node

MIXED = (Column("age", "number"), Column("home", "text"))
NUMBERS = (Column("a", "number"), Column("b", "number"))
YES_NO = Task("label", "zero_one", ("no", "yes"), "yes", "label", "said")
BITS = Task("label", "zero_one", ("0", "1"), "1", "label", "said")
LABELS = ["no", "yes"]
FLOAT, DOUBLE, INT64 = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64
BOOL, STRING = TensorProto.BOOL, TensorProto.STRING


def model(
    nodes, output, *, inputs=None, constants=None, opset=17, kind=FLOAT, shape=(None, 1), domains=()
) -> Part:
    """An ONNX part from nodes (operator, inputs, output, attributes); its first output is `output`."""
    inputs = inputs or [("age", kind, [None, 1]), ("home", STRING, [None, 1])]
    weights = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(
        [
            helper.make_node(operator, takes, [gives], **attributes)
            for operator, takes, gives, attributes in nodes
        ],
        "part",
        [helper.make_tensor_value_info(name, dtype, size) for name, dtype, size in inputs],
        [helper.make_tensor_value_info(output[0], output[1], shape)],
        weights,
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(*domain) for domain in domains)]
    return Part("onnx", helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())


def below(limit: float, answers: int, *, kind: int = FLOAT, opset: int = 17) -> Part:
    """Whether age is below a limit (not where it is missing), in one of the ways a model may say so."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    constants = {"limit": np.array([limit], dtype)}
    nodes = [("Less", ["age", "limit"], "is", {})]
    if answers == STRING:
        constants |= {"yes": np.array(["yes"], object), "no": np.array(["no"], object)}
        nodes.append(("Where", ["is", "yes", "no"], "answer", {}))
    elif answers != BOOL:
        nodes.append(("Cast", ["is"], "answer", {"to": answers}))
    return model(
        nodes, ("is" if answers == BOOL else "answer", answers), constants=constants, kind=kind, opset=opset
    )


def scores(limit: float) -> Part:
    """Scores of (no, yes), equal where age is the limit, and where it is missing."""
    nodes = [
        ("Sub", ["age", "limit"], "over", {}),
        ("IsNaN", ["over"], "missing", {}),
        ("Where", ["missing", "half", "over"], "known", {}),
        ("Sigmoid", ["known"], "no", {}),
        ("Sub", ["one", "no"], "yes", {}),
        ("Concat", ["no", "yes"], "answer", {"axis": 1}),
    ]
    constants = {
        name: np.array([value], np.float32) for name, value in (("limit", limit), ("half", 0), ("one", 1))
    }
    return model(nodes, ("answer", FLOAT), constants=constants, shape=(None, 2))


def bundle_of(fixes, nodes, base, *, task=YES_NO, schema=MIXED) -> Bundle:
    numbered = tuple(
        Fix(k, "team", k, group, predictor) for k, (group, predictor) in enumerate(fixes, start=1)
    )
    return Bundle("b", "B", "2026-01-01T00:00:00Z", "CC0", schema, task, base, numbered, tuple(nodes), {})


def rule(text: str) -> Part:
    return Part("rule", text.encode())


def merged(bundle: Bundle, rows: pl.DataFrame) -> tuple[list, list]:
    answers, answered_by = run_merged(merge_onnx(bundle), bundle, rows)
    return answers.tolist(), answered_by.tolist()


def both(bundle: Bundle, rows: pl.DataFrame) -> tuple[list, list]:
    """What the merged file says and who says it, once it is what the bundle says."""
    expected = predict(bundle, rows)
    found = merged(bundle, rows)
    assert found == (expected.repaired.tolist(), expected.answered_by.tolist())
    return found


def people(n: int, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    ages = [None if r < 0.15 else float(int(18 + 60 * r)) for r in random.random(n)]
    homes = [None if r < 0.15 else ("rent", "own", "öre")[int(3 * r)] for r in random.random(n)]
    return pl.DataFrame({"age": ages, "home": homes}, schema={"age": pl.Float64, "home": pl.String})


def is_below(limit):
    return lambda age, home: age is not None and age < limit


def word(condition):
    return lambda age, home: LABELS[condition(age, home)]


# Parts, and what they mean for a row, written apart from the code under test.
GROUPS = [
    (rule("age < 40"), is_below(40)),
    (
        rule("NOT (age >= 30 AND home = 'rent')"),
        lambda age, home: (age is not None and age < 30) or home in ("own", "öre"),
    ),
    (rule("home IN ('öre', 'own') OR age IS NULL"), lambda age, home: home in ("öre", "own") or age is None),
    (below(50, BOOL, opset=13), is_below(50)),
    (below(35, INT64, kind=DOUBLE, opset=21), is_below(35)),
    (below(60, FLOAT), is_below(60)),
]
PREDICTORS = [
    (Part("constant", b"no"), lambda age, home: "no"),
    (rule("age > 44 OR home <> 'own'"), word(lambda age, home: (age or 0) > 44 or home in ("rent", "öre"))),
    (below(45, STRING, opset=14), word(is_below(45))),
    (scores(33), word(is_below(33))),
    (scores(55), word(is_below(55))),
]
BASE = (below(42, STRING), word(is_below(42)))


def walk(fixes, nodes, row) -> tuple[str, int]:
    version = len(nodes)
    while version:
        node = nodes[version - 1]
        group, predictor = fixes[node.group - 1]
        if not group[1](*row):
            version -= 1
        elif node.version is None:
            return predictor[1](*row), node.group
        else:
            version = node.version
    return BASE[1](*row), 0


@pytest.mark.parametrize("seed", range(8))
def test_it_answers_as_a_walk_down_the_list(seed):
    random = np.random.default_rng(seed)
    fixes = [
        (GROUPS[random.integers(len(GROUPS))], PREDICTORS[random.integers(len(PREDICTORS))]) for _ in range(6)
    ]
    nodes: list[Node] = []
    for number in range(1, 7):
        nodes.append(Node(number))
        for _ in range(random.integers(3)):
            nodes.append(Node(int(random.integers(1, number + 1)), int(random.integers(len(nodes) + 1))))
    bundle = bundle_of([(group[0], predictor[0]) for group, predictor in fixes], nodes, BASE[0])
    rows = people(200, seed)
    expected = [walk(fixes, nodes, row) for row in rows.iter_rows()]
    assert list(zip(*both(bundle, rows), strict=True)) == expected
    one_by_one = [merged(bundle, rows[place]) for place in range(5)]
    assert [(answers[0], who[0]) for answers, who in one_by_one] == expected[:5]


def test_a_predictor_sees_the_rows_it_answers_and_no_others():
    """Outside of its group this one fails: age is a place in a table of three."""
    constants = {"table": np.array(["no", "yes", "no"], object)}
    nodes = [("Cast", ["age"], "place", {"to": INT64}), ("Gather", ["table", "place"], "answer", {})]
    lookup = model(nodes, ("answer", STRING), constants=constants)
    bundle = bundle_of([(rule("age BETWEEN 0 AND 2"), lookup)], [Node(1)], Part("onnx", BASE[0].data))
    rows = pl.DataFrame({"age": [1.0, 99.0, None, 0.0], "home": ["x"] * 4})
    assert both(bundle, rows) == (["yes", "no", "no", "no"], [1, 0, 0, 1])
    assert both(bundle, rows[1:3]) == (["no", "no"], [0, 0])


def matrix_part(limit: float, kind: int) -> Part:
    """Whether b is above a limit, from all columns in one input."""
    constants = {"limit": np.array([limit], helper.tensor_dtype_to_np_dtype(kind)), "place": np.array([1])}
    nodes = [
        ("Gather", ["X", "place"], "b", {"axis": 1}),
        ("Greater", ["b", "limit"], "is", {}),
        ("Cast", ["is"], "answer", {"to": INT64}),
    ]
    return model(nodes, ("answer", INT64), inputs=[("X", kind, [None, 2])], constants=constants)


def test_all_columns_in_one_input_are_rounded_to_float32_and_rules_are_not():
    rows = pl.DataFrame({"a": [1.0, 2.0, None], "b": [0.1, 0.2, None]})
    base = matrix_part(0.1, DOUBLE)
    assert both(bundle_of([], [], base, task=BITS, schema=NUMBERS), rows) == (["1", "1", "0"], [0, 0, 0])
    fixes = [(rule("b <= 0.1"), Part("constant", b"0")), (matrix_part(0.15, FLOAT), rule("a = 2"))]
    bundle = bundle_of(fixes, [Node(1), Node(2)], base, task=BITS, schema=NUMBERS)
    assert both(bundle, rows) == (["0", "1", "0"], [1, 2, 0])


def test_trained_models_of_several_versions_merge():
    random = np.random.default_rng(3)
    X = random.normal(size=(400, 2)).astype(np.float32)
    y = np.where(X[:, 0] + random.normal(size=400) > 0, "yes", "no")

    def trained(estimator, **versions) -> Part:
        opsets = {"": versions["opset"], "ai.onnx.ml": versions["ml"]}
        return Part("onnx", to_onnx(estimator, X[:1], target_opset=opsets).SerializeToString())

    linear = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    forest = RandomForestClassifier(8, max_depth=4, random_state=0).fit(X, y)
    bits = LogisticRegression().fit(X, X[:, 1] > 0)
    bundle = bundle_of(
        [
            (rule("a > 0.5"), trained(forest, opset=21, ml=3)),
            (trained(bits, opset=15, ml=1), trained(forest, opset=12, ml=1)),
        ],
        [Node(1), Node(2), Node(1, 1)],
        trained(linear, opset=17, ml=3),
        schema=NUMBERS,
    )
    rows = pl.DataFrame(X.astype(np.float64), schema=["a", "b"])
    answers, who = both(bundle, rows)
    expected = np.where((X[:, 0] > 0.5) | (X[:, 1] > 0.05), forest.predict(X), linear.predict(X))
    assert np.mean(np.array(answers) == expected) > 0.95
    assert set(who) == {0, 1, 2}


def test_numbers_and_probabilities_merge_too():
    rows = pl.DataFrame({"a": [1.0, 2.0, 3.0], "b": [0.25, 0.5, 0.75]})
    nodes = [("Gather", ["X", "place"], "answer", {"axis": 1})]
    constants = {"place": np.array([1])}
    second = model(nodes, ("answer", FLOAT), inputs=[("X", FLOAT, [None, 2])], constants=constants)
    number = Task("number", "squared", (), "", "label", "said")
    bundle = bundle_of(
        [(rule("a > 2"), Part("constant", b"-1.5")), (rule("a < 2"), second)],
        [Node(1), Node(2)],
        second,
        task=number,
        schema=NUMBERS,
    )
    assert both(bundle, rows) == ([0.25, 0.5, -1.5], [2, 0, 1])
    chance = Task("probability", "log", ("no", "yes"), "no", "label", "said")
    X = rows.to_numpy().astype(np.float32)
    classifier = LogisticRegression().fit(X, ["no", "yes", "yes"])
    exported = to_onnx(classifier, X[:1], options={"zipmap": False}, target_opset=17)
    bundle = bundle_of(
        [(rule("a > 2"), Part("onnx", exported.SerializeToString()))],
        [Node(1)],
        second,
        task=chance,
        schema=NUMBERS,
    )
    answers, _ = both(bundle, rows)
    assert answers[:2] == [0.25, 0.5]
    assert answers[2] == pytest.approx(classifier.predict_proba(X)[2, 0], abs=1e-6)


def test_an_answer_that_is_no_label_stops_the_bundle_and_is_empty_here():
    odd = model([("Identity", ["home"], "answer", {})], ("answer", STRING))
    bundle = bundle_of([(rule("age < 30"), odd)], [Node(1)], BASE[0])
    rows = pl.DataFrame({"age": [20.0, 25.0, 50.0], "home": ["yes", "rent", "rent"]})
    with pytest.raises(BundleError, match='predictor of fix 1 cannot be used: it answers "rent"'):
        predict(bundle, rows)
    assert merged(bundle, rows) == (["yes", "", "no"], [1, 1, 0])


def test_labels_that_are_numbers_are_found_in_any_type():
    task = Task("label", "zero_one", ("0", "1.5", "2"), "2", "label", "said")
    number = model([("Identity", ["age"], "answer", {})], ("answer", FLOAT))
    bundle = bundle_of([(rule("age >= 1"), Part("constant", b"0"))], [], number, task=task)
    rows = pl.DataFrame({"age": [1.5, 2.0, -0.0], "home": ["x"] * 3})
    assert both(bundle, rows) == (["1.5", "2", "0"], [0, 0, 0])


def test_the_file_says_where_it_comes_from_and_names_its_ports():
    bundle = bundle_of([(GROUPS[0][0], scores(3))], [Node(1)], BASE[0])
    proto = onnx.load_model_from_string(merge_onnx(bundle))
    onnx.checker.check_model(proto, full_check=True)
    assert [value.name for value in proto.graph.input] == ["age", "home"]
    assert [value.name for value in proto.graph.output] == ["label", "answered_by"]
    assert {entry.key: entry.value for entry in proto.metadata_props}["licence"] == "CC0"
    assert merge_onnx(bundle) == merge_onnx(bundle)


LOOP = model([("RandomUniformLike", ["age"], "answer", {})], ("answer", FLOAT))
NO_SHAPE = model([("Neg", ["age"], "answer", {})], ("answer", FLOAT), shape=(None, "width"))
OTHER_INPUT = model(
    [("Identity", ["wage"], "answer", {})],
    ("answer", FLOAT),
    inputs=[("wage", FLOAT, [None, 1]), ("age", FLOAT, [None, 1])],
)
OLD_ENCODER = model(
    [("LabelEncoder", ["home"], "answer", {"classes_strings": ["rent", "own"], "domain": "ai.onnx.ml"})],
    ("answer", INT64),
    domains=[("ai.onnx.ml", 1)],
)
NEW_ENCODER = model(
    [
        (
            "LabelEncoder",
            ["home"],
            "answer",
            {"keys_strings": ["rent"], "values_int64s": [1], "domain": "ai.onnx.ml"},
        )
    ],
    ("answer", INT64),
    domains=[("ai.onnx.ml", 2)],
)
YES = Part("constant", b"yes")


@pytest.mark.parametrize(
    ("fixes", "says"),
    [
        ([(rule("lower(home) = 'x'"), YES)], r"group of fix 1 .* has no equal in ONNX"),
        ([(GROUPS[0][0], YES), (GROUPS[0][0], rule("home < 'x'"))], r"predictor of fix 2 .* orders texts"),
        ([(Part("skops", b"PK"), YES)], r"group of fix 1 is a scikit-learn model \(skops\)"),
        ([(rule("age < 3"), LOOP)], r"predictor of fix 1 .* \"RandomUniformLike\", which is not taken"),
        ([(rule("age < 3"), NO_SHAPE)], r"predictor of fix 1 .* how many columns"),
        ([(OTHER_INPUT, YES)], r"group of fix 1 .* \"wage\" is no column"),
        ([(NEW_ENCODER, YES), (OLD_ENCODER, YES)], r"group of fix 2 .* another operator in ai\.onnx\.ml 2"),
        ([(model([("Neg", ["age"], "is", {})], ("is", FLOAT), opset=2**40), YES)], "none of"),
        ([(Part("onnx", b"no model"), YES)], r"group of fix 1 .* no ONNX model"),
    ],
)
def test_what_cannot_be_in_one_file_is_named(fixes, says):
    with pytest.raises(NotMergeable, match=says):
        merge_onnx(bundle_of(fixes, [Node(1)], BASE[0]))


def test_a_column_called_like_an_answer_is_named():
    schema = (*MIXED, Column("answered_by", "number"))
    with pytest.raises(NotMergeable, match='column is called "answered_by"'):
        merge_onnx(bundle_of([], [], BASE[0], schema=schema))

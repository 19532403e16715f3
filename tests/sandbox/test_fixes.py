"""Predictors of fixes: what they are given, what they may answer, and what an author is told."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from bounty.sandbox import FeatureTable, Payload, Rejected, Wanted, judge_fix
from bounty.sandbox.judge import ABOUT_PREDICTOR
from fairness.tables import Column

SCHEMA = (Column("x", "number"), Column("y", "number"))
GROUP = Payload("rule", b"x > 0")
LABELS = Wanted("label", ("<=50K", ">50K"), ">50K")
NUMBER = Wanted("number")
CHANCE = Wanted("probability", ("no", "yes"), "yes")
DIGITS = Wanted("label", ("0", "1"), "1")
THREE = Wanted("label", ("a", "b", "c"), "c")


def frame(rows: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame({"x": rng.normal(size=rows), "y": rng.normal(size=rows)})


SAMPLE_ROWS, HIDDEN_ROWS = frame(300, 1), frame(900, 2)
SAMPLE, HIDDEN = FeatureTable(SAMPLE_ROWS, SCHEMA), FeatureTable(HIDDEN_ROWS, SCHEMA)
IN_GROUP = HIDDEN_ROWS["x"].to_numpy() > 0
Y = HIDDEN_ROWS["y"].to_numpy()[IN_GROUP]


def judge(sandbox, format_name: str, data: bytes, wanted=LABELS, group=GROUP, hidden=HIDDEN, **how):
    return judge_fix(sandbox, group, Payload(format_name, data), wanted, SAMPLE, hidden, **how)


def refused(sandbox, *sent, **how) -> Rejected:
    with pytest.raises(Rejected) as caught:
        judge(sandbox, *sent, **how)
    return caught.value


def python(body: str) -> bytes:
    return f"import numpy as np\ndef predict(frame):\n    {body}\n".encode()


def fitted(model, y) -> object:
    rng = np.random.default_rng(3)
    features = pd.DataFrame(rng.normal(size=(300, 2)), columns=["x", "y"])
    return model.fit(features, y(features["y"]))


def rich(y: pd.Series) -> np.ndarray:
    return np.where(y > 0, ">50K", "<=50K")


def as_onnx(model) -> bytes:
    options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else None
    return to_onnx(
        model, initial_types=[("rows", FloatTensorType([None, 2]))], options=options
    ).SerializeToString()


TREE = fitted(DecisionTreeClassifier(max_depth=1, random_state=0), rich)


@pytest.mark.parametrize(
    ("format_name", "data"),
    [
        ("rule", b"y > 0"),
        ("onnx", as_onnx(TREE)),
        ("skops", skops.io.dumps(TREE)),
        ("python", python("return np.where(frame.y > 0, '>50K', '<=50K')")),
        ("python", python("p = (frame.y > 0) * 0.8 + 0.1; return np.column_stack([1 - p, p])")),
    ],
    ids=["rule", "onnx", "skops", "python", "probabilities"],
)
def test_every_format_answers_with_labels(sandbox, format_name, data):
    output = judge(sandbox, format_name, data)
    assert output.hidden.dtype == np.uint16
    assert len(output.sample) == output.group.sample_mask.sum()
    threshold = TREE.tree_.threshold[0] if format_name in ("onnx", "skops") else 0
    np.testing.assert_array_equal(output.hidden, (threshold < Y).astype(int))


def test_it_is_given_the_rows_of_the_group_alone(sandbox):
    output = judge(sandbox, "python", python("assert (frame.x > 0).all(); return ['>50K'] * len(frame)"))
    assert len(output.hidden) == IN_GROUP.sum()


def test_a_constant_needs_no_run(sandbox):
    output = judge(sandbox, "constant", b"<=50K")
    assert (output.hidden == 0).all() and len(output.hidden) == IN_GROUP.sum()
    assert (judge(sandbox, "constant", b"2.5", NUMBER).hidden == 2.5).all()


@pytest.mark.parametrize(
    ("text", "wanted", "code", "says"),
    [
        (b"rich", LABELS, "unknown_labels", "It answers with rich; the labels are <=50K, >50K."),
        (b"", LABELS, "unknown_labels", "the labels are"),
        (b"\xff", LABELS, "unknown_labels", "the labels are"),
        (b"1", CHANCE, "", ""),
        (b"1.01", CHANCE, "not_a_probability", "It answers with 1.01."),
        (b"-1e-9", CHANCE, "not_a_probability", "It answers with -1e-9."),
        (b"many", NUMBER, "not_a_number", "It answers with many."),
        (b"nan", CHANCE, "has_missing_answers", "It answers with nan."),
        (b"1e999", NUMBER, "has_missing_answers", "It answers with 1e999."),
    ],
)
def test_a_constant_must_be_an_answer(sandbox, text, wanted, code, says):
    if not code:
        assert (judge(sandbox, "constant", text, wanted).hidden == 1).all()
        return
    rejection = refused(sandbox, "constant", text, wanted)
    assert rejection.code == code
    assert rejection.detail.startswith(ABOUT_PREDICTOR)
    assert says in rejection.detail


def test_a_group_without_hidden_rows_gives_no_answers(sandbox):
    nobody = FeatureTable(HIDDEN_ROWS.with_columns(x=pl.lit(-1.0)), SCHEMA)
    for format_name, data in (("rule", b"y > 0"), ("constant", b">50K")):
        assert judge(sandbox, format_name, data, hidden=nobody).hidden.shape == (0,)


@pytest.mark.parametrize("rule", [b"y > 0", b"y IS NULL OR y > 5"])
def test_a_rule_is_the_positive_label_where_it_is_true(sandbox, rule):
    wanted = Wanted("label", ("0", "1"), "0")
    true = judge(sandbox, "rule", rule, wanted).hidden == 0
    np.testing.assert_array_equal(true, (0 if rule == b"y > 0" else 5) < Y)


@pytest.mark.parametrize("wanted", [NUMBER, CHANCE, THREE], ids=["number", "probability", "three labels"])
def test_a_rule_predicts_one_of_two_labels_only(sandbox, wanted):
    assert refused(sandbox, "rule", b"y > 0", wanted).code == "rule_predicts_labels"


REGRESSOR = fitted(DecisionTreeRegressor(max_depth=2, random_state=0), lambda y: 3 * y)


@pytest.mark.parametrize(
    ("format_name", "data"),
    [
        ("onnx", as_onnx(REGRESSOR)),
        ("skops", skops.io.dumps(REGRESSOR)),
        ("skops", skops.io.dumps(fitted(LinearRegression(), lambda y: 3 * y))),
        ("python", python("return 3 * frame.y")),
    ],
    ids=["onnx", "skops", "linear", "python"],
)
def test_regressors_answer_with_numbers(sandbox, format_name, data):
    output = judge(sandbox, format_name, data, NUMBER)
    assert output.hidden.dtype == np.float64
    assert np.corrcoef(output.hidden, 3 * Y)[0, 1] > 0.85


CLASSIFIER = fitted(LogisticRegression(), lambda y: np.where(y > 0, "yes", "no"))


@pytest.mark.parametrize(
    ("format_name", "data"),
    [
        ("onnx", as_onnx(CLASSIFIER)),
        ("skops", skops.io.dumps(CLASSIFIER)),
        ("python", python("p = 1 / (1 + np.exp(-9 * frame.y)); return p")),
        ("python", python("p = 1 / (1 + np.exp(-9 * frame.y)); return np.column_stack([1 - p, p])")),
    ],
    ids=["onnx", "skops", "one column", "two columns"],
)
def test_classifiers_give_the_positive_label_a_probability(sandbox, format_name, data):
    output = judge(sandbox, format_name, data, CHANCE)
    assert output.hidden.dtype == np.float64
    assert output.hidden[Y > 1].min() > 0.9
    assert output.hidden[Y < -1].max() < 0.1


@pytest.mark.parametrize(
    ("data", "wanted", "code", "says"),
    [
        (python("return ['>50K'] * 300"), LABELS, "wrong_output_shape", "rows the shape is [300]"),
        (
            python("return np.full(len(frame), 'rich')"),
            LABELS,
            "unknown_labels",
            "rich; the labels are <=50K",
        ),
        (python("return np.full(len(frame), np.nan)"), LABELS, "has_missing_answers", "missing"),
        (python("return np.full(len(frame), np.nan)"), NUMBER, "has_missing_answers", "missing or infinite"),
        (python("return np.full(len(frame), np.inf)"), NUMBER, "has_missing_answers", "missing or infinite"),
        (python("return ['x'] * len(frame)"), NUMBER, "not_a_number", "values of type"),
        (python("return [None] * len(frame)"), CHANCE, "has_missing_answers", "missing or infinite"),
        (python("return [object()] * len(frame)"), LABELS, "unknown_labels", "objects of type object"),
        (python("return frame.y * 3"), CHANCE, "not_a_probability", "The answers lie between -"),
        (python("return np.full((len(frame), 2), 0.7)"), CHANCE, "not_a_probability", "add up to 1.4"),
        (python("return np.full((len(frame), 2), 0.7)"), LABELS, "not_a_probability", "add up to 1.4"),
        (python("return np.full((len(frame), 3), 0.3)"), LABELS, "wrong_output_shape", "shape"),
        (python("return np.random.default_rng().normal(size=len(frame))"), NUMBER, "not_deterministic", ""),
        (python("return frame.y - frame.y.mean()"), NUMBER, "depends_on_other_rows", ""),
        (python("return np.where(frame.y.rank() % 2 > 0, *'10')"), DIGITS, "depends_on_other_rows", ""),
        (python("return frame.capital"), NUMBER, "model_error", ""),
        (python("assert len(frame) > 100; return frame.y"), NUMBER, "model_error", "smaller batches"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_predictor_that_cannot_be_used_is_told_what_to_change(sandbox, data, wanted, code, says):
    rejection = refused(sandbox, "python", data, wanted)
    assert rejection.code == code
    assert rejection.detail.startswith(ABOUT_PREDICTOR)
    assert says in rejection.detail
    assert not rejection.on_hidden


def test_a_predictor_trained_on_other_columns(sandbox):
    other = DecisionTreeClassifier().fit(pd.DataFrame({"z": [0.0, 1.0]}), ["<=50K", ">50K"])
    rejection = refused(sandbox, "skops", skops.io.dumps(other))
    assert rejection.code == "wrong_inputs"
    assert "predictor" in rejection.detail and "z" in rejection.detail


def test_a_predictor_that_is_too_slow(sandbox):
    rejection = refused(sandbox, "python", python("\n    while True: pass"), wall_seconds=0.6)
    assert rejection.code == "too_slow"


def test_a_predictor_that_fails_on_hidden_rows_only(sandbox):
    """The reason would say something of rows nobody may know."""
    rejection = refused(sandbox, "python", python("assert len(frame) < 250; return ['>50K'] * len(frame)"))
    assert (rejection.code, rejection.detail, rejection.on_hidden) == ("failed_on_hidden_rows", "", True)


def test_a_bad_group_is_told_as_the_group_s(sandbox):
    rejection = refused(sandbox, "constant", b">50K", group=Payload("rule", b"x > -1000"))
    assert rejection.code == "group_is_everything"
    assert "predictor" not in rejection.detail


def test_the_first_output_of_decimals_counts_for_probabilities(sandbox):
    """As classifiers put their labels before their probabilities."""
    nodes = [
        helper.make_node("Slice", ["rows", "from", "to", "axis"], ["y"]),
        helper.make_node("Sigmoid", ["y"], ["chance"]),
        helper.make_node("Greater", ["y", "zero"], ["yes"]),
        helper.make_node("Cast", ["yes"], ["label"], to=TensorProto.INT64),
    ]
    integers = [
        helper.make_tensor(n, TensorProto.INT64, [1], [v]) for n, v in (("from", 1), ("to", 2), ("axis", 1))
    ]
    graph = helper.make_graph(
        nodes,
        "two outputs",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, 2])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None, 1]),
            helper.make_tensor_value_info("chance", TensorProto.FLOAT, [None, 1]),
        ],
        [*integers, helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    output = judge(sandbox, "onnx", model.SerializeToString(), CHANCE)
    np.testing.assert_allclose(output.hidden, 1 / (1 + np.exp(-Y)), rtol=1e-5)


def test_a_forest_in_float32_gives_probabilities(sandbox):
    """Its trees' shares add up to a little more than 1 in some rows, and leave less than 0 to the other."""
    forest = fitted(RandomForestClassifier(50, random_state=0), lambda y: np.where(y > 0, "yes", "no"))
    output = judge(sandbox, "onnx", as_onnx(forest), CHANCE)
    assert 0 == output.hidden.min() < output.hidden.max() <= 1
    assert ((output.hidden > 0.5) == (Y > 0)).mean() > 0.9


def test_an_onnx_classifier_with_zipmap_is_told(sandbox):
    """Its labels alone must not be taken for probabilities."""
    model = to_onnx(
        fitted(LogisticRegression(), lambda y: (y > 0).astype(int)),
        initial_types=[("rows", FloatTensorType([None, 2]))],
        options={"zipmap": True},
    ).SerializeToString()
    rejection = refused(sandbox, "onnx", model, Wanted("probability", ("0", "1"), "0"))
    assert rejection.code == "wrong_output_shape"
    assert "zipmap off" in rejection.detail and "seq(map(int64,tensor(float)))" in rejection.detail
    assert (judge(sandbox, "onnx", model, DIGITS).hidden == (Y > 0)).mean() > 0.95


@pytest.mark.parametrize("positive", ["no", "yes"])
def test_a_classifier_that_knows_one_label_gives_the_other_no_chance(sandbox, positive):
    """As where a group has one label only in the sample it was fitted on."""
    one = fitted(DecisionTreeClassifier(), lambda y: ["yes"] * len(y))
    output = judge(sandbox, "skops", skops.io.dumps(one), Wanted("probability", ("no", "yes"), positive))
    assert (output.hidden == (positive == "yes")).all()


@pytest.mark.parametrize(
    ("model", "code", "says"),
    [
        (fitted(LinearSVC(), lambda y: np.where(y > 0, "yes", "no")), "not_a_probability", "predict_proba"),
        (fitted(LogisticRegression(), lambda y: np.where(y > 0, "yes", "maybe")), "unknown_labels", "maybe;"),
    ],
    ids=["no probabilities", "another label"],
)
def test_a_classifier_that_cannot_give_the_chances_is_told(sandbox, model, code, says):
    rejection = refused(sandbox, "skops", skops.io.dumps(model), CHANCE)
    assert rejection.code == code
    assert says in rejection.detail


def test_a_regressor_s_numbers_are_chances_if_they_lie_between_0_and_1(sandbox):
    tame = skops.io.dumps(fitted(DecisionTreeRegressor(max_depth=2), lambda y: (y > 0).astype(float)))
    assert (judge(sandbox, "skops", tame, CHANCE).hidden == (Y > 0)).mean() > 0.9
    assert refused(sandbox, "skops", skops.io.dumps(REGRESSOR), CHANCE).code == "not_a_probability"


def test_labels_may_be_many_and_long(sandbox):
    """All of them go into the child with its request."""
    labels = tuple(chr(0x1F600 + n) * 200 for n in range(20))
    output = judge(
        sandbox, "python", python(f"return np.full(len(frame), {labels[7]!r})"), Wanted("label", labels)
    )
    assert (output.hidden == 7).all()


def test_numbers_may_differ_in_their_last_digits_between_batches(sandbox):
    """Sums that cancel out leave rounding errors alone, which a batch's size may change."""
    noise = python("return np.where(frame.y > 1, 0.0 if len(frame) > 100 else 1e-12, 3 * frame.y)")
    assert judge(sandbox, "python", noise, NUMBER, hidden=SAMPLE).hidden.any()
    more = python("return np.where(frame.y > 1, 0.0 if len(frame) > 100 else 1e-3, 3 * frame.y)")
    assert refused(sandbox, "python", more, NUMBER).code == "depends_on_other_rows"


def test_on_hidden_rows_a_predictor_may_not_depend_on_other_rows_either(sandbox):
    rejection = refused(sandbox, "python", python("return (frame.y > 0) & (frame.index < 300)"), DIGITS)
    assert (rejection.code, rejection.detail, rejection.on_hidden) == ("depends_on_other_rows", "", True)

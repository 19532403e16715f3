"""A submission's whole way: sample, then hidden rows, each twice."""

import numpy as np
import polars as pl
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.tree import DecisionTreeClassifier

from bounty.sandbox import FeatureTable, Rejected, check_base_model, judge_group
from fairness.tables import Column

from .arena import table

SAMPLE, HIDDEN = table(300, seed=11), table(900, seed=12)


def judge(sandbox, format_: str, payload: bytes, sample=SAMPLE, hidden=HIDDEN, **how):
    return judge_group(sandbox, format_, payload, sample, hidden, **how)


def rejection(sandbox, source: str, *tables, **how) -> Rejected:
    with pytest.raises(Rejected) as caught:
        judge(sandbox, "python", source.encode(), *tables, **how)
    return caught.value


def tree() -> bytes:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 2)).astype(np.float32)
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(features, features.sum(axis=1) > 0)
    return to_onnx(model, initial_types=[("rows", FloatTensorType([None, 2]))]).SerializeToString()


@pytest.mark.parametrize(
    ("language", "payload"),
    [("rule", b"x > 0 AND y < 1"), ("python", b"def predict(frame): return (frame.x > 0) & (frame.y < 1)")],
)
def test_both_masks_come_back(sandbox, language, payload):
    output = judge(sandbox, language, payload)
    for mask, rows in ((output.sample_mask, SAMPLE), (output.hidden_mask, HIDDEN)):
        assert mask.dtype == bool
        assert (mask == sandbox.run("rule", b"x > 0 AND y < 1", rows).values).all()
    assert output.seconds > 0


def test_an_onnx_tree_is_the_same_in_any_order_and_batch(sandbox):
    payload = tree()
    masks = [judge(sandbox, "onnx", payload, random_state=seed).hidden_mask for seed in (1, 2)]
    assert (masks[0] == masks[1]).all()
    assert 0 < masks[0].sum() < len(masks[0])


def test_an_empty_or_full_group_on_the_hidden_rows_is_for_scoring_to_judge(sandbox):
    nobody = FeatureTable(
        pl.DataFrame({"x": [-1.0] * 50, "y": [0.0] * 50}), [Column("x", "number"), Column("y", "number")]
    )
    assert not judge(sandbox, "rule", b"x > 0", hidden=nobody).hidden_mask.any()
    assert judge(sandbox, "rule", b"x < 0", hidden=nobody).hidden_mask.all()


def test_a_group_of_nobody_or_everybody_in_the_sample_is_told(sandbox):
    for payload, code in ((b"x > 99", "group_is_empty"), (b"x < 99", "group_is_everything")):
        with pytest.raises(Rejected) as caught:
            judge(sandbox, "rule", payload)
        assert (caught.value.code, caught.value.on_hidden) == (code, False)


@pytest.mark.parametrize(
    "failure",
    [
        "raise ValueError('row ' + str(frame.x.max()))",
        "return frame.x * float('nan')",
        "return [1]",
        "return frame.x * 7",
        "exec('while True: pass')",
        "import os; os._exit(1)",
        "return bytearray(10 ** 11)",
    ],
)
def test_any_failure_on_hidden_rows_alone_has_one_code_and_no_detail(sandbox, failure):
    outlier = FeatureTable(
        pl.DataFrame({"x": [1.0, 1e6, -3.0], "y": [0.0, 0.0, 0.0]}),
        [Column("x", "number"), Column("y", "number")],
    )
    source = f"def predict(frame):\n if frame.x.max() > 1e5: {failure}\n return frame.x > 0"
    rejected = rejection(sandbox, source, SAMPLE, outlier, wall_seconds=0.7)
    assert (rejected.code, rejected.detail, rejected.on_hidden) == ("failed_on_hidden_rows", "", True)
    assert rejected.log


def test_the_hidden_rows_are_run_in_another_order_and_in_batches(sandbox):
    source = "def predict(frame): return (frame.x > 0) & (frame.index < 600)"
    rejected = rejection(sandbox, source)
    assert (rejected.code, rejected.on_hidden) == ("depends_on_other_rows", True)


def test_on_the_sample_dependence_and_chance_are_told_apart(sandbox):
    rejected = rejection(sandbox, "def predict(frame): return frame.x > frame.x.median()")
    assert (rejected.code, rejected.on_hidden) == ("depends_on_other_rows", False)
    rejected = rejection(
        sandbox,
        "import numpy\ndef predict(frame): return numpy.random.default_rng().random(len(frame)) > 0.5",
    )
    assert (rejected.code, rejected.on_hidden) == ("not_deterministic", False)


def test_a_model_that_fails_in_small_batches_is_told_so(sandbox):
    rejected = rejection(sandbox, "def predict(frame):\n assert len(frame) == 300\n return frame.x > 0")
    assert (rejected.code, rejected.detail) == (
        "model_error",
        "It fails when the sample comes in smaller batches.",
    )


def test_a_run_cannot_leave_anything_for_the_next(sandbox):
    """The second run of the hidden rows is a new process: what the first one learned is gone."""
    source = b"""
import builtins, os
been_here = hasattr(builtins, "mark") or "MARK" in os.environ
builtins.mark = os.environ["MARK"] = "1"
def predict(frame):
    return frame.x < 0 if been_here else frame.x > 0
"""
    expected = sandbox.run("rule", b"x > 0", HIDDEN).values
    assert (judge(sandbox, "python", source).hidden_mask == expected).all()


def test_a_base_model_that_made_the_predictions_reproduces_them(sandbox):
    payload = tree()
    prediction = sandbox.run("onnx", payload, HIDDEN, kind="label").values
    agreement = check_base_model(sandbox, payload, HIDDEN, prediction)
    assert (agreement.share, agreement.labels) == (1.0, ("0", "1"))
    prediction[:90] = "other"
    assert check_base_model(sandbox, payload, HIDDEN, prediction).share == 0.9


def test_a_base_model_may_answer_with_words(sandbox):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 2)).astype(np.float32)
    words = np.where(features[:, 0] > 0, "approve", "deny")
    model = DecisionTreeClassifier(max_depth=2).fit(features, words)
    payload = to_onnx(model, initial_types=[("rows", FloatTensorType([None, 2]))]).SerializeToString()
    truth = np.where(sandbox.run("rule", b"x > 0", HIDDEN).values, "approve", "deny")
    agreement = check_base_model(sandbox, payload, HIDDEN, truth)
    assert agreement.share > 0.95
    assert agreement.labels == ("approve", "deny")


def test_a_base_model_that_cannot_run_is_told_like_any(sandbox):
    with pytest.raises(Rejected, match="unreadable_model"):
        check_base_model(sandbox, b"no model", HIDDEN, np.array(["0"] * len(HIDDEN), object))

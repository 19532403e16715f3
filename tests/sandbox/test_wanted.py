"""What a predictor's outputs mean, and what the host makes of a child's message about them."""

import numpy as np
import pandas as pd
import pytest

from bounty.sandbox import REJECTIONS, Rejected, Wanted, answers
from bounty.sandbox.answers import Refusal
from bounty.sandbox.codes import detail
from bounty.sandbox.wanted import labels_of, numbers_of

from .arena import table

NUMBER = Wanted("number")
CHANCE = Wanted("probability", ("no", "yes"), "no")
LABEL = Wanted("label", ("0", "1"), "1")


@pytest.mark.parametrize(
    ("values", "labels", "expected"),
    [
        (["b", "a"], ["a", "b"], [1, 0]),
        ([["b"], ["a"]], ["a", "b"], [1, 0]),
        ([True, False], ["0", "1"], [1, 0]),
        ([1.0, 0.0], ["0", "1"], [1, 0]),
        ([0.5, 2.0], ["0.5", "2"], [0, 1]),
        (np.array([[0.2, 0.8], [0.9, 0.1]], np.float32), ["a", "b"], [1, 0]),
        ([[0.5, 0.5], [0.2, 0.8]], ["a", "b"], [0, 1]),
        ([[0.3, 0.3, 0.4], [0.4, 0.4, 0.2]], ["a", "b", "c"], [2, 0]),
        ([[0.9996, 0.001], [-1e-6, 1.000001]], ["a", "b"], [0, 1]),
    ],
    ids=str,
)
def test_labels_come_from_labels_or_from_their_probabilities(values, labels, expected):
    codes = labels_of(values, 2, labels)
    assert codes.dtype == np.uint16
    assert codes.tolist() == expected


@pytest.mark.parametrize(
    ("values", "code", "facts"),
    [
        (["c", "a"], "unknown_labels", ["c", "a, b"]),
        ([1, 0], "unknown_labels", ["0, 1", "a, b"]),
        ([0.25, 0.75], "unknown_labels", ["0.25, 0.75", "a, b"]),
        ([b"a", b"b"], "unknown_labels", ["objects of type bytes"]),
        ([1, 0, 1], "wrong_output_shape", ["2", "[3]"]),
        ([[1, 0], [0, 1]], "wrong_output_shape", ["2", "[2, 2]"]),
        ([[0.5, 0.25, 0.25]] * 2, "wrong_output_shape", ["2", "[2, 3]"]),
        (["a", None], "has_missing_answers", ["1", "2"]),
        ([[0.5, np.nan], [0.5, 0.5]], "has_missing_answers", ["1", "2"]),
        ([[1.5, -0.5], [0.5, 0.5]], "not_a_probability", ["-0.5", "1.5"]),
        ([[0.5, 0.5], [0.2, 0.2]], "not_a_probability", ["0.4"]),
        ([[0.7, 0.7], [0.5, 0.5]], "not_a_probability", ["1.4"]),
    ],
    ids=str,
)
def test_what_is_no_label_is_refused(values, code, facts):
    with pytest.raises(Refusal) as caught:
        labels_of(values, 2, ["a", "b"])
    assert (caught.value.code, caught.value.facts) == (code, facts)
    assert detail(caught.value.key, facts)


@pytest.mark.parametrize(
    ("values", "wanted", "expected"),
    [
        ([1, -2], NUMBER, [1, -2]),
        ([[1.5], [2]], NUMBER, [1.5, 2]),
        ([True, False], NUMBER, [1, 0]),
        (np.array([1, 2.5], object), NUMBER, [1, 2.5]),
        (pd.array([1.5, 2.5], dtype="Float64"), NUMBER, [1.5, 2.5]),
        ([0.25, 1], CHANCE, [0.25, 1]),
        ([1.000001, -1e-7], CHANCE, [1, 0]),
        ([[0.25, 0.75], [1, 0]], CHANCE, [0.25, 1]),
        ([[0.25, 0.75], [1, 0]], Wanted("probability", ("no", "yes"), "yes"), [0.75, 0]),
    ],
    ids=str,
)
def test_numbers_and_the_positive_label_s_probabilities(values, wanted, expected):
    numbers = numbers_of(values, 2, wanted)
    assert numbers.dtype == np.float64
    assert numbers.tolist() == expected


@pytest.mark.parametrize(
    ("values", "wanted", "code", "facts"),
    [
        ([1, 2, 3], NUMBER, "wrong_output_shape", ["2", "[3]"]),
        ([[0.5, 0.5]] * 2, NUMBER, "wrong_output_shape", ["2", "[2, 2]"]),
        ([[0.5, 0.25, 0.25]] * 2, CHANCE, "wrong_output_shape", ["2", "[2, 3]"]),
        (1.0, NUMBER, "wrong_output_shape", ["2", "[]"]),
        ([1, np.nan], NUMBER, "has_missing_answers", ["1", "2"]),
        ([1, -np.inf], NUMBER, "has_missing_answers", ["1", "2"]),
        ([1, None], NUMBER, "has_missing_answers", ["1", "2"]),
        (pd.array([1, None], dtype="Int64"), NUMBER, "has_missing_answers", ["1", "2"]),
        ([[np.nan, np.nan], [0.5, 0.5]], CHANCE, "has_missing_answers", ["1", "2"]),
        (["1", "2"], NUMBER, "not_a_number", ["values of type <U1"]),
        (np.array(["1", "2"], object), NUMBER, "not_a_number", ["values of type str"]),
        ([1j, 1], NUMBER, "not_a_number", ["values of type complex128"]),
        ([0.5, 1.1], CHANCE, "not_a_probability", ["0.5", "1.1"]),
        ([[0.6, 0.6], [0.5, 0.5]], CHANCE, "not_a_probability", ["1.2"]),
    ],
    ids=str,
)
def test_what_is_no_number_is_refused(values, wanted, code, facts):
    with pytest.raises(Refusal) as caught:
        numbers_of(values, 2, wanted)
    assert (caught.value.code, caught.value.facts) == (code, facts)
    assert detail(caught.value.key, facts)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"N",
        b"N" + bytes(7),
        b"N" + bytes(8 * 3),
        b"N" + np.array([0.5, np.nan]).tobytes(),
        b"N" + np.array([0.5, np.inf]).tobytes(),
        b"N" + np.array([0.5, 1.5]).tobytes(),
        b"N" + np.array([0.5, -0.5]).tobytes(),
        answers.pack_answers(["0", "1"], np.array([0, 1])),
        b'R["buy_this", "", []]',
        b'R["rule_error", "rule", ["free words"]]',
    ],
    ids=lambda message: repr(message[:40]),
)
def test_numbers_that_are_not_as_asked_are_a_crash(message):
    with pytest.raises(Rejected) as caught:
        answers.unpack_numbers(message, 2, "probability")
    assert (caught.value.code, caught.value.detail) == ("crashed", "")


def test_numbers_come_through_as_they_are():
    numbers = np.array([0.1, -1e30])
    np.testing.assert_array_equal(answers.unpack_numbers(answers.pack_numbers(numbers), 2, "number"), numbers)


def test_the_host_looks_at_labels_again():
    with pytest.raises(Rejected) as caught:
        answers.as_labels(["a", "zz"], np.array([0, 1]), ("a", "b"))
    assert caught.value.code == "unknown_labels"
    assert caught.value.detail == detail("labels", ["zz", "a, b"])
    assert answers.as_labels(["zz", "b"], np.array([1, 1]), ("a", "b")).tolist() == [1, 1]


FORGE = """
import json, os, numpy
from bounty.sandbox import answers, guest
def send(message):
    os.write(3, message)
    os._exit(0)
def number(*values): return b"N" + numpy.array(values, "<f8").tobytes()
def codes(labels, *values): return answers.pack_answers(labels, numpy.array(values))
"""


@pytest.mark.parametrize(
    ("wanted", "attack", "code"),
    [
        (NUMBER, "send(number(1, 2))", "crashed"),
        (NUMBER, "send(number(1, 2, 3, 4))", "crashed"),
        (NUMBER, "send(number(1, 2, numpy.nan))", "crashed"),
        (CHANCE, "send(number(0.5, 0.5, 1.01))", "crashed"),
        (CHANCE, "send(number(0.5, 0.5, -numpy.inf))", "crashed"),
        (NUMBER, "send(codes(['0', '1'], 0, 1, 0))", "crashed"),
        (LABEL, "send(number(0, 1, 0))", "crashed"),
        (LABEL, "send(codes(['0', '1'], 0, 1, 2))", "crashed"),
        (LABEL, "send(codes(['0', '0'], 0, 1, 0))", "crashed"),
        (LABEL, "send(codes(['0', 'buy this'], 0, 1, 0))", "unknown_labels"),
        (NUMBER, "send(b'R' + json.dumps(['buy_this', '', []]).encode())", "crashed"),
        (NUMBER, "send(b'R' + json.dumps(['rule_error', 'rule', ['buy this']]).encode())", "crashed"),
        (NUMBER, "send(bytes(2 << 20))", "too_much_output crashed"),
        (NUMBER, "os.write(3, number(1, 2, 3)); os._exit(1)", "crashed"),
        (NUMBER, "os.write(3, number(1, 2, 3))", "crashed"),
        (CHANCE, "guest.numbers_of = lambda *a: numpy.full(3, 7.0)", "crashed"),
        (LABEL, "guest.labels_of = lambda *a: numpy.full(3, 7, '<u2')", "crashed"),
        (NUMBER, "guest.numbers_of = lambda *a: numpy.zeros(2)", "crashed"),
    ],
)
def test_a_forged_message_is_held(sandbox, wanted, attack, code):
    source = f"{FORGE}{attack}\ndef predict(frame): return [1.0] * len(frame)"
    with pytest.raises(Rejected) as caught:
        sandbox.run("python", source.encode(), table(3, seed=0), wanted=wanted)
    assert caught.value.code in code.split()
    assert caught.value.code in REJECTIONS
    assert sandbox.run("rule", b"x > 0", table(3, seed=0)).values.dtype == bool

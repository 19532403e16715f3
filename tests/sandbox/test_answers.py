"""What models answer, and what the host makes of the message."""

import json

import numpy as np
import pandas as pd
import pytest

from bounty.sandbox import Rejected, answers
from bounty.sandbox.answers import Refusal
from bounty.sandbox.codes import DETAILS, REJECTIONS, detail
from bounty.sandbox.labels import canonical, merge


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, False], ["1", "0"]),
        ([1, 0], ["1", "0"]),
        ([1.0, 0.0], ["1", "0"]),
        (["1", "0"], ["1", "0"]),
        ([[1], [0]], ["1", "0"]),
        (np.array([1, 0], np.uint8), ["1", "0"]),
        (np.array([True, False], object), ["1", "0"]),
        (pd.Series([1.0, 0.0], index=[7, 7]), ["1", "0"]),
        (pd.array([True, False], dtype="boolean"), ["1", "0"]),
        (pd.Series(["1", "0"]), ["1", "0"]),
        ([3, -2], ["3", "-2"]),
        ([3.0, 0.5], ["3", "0.5"]),
        ([float("inf"), 1e300], ["inf", str(int(1e300))[:200]]),
        (["yes", "no"], ["yes", "no"]),
        ([1, "1"], ["1", "1"]),
        (np.array([1.0, "no"], object), ["1", "no"]),
    ],
    ids=str,
)
def test_answers_have_one_canonical_label(values, expected):
    if any(len(label) >= 200 for label in expected):
        with pytest.raises(Refusal, match="too_many_labels"):
            canonical(values, 2)
        return
    labels, codes = canonical(values, 2)
    assert [labels[code] for code in codes] == expected


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([1, 0, 1], "wrong_output_shape"),
        (1, "wrong_output_shape"),
        ([[1, 0], [0, 1]], "wrong_output_shape"),
        ([1 + 0j, 0j], "wrong_output_shape"),
        ([1.0, float("nan")], "has_missing_answers"),
        (["1", None], "has_missing_answers"),
        (["1", ""], "has_missing_answers"),
        (np.array([1, pd.NA], object), "has_missing_answers"),
        ([b"1", b"0"], "not_zero_or_one"),
        pytest.param([object(), object()], "not_zero_or_one", id="objects"),
    ],
    ids=str,
)
def test_what_is_no_answer_is_refused(values, code):
    with pytest.raises(Refusal, match=code):
        canonical(values, 2)


def test_too_many_labels_are_refused_within_a_batch_and_over_all():
    with pytest.raises(Refusal, match="too_many_labels"):
        canonical(np.arange(1001), 1001)
    with pytest.raises(Refusal, match="too_many_labels"):
        merge([canonical(np.arange(600), 600), canonical(np.arange(600) + 600, 600)])


def test_batches_share_their_labels():
    labels, codes = merge([canonical(["b", "a"], 2), canonical(["a", "c"], 2), canonical([], 0)])
    assert [labels[code] for code in codes] == ["b", "a", "a", "c"]


def test_a_message_comes_back_as_it_was_sent():
    message = answers.pack_answers(["0", "1"], np.array([1, 0, 1]))
    labels, codes = answers.unpack(message, 3, from_rule=False)
    assert answers.as_group(labels, codes).tolist() == [True, False, True]


def test_a_group_of_other_labels_names_them():
    with pytest.raises(Rejected) as caught:
        answers.as_group(["0", "2", "1"], np.array([0, 1]))
    assert (caught.value.code, caught.value.detail) == ("not_zero_or_one", "It answers with 2.")


def test_labels_that_no_row_has_do_not_matter():
    assert answers.as_group(["0", "maybe"], np.array([0, 0])).tolist() == [False, False]


GOOD = answers.pack_answers(["0", "1"], np.array([1, 0]))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"A",
        b"Z" + GOOD[1:],
        GOOD[:-1],
        GOOD[:-2],
        GOOD + b"\0\0",
        GOOD + GOOD,
        answers.pack_answers(["0"], np.array([1, 0])),
        answers.pack_answers(["0", "0"], np.array([1, 0])),
        answers.pack_answers([], np.array([0, 0])),
        answers.pack_answers([str(n) for n in range(1001)], np.array([1, 0])),
        b"A" + (4).to_bytes(4, "little") + b"[1]\n" + bytes(4),
        b"A" + (2**31).to_bytes(4, "little") + b"[]",
        b"A" + (9000).to_bytes(4, "little") + b"[" * 9000,
        b"R",
        b"R[]",
        b"R{}",
        b"Rnull",
        b'R["too_slow", "", [1]]',
        b'R["buy_this", "", []]',
        b'R["rule_error", "rule", ["free words"]]',
        b'R["wrong_inputs", "rule", ["free words"]]',
        b'R["wrong_inputs"',
        b"R" + b"[" * 9000,
    ],
    ids=lambda message: repr(message[:40]),
)
def test_anything_but_one_true_message_is_a_crash(message):
    with pytest.raises(Rejected) as caught:
        answers.unpack(message, 2, from_rule=False)
    assert (caught.value.code, caught.value.detail) == ("crashed", "")


def test_a_refusal_brings_our_sentence_with_its_facts():
    message = answers.pack_refusal(Refusal("wrong_inputs", "input_name", "age\x1b", "x, y"))
    with pytest.raises(Rejected) as caught:
        answers.unpack(message, 2, from_rule=False)
    assert caught.value.detail == "It asks for age?; the columns are x, y."


def test_only_a_rule_may_bring_a_whole_sentence():
    message = answers.pack_refusal(Refusal("rule_error", "rule", "There is no column z."))
    with pytest.raises(Rejected) as caught:
        answers.unpack(message, 2, from_rule=True)
    assert (caught.value.code, caught.value.detail) == ("rule_error", "There is no column z.")


@pytest.mark.parametrize("key", DETAILS)
def test_details_are_short_and_printable_whatever_the_facts(key):
    facts = ["\x00\u202e<b>" + "x" * 10_000] * DETAILS[key].count("{}")
    text = detail(key, facts)
    assert len(text) <= 300
    assert text.isprintable()


def test_details_with_other_facts_than_their_own_say_nothing():
    assert detail("input_name", ["one"]) == ""
    assert detail("no such key", []) == ""


def test_every_code_has_a_sentence():
    assert all(sentence.endswith(".") and len(sentence) < 250 for sentence in REJECTIONS.values())
    assert json.loads(json.dumps(REJECTIONS)) == REJECTIONS

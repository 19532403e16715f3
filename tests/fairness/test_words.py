import random
from collections import Counter, defaultdict

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairness import word_errors as errors_module
from fairness.intervals import newcombe_lower
from fairness.wer import align, count_words
from fairness.word_errors import tally_words, word_errors
from fairness.words import most_confused, most_missed, word_tables

SENTENCES = st.lists(st.sampled_from(["so", "it", "goes", "née", "日本", "I"]), max_size=6).map(" ".join)


def random_case(n: int = 400, n_groups: int = 3, seed: int = 1):
    """Sentences, what a system made of them, groups (-1 is none) and speakers, some in several groups."""
    rng = random.Random(seed)
    vocabulary = [f"w{k}" for k in range(12)]
    references, hypotheses = [], []
    groups = np.array([rng.randint(-1, n_groups - 1) for _ in range(n)])
    for group in groups:
        said = rng.choices(vocabulary, weights=range(1, 13), k=rng.randint(0, 8))
        written = []
        for word in said:
            if rng.random() > 0.1 + 0.1 * group * (word in vocabulary[:4]):
                written.append(word)
            elif rng.random() < 0.6:
                written.append(rng.choice(vocabulary))
        references.append(" ".join(said))
        hypotheses.append(" ".join(written))
    speakers = np.array([rng.randint(0, 20) for _ in range(n)])
    return references, hypotheses, groups, speakers


def test_it_lists_every_error_with_its_row():
    errors = word_errors(
        ["the cat sat", "", "so it goes", "yes"], ["a cat", "oh no", "so it goes", "yes sir"]
    )
    assert errors.table().rows() == [
        (0, "the", "a"),
        (0, "sat", ""),
        (1, "", "oh"),
        (1, "", "no"),
        (3, "", "sir"),
    ]
    assert [errors.words[code] for code in errors.said] == ["the", "cat", "sat", "so", "it", "goes", "yes"]
    assert errors.lengths.tolist() == [3, 0, 3, 1]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(SENTENCES, SENTENCES), max_size=5))
def test_the_errors_are_those_that_are_counted_and_shown(pairs):
    references, hypotheses = [r for r, _ in pairs], [h for _, h in pairs]
    table, counts = word_errors(references, hypotheses).table(), count_words(references, hypotheses)
    shown = [
        (row, step.reference, step.hypothesis)
        for row, pair in enumerate(pairs)
        for step in align(*pair)
        if step.kind != "equal"
    ]
    assert table.rows() == shown
    assert table.filter(pl.col("hypothesis") == "").height == counts.deletions.sum()
    assert table.filter(pl.col("reference") == "").height == counts.insertions.sum()


def test_parts_of_any_size_give_the_same_and_progress_is_told(monkeypatch):
    references, hypotheses, _, _ = random_case(100)
    whole, told = word_errors(references, hypotheses), []
    monkeypatch.setattr(errors_module, "CHUNK", 7)
    parts = word_errors(references, hypotheses, told.append)
    assert parts.words == whole.words
    assert all(
        np.array_equal(getattr(parts, name), getattr(whole, name)) for name in ("said", "lengths", "row")
    )
    assert parts.table().equals(whole.table())
    assert told == sorted(told)
    assert told[-1] == 1.0


HAND = (
    # group 0: "pin" is said 4 times by 2 speakers, missed 3 times, as "pen" twice
    ("a pin", "a pen", 0, 0),
    ("a pin", "a pen", 0, 1),
    ("a pin", "a", 0, 1),
    ("a pin", "a pin", 0, 1),
    # group 1: "pin" is said 4 times by 2 speakers, missed once, as "pen"
    ("a pin", "a pen", 1, 2),
    ("a pin pin", "a pin pin", 1, 3),
    ("pin", "pin", 1, 3),
    # in no group, but elsewhere to both
    ("pin rare", "pin", -1, 4),
)


def by_hand(rows=HAND, **options):
    references, hypotheses, groups, speakers = zip(*rows, strict=True)
    tally = tally_words(word_errors(references, hypotheses), np.array(groups), 2, np.array(speakers))
    return most_missed(tally, **options), most_confused(tally, **options)


def test_missed_words_by_hand():
    (first, second), _ = by_hand()
    (pin,) = first
    assert (pin.word, pin.said, pin.missed, pin.speakers) == ("pin", 4, 3, 2)
    assert (pin.rest_said, pin.rest_missed) == (5, 1)
    assert (pin.rate, pin.rest_rate, pin.gap) == (0.75, 0.2, 0.55)
    assert pin.ratio == pytest.approx(3.75)
    assert pin.score == pytest.approx(newcombe_lower(3 + 10 * 4 / 9, 14, 1, 5, 0.025))
    assert second == ()  # nothing is missed there more often than elsewhere


def test_confused_words_by_hand():
    _, (first, second) = by_hand()
    (pair,) = first
    assert (pair.reference, pair.hypothesis, pair.said, pair.times, pair.speakers) == ("pin", "pen", 4, 2, 2)
    assert (pair.rest_said, pair.rest_times, pair.rest_rate) == (5, 1, 0.2)
    assert pair.ratio == pytest.approx(2.5)
    assert second == ()


def test_what_is_never_missed_elsewhere_has_no_ratio():
    tally = tally_words(word_errors(["so", "so"], ["", "so"]), np.array([0, 1]), 2)
    (word,) = most_missed(tally)[0]
    assert (word.rest_missed, word.ratio, word.speakers) == (0, None, 1)


@pytest.mark.parametrize(("least", "named"), [(1, True), (2, True), (3, False)])
def test_words_of_too_few_speakers_are_not_named(least, named):
    (missed, _), (confused, _) = by_hand(HAND[:-1], least_speakers=least)
    assert bool(missed) is bool(confused) is named


def test_nor_words_that_too_few_say_in_what_the_named_groups_leave():
    missed, confused = by_hand(least_speakers=2)
    assert missed == confused == ((), ())  # all less both groups is one speaker


def test_a_word_that_too_few_say_elsewhere_is_not_named():
    texts = ["so"] * 6
    tally = tally_words(
        word_errors(texts, [""] * 4 + texts[4:]),
        np.array([0, 0, 0, 0, 1, 1]),
        2,
        np.array([0, 1, 2, 3, 4, 4]),
    )
    assert most_missed(tally, least_speakers=1)[0]
    assert not most_missed(tally, least_speakers=2)[0]


def test_a_confusion_of_too_few_speakers_is_not_named_though_its_word_is():
    references = ["so"] * 8
    hypotheses = ["sew", "", "", "so", "so", "so", "so", "so"]
    tally = tally_words(word_errors(references, hypotheses), np.array([0, 0, 0, 0, 1, 1, 1, 1]), 2)
    assert most_missed(tally, least_speakers=3)[0][0].word == "so"
    assert most_confused(tally, least_speakers=1)[0][0].hypothesis == "sew"
    assert most_confused(tally, least_speakers=2)[0] == ()


def test_a_word_said_once_does_not_come_before_one_that_is_often_missed():
    references = ["often"] * 100 + ["once"] + ["often"] * 100 + ["once"] * 150
    hypotheses = [""] * 20 + ["often"] * 80 + [""] + [""] * 2 + ["often"] * 98 + ["once"] * 150
    tally = tally_words(word_errors(references, hypotheses), np.array([0] * 101 + [1] * 250), 2)
    assert [word.word for word in most_missed(tally)[0]] == ["often", "once"]
    assert [word.word for word in most_missed(tally, top=1)[0]] == ["often"]


def counted_plainly(references, hypotheses, groups, speakers, group):
    """Every word of a group by counting one at a time: said, missed, who said it, and the rest's counts."""
    said, missed, who = (defaultdict(Counter), defaultdict(Counter), defaultdict(set))
    for reference, hypothesis, code, speaker in zip(references, hypotheses, groups, speakers, strict=True):
        for step in align(reference, hypothesis):
            if step.reference:
                said[step.reference][code == group] += 1
                missed[step.reference][code == group] += step.kind != "equal"
                who[step.reference, code].add(speaker)
    return {
        word: (
            said[word][True],
            missed[word][True],
            len(who[word, group]),
            said[word][False],
            missed[word][False],
        )
        for word in said
    }


@pytest.mark.parametrize("clustered", [True, False])
def test_counts_are_those_of_counting_one_by_one(clustered):
    references, hypotheses, groups, speakers = random_case()
    who = speakers if clustered else np.arange(len(groups))
    tally = tally_words(word_errors(references, hypotheses), groups, 3, speakers if clustered else None)
    for group, found in enumerate(most_missed(tally, top=100)):
        plain = counted_plainly(references, hypotheses, groups, who, group)
        assert {
            word.word: (word.said, word.missed, word.speakers, word.rest_said, word.rest_missed)
            for word in found
        } == {word: row for word, row in plain.items() if row[3] and row[1] * row[3] > row[4] * row[0]}
        assert [word.score for word in found] == sorted((word.score for word in found), reverse=True)


@pytest.mark.parametrize("most", [most_missed, most_confused])
def test_the_order_of_rows_and_the_numbers_of_speakers_change_nothing(most):
    references, hypotheses, groups, speakers = random_case()
    found = most(tally_words(word_errors(references, hypotheses), groups, 3, speakers), least_speakers=2)
    assert any(found)
    order = np.random.default_rng(4).permutation(len(groups))
    shuffled = word_errors([references[k] for k in order], [hypotheses[k] for k in order])
    assert most(tally_words(shuffled, groups[order], 3, 1000 - speakers[order]), least_speakers=2) == found


@pytest.mark.parametrize(
    ("references", "hypotheses"), [([], []), ([""], [""]), ([""], ["oh"]), (["so it"], ["so it"])]
)
def test_where_nothing_is_missed_nothing_is_listed(references, hypotheses):
    tally = tally_words(word_errors(references, hypotheses), np.zeros(len(references), int), 2)
    assert most_missed(tally) == most_confused(tally) == ((), ())


@pytest.mark.parametrize(
    ("groups", "speakers", "message"),
    [
        ([0], None, "for each of the 2 utterances"),
        ([0, 0], [1], "for each of the 2 utterances"),
        ([0, 3], None, "Groups lie below 3"),
        ([0, 0], [0, -1], "numbered from 0"),
    ],
)
def test_it_refuses_codes_that_do_not_fit(groups, speakers, message):
    errors = word_errors(["a", "b"], ["a", "c"])
    with pytest.raises(ValueError, match=message):
        tally_words(errors, np.array(groups), 3, None if speakers is None else np.array(speakers))


def test_a_report_has_every_system_and_column():
    references, hypotheses, groups, speakers = random_case()
    words = pl.DataFrame({"reference": references, "hypothesis:0": hypotheses, "hypothesis:1": references})
    columns = [("accent", ("x", "y", "z"), groups), ("room", ("all",), np.zeros(len(groups), int))]
    told = []
    found = word_tables(words, ("ours", "theirs"), columns, speakers, least_speakers=2, progress=told.append)
    assert [(one["system"], one["column"]) for one in found] == [
        ("ours", "accent"),
        ("ours", "room"),
        ("theirs", "accent"),
        ("theirs", "room"),
    ]
    tally = tally_words(word_errors(references, hypotheses), groups, 3, speakers)
    last = found[0]["groups"][-1]
    assert last["group"] == "z"
    assert last["missed"] == [vars(word) for word in most_missed(tally, least_speakers=2)[2]]
    assert last["confused"] == [vars(pair) for pair in most_confused(tally, least_speakers=2)[2]]
    assert found[1]["groups"] == found[2]["groups"] == found[3]["groups"] == []
    assert told == [0.5, 1.0]

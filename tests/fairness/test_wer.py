import random

import jiwer
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairness.wer import align, count_characters, count_words

WORDS = ("the", "a", "cat", "sat", "on", "mat", "it's", "naïve", "日本", "no")
SENTENCES = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)
TABLE = [  # reference, hypothesis: substitutions, deletions, insertions, words
    ("the cat sat", "the cat sat", (0, 0, 0, 3)),
    ("the cat sat", "the bat sat", (1, 0, 0, 3)),
    ("the cat sat", "cat sat", (0, 1, 0, 3)),
    ("the cat sat", "the fat cat sat", (0, 0, 1, 3)),
    ("the cat sat", "", (0, 3, 0, 3)),
    ("", "uh huh", (0, 0, 2, 0)),
    ("", "", (0, 0, 0, 0)),
    ("a b c d", "b c d e", (0, 1, 1, 4)),
    ("a b", "b a", (0, 1, 1, 2)),  # two substitutions would cost the same
    ("a b c", "x y", (2, 1, 0, 3)),
    ("the  cat", "the cat", (0, 0, 0, 2)),
]


def as_rows(counts) -> list[tuple[int, ...]]:
    columns = (counts.substitutions, counts.deletions, counts.insertions, counts.words)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def random_pairs(n: int, seed: int) -> tuple[list[str], list[str]]:
    """Sentences of few words, often repeated, and hypotheses that are edits of them or unrelated."""
    rng = random.Random(seed)
    references, hypotheses = [], []
    for _ in range(n):
        vocabulary = WORDS[: rng.choice((2, 3, 10))]
        said = rng.choices(vocabulary, k=rng.randint(1, 15))
        written = []
        for word in said if rng.random() < 0.8 else rng.choices(vocabulary, k=rng.randint(0, 15)):
            if rng.random() < 0.8:
                written.append(word)
            if rng.random() < 0.15:
                written.append(rng.choice(vocabulary))
        references.append(" ".join(said))
        hypotheses.append(" ".join(written))
    return references, hypotheses


def jiwers(reference: str, hypothesis: str) -> tuple[int, ...]:
    found = jiwer.process_words(reference, hypothesis)
    words = found.hits + found.substitutions + found.deletions
    return found.substitutions, found.deletions, found.insertions, words


def test_it_counts_a_table_by_hand():
    references, hypotheses, expected = zip(*TABLE, strict=True)
    counts = count_words(references, hypotheses)
    assert as_rows(counts) == list(expected)
    assert counts.hypothesis_words.tolist() == [len(text.split()) for text in hypotheses]
    assert {column.dtype for column in vars(counts).values()} == {np.dtype(np.int32)}


def test_it_counts_ten_thousand_random_pairs_as_jiwer_does():
    references, hypotheses = random_pairs(10_000, seed=3)
    rows = as_rows(count_words(references, hypotheses))
    assert rows == [jiwers(*pair) for pair in zip(references, hypotheses, strict=True)]
    left_open = [s > 1 or (d and i) for s, d, i, _ in rows]
    assert sum(left_open) > 3_000  # enough pairs whose total says nothing of its kinds


@settings(max_examples=300, deadline=None)
@given(SENTENCES, SENTENCES)
def test_any_pair_is_counted_as_jiwer_does(reference, hypothesis):
    assert as_rows(count_words([reference], [hypothesis])) == [jiwers(reference, hypothesis)]


def test_parts_joined_are_the_whole_and_order_changes_nothing():
    references, hypotheses = random_pairs(500, seed=5)
    whole = as_rows(count_words(references, hypotheses))
    parts = [count_words(references[k : k + 77], hypotheses[k : k + 77]) for k in range(0, 500, 77)]
    assert [row for part in parts for row in as_rows(part)] == whole
    order = np.random.default_rng(1).permutation(500)
    shuffled = count_words([references[k] for k in order], [hypotheses[k] for k in order])
    assert as_rows(shuffled) == [whole[k] for k in order]


def test_nothing_is_counted_in_no_utterances():
    assert as_rows(count_words([], [])) == []
    assert count_characters([], []).edits.tolist() == []


@pytest.mark.parametrize("count", [count_words, count_characters])
def test_it_refuses_hypotheses_that_are_too_few(count):
    with pytest.raises(ValueError, match="There are 2 references and 1 hypotheses"):
        count(["a", "b"], ["a"])


def test_characters_are_counted_as_jiwer_does():
    references, hypotheses = random_pairs(2_000, seed=7)
    counts = count_characters(references, hypotheses)
    found = [jiwer.process_characters(*pair) for pair in zip(references, hypotheses, strict=True)]
    assert counts.edits.tolist() == [one.substitutions + one.deletions + one.insertions for one in found]
    assert counts.characters.tolist() == [one.hits + one.substitutions + one.deletions for one in found]
    assert counts.edits.dtype == counts.characters.dtype == np.int32


@pytest.mark.parametrize(
    ("reference", "hypothesis", "edits", "characters"),
    [
        ("kitten", "sitting", 3, 6),
        (" a b ", "ab", 1, 3),
        ("", "abc", 3, 0),
        ("日本語", "日本", 1, 3),
        ("e\u0301", "é", 2, 2),
        ("👩‍👧", "👩", 2, 3),
    ],
)
def test_characters_are_code_points(reference, hypothesis, edits, characters):
    counts = count_characters([reference], [hypothesis])
    assert (counts.edits[0], counts.characters[0]) == (edits, characters)


def test_it_shows_words_side_by_side():
    steps = align("the cat sat on it", "a cat on it now")
    assert [(step.kind, step.reference, step.hypothesis) for step in steps] == [
        ("substitute", "the", "a"),
        ("equal", "cat", "cat"),
        ("delete", "sat", ""),
        ("equal", "on", "on"),
        ("equal", "it", "it"),
        ("insert", "", "now"),
    ]
    assert align("", "") == ()


@settings(max_examples=200, deadline=None)
@given(SENTENCES, SENTENCES)
def test_what_is_shown_is_what_is_counted_and_nothing_is_lost(reference, hypothesis):
    steps = align(reference, hypothesis)
    kinds = [step.kind for step in steps]
    shown = (kinds.count("substitute"), kinds.count("delete"), kinds.count("insert"), len(reference.split()))
    assert as_rows(count_words([reference], [hypothesis])) == [shown]
    assert [step.reference for step in steps if step.reference] == reference.split()
    assert [step.hypothesis for step in steps if step.hypothesis] == hypothesis.split()
    assert all((step.kind == "equal") == (step.reference == step.hypothesis) for step in steps)

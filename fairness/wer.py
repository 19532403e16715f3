"""Word and character errors of each utterance, and words aligned to be shown.

The aligner is rapidfuzz's Levenshtein distance (all three operations cost 1) on lists of words, and of the
alignments with that total the one its `editops` gives. The total is unique; how it falls into substitutions,
deletions and insertions is not: sclite, which weighs a substitution 4 and the others 3, may split it
otherwise.
"""

from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance.Levenshtein import distance, editops, opcodes
from rapidfuzz.process import cpdist

ALIGNER = f"rapidfuzz {version('rapidfuzz')}, Levenshtein editops on words"
KINDS = {"equal": "equal", "replace": "substitute", "delete": "delete", "insert": "insert"}

Counts = NDArray[np.int32]


@dataclass(frozen=True)
class WordCounts:
    """Of each of n utterances, int32[n]: the three kinds of errors, and words in the reference."""

    substitutions: Counts
    deletions: Counts
    insertions: Counts
    words: Counts

    @property
    def hypothesis_words(self) -> Counts:
        return self.words - self.deletions + self.insertions


@dataclass(frozen=True)
class CharacterCounts:
    """Of each of n utterances, int32[n]: edits of characters, and characters in the reference."""

    edits: Counts
    characters: Counts


@dataclass(frozen=True)
class Step:
    """One place of an alignment: equal, substitute, delete or insert, and the words there ("" for none)."""

    kind: str
    reference: str
    hypothesis: str


def count_words(references: Sequence[str], hypotheses: Sequence[str]) -> WordCounts:
    """Count how many words each hypothesis has wrong, left out and added (see the module for the aligner).

    Two sequences of n texts, already normalised; words end at white space. Word error rate is the sum of
    errors over the sum of `words`. All 0 is a perfect hypothesis; against a reference without words every
    word is an insertion. Utterances do not touch each other, so parts may be counted one by one and joined.
    Raises ValueError for sequences of different lengths.

    >>> counts = count_words(["the cat sat", ""], ["a cat sat down", "oh"])
    >>> counts.substitutions.tolist(), counts.deletions.tolist(), counts.insertions.tolist()
    ([1, 0], [0, 0], [1, 1])
    """
    check_lengths(references, hypotheses)
    edits: list[int] = []
    replaced: list[int] = []
    longer: list[int] = []
    words: list[int] = []
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        said = reference.split()
        words.append(len(said))
        if reference == hypothesis:
            edits.append(0)
            replaced.append(0)
            longer.append(0)
            continue
        written = hypothesis.split()
        operations = editops(said, written)
        total, more = len(operations), len(written) - len(said)
        # At least |more| are insertions or deletions. Only where two or more are left can these be either two
        # substitutions or a deletion and an insertion: nowhere else need the operations be read.
        left = total - abs(more)
        if left > 1:
            left = 0
            for kind, _, _ in operations.as_list():
                if kind == "replace":
                    left += 1
        edits.append(total)
        replaced.append(left)
        longer.append(more)
    return _counts(edits, replaced, longer, words)


def _counts(edits: list[int], replaced: list[int], longer: list[int], words: list[int]) -> WordCounts:
    substitutions, more = np.array(replaced, np.int32), np.array(longer, np.int32)
    others = np.array(edits, np.int32) - substitutions
    return WordCounts(
        substitutions=substitutions,
        deletions=(others - more) // 2,
        insertions=(others + more) // 2,
        words=np.array(words, np.int32),
    )


def count_characters(references: Sequence[str], hypotheses: Sequence[str]) -> CharacterCounts:
    """Count the edits between the characters of each reference and hypothesis, as jiwer's `cer` does.

    Two sequences of n texts, already normalised; characters are Unicode code points, spaces between words
    among them and white space at either end not. Character error rate is the sum of `edits` over that of
    `characters`; 0 is a perfect hypothesis. Raises ValueError for sequences of different lengths.

    >>> counts = count_characters(["the cat"], ["the  hat"])
    >>> counts.edits.tolist(), counts.characters.tolist()
    ([2], [7])
    """
    check_lengths(references, hypotheses)
    said, written = [text.strip() for text in references], [text.strip() for text in hypotheses]
    edits = cpdist(said, written, scorer=distance, dtype=np.int32)
    return CharacterCounts(edits, np.array([len(text) for text in said], np.int32))


def align(reference: str, hypothesis: str) -> tuple[Step, ...]:
    """The words of one utterance side by side, in order, by the alignment that `count_words` counts.

    >>> [(step.kind, step.reference, step.hypothesis) for step in align("the cat sat", "a cat")]
    [('substitute', 'the', 'a'), ('equal', 'cat', 'cat'), ('delete', 'sat', '')]
    """
    return tuple(_steps(reference.split(), hypothesis.split()))


def _steps(said: list[str], written: list[str]) -> Iterator[Step]:
    for block in opcodes(said, written):
        ours, theirs = said[block.src_start : block.src_end], written[block.dest_start : block.dest_end]
        for place in range(max(len(ours), len(theirs))):
            yield Step(
                KINDS[block.tag],
                ours[place] if ours else "",
                theirs[place] if theirs else "",
            )


def check_lengths(references: Sized, hypotheses: Sized) -> None:
    if len(references) != len(hypotheses):
        raise ValueError(
            f"There are {len(references):,} references and {len(hypotheses):,} hypotheses: "
            "give one of each a row."
        )

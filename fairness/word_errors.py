"""Each word error of a system, and how often every group says, misses and confuses which words."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rapidfuzz.distance.Levenshtein import editops

from fairness.wer import check_lengths

CHUNK = 50_000

Codes = NDArray[np.int32]
Ints = NDArray[np.int64]
Texts = Sequence[str] | pl.Series

_NONE = np.zeros(0, np.int32)


@dataclass(frozen=True)
class WordErrors:
    """What was said in n utterances, and each word error, as codes of words; code 0 is "", no word.

    words: the word of every code. said: int32, the words of all references in their order; lengths: int32[n],
    how many of them each utterance has. row, reference, hypothesis: int32[errors], the utterance (from 0)
    and the words of every error; a hypothesis 0 is a word left out, a reference 0 one that was added.
    """

    words: tuple[str, ...]
    said: Codes
    lengths: Codes
    row: Codes
    reference: Codes
    hypothesis: Codes

    def table(self) -> pl.DataFrame:
        """One row for each error: row, reference, hypothesis, the last two as words."""
        words = pl.Series(self.words, dtype=pl.String)
        columns = {"reference": words.gather(self.reference), "hypothesis": words.gather(self.hypothesis)}
        return pl.DataFrame({"row": self.row, **columns})


def word_errors(
    references: Texts, hypotheses: Texts, progress: Callable[[float], None] | None = None
) -> WordErrors:
    """Align n normalised references and hypotheses and keep each word error, in the order of the rows.

    progress, where given, hears the share that is done. A perfect system has no errors and only `said`.
    Raises ValueError for sequences of different lengths.

    >>> word_errors(["the cat sat"], ["a cat"]).table().rows()
    [(0, 'the', 'a'), (0, 'sat', '')]
    """
    check_lengths(references, hypotheses)
    code_of: defaultdict[str, int] = defaultdict()
    code_of.default_factory = code_of.__len__
    code_of[""] = 0
    parts: list[list[Codes]] = [[] for _ in range(5)]
    for start in range(0, len(references), CHUNK):
        end = start + CHUNK
        columns = _align_part(references[start:end], hypotheses[start:end], start)
        for part, words in zip(parts[:3], columns[:3], strict=True):
            part.append(np.fromiter(map(code_of.__getitem__, words), np.int32, len(words)))
        for part, numbers in zip(parts[3:], columns[3:], strict=True):
            part.append(np.array(numbers, np.int32))
        if progress:
            progress(min(1.0, end / len(references)))
    said, reference, hypothesis, row, lengths = (np.concatenate([_NONE, *part]) for part in parts)
    return WordErrors(tuple(code_of), said, lengths, row, reference, hypothesis)


def _align_part(
    references: Texts, hypotheses: Texts, start: int
) -> tuple[list[str], list[str], list[str], list[int], list[int]]:
    spoken: list[str] = []
    missed: list[str] = []
    put: list[str] = []
    rows: list[int] = []
    lengths: list[int] = []
    for row, (reference, hypothesis) in enumerate(zip(references, hypotheses, strict=True), start):
        said = reference.split()
        spoken += said
        lengths.append(len(said))
        if reference == hypothesis:
            continue
        written = hypothesis.split()
        for edit in editops(said, written):
            rows.append(row)
            missed.append("" if edit.tag == "insert" else said[edit.src_pos])
            put.append("" if edit.tag == "delete" else written[edit.dest_pos])
    return spoken, missed, put, rows, lengths


@dataclass(frozen=True)
class Tally:
    """How often each of m things happened in each group, and to how many speakers: int64[m], item and group
    as codes. Ordered by item, then group.
    """

    item: Ints
    group: Ints
    times: Ints
    speakers: Ints


@dataclass(frozen=True)
class WordTally:
    """The words of every group, counted: what `most_missed` and `most_confused` read.

    said: of words. missed: int64, beside `said`. pairs: int64[p, 2], reference and hypothesis of each
    confusion that occurs; confused: of pairs. The last group, n_groups, holds the rows that are in none.
    """

    words: tuple[str, ...]
    n_groups: int
    said: Tally
    missed: Ints
    pairs: Ints
    confused: Tally


def tally_words(
    errors: WordErrors, groups: NDArray[Any], n_groups: int, clusters: NDArray[Any] | None = None
) -> WordTally:
    """Count every group's words, misses and confusions, and by how many speakers.

    groups: int[n], the group of each utterance in 0..n_groups-1; a negative one puts it in no group.
    clusters: int[n] of 0 and more, whose utterance it is; without them each is a speaker's own. Raises
    ValueError for arrays of another length and for codes outside these ranges.
    """
    rows = len(errors.lengths)
    speakers = np.arange(rows) if clusters is None else np.asarray(clusters, dtype=np.int64)
    group = np.asarray(groups, dtype=np.int64)
    if len(group) != rows or len(speakers) != rows:
        raise ValueError(f"Give a group and a speaker for each of the {rows:,} utterances.")
    if rows and (group.max() >= n_groups or speakers.min() < 0):
        raise ValueError(f"Groups lie below {n_groups}, and speakers are numbered from 0.")
    group = np.where(group < 0, n_groups, group)
    said = _tally(errors.said, group, speakers, n_groups, errors.lengths)
    lost = errors.reference > 0
    keys, times = np.unique(
        errors.reference[lost] * np.int64(n_groups + 1) + group[errors.row[lost]], return_counts=True
    )
    missed = np.zeros(len(said.item), np.int64)
    missed[np.searchsorted(said.item * (n_groups + 1) + said.group, keys)] = times
    swapped = lost & (errors.hypothesis > 0)
    joined = errors.reference[swapped] * np.int64(len(errors.words)) + errors.hypothesis[swapped]
    pairs, pair = np.unique(joined, return_inverse=True)
    of_row = errors.row[swapped]
    confused = _tally(pair, group[of_row], speakers[of_row], n_groups)
    both = np.stack(np.divmod(pairs, len(errors.words)), axis=1)
    return WordTally(errors.words, n_groups, said, missed, both, confused)


def _tally(
    item: NDArray[Any], group: Ints, speaker: Ints, n_groups: int, lengths: Codes | None = None
) -> Tally:
    """Count by sorting one key of item, group and speaker; equal neighbours are then the same.

    group and speaker: of each item, or with `lengths` of each row, which holds so many items.
    """
    if not len(item):
        none = np.zeros(0, np.int64)
        return Tally(none, none, none, none)
    n_speakers = int(speaker.max()) + 1
    if int(item.max() + 1) * (n_groups + 1) * n_speakers >= 1 << 63:
        raise ValueError("There are too many different words, groups and speakers to count together.")
    place = group * n_speakers + speaker
    keys = item.astype(np.int64)
    keys *= (n_groups + 1) * n_speakers
    keys += place if lengths is None else np.repeat(place, lengths)
    keys.sort()
    another = np.concatenate([[True], keys[1:] != keys[:-1]])
    keys //= n_speakers
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    items, groups = np.divmod(keys[starts], n_groups + 1)
    times = np.diff(np.append(starts, len(keys)))
    return Tally(items, groups, times, np.add.reduceat(another, starts, dtype=np.int64))

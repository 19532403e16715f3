"""Which words a system misses and confuses in a group more often than elsewhere.

A word is missed where the aligner of `fairness.wer` leaves it out or puts another in its place. Words are
ranked by a score: the low end of Newcombe's 95 % interval (1998, method 10) of the gap between the group's
rate and that of all other rows, after the group is given PRIOR more times of that word at its rate over all
rows. The prior is the informative one of Monroe, Colaresi and Quinn (2008, "Fightin' Words"), put on a gap:
without it, of many thousand words those said once or twice, and missed by chance, would come first. Each
time a word was said counts as if on its own, so the score sorts and proves nothing; `least_speakers` holds
back words of few people.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairness.intervals import newcombe_lower
from fairness.rates import Floats
from fairness.word_errors import Ints, WordTally, tally_words, word_errors

TOP = 10
ONE_SIDED = 0.025
PRIOR = 10


@dataclass(frozen=True)
class MissedWord:
    """A word in a group: how often it was said and missed there, by how many speakers said, and elsewhere.

    rate, rest_rate: missed / said. gap: rate - rest_rate; score: what it is ranked by (see the module).
    ratio: rate / rest_rate, None where the word was never missed elsewhere.
    """

    word: str
    said: int
    missed: int
    speakers: int
    rate: float
    rest_said: int
    rest_missed: int
    rest_rate: float
    gap: float
    score: float
    ratio: float | None


@dataclass(frozen=True)
class ConfusedWords:
    """A word in a group that another was put for: how often, out of how often it was said, and elsewhere.

    times: how often it happened; speakers: to how many. rate, rest_rate: times / said. gap, score and
    ratio as in `MissedWord`.
    """

    reference: str
    hypothesis: str
    said: int
    times: int
    speakers: int
    rate: float
    rest_said: int
    rest_times: int
    rest_rate: float
    gap: float
    score: float
    ratio: float | None


def most_missed(
    tally: WordTally, *, top: int = TOP, least_speakers: int = 1
) -> tuple[tuple[MissedWord, ...], ...]:
    """For each group, the words missed there more often than elsewhere, by the score of the module.

    At most `top` words a group, the largest score first; one above 0 makes chance unlikely for that word
    alone. Only words that at least `least_speakers` speakers said in the group, and as many in some other,
    and either nobody or as many in the groups of fewer together: neither a count nor the difference of
    counts then describes fewer people.

    >>> errors = word_errors(["so it goes"] * 4, ["so it goes", "so it goes", "so goes", "so is goes"])
    >>> tally = tally_words(errors, np.array([0, 0, 1, 1]), n_groups=2)
    >>> [(word.word, word.missed, word.said, word.rest_missed) for word in most_missed(tally)[1]]
    [('it', 2, 2, 0)]
    """
    said = tally.said
    rows = _Candidates(
        names=said.item[:, None],
        group=said.group,
        said=said.times,
        times=tally.missed,
        speakers=said.speakers,
        rest_said=_elsewhere(said.item, said.times),
        rest_times=_elsewhere(said.item, tally.missed),
    )
    ranked = _rank(tally, rows.only(_public(tally, least_speakers)), top)
    return tuple(tuple(MissedWord(*fields) for fields in group) for group in ranked)


def most_confused(
    tally: WordTally, *, top: int = TOP, least_speakers: int = 1
) -> tuple[tuple[ConfusedWords, ...], ...]:
    """For each group, the words that another was put for more often than elsewhere, ranked alike.

    A pair is named only where it happened to at least `least_speakers` speakers of the group, and its
    reference was said by as many there and in some other group.

    >>> errors = word_errors(["so it goes"] * 4, ["so it goes", "so it goes", "so goes", "so is goes"])
    >>> tally = tally_words(errors, np.array([0, 0, 1, 1]), n_groups=2)
    >>> [(pair.reference, pair.hypothesis, pair.times, pair.said) for pair in most_confused(tally)[1]]
    [('it', 'is', 1, 2)]
    """
    said, confused = tally.said, tally.confused
    names = tally.pairs[confused.item]
    keys = said.item * (tally.n_groups + 1) + said.group
    place = np.searchsorted(keys, names[:, 0] * (tally.n_groups + 1) + confused.group)
    rows = _Candidates(
        names=names,
        group=confused.group,
        said=said.times[place],
        times=confused.times,
        speakers=confused.speakers,
        rest_said=_elsewhere(said.item, said.times)[place],
        rest_times=_elsewhere(confused.item, confused.times),
    )
    public = _public(tally, least_speakers)[place] & (confused.speakers >= least_speakers)
    ranked = _rank(tally, rows.only(public), top)
    return tuple(tuple(ConfusedWords(*fields) for fields in group) for group in ranked)


@dataclass(frozen=True)
class _Candidates:
    """Words or pairs in a group: codes int64[k, 1 or 2], and counts int64[k] there and elsewhere."""

    names: Ints
    group: Ints
    said: Ints
    times: Ints
    speakers: Ints
    rest_said: Ints
    rest_times: Ints

    def only(self, rows: NDArray[Any]) -> "_Candidates":
        return _Candidates(**{name: column[rows] for name, column in vars(self).items()})


def _public(tally: WordTally, least_speakers: int) -> NDArray[np.bool_]:
    """Which words of which groups enough speakers said there, in some other group, and in what is left."""
    item, speakers = tally.said.item, tally.said.speakers
    enough = speakers >= least_speakers
    others = np.bincount(item, weights=enough)[item] > 1
    left = np.bincount(item, weights=np.where(enough, 0, speakers))[item]
    public: NDArray[np.bool_] = enough & others & ((left == 0) | (left >= least_speakers))
    return public


def _elsewhere(item: Ints, times: Ints) -> Ints:
    """What other groups add to each item."""
    if not len(item):
        return times
    return np.bincount(item, weights=times).astype(np.int64)[item] - times


def _rank(tally: WordTally, rows: _Candidates, top: int) -> list[list[tuple[Any, ...]]]:
    """The fields of the first `top` candidates of each group. Ties go by the gap, by how often a word was
    said, and by the alphabet, so that the order of the rows decides nothing.
    """
    rows = rows.only(
        (rows.group < tally.n_groups) & (rows.times * rows.rest_said > rows.rest_times * rows.said)
    )
    score = _score(rows)
    rate, rest = rows.times / rows.said, rows.rest_times / rows.rest_said
    alphabet = _alphabet(tally.words, rows.names)
    order = np.lexsort((*alphabet.T[::-1], -rows.said, rest - rate, -score, rows.group))
    starts = np.searchsorted(rows.group[order], np.arange(tally.n_groups + 1))
    return [
        [_fields(tally.words, rows, score, k) for k in order[start : min(start + top, end)].tolist()]
        for start, end in pairwise(starts.tolist())
    ]


def _score(rows: _Candidates) -> Floats:
    rate = (rows.times + rows.rest_times) / (rows.said + rows.rest_said)
    times, said = rows.times + PRIOR * rate, rows.said + PRIOR
    return newcombe_lower(times, said, rows.rest_times, rows.rest_said, ONE_SIDED)


def _alphabet(words: tuple[str, ...], codes: Ints) -> Ints:
    """The places of these words in alphabetical order, of the same shape."""
    different, inverse = np.unique(codes, return_inverse=True)
    order = sorted(range(len(different)), key=[words[code] for code in different.tolist()].__getitem__)
    places = np.empty(len(different), np.int64)
    places[order] = np.arange(len(different))
    return places[inverse].reshape(codes.shape)


def _fields(words: tuple[str, ...], rows: _Candidates, score: Floats, k: int) -> tuple[Any, ...]:
    said, times, rest_said, rest_times = (
        int(column[k]) for column in (rows.said, rows.times, rows.rest_said, rows.rest_times)
    )
    rate, rest = times / said, rest_times / rest_said
    names = [words[code] for code in rows.names[k].tolist()]
    here, elsewhere = (said, times, int(rows.speakers[k]), rate), (rest_said, rest_times, rest)
    return (*names, *here, *elsewhere, rate - rest, float(score[k]), rate / rest if rest else None)


def word_tables(
    words: pl.DataFrame,
    systems: Sequence[str],
    columns: Sequence[tuple[str, Sequence[str], NDArray[Any]]],
    clusters: NDArray[Any] | None,
    *,
    least_speakers: int,
    top: int = TOP,
    progress: Callable[[float], None] | None = None,
) -> list[dict[str, Any]]:
    """The words missed and confused most, for every system and group column, ready for a report.

    words: normalised texts in the columns reference, hypothesis:0, hypothesis:1, ..., one for each system.
    columns: the name of each group column, its groups, and the code of each row. One entry for each system
    and column: {"system", "column", "groups": [{"group", "missed", "confused"}]}, with the fields of
    `MissedWord` and `ConfusedWords`; groups of which there is nothing to say are left out.
    """
    references, found = words["reference"], []
    for place, system in enumerate(systems):
        part = partial(_part, progress, place, len(systems)) if progress else None
        errors = word_errors(references, words[f"hypothesis:{place}"], part)
        for column, names, codes in columns:
            tally = tally_words(errors, codes, len(names), clusters)
            missed = most_missed(tally, top=top, least_speakers=least_speakers)
            confused = most_confused(tally, top=top, least_speakers=least_speakers)
            groups = [
                {"group": name, "missed": [*map(asdict, missed[k])], "confused": [*map(asdict, confused[k])]}
                for k, name in enumerate(names)
                if missed[k] or confused[k]
            ]
            found.append({"system": system, "column": column, "groups": groups})
    return found


def _part(progress: Callable[[float], None], place: int, of: int, share: float) -> None:
    progress((place + share) / of)

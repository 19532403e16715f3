"""Rates of 50 groups with 1,000 cluster replicates on 1,000,000 rows, against fairlearn's MetricFrame.

Rows are 12-word utterances of 5,000 speakers, 100 in a group: few enough that intervals are drawn, as groups
of more than 200 need no replicates. From the rows come errors and words by speaker and group, and from them
rates and studentised intervals. MetricFrame draws rows and no clusters, so the peer draws speakers and lets
MetricFrame compute each replicate's rates; it makes 3 of the 1,000, and the time of one is taken 1,000 times.
Its rates must be ours, with all speakers and in each replicate. The bare bincount is the rates alone, without
any interval. Seconds are of one processor: other work on the machine does not count.
"""

import argparse
import sys

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.support import ask_peer, processor_seconds, save
from fairness.bootstrap import MOST_DRAWN, studentised_interval
from fairness.cells import Cells, GroupColumn, Grouping, sum_cells
from fairness.disaggregate import View, tabulate
from fairness.intervals import Interval
from fairness.kinds import KINDS
from fairness.kinds.base import Counted, Settings

GROUPS, SPEAKERS, WORDS = 50, 100, 12
REPLICATES, MEASURED = 1000, 3
REPEATS = 7
KIND = KINDS["speech"]
WER = KIND.metrics[0]


class Spoken:
    """Errors and words of every row, whose they are, and in which group each speaker is."""

    def __init__(self, rows: int) -> None:
        rng = np.random.default_rng(0)
        speakers = GROUPS * SPEAKERS
        rate = np.minimum(rng.gamma(0.6**-2, 0.15 * 0.6**2, speakers), 1)
        self.speaker = rng.integers(0, speakers, rows)
        self.group_of = np.arange(speakers) % GROUPS
        self.group = self.group_of[self.speaker]
        self.words = np.full(rows, WORDS)
        self.errors = rng.binomial(self.words, rate[self.speaker])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    said = Spoken(rows)
    assert SPEAKERS <= MOST_DRAWN
    drawn = np.random.default_rng(1).integers(0, SPEAKERS, (MEASURED, GROUPS, SPEAKERS))
    drawn = (drawn * GROUPS + np.arange(GROUPS)[:, None]).reshape(MEASURED, -1)
    ours = processor_seconds(lambda: with_intervals(said), REPEATS)
    bare = processor_seconds(lambda: bare_rates(said), REPEATS)
    cells = summed(said)
    whole = processor_seconds(lambda: table(summed(said)), REPEATS)
    stored = processor_seconds(lambda: table(cells), REPEATS)
    peer = ask_peer(
        "fairlearn_groups.py",
        {"errors": said.errors, "words": said.words, "group": said.group, "speaker": said.speaker}
        | {"drawn": drawn},
    )
    check(said, cells, drawn, peer)
    ours = max(ours, processor_seconds(lambda: with_intervals(said), REPEATS))  # the slower of both times
    against = peer["once"] + REPLICATES * peer["replicate"]
    named = f"rates of {GROUPS} groups with {REPLICATES:,} cluster replicates, {rows:,} rows"
    print(
        f"{named}: ours {ours:.3f} s, against MetricFrame {against:,.0f} s (extrapolated from "
        f"{peer['replicate']:.2f} s a replicate, measured on {MEASURED}), ratio {against / ours:,.0f}"
    )
    print(
        f"{named}: ours {ours:.4f} s, against a bare numpy bincount of the rates alone {bare:.4f} s, "
        f"ratio {bare / ours:.2f}"
    )
    print(
        f"with gaps to the rest and corrected p values, from rows: ours {whole:.3f} s, against MetricFrame "
        f"{against:,.0f} s without them, ratio {against / whole:,.0f}"
    )
    print(
        f"the same from the stored counts of an audit: ours {stored:.3f} s, against MetricFrame "
        f"{against:,.0f} s, ratio {against / stored:,.0f}"
    )
    numbers = {"rows": rows, "ours_seconds": ours, "against_seconds": against, "ratio": against / ours}
    more = {"measured_replicates": MEASURED, "seconds_a_replicate": peer["replicate"], "bare_seconds": bare}
    save("groups", numbers | more | {"table_seconds": whole, "stored_table_seconds": stored})
    return 0


def with_intervals(said: Spoken) -> Interval:
    """From rows to the intervals of all groups."""
    errors, words = by_speaker(said)
    return studentised_interval(errors, words, said.group_of, GROUPS, replicates=REPLICATES)


def by_speaker(said: Spoken) -> tuple[NDArray, NDArray]:
    return np.bincount(said.speaker, said.errors), np.bincount(said.speaker, said.words)


def bare_rates(said: Spoken) -> NDArray:
    return np.bincount(said.group, said.errors) / np.bincount(said.group, said.words)


def summed(said: Spoken) -> Cells:
    """The cells of an audit of these rows."""
    names = ("substitutions", "deletions", "insertions", "words")
    nothing = np.zeros_like(said.errors)
    counts = pl.DataFrame(dict(zip(names, (said.errors, nothing, nothing, said.words), strict=True)))
    column = GroupColumn("accent", "group", "self-reported", tuple(map(str, range(GROUPS))))
    return sum_cells(
        Counted(("system",), (WER,), (counts,)),
        Grouping((column,), (said.group.astype(np.int16),)),
        clusters=said.speaker,
        weights=None,
        duration=None,
        aggregations=("pooled",),
    )


def table(cells: Cells):
    return tabulate(cells, KIND, (WER,), View("system", "wer", by=("accent",)), Settings())


def check(said: Spoken, cells: Cells, drawn: NDArray, peer: dict) -> None:
    """End where the peer's rates are not ours."""
    errors, words = by_speaker(said)
    of_drawn = [
        np.bincount(said.group_of[d], errors[d]) / np.bincount(said.group_of[d], words[d]) for d in drawn
    ]
    of_table = [row.value for row in table(cells).groups]
    for found, expected in zip(
        ([peer["rates"]] * 2 + peer["drawn_rates"]), (bare_rates(said), of_table, *of_drawn), strict=True
    ):
        if not np.allclose(found, expected, rtol=1e-12):
            sys.exit(f"The rates differ: ours {expected}, theirs {found}")


if __name__ == "__main__":
    sys.exit(main())

"""Word errors of 1,000,000 twelve-word utterances, against jiwer.process_words and the bare rapidfuzz loop.

Words are drawn from 20,000 by their rank, as in speech. 15 % of them go wrong, mostly by substitution, and
some utterances far more than others, as with real recognisers: 44 % have no error. The bare loop splits and
aligns and counts nothing: what is left is the price of the counts. jiwer runs in its own environment (set
PEERS_PYTHON, or make var/peers-venv from bench/peers-requirements.txt) on a tenth of the utterances, whose
time is taken ten times; the errors of that tenth must be the same. All three use one processor, so its time
is what is measured: other work on the machine does not count.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rapidfuzz.distance.Levenshtein import editops

from fairness.wer import WordCounts, count_words

HERE = Path(__file__).parent
PEER = HERE / "peers" / "jiwer_words.py"
LENGTH, VOCABULARY, WRONG = 12, 20_000, 0.15
SHARES = (0.7, 0.2, 0.1)  # of substitutions, deletions, insertions
ALIKE = 3  # how alike utterances are in their rates: the two parameters of a beta distribution, summed
PART = 10  # jiwer gets one of so many utterances
REPEATS = 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    python = Path(os.environ.get("PEERS_PYTHON") or HERE.parent / "var" / "peers-venv" / "bin" / "python")
    if not python.exists():
        print("jiwer is not here: set PEERS_PYTHON to a Python with bench/peers-requirements.txt.")
        return 1
    references, hypotheses = spoken(rows)
    ours, bare = [], []
    for _ in range(REPEATS):
        bare.append(seconds(lambda: bare_loop(references, hypotheses)))
        ours.append(seconds(lambda: count_words(references, hypotheses)))
    part = rows // PART
    theirs = ask_peer(python, references[:part], hypotheses[:part])
    counted = totals(count_words(references[:part], hypotheses[:part]))
    if theirs["counts"] != counted:
        sys.exit(f"The errors differ: ours {counted}, theirs {theirs['counts']}")
    mine, loop, against = min(ours), min(bare), theirs["seconds"] * rows / part
    print(
        f"word errors, {rows:,} x {LENGTH} words: ours {mine:.2f} s, "
        f"against jiwer.process_words {against:.1f} s (extrapolated from {theirs['seconds']:.2f} s on "
        f"{part:,} rows), ratio {against / mine:.1f}; "
        f"bare rapidfuzz loop {loop:.2f} s, of which ours is {mine / loop:.2f}"
    )
    out = HERE / "out" / "wer.json"
    out.parent.mkdir(exist_ok=True)
    numbers = {"rows": rows, "ours_seconds": mine, "against_seconds": against, "ratio": against / mine}
    more = {"peer_rows": part, "bare_seconds": loop, "of_bare": mine / loop}
    out.write_text(json.dumps(numbers | more, indent=2) + "\n")
    return 0


def spoken(rows: int) -> tuple[list[str], list[str]]:
    """Utterances, and what a recogniser made of them."""
    rng = np.random.default_rng(1)
    letters = np.array(list("etaoinshrdlcumwfgypb"))
    words = np.array(
        sorted({"".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(VOCABULARY)}), object
    )
    rng.shuffle(words)
    often = np.cumsum(1 / (np.arange(len(words)) + 3.0))
    said, others = (words[np.searchsorted(often, rng.random((rows, LENGTH)) * often[-1])] for _ in range(2))
    rate = rng.beta(WRONG * ALIKE, (1 - WRONG) * ALIKE, size=(rows, 1))
    kind = rng.choice([1, 2, 3], size=(rows, LENGTH), p=SHARES) * (rng.random((rows, LENGTH)) < rate)
    heard = np.where(kind == 1, others, np.where(kind == 2, "", said))
    heard = np.where(kind == 3, said + " " + others, heard)
    references = [" ".join(row) for row in said.tolist()]
    return references, [" ".join(filter(None, row)) for row in heard.tolist()]


def bare_loop(references: list[str], hypotheses: list[str]) -> None:
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        editops(reference.split(), hypothesis.split())


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def totals(counts: WordCounts) -> list[int]:
    return [int(column.sum()) for column in (counts.substitutions, counts.deletions, counts.insertions)]


def ask_peer(python: Path, references: list[str], hypotheses: list[str]) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.json"
        data.write_text(json.dumps({"references": references, "hypotheses": hypotheses}))
        done = subprocess.run([python, PEER, data], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(main())

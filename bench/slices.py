"""Slice search to depth 3 on 1,000,000 rows of 12 columns, against pysubgroup on the same work.

Both get the same codes (5 values a column), rank by weighted relative accuracy, keep 10 slices of at least 30
rows, and must name the same best slice with the same quality. The peer runs in its own environment: set
PEERS_PYTHON, or make var/peers-venv from bench/peers-requirements.txt.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from fairness.slices import Slice, search_slices

HERE = Path(__file__).parent
PEER = HERE / "peers" / "pysubgroup_slices.py"
DEPTH, TOP, MIN_ROWS = 3, 10, 30
PATIENCE = 300  # seconds; a peer that would take longer at full size is extrapolated
REPEATS = 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    python = Path(os.environ.get("PEERS_PYTHON") or HERE.parent / "var" / "peers-venv" / "bin" / "python")
    if not python.exists():
        print("pysubgroup is not here: set PEERS_PYTHON to a Python with bench/peers-requirements.txt.")
        return 1
    codes, errors = planted(rows)
    ours, best = our_time(codes, errors)
    theirs, size = peer_time(python, codes, errors, best)
    ours = max(ours, our_time(codes, errors)[0])  # the slower of before and after: the machine may be shared
    against = theirs * rows / size
    how = "" if size == rows else f" (extrapolated from {theirs:.1f} s on {size:,} rows)"
    print(
        f"slice search, depth {DEPTH}, {rows:,} x 12: ours {ours:.2f} s, "
        f"against pysubgroup {against:.1f} s{how}, ratio {against / ours:.1f}"
    )
    out = HERE / "out" / "slices.json"
    out.parent.mkdir(exist_ok=True)
    numbers = {"rows": rows, "ours_seconds": ours, "against_seconds": against, "ratio": against / ours}
    out.write_text(json.dumps(numbers | {"peer_rows": size, "best": best.rule}, indent=2) + "\n")
    return 0


def planted(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes uint8[rows, 12] of 0..4, and errors at 10 %, 50 % where three columns meet."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, (rows, 12), dtype=np.uint8)
    worse = (codes[:, 1] == 3) & (codes[:, 4] == 0) & (codes[:, 7] == 2)
    return codes, rng.random(rows) < np.where(worse, 0.5, 0.1)


def our_time(codes: np.ndarray, errors: np.ndarray) -> tuple[float, Slice]:
    """The median of a few searches, from a frame of numbers to described slices; and the best slice."""
    frame = pl.DataFrame({f"c{i}": codes[:, i].astype(float) for i in range(codes.shape[1])})
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        found = search_slices(frame, errors, np.ones(len(errors)), depth=DEPTH, top=TOP, min_rows=MIN_ROWS)
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)[REPEATS // 2], found[0]


def peer_time(python: Path, codes: np.ndarray, errors: np.ndarray, best: Slice) -> tuple[float, int]:
    """The peer's seconds and on how many rows: all of them where a tenth promises to end in time."""
    rows = len(errors)
    answer = ask_peer(python, codes[: rows // 10], errors[: rows // 10])
    if answer["seconds"] * 10 > PATIENCE:
        return answer["seconds"], rows // 10
    answer = ask_peer(python, codes, errors)
    if answer["rule"] != best.rule or not np.isclose(answer["quality"], best.quality):
        sys.exit(f"The best slices differ: ours {best.rule} {best.quality}, theirs {answer}")
    return answer["seconds"], rows


def ask_peer(python: Path, codes: np.ndarray, errors: np.ndarray) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        np.savez(data, codes=codes, errors=errors)
        command = [python, PEER, data, str(DEPTH), str(TOP), str(MIN_ROWS)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(main())

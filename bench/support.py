"""What the benchmarks of audits share: the peers' environment, medians, and the numbers they leave behind."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
OUT = HERE / "out"


def peers_python() -> Path:
    """Where the peers are installed; ends the benchmark where they are not."""
    python = Path(os.environ.get("PEERS_PYTHON") or HERE.parent / "var" / "peers-venv" / "bin" / "python")
    if not python.exists():
        sys.exit("The peers are not here: set PEERS_PYTHON to a Python with bench/peers-requirements.txt.")
    return python


def ask_peer(script: str, arrays: dict[str, NDArray], *arguments: str) -> dict:
    """What a script of bench/peers says of the arrays, which it gets as a file."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        np.savez(data, **arrays)
        command = [peers_python(), HERE / "peers" / script, data, *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def processor_seconds(work: Callable[[], object], repeats: int) -> float:
    """The median processor time of a few runs, of all threads: other work on the machine does not count."""
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds)


def save(name: str, numbers: dict) -> None:
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(numbers, indent=2) + "\n")

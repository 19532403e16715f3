"""jiwer on the work of bench/wer.py, in the peers' environment: DATA.json -> JSON."""

import json
import sys
import time
from pathlib import Path

import jiwer


def main(path: str) -> None:
    data = json.loads(Path(path).read_text())
    started = time.process_time()
    found = jiwer.process_words(data["references"], data["hypotheses"])
    seconds = time.process_time() - started
    counts = [found.substitutions, found.deletions, found.insertions]
    print(json.dumps({"seconds": seconds, "counts": counts}))


if __name__ == "__main__":
    main(sys.argv[1])

"""Run the benchmarks on a running stack and gather their numbers: python -m bench.run [NAME ...]"""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
OUT = HERE / "out"
SITE = os.environ.get("SITE_URL", "http://127.0.0.1:8000")
HELPERS = {"__init__", "run", "support", "utterances"}
EXTRA = {
    "coverage": ["--json", str(OUT / "coverage.json")],
    "promise": ["--json", str(OUT / "promise.json")],
    "report": ["--url", SITE],
    "submissions": ["--url", SITE],
}


def main(wanted: list[str]) -> int:
    names = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in HELPERS)
    if unknown := sorted(set(wanted) - set(names)):
        print(f"No such benchmark: {', '.join(unknown)}. There are {', '.join(names)}.", file=sys.stderr)
        return 2
    OUT.mkdir(exist_ok=True)
    failed = []
    for name in wanted or names:
        print(f"== {name}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"bench.{name}", *EXTRA.get(name, [])], check=False)
        if done.returncode:
            failed.append(name)
    print("== numbers")
    for path in sorted(OUT.glob("*.json")):
        print(f"{path.relative_to(HERE.parent)}: {json.dumps(json.loads(path.read_text()))}")
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Break the stack in every way the list of faults knows, and compare with a run that nothing happened to.

make chaos [ARGS="--short | --only NAME"]
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterable

from .engine import Broken
from .entries import Entry, entries
from .faults import FAULTS, SHORT, Fault
from .runs import Outcome, Site, compare, run
from .stack import REPOSITORY, Stack, running

OUT = REPOSITORY / "bench" / "out"
SUBMISSIONS, SHORT_SUBMISSIONS = 200, 40
UNDISTURBED = "undisturbed"
# Verdicts flow again within this time, counted from when what was away is there again.
RECOVERY_SECONDS = 30.0
COLUMNS = (
    "fault",
    "sent",
    "verdicts",
    "lost",
    "twice",
    "failed",
    "gap s",
    "send s",
    "same ranking",
    "seconds",
    "kept",
)


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--short", action="store_true", help="three faults, 40 submissions")
    parser.add_argument(
        "--only", action="append", choices=list(FAULTS), help="this fault; may be given again"
    )
    parser.add_argument("--submissions", type=int, help="how many in each run")
    return parser.parse_args(argv)


def measure(site: Site, name: str, fault: Fault, sent: list[Entry], undisturbed: Outcome) -> dict:
    with fault.around(site):
        outcome = run(site, name, sent, lambda: fault.strike(site))
    site.stack.engine.start(*site.stack.engine.containers)
    same = compare(outcome, undisturbed)
    most = RECOVERY_SECONDS + fault.away
    gap = outcome.counts.longest_gap
    outcome.promise(gap <= most, f"{gap:.0f} seconds without a verdict; {most:.0f} are promised at most")
    return row(name, fault.what, outcome, same)


def row(name: str, what: str, outcome: Outcome, same: bool) -> dict:
    counts = outcome.counts
    return {
        "fault": name,
        "what": what,
        "submissions": outcome.sent,
        "verdicts": counts.ended,
        "lost": counts.taken - counts.ended + max(0, outcome.sent - counts.taken),
        "judged_twice": counts.judged_twice,
        "failed": counts.failed,
        "longest_gap": round(counts.longest_gap, 1),
        "longest_send": round(outcome.longest_send, 1),
        "ranking_equal": same,
        "seconds": round(outcome.seconds, 1),
        "lease_expiries": counts.lease_expiries,
        "answers": outcome.troubles,
        "broken": outcome.broken,
    }


def said(row: dict) -> list[str]:
    return [
        row["fault"],
        str(row["submissions"]),
        str(row["verdicts"]),
        str(row["lost"]),
        str(row["judged_twice"]),
        str(row["failed"]),
        f"{row['longest_gap']:.1f}",
        f"{row['longest_send']:.1f}",
        "yes" if row["ranking_equal"] else "NO",
        f"{row['seconds']:.0f}",
        "NO" if row["broken"] else "yes",
    ]


def table(rows: Iterable[dict]) -> str:
    lines = [list(COLUMNS), *map(said, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([text[0], "  ".join("-" * width for width in widths), *text[1:]])


def all_of(stack: Stack, names: Iterable[str], sent: list[Entry]) -> list[dict]:
    site = Site(stack)
    undisturbed = run(site, UNDISTURBED, sent)
    rows = [row(UNDISTURBED, "nothing goes wrong", undisturbed, same=True)]
    print(table(rows).splitlines()[-1], flush=True)
    for name in names:
        try:
            rows.append(measure(site, name, FAULTS[name], sent, undisturbed))
        except Broken:
            keep_logs(stack)
            raise
        print(table(rows).splitlines()[-1], flush=True)
    if any(row["broken"] for row in rows):
        keep_logs(stack)
    return rows


def keep_logs(stack: Stack) -> None:
    kept = OUT / "chaos-logs"
    kept.mkdir(parents=True, exist_ok=True)
    for container in stack.engine.containers.values():
        shutil.copy(container.log, kept / f"{container.folder.name}.log")
    print(f"The logs are in {kept}", flush=True)


def main(argv: list[str]) -> int:
    arguments = parse(argv)
    names = arguments.only or (SHORT if arguments.short else FAULTS)
    number = arguments.submissions or (SHORT_SUBMISSIONS if arguments.short else SUBMISSIONS)
    began = time.monotonic()
    try:
        with running() as stack:
            print(
                f"The stack is up after {time.monotonic() - began:.0f} s; {number} submissions a run",
                flush=True,
            )
            rows = all_of(stack, names, entries(number))
    except Broken as broken:
        print(broken, file=sys.stderr)
        return 1
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "chaos.json").write_text(json.dumps(rows, indent=2) + "\n")
    took = time.monotonic() - began
    print(f"\n{table(rows)}\n\n{len(rows)} runs in {took:.0f} s; also in {OUT / 'chaos.json'}")
    broken_promises = [f"{row['fault']}: {sentence}" for row in rows for sentence in row["broken"]]
    for sentence in broken_promises:
        print(f"BROKEN  {sentence}", file=sys.stderr)
    return 1 if broken_promises else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""python -m fairness: published numbers recomputed from files, without a database."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from fairness.rescore import read_evidence, read_mask
from fairness.verdict import judge_find

BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. The exit status is 0, or 2 after a sentence on what is wrong with the input."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except ValueError as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return BAD_INPUT
    return 0


def _rescore(options: argparse.Namespace) -> None:
    evidence = read_evidence(options.truth)
    rows = len(evidence.errors)
    verdict = judge_find(
        evidence,
        read_mask(options.mask, rows),
        [read_mask(path, rows) for path in options.earlier],
        options.level,
        min_rows=options.min_rows,
        min_clusters=options.min_clusters,
    )
    print(json.dumps(asdict(verdict), indent=2))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fairness", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    rescore = commands.add_parser(
        "rescore",
        help="give the verdict on a stored mask again",
        description="Judge a stored mask as the leaderboard did and print the verdict as JSON.",
    )
    rescore.add_argument(
        "--truth",
        type=Path,
        required=True,
        help="Parquet or CSV with columns errors, exposure and, where known, cluster and weight",
    )
    rescore.add_argument(
        "--mask", type=Path, required=True, help="the group's rows: .npy, .bin (packed) or .csv"
    )
    rescore.add_argument(
        "--earlier", type=Path, nargs="*", default=[], help="masks of the earlier accepted finds, in order"
    )
    rescore.add_argument("--level", type=float, required=True, help="the bounty's alpha / K")
    rescore.add_argument("--min-rows", type=int, default=30, help="rows with exposure on each side (30)")
    rescore.add_argument("--min-clusters", type=int, default=20, help="clusters on each side (20)")
    rescore.set_defaults(run=_rescore)
    return parser

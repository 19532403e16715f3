"""python -m fairness fixes: the verdicts on a bounty's fixes given again from files."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from fairness.rejudge import Rejudged, rejudge

SAME = "All {total} verdicts are the stored ones, to the last digit."
DIFFERENT = "{count} of {total} verdicts are not the stored ones: fixes {names}."


def add_fixes(fixes: argparse.ArgumentParser) -> None:
    fixes.description = (
        "Judge a folder of stored fixes again, in their order; print each verdict and the model's error "
        "after it, and whether the verdicts are the stored ones."
    )
    fixes.add_argument("folder", type=Path, metavar="DIR", help="as manage.py export_fixes writes it")
    fixes.add_argument("--json", action="store_true", help="print JSON with every digit instead of a table")
    fixes.set_defaults(run=run_fixes)


def run_fixes(options: argparse.Namespace) -> None:
    """Raises ValueError, after all is printed, where a verdict is not the stored one."""
    judged = tuple(rejudge(options.folder))
    if options.json:
        print(json.dumps([asdict(one) for one in judged], indent=2))
    else:
        print("     fix  verdict               points   better    worse        p        after  version")
        for one in judged:
            print(line(one))
    if different := [str(one.submission) for one in judged if not one.same]:
        raise ValueError(
            DIFFERENT.format(count=len(different), total=len(judged), names=", ".join(different))
        )
    if not options.json:
        print(SAME.format(total=len(judged)))


def line(one: Rejudged) -> str:
    """A verdict, and the model after it: its mean loss over all rows, and how many nodes the list has."""
    verdict = one.verdict
    p_value = "–" if verdict.p_value is None else f"{verdict.p_value:.2g}"
    return (
        f"{one.submission:8}  {verdict.code:20} {verdict.points:7.3f} {verdict.better:8,} {verdict.worse:8,} "
        f"{p_value:>8} {verdict.after:12.6f} {one.version:8}"
    )

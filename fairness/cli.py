"""python -m fairness: published numbers recomputed from files, without a database."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from fairness.cli_audit import add_audit
from fairness.cli_fixes import add_fixes
from fairness.cli_predict import add_merge, add_predict
from fairness.columns import rows_from, shown
from fairness.normalise import NORMALISERS
from fairness.rates import MEASURES
from fairness.rescore import read_evidence, read_mask
from fairness.slices.search import QUALITIES, search_slices
from fairness.tables import check_bounty_table, first_row_number, read_table, sample_columns
from fairness.verdict import judge_find

BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. The exit status is 0, or 2 after a sentence on what is wrong with the input."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (ValueError, OSError) as error:
        print(f"{options.command}: {sentence(error)}", file=sys.stderr)
        return BAD_INPUT
    return 0


def sentence(error: Exception) -> str:
    """What went wrong; of a file that cannot be read or written, which one."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{shown(error.filename)} cannot be used: {error.strerror}."
    return str(error)


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


def _slices(options: argparse.Namespace) -> None:
    texts = (options.label, options.prediction) if options.measure == "wer" else ()
    with rows_from(first_row_number(options.file)):
        frame = read_table(options.file, as_text=texts)
        table = check_bounty_table(
            frame,
            measure=options.measure,
            label=options.label,
            prediction=options.prediction,
            favourable=options.favourable,
            normaliser=options.normaliser,
            weight=options.weight,
            visible=options.columns or _searched(frame.columns, options),
        )
    found = search_slices(
        table.features,
        table.errors,
        table.exposure,
        weights=table.weights,
        depth=options.depth,
        bins=options.bins,
        min_rows=options.min_rows,
        top=options.top,
        quality=options.quality,
    )
    if options.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return
    print(f"{'rows':>9} {'rate':>8} {'rest':>8} {'gap':>8} {'weight':>8}  rule")
    for one in found:
        shares = " ".join(f"{share:8.2%}" for share in (one.rate, one.rest_rate, one.gap, one.group_weight))
        print(f"{one.rows:9,} {shares}  {one.rule}")


def _searched(columns: list[str], options: argparse.Namespace) -> list[str]:
    """All columns but those with a role and, in a public sample, those that stand beside the visible ones."""
    taken = {options.label, options.prediction, options.weight, *sample_columns(options.measure)[2:]}
    return [name for name in columns if name not in taken]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fairness", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_audit(commands.add_parser("audit", help="audit a file: error rates by group, as the site does"))
    _add_rescore(commands.add_parser("rescore", help="give the verdict on a stored mask again"))
    add_fixes(commands.add_parser("fixes", help="give the verdicts on a bounty's fixes again"))
    add_predict(commands.add_parser("predict", help="run a repaired model on rows"))
    add_merge(commands.add_parser("merge", help="write a repaired model as one ONNX file"))
    _add_slices(commands.add_parser("slices", help="search a table for the slices where a model does worst"))
    return parser


def _add_rescore(rescore: argparse.ArgumentParser) -> None:
    rescore.description = "Judge a stored mask as the leaderboard did and print the verdict as JSON."
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


def _add_slices(slices: argparse.ArgumentParser) -> None:
    slices.description = (
        "Print the slices whose rate is furthest above the overall one. They prove nothing yet."
    )
    slices.add_argument("file", type=Path, metavar="FILE", help="CSV or Parquet")
    slices.add_argument("--label", required=True, help="the column of true labels, or of references")
    slices.add_argument(
        "--prediction", required=True, help="the column of the model's predictions, or of hypotheses"
    )
    slices.add_argument("--measure", choices=MEASURES, default="error")
    slices.add_argument("--favourable", help="the good outcome, where the measure needs it")
    slices.add_argument(
        "--normaliser", choices=NORMALISERS, default="basic", help="for wer: what texts go through (basic)"
    )
    slices.add_argument("--weight", help="a column of weights")
    slices.add_argument("--columns", nargs="+", help="columns to search (all but those named above)")
    slices.add_argument("--depth", type=int, default=3, help="conditions a slice may have (3)")
    slices.add_argument("--bins", type=int, default=5, help="bins of a number column (5)")
    slices.add_argument("--min-rows", type=int, default=30, help="rows with exposure on each side (30)")
    slices.add_argument("--top", type=int, default=10, help="how many slices to print (10)")
    slices.add_argument("--quality", choices=tuple(QUALITIES), default="weighted_gap")
    slices.add_argument("--json", action="store_true", help="print JSON instead of a table")
    slices.set_defaults(run=_slices)

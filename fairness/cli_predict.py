"""python -m fairness predict and merge: a repaired model away from the platform."""

import argparse
import sys
from pathlib import Path

import polars as pl

from fairness.bundle import Bundle, BundleError
from fairness.bundle_file import read_bundle
from fairness.bundle_predict import Predicted, predict
from fairness.columns import shown
from fairness.limits import limit
from fairness.losses import LOSSES
from fairness.onnx_compare import check_merged
from fairness.onnx_merge import merge_onnx
from fairness.tables import canonical_labels, read_table

NAMES = {
    "zero_one": "Error rate",
    "squared": "Mean squared error",
    "absolute": "Mean absolute error",
    "log": "Mean log loss",
}


def add_predict(parser: argparse.ArgumentParser) -> None:
    """Arguments of `predict`."""
    parser.description = (
        "Run a repaired model on rows. Prints a CSV with `prediction` and `answered_by`: base, or the number "
        "of the fix that answers the row. Where the label is among the columns, the mean loss goes to stderr."
    )
    _add_bundle(parser)
    parser.add_argument("rows", type=Path, metavar="ROWS", help="CSV, JSON lines or Parquet with the columns")
    parser.add_argument("--out", type=Path, metavar="FILE.csv", help="write the CSV here instead")
    parser.add_argument(
        "--trust-code",
        action="store_true",
        help="run scikit-learn and Python models too, whose authors could have them do anything",
    )
    parser.set_defaults(run=_predict)


def add_merge(parser: argparse.ArgumentParser) -> None:
    """Arguments of `merge`."""
    parser.description = "Write a repaired model as one ONNX file, where its parts allow it."
    _add_bundle(parser)
    parser.add_argument("out", type=Path, metavar="FILE.onnx", help="the file to write")
    parser.add_argument("--rows", type=Path, help="write it only if it answers these rows as the bundle does")
    parser.add_argument("--seconds", type=int, help="end after so many seconds of processor time")
    parser.add_argument("--memory-mb", type=int, help="take at most so much memory to do it")
    parser.set_defaults(run=_merge)


def _add_bundle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the zip file of the repaired model")


def _predict(options: argparse.Namespace) -> None:
    bundle = read_bundle(options.bundle)
    rows = read_rows(bundle, options.rows)
    predicted = predict(bundle, rows, trust_code=options.trust_code)
    labelled = bundle.task.label_column in rows.columns
    losses = loss_line(bundle, rows, predicted) if labelled else None
    names = pl.Series(["base", *(str(fix.number) for fix in bundle.fixes)])
    answers = pl.DataFrame(
        {
            "prediction": predicted.repaired.tolist(),
            "answered_by": names.gather(pl.Series(predicted.answered_by)),
        }
    )
    if options.out is None:
        sys.stdout.write(answers.write_csv())
    else:
        answers.write_csv(options.out)
    if losses is not None:
        print(losses, file=sys.stderr)


def _merge(options: argparse.Namespace) -> None:
    bundle = read_bundle(options.bundle)
    limit(options.seconds, options.memory_mb)
    try:
        merged = merge_onnx(bundle)
    except Exception as error:
        # onnx tells of it in errors of its own.
        if isinstance(error, MemoryError) or "bad_alloc" in str(error):
            raise BundleError("Putting the parts together takes more memory than is given.") from error
        raise
    if options.rows is not None:
        check_merged(merged, bundle, read_rows(bundle, options.rows))
    options.out.write_bytes(merged)


def read_rows(bundle: Bundle, path: Path) -> pl.DataFrame:
    """The table in a file, in which the schema's texts stay texts whatever they look like."""
    texts = [column.name for column in bundle.schema if column.dtype == "text"]
    return read_table(path, as_text=texts)


def loss_line(bundle: Bundle, rows: pl.DataFrame, predicted: Predicted) -> str:
    """What the base and the repaired model lose on the rows that have a label, as a sentence."""
    task = bundle.task
    given = rows.get_column(task.label_column)
    known = given.is_not_null()
    if not known.any():
        return f"No row has a label in column {shown(task.label_column)}."
    labels = given.filter(known)
    if task.kind == "number" and labels.dtype != pl.Float64:
        raise BundleError(f"Column {shown(labels.name)} must hold numbers: it is the label.")
    truth = labels.to_numpy() if task.kind == "number" else canonical_labels(labels, labels.name)
    if task.kind == "probability":
        truth = truth == task.positive
    base, repaired = (
        LOSSES[task.loss](truth, answers[known.to_numpy()]).mean()
        for answers in (predicted.base, predicted.repaired)
    )
    return (
        f"{NAMES[task.loss]} on {len(labels):,} labelled rows: base model {base:.6g}, "
        f"repaired model {repaired:.6g}."
    )

"""A folder of judged fixes: truth, groups and answers, from which their verdicts are given again."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairness.fixes import FixVerdict, judge_fix
from fairness.losses import Losses, scaled, zero_one
from fairness.pointer_list import PointerList
from fairness.rescore import read_codes, read_mask
from fairness.tables import read_table

SETTINGS, TRUTH = "fixes.json", "truth.parquet"
KINDS: dict[str, tuple[type, ...]] = {
    "labels": (list,),
    "level": (float,),
    "min_gain": (float, int),
    "min_rows": (int,),
    "min_clusters": (int,),
    "fixes": (list,),
}
Codes = NDArray[np.uint16]


@dataclass(frozen=True)
class Truth:
    """What is true of n rows and what the base model answers, uint16[n] codes of labels; who rows belong to,
    int64[n] or None.
    """

    y_true: Codes
    y_base: Codes
    clusters: NDArray[np.int64] | None


@dataclass(frozen=True)
class Rejudged:
    """The verdict on a fix given again, what the list is then, and whether it is the stored verdict.

    `errors` are the rows that the model answers wrongly after it, of `rows`; `version` is the list's length.
    """

    submission: int
    verdict: FixVerdict
    version: int
    errors: int
    rows: int
    same: bool


def rejudge(folder: Path) -> Iterator[Rejudged]:
    """Judge the fixes of a folder again, in their order, each against the model that the ones before made.

    The folder holds fixes.json (labels, level, min_gain, min_rows, min_clusters, and for each fix its
    submission's number and stored verdict, in order), truth.parquet (columns label, prediction and, where
    known, cluster), and of fix 12 00000012-mask.npy, bool[n], and 00000012-answers.npy, the codes of its
    answers (places in labels) on the rows of the mask. Losses are 0/1. Raises ValueError with a sentence that
    names the file and what is wrong with it.
    """
    settings = read_settings(folder / SETTINGS)
    truth = read_truth(folder / TRUTH, settings["labels"])
    model = PointerList.start(_losses(truth.y_true, truth.y_base))
    given: list[Codes] = []
    for fix in settings["fixes"]:
        name = f"{fix['submission']:08d}"
        group = read_mask(folder / f"{name}-mask.npy", len(model.base))
        rows = int(np.count_nonzero(group))
        answers = read_codes(folder / f"{name}-answers.npy", rows, len(settings["labels"]))
        verdict, model = judge_fix(
            model,
            group,
            _losses(truth.y_true[group], answers),
            answers != model.choose(truth.y_base, given)[group],
            settings["level"],
            clusters=truth.clusters,
            epsilon=settings["min_gain"],
            min_rows=settings["min_rows"],
            min_clusters=settings["min_clusters"],
        )
        if verdict.accepted:
            given.append(answers)
        yield Rejudged(
            fix["submission"],
            verdict,
            model.version,
            model.totals[-1],
            len(model.base),
            as_text(asdict(verdict)) == as_text(fix["verdict"]),
        )


def read_settings(path: Path) -> dict[str, Any]:
    """What a folder's fixes were judged by, each setting of its kind. Raises ValueError for anything else."""
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: the file cannot be opened.") from error
    except ValueError as error:
        raise ValueError(f"{path}: this is no JSON file.") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{path}: the settings are one JSON object.")
    for name, kinds in KINDS.items():
        if not isinstance(settings.get(name), kinds) or isinstance(settings[name], bool):
            raise ValueError(f"{path}: “{name}” is missing, or is no {kinds[0].__name__}.")
    for fix in settings["fixes"]:
        if not isinstance(fix, dict) or type(fix.get("submission")) is not int or "verdict" not in fix:
            raise ValueError(f"{path}: each fix has the number of its submission and its verdict.")
    return settings


def read_truth(path: Path, labels: list[str]) -> Truth:
    """The truth of n rows by a bounty's labels. Raises ValueError with a sentence that names the file."""
    try:
        frame = read_table(path, as_text=("label", "prediction"))
        y_true, y_base = (_codes(frame[name], labels) for name in ("label", "prediction"))
        if "cluster" not in frame.columns:
            return Truth(y_true, y_base, None)
        if frame["cluster"].null_count():
            raise ValueError("column cluster has missing values.")
        return Truth(y_true, y_base, np.unique(frame["cluster"].to_numpy(), return_inverse=True)[1])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def as_text(verdict: object) -> str:
    """A verdict as one text: two are the same when no digit of any number differs."""
    return json.dumps(verdict, sort_keys=True)


def _codes(values: pl.Series, labels: list[str]) -> Codes:
    places = pl.Series(np.arange(len(labels), dtype=np.uint16))
    codes = values.replace_strict(
        pl.Series(labels, dtype=pl.String), places, default=None, return_dtype=pl.UInt16
    )
    if codes.null_count():
        row = int(codes.is_null().arg_max() or 0)
        raise ValueError(f"row {row + 1} of column {values.name} is none of the labels: {values[row]}.")
    return codes.to_numpy()


def _losses(y_true: Codes, answers: Codes) -> Losses:
    return scaled(zero_one(y_true, answers), 1.0)

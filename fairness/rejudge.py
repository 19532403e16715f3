"""A folder of judged fixes: truth, groups and answers, from which their verdicts are given again."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairness.columns import EXACT_INTEGERS
from fairness.fixes import FixVerdict, judge_fix
from fairness.losses import LOSSES, Losses, scale_of, scaled, worst_case
from fairness.pointer_list import Answers, Mask, PointerList
from fairness.rates import Floats
from fairness.rescore import read_answers, read_mask
from fairness.tables import read_table

SETTINGS, TRUTH = "fixes.json", "truth.parquet"
NUMBER = (float, int)
KINDS: dict[str, tuple[type, ...]] = {
    "loss": (str,),
    "labels": (list,),
    "unit": NUMBER,
    "low": NUMBER,
    "high": NUMBER,
    "level": NUMBER,
    "min_gain": NUMBER,
    "min_rows": (int,),
    "min_clusters": (int,),
    "fixes": (list,),
}


@dataclass(frozen=True)
class Truth:
    """What is true of n rows and what the base model answers, and who rows belong to, int64[n] or None.

    Of 0/1 losses both are uint16[n], places in the list of labels, else float64[n]. Losses are counted in
    `unit`; labels lie between `low` and `high`.
    """

    y_true: Answers
    y_base: Answers
    clusters: NDArray[np.int64] | None
    loss: str
    unit: float
    low: float
    high: float

    def losses(self, answers: Answers, rows: Mask) -> Floats:
        """What answers cost on these rows."""
        return np.asarray(LOSSES[self.loss](self.y_true[rows], answers) / self.unit)

    def worst(self, now: Answers, then: Answers) -> Floats | None:
        """How much more than now each answer could cost, None of 0/1 losses, where `judge_fix` knows it."""
        if self.loss == "zero_one":
            return None
        return np.asarray(worst_case(self.loss, now, then, self.low, self.high) / self.unit)


@dataclass(frozen=True)
class Rejudged:
    """The verdict on a fix given again, the version the list has then, and whether it is the stored verdict.

    `total` is the loss of all rows after it, in units of 1 / `scale`: of 0/1 losses the wrong answers.
    """

    submission: int
    verdict: FixVerdict
    version: int
    total: int
    scale: float
    same: bool


def rejudge(folder: Path) -> Iterator[Rejudged]:
    """Judge the fixes of a folder again, in their order, each against the model that the ones before made.

    The folder holds fixes.json (loss, labels, unit, low, high, level, min_gain, min_rows, min_clusters, and
    for each fix its submission's number and stored verdict, in order), truth.parquet (columns label,
    prediction and, where known, cluster; of losses that are not 0/1 numbers), and of fix 12
    00000012-mask.npy, bool[n], and 00000012-answers.npy, its answers on the rows of the mask: places in
    labels, or numbers. Raises ValueError with a sentence that names the file and what is wrong with it.
    """
    settings = read_settings(folder / SETTINGS)
    truth = read_truth(folder / TRUTH, settings)
    everyone = np.ones(len(truth.y_true), dtype=np.bool_)
    base = truth.losses(truth.y_base, everyone)
    scale = scale_of(truth.loss, base)
    model = PointerList.start(scaled(base, scale))
    given: list[Answers] = []
    for fix in settings["fixes"]:
        name = f"{fix['submission']:08d}"
        group = read_mask(folder / f"{name}-mask.npy", len(everyone))
        labels = len(settings["labels"]) if truth.loss == "zero_one" else None
        answers = read_answers(folder / f"{name}-answers.npy", int(np.count_nonzero(group)), labels)
        now = model.choose(truth.y_base, given)[group]
        costs: Losses = scaled(truth.losses(answers, group), scale)
        verdict, model = judge_fix(
            model,
            group,
            costs,
            answers != now,
            settings["level"],
            scale=scale,
            worst=truth.worst(now, answers),
            clusters=truth.clusters,
            epsilon=settings["min_gain"],
            min_rows=settings["min_rows"],
            min_clusters=settings["min_clusters"],
        )
        if verdict.accepted:
            given.append(answers)
        same = as_text(asdict(verdict)) == as_text(fix["verdict"])
        yield Rejudged(fix["submission"], verdict, model.version, model.totals[-1], scale, same)


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
    if settings["loss"] not in LOSSES:
        raise ValueError(f"{path}: “loss” is one of {', '.join(LOSSES)}.")
    for fix in settings["fixes"]:
        if not isinstance(fix, dict) or type(fix.get("submission")) is not int or "verdict" not in fix:
            raise ValueError(f"{path}: each fix has the number of its submission and its verdict.")
    return settings


def read_truth(path: Path, settings: dict[str, Any]) -> Truth:
    """The truth of n rows by a folder's settings. Raises ValueError with a sentence that names the file."""
    of_labels = settings["loss"] == "zero_one"
    try:
        frame = read_table(path, as_text=("label", "prediction") if of_labels else ())
        columns = [_column(frame, name) for name in ("label", "prediction")]
        y_true, y_base = (
            _codes(column, settings["labels"]) if of_labels else _numbers(column) for column in columns
        )
        clusters = None
        if "cluster" in frame.columns:
            clusters = np.unique(_column(frame, "cluster").to_numpy(), return_inverse=True)[1]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return Truth(y_true, y_base, clusters, *(settings[name] for name in ("loss", "unit", "low", "high")))


def as_text(verdict: object) -> str:
    """A verdict as one text: two are the same when no digit of any number differs.

    A database gives a float from 1e16 on back as a whole number, and a zero without its sign.

    >>> as_text({"points": 1e16, "p_value": 0.5}) == as_text({"p_value": 0.5, "points": 10**16})
    True
    """
    return json.dumps(_plain(verdict), sort_keys=True)


def _plain(value: object) -> object:
    """With one way of writing each number: whole up to 2^53, a float beyond and between."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    number = float(value)
    return int(number) if number.is_integer() and abs(number) < EXACT_INTEGERS else number


def _column(frame: pl.DataFrame, name: str) -> pl.Series:
    if name not in frame.columns:
        raise ValueError(f"there is no column {name}.")
    if frame[name].null_count():
        raise ValueError(f"column {name} has missing values.")
    return frame[name]


def _numbers(column: pl.Series) -> Floats:
    if column.dtype != pl.Float64:
        raise ValueError(f"column {column.name} holds something other than numbers.")
    return column.to_numpy()


def _codes(column: pl.Series, labels: list[str]) -> NDArray[np.uint16]:
    places = pl.Series(np.arange(len(labels), dtype=np.uint16))
    known = pl.Series(labels, dtype=pl.String)
    codes = column.replace_strict(known, places, default=None, return_dtype=pl.UInt16)
    if codes.null_count():
        row = int(codes.is_null().arg_max() or 0)
        raise ValueError(f"row {row + 1} of column {column.name} is none of the labels: {column[row]}.")
    return codes.to_numpy()

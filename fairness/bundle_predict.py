"""A repaired model run on rows: who answers each row, and what."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import polars as pl

from fairness.bundle import BASE, CODE_FORMATS, Bundle, BundleError, part_name, parts
from fairness.bundle_answers import label_codes, numbers
from fairness.bundle_models import load_group, load_predictor
from fairness.columns import check_asked, shown
from fairness.pointer_list import Answers, Sources, sources
from fairness.tables import canonical_labels


@dataclass(frozen=True)
class Predicted:
    """Of n rows: what the base model and the repaired model say, and who said it.

    `base` and `repaired` are object[n] of label texts, or float64[n] where the task is no label;
    `answered_by` is uint16[n], 0 for the base model, k for fix k.
    """

    base: Answers
    repaired: Answers
    answered_by: Sources


def predict(bundle: Bundle, rows: pl.DataFrame, *, trust_code: bool = False) -> Predicted:
    """The repaired model's answers for n rows, a frame as from `fairness.tables.read_table`.

    Groups and the base model run on all rows, a predictor only on those it answers. Raises ValueError with a
    sentence for columns that are missing or of another kind, for models that fail, and, unless `trust_code`,
    for models that are code.

    >>> from fairness.bundle import Fix, Part, Task
    >>> from fairness.columns import Column
    >>> from fairness.pointer_list import Node
    >>> fix = Fix(1, "team", 7, Part("rule", b"age < 30"), Part("constant", b"yes"))
    >>> task = Task("label", "zero_one", ("no", "yes"), "yes", "label", "said")
    >>> schema = (Column("age", "number"),)
    >>> bundle = Bundle("b", "B", "2026-01-01", "", schema, task, None, (fix,), (Node(1),), {})
    >>> predict(bundle, pl.DataFrame({"age": [20.0, 40.0], "said": ["no", "no"]})).repaired.tolist()
    ['yes', 'no']
    """
    check_trust(bundle, trust_code)
    features = features_of(bundle, rows)
    task, n = bundle.task, rows.height
    base = _base(bundle, rows, features)
    groups = []
    for fix in bundle.fixes:
        with blaming(part_name("group", fix)):
            groups.append(load_group(fix.group, bundle.schema)(features))
    source = sources(bundle.nodes, groups, n)
    repaired = base.copy()
    for fix in bundle.fixes:
        held = np.flatnonzero(source == fix.number)
        if len(held):
            with blaming(part_name("predictor", fix)):
                predictor = load_predictor(fix.predictor, bundle.schema, task)
                repaired[held] = predictor(features[held])
    if task.kind == "label":
        labels = np.array(task.labels, dtype=object)
        base, repaired = labels[base], labels[repaired]
    return Predicted(base, repaired, source)


def check_trust(bundle: Bundle, trust_code: bool) -> None:
    """Raises BundleError for a model that is code, unless code is trusted."""
    for name, part in parts(bundle):
        if part.format in CODE_FORMATS and not trust_code:
            raise BundleError(
                f"{name} is {CODE_FORMATS[part.format]}. To run it is to run what its author wrote, outside "
                "of any sandbox: it could read your files, send them away, or delete them. Add --trust-code "
                "only if you trust everybody whose models are in the bundle."
            )


def features_of(bundle: Bundle, rows: pl.DataFrame) -> pl.DataFrame:
    """The schema's columns in its order, Float64 or String. Raises TableError or BundleError."""
    check_asked([column.name for column in bundle.schema], rows.columns)
    features = []
    for column in bundle.schema:
        values = rows.get_column(column.name)
        if column.dtype == "number" and values.dtype == pl.String and values.null_count() < values.len():
            raise BundleError(
                f"Column {shown(column.name)} must hold numbers, and some of its values are none."
            )
        features.append(values.cast(pl.Float64 if column.dtype == "number" else pl.String))
    return pl.DataFrame(features)


@contextmanager
def blaming(name: str) -> Iterator[None]:
    """Whatever a model raises, in a sentence that names the model."""
    try:
        yield
    except Exception as error:
        raise BundleError(f"{name} cannot be used: {error}") from error


def _base(bundle: Bundle, rows: pl.DataFrame, features: pl.DataFrame) -> Answers:
    task = bundle.task
    if bundle.base is not None:
        with blaming(BASE):
            return load_predictor(bundle.base, bundle.schema, task)(features)
    check_asked([task.prediction_column], rows.columns)
    given = rows.get_column(task.prediction_column)
    with blaming(f"Column {shown(task.prediction_column)}"):
        if task.kind == "label":
            labels = canonical_labels(given, task.prediction_column)
            return label_codes(labels, len(labels), task.labels)
        return numbers(given.to_numpy(), len(given), task.kind)

"""A repaired model outside the platform: the base model, accepted fixes, and the pointer decision list over
them.

`fairness.bundle_file` writes it to a file and reads it, `fairness.bundle_predict` runs it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fairness.columns import Schema, shown
from fairness.pointer_list import MAX_FIXES, Node

GROUP_FORMATS = ("rule", "onnx", "skops", "python")
PREDICTOR_FORMATS = ("rule", "constant", "onnx", "skops", "python")
# Formats that are code or make objects of any kind: nothing but trust or a sandbox holds what they do.
CODE_FORMATS = {"skops": "a scikit-learn model (skops)", "python": "a Python function"}
BASE = "The base model"
ANSWERED_BY = "answered_by"  # the second output of a bundle's ONNX file
LOSSES = {"label": ("zero_one",), "number": ("squared", "absolute"), "probability": ("log",)}


class BundleError(ValueError):
    """A bundle that cannot be used: the message says why."""


class NotMergeable(ValueError):
    """The bundle cannot be one ONNX file: the message names the part and says why."""


@dataclass(frozen=True)
class Part:
    """One model: its format, and its content as it was submitted (of a rule and a constant the text)."""

    format: str
    data: bytes = field(repr=False)

    @property
    def text(self) -> str:
        return self.data.decode()


@dataclass(frozen=True)
class Fix:
    """A group and the predictor that answers in it; `number` counts from 1 in the order of acceptance."""

    number: int
    team: str
    submission: int
    group: Part
    predictor: Part


@dataclass(frozen=True)
class Task:
    """What is predicted: one of `labels`, a number, or the probability of the label `positive`.

    A rule as predictor answers `positive` where it is true, else the other of two labels. `loss` is what the
    bounty judged fixes by, one of `fairness.losses.LOSSES`. The columns are named as in the organiser's
    table.
    """

    kind: str
    loss: str
    labels: tuple[str, ...]
    positive: str
    label_column: str
    prediction_column: str


@dataclass(frozen=True)
class Bundle:
    """The repaired model and where it comes from.

    `base` is the base model as ONNX, or None where its predictions are a column of the rows. `made` is the
    time of making in ISO form, `errors` whatever its maker says of how often it errs (JSON values).
    """

    bounty: str
    title: str
    made: str
    licence: str
    schema: Schema
    task: Task
    base: Part | None
    fixes: tuple[Fix, ...]
    nodes: tuple[Node, ...]
    errors: dict[str, Any]


def part_name(role: str, fix: Fix) -> str:
    """What a fix's group or predictor is called in sentences."""
    return f"The {role} of fix {fix.number}"


def parts(bundle: Bundle) -> Iterator[tuple[str, Part]]:
    """Every model of a bundle with its name in sentences, the base model first."""
    if bundle.base is not None:
        yield BASE, bundle.base
    for fix in bundle.fixes:
        yield part_name("group", fix), fix.group
        yield part_name("predictor", fix), fix.predictor


def check_bundle(bundle: Bundle) -> None:
    """Raises BundleError where the parts do not fit together; the models themselves are not looked at."""
    names = [column.name for column in bundle.schema]
    if not names or len(set(names)) < len(names):
        raise BundleError("The schema needs columns, each with a name of its own.")
    if any(column.dtype not in ("number", "text") for column in bundle.schema):
        raise BundleError("A column of the schema is either a number or a text.")
    _check_task(bundle.task)
    if bundle.base is not None and bundle.base.format != "onnx":
        raise BundleError("The base model is an ONNX model, or a column of predictions.")
    _check_fixes(bundle.fixes, bundle.task)
    _check_nodes(bundle.nodes, len(bundle.fixes))


def check_mergeable(bundle: Bundle) -> None:
    """Raises NotMergeable where the formats of the parts already say that they do not fit in one file."""
    if bundle.base is None:
        raise NotMergeable("The base model is not in the bundle, which takes its predictions from a column.")
    for name, part in parts(bundle):
        if part.format in CODE_FORMATS:
            raise NotMergeable(f"{name} is {CODE_FORMATS[part.format]}, which ONNX cannot hold.")
    for column in bundle.schema:
        if column.name in (bundle.task.kind, ANSWERED_BY):
            raise NotMergeable(f"A column is called {shown(column.name)}, as an answer of the file would be.")


def _check_task(task: Task) -> None:
    if task.loss not in LOSSES.get(task.kind, ()):
        raise BundleError(f"This version knows no task {shown(task.kind)} with the loss {shown(task.loss)}.")
    if task.kind == "number":
        return
    if len(task.labels) < 2 or len(set(task.labels)) < len(task.labels) or "" in task.labels:
        raise BundleError("The task needs at least two labels, all different and none of them empty.")
    if task.positive not in task.labels:
        raise BundleError(f"The positive label {shown(task.positive)} is not among the labels.")


def _check_fixes(fixes: Sequence[Fix], task: Task) -> None:
    if [fix.number for fix in fixes] != list(range(1, len(fixes) + 1)) or len(fixes) > MAX_FIXES:
        raise BundleError(f"Fixes are numbered 1, 2, 3, ... and at most {MAX_FIXES:,}.")
    for fix in fixes:
        if fix.group.format not in GROUP_FORMATS or fix.predictor.format not in PREDICTOR_FORMATS:
            raise BundleError(f"Fix {fix.number} has a format that this version does not know.")
        if fix.predictor.format == "rule" and not (task.kind == "label" and len(task.labels) == 2):
            raise BundleError(f"The predictor of fix {fix.number} is a rule; there must be two labels.")
        known = [label.encode() for label in task.labels]
        if fix.predictor.format == "constant" and task.kind == "label" and fix.predictor.data not in known:
            raise BundleError(f"The constant of fix {fix.number} is not among the labels.")


def _check_nodes(nodes: Sequence[Node], fixes: int) -> None:
    for place, node in enumerate(nodes):
        if not 1 <= node.group <= fixes or not (node.version is None or 0 <= node.version <= place):
            raise BundleError(f"Node {place + 1} of the list names a fix or a version that is not there.")

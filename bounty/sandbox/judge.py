"""A submission's whole way: a group on the public sample and the hidden rows, a predictor on its rows."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from fairness.losses import LARGEST

from .codes import Rejected, detail
from .host import Output, Sandbox
from .runs import run_everywhere
from .table import FeatureTable
from .wanted import Wanted

ABOUT_PREDICTOR = "This is about the predictor."


@dataclass(frozen=True)
class Payload:
    """A group or a predictor as it was submitted."""

    format: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class GroupOutput:
    sample_mask: np.ndarray
    hidden_mask: np.ndarray
    log: str
    seconds: float


@dataclass(frozen=True)
class FixOutput:
    """The group, and the predictor's answers on the group's rows of either table, in their order.

    Codes of the wanted labels, uint16, or float64 numbers.
    """

    group: GroupOutput
    sample: np.ndarray
    hidden: np.ndarray
    log: str


@dataclass(frozen=True)
class Agreement:
    """How far a model reproduces a column of predictions: the share of equal rows, and the labels it gave."""

    share: float
    labels: tuple[str, ...]


def judge_group(
    sandbox: Sandbox,
    format: str,  # noqa: A002
    payload: bytes,
    sample: FeatureTable,
    hidden: FeatureTable,
    *,
    wall_seconds: float = 10.0,
    memory_mb: int = 1024,
    random_state: int | np.random.SeedSequence | None = None,
) -> GroupOutput:
    """Both masks of a group. Raises Rejected (on_hidden tells where) or SandboxFailure."""
    rng = np.random.default_rng(random_state)
    run = partial(sandbox.run, format, payload, wall_seconds=wall_seconds, memory_mb=memory_mb)
    outputs = run_everywhere(run, sample, hidden, rng, check=check_size)
    first, _, last, _ = outputs
    seconds = sum(output.seconds for output in outputs)
    return GroupOutput(first.values, last.values, last.log, seconds)


def judge_fix(
    sandbox: Sandbox,
    group: Payload,
    predictor: Payload,
    wanted: Wanted,
    sample: FeatureTable,
    hidden: FeatureTable,
    *,
    wall_seconds: float = 10.0,
    memory_mb: int = 1024,
    random_state: int | np.random.SeedSequence | None = None,
) -> FixOutput:
    """A group, and what a predictor answers for its rows, which are all that it is given.

    Raises as `judge_group`; where the predictor is meant, the detail says so.
    """
    limits = {"wall_seconds": wall_seconds, "memory_mb": memory_mb}
    found = judge_group(
        sandbox, group.format, group.data, sample, hidden, **limits, random_state=random_state
    )
    ours, theirs = sample.take(found.sample_mask), hidden.take(found.hidden_mask)
    try:
        if predictor.format == "constant":
            answer = constant(predictor.data, wanted)
            return FixOutput(found, np.full(len(ours), answer), np.full(len(theirs), answer), found.log)
        run = partial(sandbox.run, predictor.format, predictor.data, wanted=wanted, **limits)
        first, _, last, _ = run_everywhere(run, ours, theirs, np.random.default_rng(random_state))
    except Rejected as rejection:
        # Of hidden rows not even this is told: a group and a predictor that each fail where a row is as they
        # ask would get two answers about hidden rows for one verdict.
        if not rejection.on_hidden:
            rejection.detail = f"{ABOUT_PREDICTOR} {rejection.detail}".strip()
        raise
    return FixOutput(found, first.values, last.values, f"{found.log}{last.log}")


def constant(data: bytes, wanted: Wanted) -> np.generic:
    """The one answer for all rows: no child is run for it."""
    text = data.decode(errors="replace")
    if wanted.kind == "label":
        if text not in wanted.labels:
            raise Rejected("unknown_labels", detail("labels", [text, ", ".join(wanted.labels)]))
        return np.uint16(wanted.labels.index(text))
    answers_with = detail("answers", [text])
    try:
        number = float(text)
    except ValueError as error:
        raise Rejected("not_a_number", answers_with) from error
    if not np.isfinite(number):
        raise Rejected("has_missing_answers", answers_with)
    if abs(number) > LARGEST:
        raise Rejected("not_a_number", answers_with)
    if wanted.kind == "probability" and not 0 <= number <= 1:
        raise Rejected("not_a_probability", answers_with)
    return np.float64(number)


def check_size(output: Output) -> None:
    """On the sample alone: how many hidden rows are in a group is scoring's business."""
    if not output.values.any():
        raise Rejected("group_is_empty", log=output.log)
    if output.values.all():
        raise Rejected("group_is_everything", log=output.log)


def check_base_model(
    sandbox: Sandbox, payload: bytes, table: FeatureTable, prediction: np.ndarray
) -> Agreement:
    """Run an organiser's ONNX model on the table and compare with its predictions: canonical labels."""
    labels = sandbox.run("onnx", payload, table, kind="label", wall_seconds=60.0).values
    share = float(np.mean(labels == np.asarray(prediction, dtype=object)))
    return Agreement(share, tuple(sorted(set(labels.tolist()))))

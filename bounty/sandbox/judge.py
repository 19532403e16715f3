"""A submission's whole way: the public sample first, where reasons may be precise, then the hidden rows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from .codes import Rejected, detail
from .host import Output, Sandbox
from .table import FeatureTable
from .wanted import Wanted

MIN_BATCHES, MAX_BATCHES = 3, 8
NUMBERS_AGREE = 1e-5  # as far as float32 does
# Of the public sample, rows that a group's use of columns is measured on, and most with their shuffled
# copies.
USE_ROWS, USE_TABLE_ROWS = 400, 20_000


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
    random_state: int | None = None,
) -> FixOutput:
    """A group, and what a predictor answers for its rows, which are all that it is given.

    Raises as `judge_group`; where the predictor is meant, the detail says so.
    """
    limits = {"wall_seconds": wall_seconds, "memory_mb": memory_mb}
    found = judge_group(
        sandbox, group.format, group.data, sample, hidden, **limits, random_state=random_state
    )
    ours, theirs = sample.take(found.sample_mask), hidden.take(found.hidden_mask)
    if predictor.format == "constant":
        answer = constant(predictor.data, wanted)
        return FixOutput(found, np.full(len(ours), answer), np.full(len(theirs), answer), found.log)
    run = partial(sandbox.run, predictor.format, predictor.data, wanted=wanted, **limits)
    try:
        first, _, last, _ = run_everywhere(run, ours, theirs, np.random.default_rng(random_state))
    except Rejected as rejection:
        if not rejection.on_hidden:
            rejection.detail = f"{ABOUT_PREDICTOR} {rejection.detail}".strip()
        raise
    return FixOutput(found, first.values, last.values, f"{found.log}{last.log}")


ABOUT_PREDICTOR = "This is about the predictor."


def constant(data: bytes, wanted: Wanted) -> np.generic:
    """The one answer for all rows. Intake has looked at it already."""
    text = data.decode()
    if wanted.kind == "label":
        if text not in wanted.labels:
            facts = detail("labels", [text, ", ".join(wanted.labels)])
            raise Rejected("unknown_labels", f"{ABOUT_PREDICTOR} {facts}")
        return np.uint16(wanted.labels.index(text))
    number = float(text)
    if wanted.kind == "probability" and not 0 <= number <= 1:
        raise Rejected("not_a_probability", ABOUT_PREDICTOR)
    if not np.isfinite(number):
        raise Rejected("has_missing_answers", ABOUT_PREDICTOR)
    return np.float64(number)


def run_everywhere(
    run: Callable[..., Output],
    sample: FeatureTable,
    hidden: FeatureTable,
    rng: np.random.Generator,
    check: Callable[[Output], None] = lambda output: None,
) -> list[Output]:
    """Every table is run twice, the second time in a secret order and in batches, each time in a new child:
    an answer is a function of a row, so both must be the same. On the sample first, where reasons may be
    precise.
    """

    def run_shuffled(table: FeatureTable) -> Output:
        batches = int(rng.integers(MIN_BATCHES, MAX_BATCHES + 1))
        return run(table, order=rng.permutation(len(table)), batches=batches)

    first = run(sample)
    check(first)
    shuffled = run_in_batches(lambda: run_shuffled(sample))
    if differ(first, shuffled):
        code = "not_deterministic" if differ(first, run(sample)) else "depends_on_other_rows"
        raise Rejected(code, log=first.log)
    if not len(hidden):
        empty = Output(first.values[:0], 0.0, "")
        return [first, shuffled, empty, empty]
    try:
        outputs = [run(hidden), run_shuffled(hidden)]
    except Rejected as rejection:
        raise Rejected(
            "failed_on_hidden_rows", log=f"{rejection.code}\n{rejection.log}", on_hidden=True
        ) from rejection
    if differ(*outputs):
        raise Rejected("depends_on_other_rows", log=outputs[0].log, on_hidden=True)
    return [first, shuffled, *outputs]


def differ(one: Output, other: Output) -> bool:
    """Of labels any difference; of numbers more than the last digits, which a batch's size may change."""
    if one.values.dtype.kind == "f":
        return not np.allclose(one.values, other.values, rtol=NUMBERS_AGREE, atol=0)
    return bool((one.values != other.values).any())


def check_size(output: Output) -> None:
    """On the sample alone: how many hidden rows are in a group is scoring's business."""
    if not output.values.any():
        raise Rejected("group_is_empty", log=output.log)
    if output.values.all():
        raise Rejected("group_is_everything", log=output.log)


def run_in_batches(run: Callable[[], Output]) -> Output:
    try:
        return run()
    except Rejected as rejection:
        rejection.detail = rejection.detail or detail("batches", [])
        raise


def group_uses(
    sandbox: Sandbox,
    group: Payload,
    sample: FeatureTable,
    *,
    wall_seconds: float = 10.0,
    memory_mb: int = 1024,
    random_state: int = 0,
) -> dict[str, float]:
    """How much a group uses each visible column, whatever its format.

    The share of public rows whose answer changes when the column's values are shuffled among them. Empty for
    a group that fails on such rows: nobody is rejected for that.
    """
    rng = np.random.default_rng(random_state)
    rows = min(USE_ROWS, USE_TABLE_ROWS // (len(sample.schema) + 1), len(sample))
    table = sample.take(rng.permutation(len(sample))[:rows]).with_shuffled_columns(rng)
    try:
        output = sandbox.run(group.format, group.data, table, wall_seconds=wall_seconds, memory_mb=memory_mb)
    except Rejected:
        return {}
    answers = output.values.reshape(-1, rows)
    changed = (answers[1:] != answers[0]).mean(axis=1)
    return {column.name: float(share) for column, share in zip(sample.schema, changed, strict=True)}


def check_base_model(
    sandbox: Sandbox, payload: bytes, table: FeatureTable, prediction: np.ndarray
) -> Agreement:
    """Run an organiser's ONNX model on the table and compare with its predictions: canonical labels."""
    labels = sandbox.run("onnx", payload, table, kind="label", wall_seconds=60.0).values
    share = float(np.mean(labels == np.asarray(prediction, dtype=object)))
    return Agreement(share, tuple(sorted(set(labels.tolist()))))

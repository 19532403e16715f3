"""A submission's whole way: the public sample first, where reasons may be precise, then the hidden rows."""

from dataclasses import dataclass

import numpy as np

from .codes import Rejected, detail
from .host import Output, Sandbox
from .table import FeatureTable

MIN_BATCHES, MAX_BATCHES = 3, 8


@dataclass(frozen=True)
class GroupOutput:
    sample_mask: np.ndarray
    hidden_mask: np.ndarray
    log: str
    seconds: float


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
    """Both masks of a group. Raises Rejected (on_hidden tells where) or SandboxFailure.

    Every table is run twice, the second time in a secret order and in batches, each time in a new child: a
    group is a function of a row, so both must give the same mask.
    """
    rng = np.random.default_rng(random_state)

    def run(table: FeatureTable, **how: object) -> Output:
        return sandbox.run(format, payload, table, wall_seconds=wall_seconds, memory_mb=memory_mb, **how)

    def run_shuffled(table: FeatureTable) -> Output:
        batches = int(rng.integers(MIN_BATCHES, MAX_BATCHES + 1))
        return run(table, order=rng.permutation(len(table)), batches=batches)

    first = run(sample)
    check_size(first)
    shuffled = run_in_batches(lambda: run_shuffled(sample))
    if (first.values != shuffled.values).any():
        again = run(sample)
        code = "depends_on_other_rows" if (first.values == again.values).all() else "not_deterministic"
        raise Rejected(code, log=first.log)
    try:
        outputs = [run(hidden), run_shuffled(hidden)]
    except Rejected as rejection:
        raise Rejected(
            "failed_on_hidden_rows", log=f"{rejection.code}\n{rejection.log}", on_hidden=True
        ) from rejection
    if (outputs[0].values != outputs[1].values).any():
        raise Rejected("depends_on_other_rows", log=outputs[0].log, on_hidden=True)
    return GroupOutput(
        sample_mask=first.values,
        hidden_mask=outputs[0].values,
        log=outputs[0].log,
        seconds=sum(output.seconds for output in (first, shuffled, *outputs)),
    )


def check_size(output: Output) -> None:
    """On the sample alone: how many hidden rows are in a group is scoring's business."""
    if not output.values.any():
        raise Rejected("group_is_empty", log=output.log)
    if output.values.all():
        raise Rejected("group_is_everything", log=output.log)


def run_in_batches(run) -> Output:
    try:
        return run()
    except Rejected as rejection:
        rejection.detail = rejection.detail or detail("batches", [])
        raise


def check_base_model(
    sandbox: Sandbox, payload: bytes, table: FeatureTable, prediction: np.ndarray
) -> Agreement:
    """Run an organiser's ONNX model on the table and compare with its predictions: canonical labels."""
    labels = sandbox.run("onnx", payload, table, kind="label", wall_seconds=60.0).values
    share = float(np.mean(labels == np.asarray(prediction, dtype=object)))
    return Agreement(share, tuple(sorted(set(labels.tolist()))))

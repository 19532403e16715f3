"""A model on every table it is judged on: the public sample first, where reasons may be precise, then the
hidden rows. Each is run twice, the second time in a secret order and in batches, each time in a new child: an
answer is a function of a row, so both must be the same.
"""

from collections.abc import Callable

import numpy as np

from .codes import Rejected, detail
from .host import Output
from .table import FeatureTable

MIN_BATCHES, MAX_BATCHES = 3, 8
# As far as float32 goes: how a product is summed may change with the size of a batch.
NUMBERS_AGREE = 1e-5

Run = Callable[..., Output]


def run_everywhere(
    run: Run,
    sample: FeatureTable,
    hidden: FeatureTable,
    rng: np.random.Generator,
    check: Callable[[Output], None] = lambda output: None,
) -> list[Output]:
    """Both runs on the sample, whose first one `check` may reject, and both on the hidden rows."""
    first = run(sample)
    check(first)
    shuffled = run_in_batches(run, sample, rng)
    if differ(first, shuffled):
        code = "not_deterministic" if differ(first, run(sample)) else "depends_on_other_rows"
        raise Rejected(code, log=first.log)
    if not len(hidden):
        empty = Output(first.values[:0], 0.0, "")
        return [first, shuffled, empty, empty]
    try:
        outputs = [run(hidden), run_shuffled(run, hidden, rng)]
    except Rejected as rejection:
        raise Rejected(
            "failed_on_hidden_rows", log=f"{rejection.code}\n{rejection.log}", on_hidden=True
        ) from rejection
    if differ(*outputs):
        raise Rejected("depends_on_other_rows", log=outputs[0].log, on_hidden=True)
    return [first, shuffled, *outputs]


def run_in_batches(run: Run, sample: FeatureTable, rng: np.random.Generator) -> Output:
    try:
        return run_shuffled(run, sample, rng)
    except Rejected as rejection:
        rejection.detail = rejection.detail or detail("batches", [])
        raise


def run_shuffled(run: Run, table: FeatureTable, rng: np.random.Generator) -> Output:
    batches = int(rng.integers(MIN_BATCHES, MAX_BATCHES + 1))
    return run(table, order=rng.permutation(len(table)), batches=batches)


def differ(one: Output, other: Output) -> bool:
    """Of labels any difference; of numbers one beyond the last digits, where they cancel out too."""
    a, b = one.values, other.values
    if a.dtype.kind != "f":
        return bool((a != b).any())
    usual = float(np.median(np.abs(b)))
    return not np.allclose(a, b, rtol=NUMBERS_AGREE, atol=NUMBERS_AGREE * usual)

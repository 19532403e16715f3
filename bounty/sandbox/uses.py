"""Which columns a group uses: measured on public rows, and so the same for every format."""

from functools import partial

import numpy as np

from .codes import Rejected
from .host import Sandbox
from .judge import Payload
from .table import FeatureTable

# Rows that are taken of the public sample: fewer where there are so many columns that their copies would be
# more than TABLE_ROWS.
ROWS, TABLE_ROWS = 400, 20_000


def group_uses(
    sandbox: Sandbox,
    group: Payload,
    sample: FeatureTable,
    *,
    wall_seconds: float = 10.0,
    memory_mb: int = 1024,
    random_state: int = 0,
) -> dict[str, float]:
    """By column, the share of rows whose answer changes when the column's values are shuffled among them.

    The rows are taken from inside and outside the group by turns, so that a small group counts too. Empty
    for a group that fails on such rows: nobody is rejected for that.
    """
    rng = np.random.default_rng(random_state)
    run = partial(sandbox.run, group.format, group.data, wall_seconds=wall_seconds, memory_mb=memory_mb)
    most = min(ROWS, TABLE_ROWS // (len(sample.schema) + 1))
    try:
        rows = by_turns(run(sample).values, rng)[:most]
        answers = run(sample.take(rows).with_shuffled_columns(rng)).values.reshape(-1, len(rows))
    except Rejected:
        return {}
    changed = (answers[1:] != answers[0]).mean(axis=1)
    return {column.name: float(share) for column, share in zip(sample.schema, changed, strict=True)}


def by_turns(inside: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The places of all rows by chance, one from inside and one from outside until either has no more."""
    order = rng.permutation(len(inside))
    turns = np.empty(len(inside))
    turns[order[inside[order]]] = np.arange(inside.sum())
    turns[order[~inside[order]]] = np.arange((~inside).sum()) + 0.5
    return np.argsort(turns)

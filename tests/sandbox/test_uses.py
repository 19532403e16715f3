"""Which columns a group uses, measured on public rows."""

import numpy as np
import polars as pl
import pytest

from bounty.sandbox import FeatureTable, Payload, group_uses
from bounty.sandbox.uses import by_turns
from fairness.tables import Column

ROWS = pl.DataFrame(
    dict(zip("xy", np.random.default_rng(1).normal(size=(2, 300)), strict=True))
    | {"t": ["a", "b", None] * 100, "z": [1.0] * 300},
    schema_overrides={"t": pl.String},
)
SCHEMA = (Column("x", "number"), Column("t", "text"), Column("y", "number"), Column("z", "number"))
SAMPLE = FeatureTable(ROWS, SCHEMA)


def uses(sandbox, source: str, format_name: str = "rule", sample: FeatureTable = SAMPLE) -> dict[str, float]:
    return group_uses(sandbox, Payload(format_name, source.encode()), sample)


def test_it_is_the_same_for_every_format(sandbox):
    measured = uses(sandbox, "x > 0 AND t = 'a'")
    assert measured == uses(
        sandbox,
        "def predict(frame): return (frame.x > 0) & (frame.t == 'a') & (frame.y == frame.y)",
        "python",
    )
    assert list(measured) == ["x", "t", "y", "z"]
    assert measured["x"] > 0.1 and measured["t"] > 0.1
    assert measured["y"] == measured["z"] == 0


def test_missing_texts_are_shuffled_too(sandbox):
    assert 0.3 < uses(sandbox, "t IS NULL")["t"] < 0.6


def test_a_small_group_s_use_shows(sandbox):
    """Rows are taken from inside and outside it by turns."""
    rows = pl.DataFrame({"x": np.arange(4000.0)})
    sample = FeatureTable(rows, (Column("x", "number"),))
    assert uses(sandbox, "x < 200", sample=sample)["x"] > 0.4
    assert uses(sandbox, "x < 20", sample=sample)["x"] > 0.05


def test_many_columns_are_measured_on_fewer_rows(sandbox):
    names = [f"x{n}" for n in range(500)]
    values = np.random.default_rng(2).normal(size=(500, 300))
    rows = pl.DataFrame(dict(zip(names, values, strict=True)))
    sample = FeatureTable(rows, tuple(Column(name, "number") for name in names))
    source = "def predict(frame):\n assert len(frame) <= 20_000\n return frame.x7 > 0"
    measured = uses(sandbox, source, "python", sample)
    assert measured["x7"] > 0.2
    assert sum(measured.values()) == measured["x7"]


@pytest.mark.parametrize(
    "source",
    [
        "def predict(frame):\n assert len(frame) <= 300\n return frame.x > 0",
        "def predict(frame): return frame.x * float('nan')",
    ],
    ids=["on shuffled rows", "on any"],
)
def test_a_group_that_fails_is_not_rejected_for_it(sandbox, source):
    assert uses(sandbox, source, "python") == {}


@pytest.mark.parametrize("inside", [0, 1, 3, 50, 97, 100])
def test_rows_are_taken_by_turns(inside):
    flags = np.random.default_rng(inside).permutation(np.arange(100) < inside)
    rows = by_turns(flags, np.random.default_rng(0))
    assert sorted(rows) == list(range(100))
    both = 2 * min(inside, 100 - inside)
    assert flags[rows[:both]].tolist() == [True, False] * (both // 2)

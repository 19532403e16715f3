"""Rules as ONNX nodes hold where SQL's three-valued logic says, and where the compiled rules do."""

import numpy as np
import onnxruntime
import polars as pl
import pytest
from onnx import TensorProto, helper

from fairness.bundle_models import columns_of
from fairness.columns import Column
from fairness.onnx_graph import DOUBLE, STRING, Graph, rows_of
from fairness.onnx_rules import NotInOnnx, add_rule
from fairness.slices import RuleError, compile_rule

SCHEMA = (Column("x", "number"), Column("Per Hour", "number"), Column("sex", "text"))


def held(rules: list[str], frame: pl.DataFrame) -> list[list[bool]]:
    """Where each rule is true, by one graph of all of them."""
    graph = Graph("/")
    for place, rule in enumerate(rules):
        graph.name(
            add_rule(graph, rule, SCHEMA, {column.name: column.name for column in SCHEMA}), f"r{place}"
        )
    inputs = [rows_of(column.name, DOUBLE if column.dtype == "number" else STRING) for column in SCHEMA]
    outputs = [rows_of(f"r{place}", TensorProto.BOOL) for place in range(len(rules))]
    model = helper.make_model(
        graph.finish(inputs, outputs), opset_imports=[helper.make_opsetid("", 19)], ir_version=9
    )
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [mask.tolist() for mask in session.run(None, dict(columns_of(frame)))]


WORKED = pl.DataFrame(
    {
        "x": [1.0, 3.0, None, 0.1],
        "Per Hour": [0.0, 2.0, 5.0, None],
        "sex": ["f", None, "m", "Ä"],
    }
)


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("x = 1", [0]),
        ("NOT x = 1", [1, 3]),
        ("x <> 1 OR sex = 'm'", [1, 2, 3]),
        ("x = 1 OR NOT x = 1", [0, 1, 3]),
        ("NOT (x > 0 AND sex = 'zz')", [0, 2, 3]),
        ("x IS NULL", [2]),
        ("sex IS NOT NULL", [0, 2, 3]),
        ("sex = ''", []),
        ("sex <> ''", [0, 2, 3]),
        ("coalesce(sex, '') = ''", [1]),
        ("sex IN ('f', 'Ä')", [0, 3]),
        ("sex NOT IN ('f')", [2, 3]),
        ("x IN (3, 0.1)", [1, 3]),
        ("x BETWEEN 1 AND 3", [0, 1]),
        ("NOT 9 BETWEEN x AND 3", [0, 1, 2, 3]),
        ("X <= 0.1", [3]),
        ('x / "Per Hour" > 0', [1]),
        ('x / "Per Hour" IS NULL', [0, 2, 3]),
        ('coalesce(x, "Per Hour") = 5', [2]),
        ('abs(-x - 1) * 2 = "per hour" + 6', [1]),
        ("coalesce(1, x) = 1", [0, 1, 2, 3]),
        ("x < 2 AND 1 / 0 IS NULL", [0, 3]),
    ],
)
def test_a_rule_holds_where_sql_says(rule, rows):
    assert np.flatnonzero(held([rule], WORKED)[0]).tolist() == rows


NUMBERS = ["0", "1", "3", "0.1", "0.3", "2.5", "-1", "10"]
TEXTS = ["'f'", "'m'", "''", "'zz'"]


class Author:
    """Writes random rules."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def pick(self, *of: str) -> str:
        return of[self.random.integers(len(of))]

    def number(self, depth: int) -> str:
        if depth == 0:
            return self.pick("x", '"per hour"')
        inner, other = self.number(depth - 1), self.pick(self.number(depth - 1), *NUMBERS)
        return self.pick(
            f"({inner} {self.pick(*'+-*/')} {other})", f"abs({inner})", f"coalesce({inner}, {other})"
        )

    def condition(self, depth: int) -> str:
        if depth:
            one, other = self.condition(depth - 1), self.condition(depth - 1)
            return self.pick(f"({one} AND {other})", f"({one} OR {other})", f"NOT {one}")
        number, text = (
            self.number(self.random.integers(3)),
            self.pick("sex", f"coalesce(sex, {self.pick(*TEXTS)})"),
        )
        no = self.pick("", "NOT ")
        return self.pick(
            f"{number} {self.pick('=', '<>', '<', '<=', '>', '>=')} {self.pick(self.number(1), *NUMBERS)}",
            f"{number} {no}BETWEEN {self.pick(*NUMBERS)} AND {self.pick('x', *NUMBERS)}",
            f"{number} {no}IN ({self.pick(*NUMBERS)}, {self.pick(*NUMBERS)})",
            f"{text} {self.pick('=', '<>')} {self.pick('sex', *TEXTS)}",
            f"{text} {no}IN ({self.pick(*TEXTS)}, {self.pick(*TEXTS)})",
            f"{self.pick(number, text)} IS {no}NULL",
        )


@pytest.mark.parametrize("seed", range(4))
def test_random_rules_hold_where_the_compiled_ones_do(seed):
    author, n = Author(seed), 300
    rules = [author.condition(int(author.random.integers(4))) for _ in range(100)]
    frame = pl.DataFrame(
        {
            "x": [None if r < 0.2 else round(r * 5, 1) for r in author.random.random(n)],
            "Per Hour": [None if r < 0.2 else float(int(r * 5)) for r in author.random.random(n)],
            "sex": [None if r < 0.2 else "fmx"[int(r * 3)] for r in author.random.random(n)],
        }
    )
    expected = [compile_rule(rule, SCHEMA).mask(frame).tolist() for rule in rules]
    assert [
        rule for rule, got, want in zip(rules, held(rules, frame), expected, strict=True) if got != want
    ] == []
    assert sum(any(mask) and not all(mask) for mask in expected) > 20


def test_a_quotient_is_the_compiled_one_to_the_last_digit():
    rules = [f"x / {divisor} = {quotient}" for divisor in (3, 7, 10) for quotient in (0.1, 0.3, 1.0)]
    frame = pl.DataFrame({"x": [0.3, 0.7, 0.9, 2.1, 3.0, 7.0, 10.0], "Per Hour": [1.0] * 7, "sex": ["f"] * 7})
    assert held(rules, frame) == [compile_rule(rule, SCHEMA).mask(frame).tolist() for rule in rules]


def test_a_long_chain_is_no_deep_recursion():
    rule = " OR ".join(f"x = {i}" for i in range(600))
    assert held([rule], WORKED) == [[True, True, False, False]]


@pytest.mark.parametrize(
    "rule",
    [
        "sex LIKE 'f%'",
        "lower(sex) = 'f'",
        "length(sex) = 1",
        "round(x) = 1",
        "sex < 'g'",
        "sex BETWEEN 'a' AND 'z'",
    ],
)
def test_what_onnx_lacks_is_named(rule):
    with pytest.raises(NotInOnnx, match="ONNX"):
        held([rule], WORKED)


def test_what_is_no_rule_is_no_rule_here_either():
    with pytest.raises(RuleError, match="no column"):
        held(["y = 1"], WORKED)

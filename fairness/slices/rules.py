"""Rules: a group of rows given by an SQL condition, compiled to polars expressions.

The language: comparisons (= <> < <= > >=), AND, OR, NOT, IN, BETWEEN, LIKE, ILIKE, IS [NOT] NULL, + - * /,
and the functions of `syntax.FUNCTIONS`, on numbers and texts. SQL's three-valued logic holds: a comparison
with a missing value is neither true nor false, and a row is in the group only where the rule is true.

Where it differs from most engines: `/` is true division also between whole numbers; a result that is no
finite number (division by zero, overflow) is missing; LIKE minds case and ILIKE does not, for every alphabet.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from fairness.columns import Schema
from fairness.slices.compiler import Compiler
from fairness.slices.syntax import EXAMPLE, RuleError, parse_condition

__all__ = ["Rule", "RuleError", "compile_rule"]

BATCH = 100_000  # rows whose steps are in memory at once


@dataclass(frozen=True)
class Rule:
    """A compiled rule: its normalised text, the columns it uses in the order of first use, and its mask.

    Two rules are equal when their normalised texts are.
    """

    sql: str
    columns: tuple[str, ...] = field(compare=False)
    _constants: tuple[float | str, ...] = field(compare=False, repr=False)
    _steps: tuple[pl.Expr, ...] = field(compare=False, repr=False)

    def mask(self, frame: pl.DataFrame) -> npt.NDArray[np.bool_]:
        """Which of the frame's n rows are in the group: bool[n].

        The frame holds the rule's columns, Float64 or String with null for missing.
        """
        batches = [self._mask(frame.slice(start, BATCH)) for start in range(0, max(frame.height, 1), BATCH)]
        return np.concatenate(batches)

    def _mask(self, frame: pl.DataFrame) -> npt.NDArray[np.bool_]:
        columns = {f"c{i}": frame.get_column(name) for i, name in enumerate(self.columns)}
        for i, constant in enumerate(self._constants):
            columns[f"k{i}"] = pl.Series([constant]).new_from_index(0, frame.height)
        data = pl.DataFrame(columns)
        for i, step in enumerate(self._steps):
            # As a series: a step that is missing everywhere would stay a scalar, which loses its length.
            data = data.with_columns(data.select(step.alias(f"t{i}")).to_series())
        return data.to_series(data.width - 1).fill_null(False).to_numpy()


def compile_rule(text: str, schema: Schema) -> Rule:
    """Compile the SQL condition `text` over the columns of `schema`.

    Raises RuleError, whose message says what to change, for anything that is not one condition on those
    columns within the limits of `compiler` and `syntax`.

    >>> from fairness.columns import Column
    >>> rule = compile_rule("age<30 and not sex = 'm'", (Column("age", "number"), Column("sex", "text")))
    >>> rule.sql, rule.columns
    ("age < 30 AND NOT sex = 'm'", ('age', 'sex'))
    >>> rule.mask(pl.DataFrame({"age": [20.0, 20.0, None], "sex": ["f", None, "f"]})).tolist()
    [True, False, False]
    """
    compiler = Compiler(schema)
    tree = parse_condition(text)
    try:
        value = compiler.compile(tree, 0)
    except RecursionError as error:
        raise RuleError("The rule is nested too deeply. Write it flatter.") from error
    if value.kind != "condition":
        raise RuleError(f"The rule is a {value.kind}, not a condition. {EXAMPLE}")
    if not compiler.columns:
        raise RuleError(f"The rule names no column, so it cannot tell rows apart. {EXAMPLE}")
    steps = (*compiler.steps, value.expr)
    return Rule(value.sql, tuple(compiler.columns), tuple(compiler.constants), steps)

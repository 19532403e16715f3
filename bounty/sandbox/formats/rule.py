"""Rule: a condition on the columns. The one format whose code is ours."""

from collections.abc import Callable

import numpy as np

from fairness.slices.rules import compile_rule
from fairness.slices.syntax import RuleError
from fairness.tables import Schema

from ..answers import Refusal
from ..rows import Rows


def load(payload: memoryview, schema: Schema) -> Callable[[Rows], np.ndarray]:
    try:
        rule = compile_rule(bytes(payload).decode(), schema)
    except RuleError as error:
        raise Refusal("rule_error", "rule", error) from error
    except UnicodeDecodeError as error:
        raise Refusal("rule_error", "rule", "The rule is not text in UTF-8.") from error
    return lambda rows: rule.mask(rows.to_polars())

"""Rule: a condition on the columns. The one format whose code is ours."""

from collections.abc import Callable

import numpy as np

from fairness.slices.rules import compile_rule
from fairness.slices.syntax import RuleError
from fairness.tables import Schema

from ..answers import Refusal
from ..rows import Rows
from ..wanted import Wanted


def load(payload: memoryview, schema: Schema, wanted: Wanted | None = None) -> Callable[[Rows], np.ndarray]:
    """Of a predictor, true is the positive label and everything else the other of two."""
    if wanted is not None and (wanted.kind != "label" or len(wanted.labels) != 2):
        raise Refusal("rule_predicts_labels")
    try:
        rule = compile_rule(bytes(payload).decode(), schema)
    except RuleError as error:
        raise Refusal("rule_error", "rule", error) from error
    except UnicodeDecodeError as error:
        raise Refusal("rule_error", "rule", "The rule is not text in UTF-8.") from error
    if wanted is None:
        return lambda rows: rule.mask(rows.to_polars())
    yes = wanted.labels.index(wanted.positive)
    answers = np.array([wanted.labels[1 - yes], wanted.labels[yes]], dtype=object)
    return lambda rows: answers[rule.mask(rows.to_polars()).astype(int)]

"""Groups given by rules: compiling a rule, and searching for the slices where a model does worst."""

from fairness.slices.rules import Rule, RuleError, compile_rule
from fairness.slices.search import Slice, search_slices
from fairness.slices.syntax import quoted_name

__all__ = ["Rule", "RuleError", "Slice", "compile_rule", "quoted_name", "search_slices"]

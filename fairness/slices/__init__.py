"""Slices: groups given by a rule."""

from fairness.slices.rules import Rule, RuleError, compile_rule

__all__ = ["Rule", "RuleError", "compile_rule"]

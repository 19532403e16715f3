"""A rule as nodes of an ONNX graph, equal to `fairness.slices.rules` on every row.

A condition is two tensors, where it is true and where it is false; it is neither where SQL says unknown. A
number or text is a tensor of values and one that says where they are known. Numbers are double all through.
"""

from dataclasses import dataclass

from sqlglot import exp

from fairness.columns import Schema, shown
from fairness.onnx_graph import Graph
from fairness.slices.rules import compile_rule
from fairness.slices.syntax import parse_condition

ORDERS: dict[type[exp.Expr], str] = {
    exp.LT: "Less",
    exp.LTE: "LessOrEqual",
    exp.GT: "Greater",
    exp.GTE: "GreaterOrEqual",
}
ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "Add", exp.Sub: "Sub", exp.Mul: "Mul", exp.Div: "Div"}


class NotInOnnx(ValueError):
    """The rule uses what ONNX has no equal operator for: the message says what."""


@dataclass(frozen=True)
class Truth:
    """Where a condition is true, and where it is false."""

    true: str
    false: str


@dataclass(frozen=True)
class Scalar:
    """Values, and where they are known; None stands for everywhere."""

    value: str
    known: str | None
    text: bool


def add_rule(graph: Graph, rule: str, schema: Schema, columns: dict[str, str]) -> str:
    """Where a rule is true, as the name of a bool [n] tensor that is added to the graph.

    `columns` names the tensor of each column, [n]: double, NaN where missing, or string, "" where missing.
    Raises RuleError for what is no rule over the schema, and NotInOnnx for LIKE, ILIKE, lower, upper, length
    and round, and for texts compared by order.
    """
    compiled = compile_rule(rule, schema)
    # Of its normalised text every name is a column's own, and every kind has been checked.
    writer = _Writer(graph, schema, columns)
    true = writer.truth(parse_condition(compiled.sql)).true
    return graph.add("Expand", true, graph.add("Shape", columns[compiled.columns[0]]))


class _Writer:
    def __init__(self, graph: Graph, schema: Schema, columns: dict[str, str]) -> None:
        self.graph, self.columns = graph, columns
        self.texts = {column.name for column in schema if column.dtype == "text"}

    def truth(self, node: exp.Expr) -> Truth:
        match node:
            case exp.Paren():
                return self.truth(node.this)
            case exp.Not():
                inner = self.truth(node.this)
                return Truth(inner.false, inner.true)
            case exp.And() | exp.Or():
                return self._chain(node)
            case exp.EQ() | exp.NEQ() | exp.LT() | exp.LTE() | exp.GT() | exp.GTE():
                return self._compare(type(node), self.scalar(node.this), self.scalar(node.expression), node)
            case exp.Between():
                value = self.scalar(node.this)
                low = self._compare(exp.GTE, value, self.scalar(node.args["low"]), node)
                high = self._compare(exp.LTE, value, self.scalar(node.args["high"]), node)
                return self._join([low, high], "And")
            case exp.In():
                return self._in(node)
            case exp.Is():
                known = self._known(self.scalar(node.this))
                return Truth(self._not(known), known)
        raise NotInOnnx(f"{shown(node.sql())} has no equal in ONNX.")

    def scalar(self, node: exp.Expr) -> Scalar:
        match node:
            case exp.Paren():
                return self.scalar(node.this)
            case exp.Literal():
                text = bool(node.args["is_string"])
                return Scalar(self.graph.constant(node.name if text else float(node.name)), None, text)
            case exp.Column():
                return self._column(node.name)
            case exp.Neg() | exp.Abs():
                inner = self.scalar(node.this)
                operator = "Neg" if isinstance(node, exp.Neg) else "Abs"
                return Scalar(self.graph.add(operator, inner.value), inner.known, text=False)
            case exp.Add() | exp.Sub() | exp.Mul() | exp.Div():
                return self._calculate(node)
            case exp.Coalesce():
                return self._coalesce([self.scalar(part) for part in (node.this, *node.expressions)])
        raise NotInOnnx(f"{shown(node.sql())} has no equal in ONNX.")

    def _column(self, name: str) -> Scalar:
        place = self.columns[name]
        if name in self.texts:
            missing = self.graph.add("Equal", place, self.graph.constant(""))
        else:
            missing = self.graph.add("IsNaN", place)
        return Scalar(place, self._not(missing), name in self.texts)

    def _compare(self, kind: type[exp.Expr], left: Scalar, right: Scalar, node: exp.Expr) -> Truth:
        if kind in ORDERS and left.text:
            raise NotInOnnx(f"{shown(node.sql())} orders texts, which ONNX does not.")
        holds = self.graph.add(ORDERS.get(kind, "Equal"), left.value, right.value)
        truth = self._where_known(holds, left, right)
        return Truth(truth.false, truth.true) if kind is exp.NEQ else truth

    def _where_known(self, holds: str, *scalars: Scalar) -> Truth:
        known = [scalar.known for scalar in scalars if scalar.known is not None]
        if not known:
            return Truth(holds, self._not(holds))
        both = self.graph.join(known, "And")
        return Truth(self.graph.add("And", holds, both), self.graph.add("And", self._not(holds), both))

    def _chain(self, node: exp.Expr) -> Truth:
        """A whole chain of ANDs or of ORs, however long, without recursion."""
        kind, parts = type(node), []
        while isinstance(node, kind):
            parts.append(node.expression)
            node = node.this
        truths = [self.truth(part) for part in (node, *reversed(parts))]
        return self._join(truths, "And" if kind is exp.And else "Or")

    def _join(self, truths: list[Truth], operator: str) -> Truth:
        other = "Or" if operator == "And" else "And"
        return Truth(
            self.graph.join([truth.true for truth in truths], operator),
            self.graph.join([truth.false for truth in truths], other),
        )

    def _in(self, node: exp.Expr) -> Truth:
        value = self.scalar(node.this)
        members = [self.scalar(member).value for member in node.expressions]
        return self._where_known(
            self.graph.join([self.graph.add("Equal", value.value, member) for member in members]), value
        )

    def _calculate(self, node: exp.Expr) -> Scalar:
        left, right = self.scalar(node.this), self.scalar(node.expression)
        value = self.graph.add(ARITHMETIC[type(node)], left.value, right.value)
        unusable = self.graph.add("Or", self.graph.add("IsNaN", value), self.graph.add("IsInf", value))
        known = [self._not(unusable), *(scalar.known for scalar in (left, right) if scalar.known)]
        return Scalar(value, self.graph.join(known, "And"), text=False)

    def _coalesce(self, scalars: list[Scalar]) -> Scalar:
        *others, last = scalars
        value, known = last.value, last.known
        for scalar in reversed(others):
            if scalar.known is None:
                value, known = scalar.value, None
                continue
            value = self.graph.add("Where", scalar.known, scalar.value, value)
            known = None if known is None else self.graph.add("Or", scalar.known, known)
        return Scalar(value, known, last.text)

    def _known(self, scalar: Scalar) -> str:
        return self.graph.constant(True) if scalar.known is None else scalar.known

    def _not(self, condition: str) -> str:
        return self.graph.add("Not", condition)

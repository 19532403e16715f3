"""Compiling a rule's syntax tree, node by node, to polars expressions."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from operator import add, and_, eq, ge, gt, le, lt, mul, ne, or_, sub, truediv
from typing import Literal

import polars as pl
from sqlglot import exp

from fairness.columns import Kind, Schema, nearest, shown
from fairness.slices.syntax import EXAMPLE, RuleError, number_text, quoted_name

MAX_DEPTH = 40
MAX_NODES = 2_000  # without the values of IN lists
MAX_TEXT_WORK = 20  # LIKE, lower, upper, length: each walks every character of a column
MAX_CALCULATIONS = 150  # + - * / and round: each keeps two columns of a batch in memory
MAX_PATTERN = 200
MAX_DECIMALS = 10
MAX_COALESCED = 20

COMPARISONS: dict[type[exp.Expr], tuple[str, Callable[[pl.Expr, pl.Expr], pl.Expr]]] = {
    exp.EQ: ("=", eq),
    exp.NEQ: ("<>", ne),
    exp.LT: ("<", lt),
    exp.LTE: ("<=", le),
    exp.GT: (">", gt),
    exp.GTE: (">=", ge),
}
ARITHMETIC: dict[type[exp.Expr], tuple[str, Callable[[pl.Expr, pl.Expr], pl.Expr]]] = {
    exp.Add: ("+", add),
    exp.Sub: ("-", sub),
    exp.Mul: ("*", mul),
    exp.Div: ("/", truediv),
}


@dataclass(frozen=True)
class Value:
    """A compiled node: its expression, what it is, its normalised text, and its constant if it is one."""

    expr: pl.Expr
    kind: Literal["number", "text", "condition"]
    sql: str
    constant: float | str | None = None


class Compiler:
    """Compiles one tree. Column i of the rule is c{i}, constant i k{i}; a value used twice is a step, t{i}.

    Names never reach polars: it would read some of them, such as "*" or "^a.*$", as patterns.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = {column.name: column.dtype for column in schema}
        self.columns: list[str] = []
        self.constants: list[float | str] = []
        self.steps: list[pl.Expr] = []
        self.nodes = 0
        self.text_work = 0

    def compile(self, node: exp.Expr, depth: int) -> Value:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise RuleError(f"The rule has more than {MAX_NODES:,} parts. Shorten it, for example with IN.")
        if depth > MAX_DEPTH:
            raise RuleError("The rule is nested too deeply. Write it flatter.")
        kind = type(node)
        if not {name for name, value in node.args.items() if value} <= _ARGUMENTS.get(kind, _PLAIN):
            raise RuleError(f"{shown(node.sql())} cannot be used in a rule. {EXAMPLE}")
        if kind in COMPARISONS:
            return self._comparison(node, depth)
        if kind in ARITHMETIC:
            return self._arithmetic(node, depth)
        handler = _HANDLERS.get(kind)
        if handler is None:
            raise RuleError(f"{shown(node.sql())} cannot be used in a rule. {EXAMPLE}")
        return handler(self, node, depth)

    def _bind(self, expr: pl.Expr) -> pl.Expr:
        self.steps.append(expr)
        if len(self.steps) > 2 * MAX_CALCULATIONS:
            raise RuleError(f"The rule calculates more than {MAX_CALCULATIONS} times. Shorten it.")
        return pl.col(f"t{len(self.steps) - 1}")

    def _full(self, value: Value) -> pl.Expr:
        """The value as n real rows: polars answers some functions of constants with a single row."""
        if value.constant is None:
            return value.expr
        if value.constant not in self.constants:
            self.constants.append(value.constant)
        return pl.col(f"k{self.constants.index(value.constant)}")

    def _finite(self, expr: pl.Expr) -> pl.Expr:
        result = self._bind(expr)
        return self._bind(pl.when(result.is_finite()).then(result))

    def _condition(self, node: exp.Expr, depth: int) -> Value:
        value = self.compile(node, depth)
        if value.kind != "condition":
            raise RuleError(
                f"{shown(value.sql)} is a {value.kind}, not a condition. Compare it with something."
            )
        return value

    def _scalar(self, node: exp.Expr, depth: int) -> Value:
        value = self.compile(node, depth)
        if value.kind == "condition":
            raise RuleError(f"{shown(value.sql)} is a condition; a number or a text is needed in its place.")
        return value

    def _of_kind(self, node: exp.Expr, depth: int, kind: Kind, user: str) -> Value:
        value = self._scalar(node, depth)
        if value.kind != kind:
            raise RuleError(f"{user} needs a {kind}, and {shown(value.sql)} is a {value.kind}.")
        return value

    def _column(self, node: exp.Expr, depth: int) -> Value:
        name = self._resolve(node.name)
        if name not in self.columns:
            self.columns.append(name)
        place, kind = pl.col(f"c{self.columns.index(name)}"), self.schema[name]
        expr = place.cast(pl.Float64).fill_nan(None) if kind == "number" else place.cast(pl.String)
        return Value(expr, kind, quoted_name(name))

    def _resolve(self, name: str) -> str:
        if name in self.schema:
            return name
        same = [known for known in self.schema if known.lower() == name.lower()]
        if len(same) == 1:
            return same[0]
        if same:
            raise RuleError(
                f"Several columns are called {shown(name)}; write the name exactly, in double quotes."
            )
        raise RuleError(
            f"There is no column {shown(name)}.{nearest(name, self.schema)} "
            "A text value stands in single quotes, as in 'f'."
        )

    def _literal(self, node: exp.Expr, depth: int) -> Value:
        text = node.name
        if node.args["is_string"]:
            return Value(pl.lit(text), "text", "'" + text.replace("'", "''") + "'", text)
        return _number(text)

    def _negative(self, node: exp.Expr, depth: int) -> Value:
        value = self._of_kind(node.this, depth + 1, "number", "A minus sign")
        if isinstance(value.constant, float):
            return _number(str(-value.constant))
        sign = "- " if value.sql.startswith("-") else "-"
        return Value(-value.expr, "number", sign + value.sql)

    def _paren(self, node: exp.Expr, depth: int) -> Value:
        value = self.compile(node.this, depth + 1)
        return Value(value.expr, value.kind, f"({value.sql})", value.constant)

    def _connector(self, node: exp.Expr, depth: int) -> Value:
        """A whole chain of ANDs or of ORs, however long, as one balanced tree."""
        kind = type(node)
        parts: list[exp.Expr] = []
        while isinstance(node, kind):
            parts.append(node.expression)
            node = node.this
        values = [self._condition(part, depth + 1) for part in (node, *reversed(parts))]
        word, join = (" AND ", and_) if kind is exp.And else (" OR ", or_)
        expressions = [value.expr for value in values]
        while len(expressions) > 1:
            pairs = zip(expressions[::2], expressions[1::2], strict=False)
            expressions = [join(a, b) for a, b in pairs] + expressions[len(expressions) & ~1 :]
        return Value(expressions[0], "condition", word.join(value.sql for value in values))

    def _not(self, node: exp.Expr, depth: int) -> Value:
        value = self._condition(node.this, depth + 1)
        return Value(~value.expr, "condition", "NOT " + value.sql)

    def _comparison(self, node: exp.Expr, depth: int) -> Value:
        sign, compare = COMPARISONS[type(node)]
        left, right = self._scalar(node.this, depth + 1), self._scalar(node.expression, depth + 1)
        _check_same(left, right)
        return Value(compare(left.expr, right.expr), "condition", f"{left.sql} {sign} {right.sql}")

    def _arithmetic(self, node: exp.Expr, depth: int) -> Value:
        sign, operate = ARITHMETIC[type(node)]
        left = self._of_kind(node.this, depth + 1, "number", sign)
        right = self._of_kind(node.expression, depth + 1, "number", sign)
        # Both in full: polars multiplies by the reciprocal of a single divisor, unless there is a single row.
        result = self._finite(operate(self._full(left), self._full(right)))
        return Value(result, "number", f"{left.sql} {sign} {right.sql}")

    def _between(self, node: exp.Expr, depth: int) -> Value:
        value = self._scalar(node.this, depth + 1)
        low, high = self._scalar(node.args["low"], depth + 1), self._scalar(node.args["high"], depth + 1)
        _check_same(value, low)
        _check_same(value, high)
        inner = self._full(value)
        sql = f"{value.sql} BETWEEN {low.sql} AND {high.sql}"
        return Value((inner >= low.expr) & (inner <= high.expr), "condition", sql)

    def _in(self, node: exp.Expr, depth: int) -> Value:
        value = self._scalar(node.this, depth + 1)
        if not node.expressions:
            raise RuleError("IN needs a list of values in parentheses, as in grade IN (1, 2).")
        members = [self._member(member) for member in node.expressions]
        for member in members:
            _check_same(value, member)
        constants = pl.Series([member.constant for member in members])
        sql = f"{value.sql} IN ({', '.join(member.sql for member in members)})"
        return Value(self._full(value).is_in(constants.implode()), "condition", sql)

    def _member(self, node: exp.Expr) -> Value:
        if isinstance(node, exp.Null):
            raise RuleError("NULL cannot be compared with; write IS NULL or IS NOT NULL.")
        literal = node.this if isinstance(node, exp.Neg) else node
        if not isinstance(literal, exp.Literal):
            raise RuleError("IN takes numbers or texts only; a text stands in single quotes, as in 'f'.")
        return self._literal(node, 0) if literal is node else self._negative(node, 0)

    def _is(self, node: exp.Expr, depth: int) -> Value:
        if not isinstance(node.expression, exp.Null):
            raise RuleError("IS can only be followed by NULL or NOT NULL; compare values with =.")
        value = self._scalar(node.this, depth + 1)
        return Value(value.expr.is_null(), "condition", f"{value.sql} IS NULL")

    def _like(self, node: exp.Expr, depth: int) -> Value:
        word = "ILIKE" if isinstance(node, exp.ILike) else "LIKE"
        value = self._text_work(node.this, depth, word)
        pattern = node.expression
        if not (isinstance(pattern, exp.Literal) and pattern.args["is_string"]):
            raise RuleError(f"{word} needs a pattern in single quotes, such as 'a%'.")
        if len(pattern.name) > MAX_PATTERN:
            raise RuleError(f"A pattern of {word} may have at most {MAX_PATTERN} characters.")
        found = self._full(value).str.contains(_regex(pattern.name, word == "ILIKE"))
        if node.args.get("negate"):
            found, word = ~found, f"NOT {word}"
        return Value(found, "condition", f"{value.sql} {word} {self._literal(pattern, depth).sql}")

    def _text_work(self, node: exp.Expr, depth: int, user: str) -> Value:
        self.text_work += 1
        if self.text_work > MAX_TEXT_WORK:
            raise RuleError(f"The rule uses LIKE, lower, upper or length more than {MAX_TEXT_WORK} times.")
        return self._of_kind(node, depth + 1, "text", user)

    def _text_function(self, node: exp.Expr, depth: int) -> Value:
        name = type(node).__name__.lower()
        value = self._text_work(node.this, depth, name)
        sql = f"{name}({value.sql})"
        if isinstance(node, exp.Length):
            return Value(self._full(value).str.len_chars().cast(pl.Float64), "number", sql)
        text = self._full(value).str
        return Value(text.to_lowercase() if name == "lower" else text.to_uppercase(), "text", sql)

    def _abs(self, node: exp.Expr, depth: int) -> Value:
        value = self._of_kind(node.this, depth + 1, "number", "abs")
        return Value(self._full(value).abs(), "number", f"abs({value.sql})")

    def _round(self, node: exp.Expr, depth: int) -> Value:
        value = self._of_kind(node.this, depth + 1, "number", "round")
        given = node.args.get("decimals")
        if given is None:
            decimals, sql = 0, f"round({value.sql})"
        else:
            if not (
                isinstance(given, exp.Literal) and given.name.isdigit() and int(given.name) <= MAX_DECIMALS
            ):
                raise RuleError(f"The decimals of round are a whole number from 0 to {MAX_DECIMALS}.")
            decimals, sql = int(given.name), f"round({value.sql}, {int(given.name)})"
        return Value(self._finite(self._full(value).round(decimals, "half_away_from_zero")), "number", sql)

    def _coalesce(self, node: exp.Expr, depth: int) -> Value:
        if len(node.expressions) >= MAX_COALESCED:
            raise RuleError(f"coalesce takes at most {MAX_COALESCED} values.")
        values = [self._scalar(part, depth + 1) for part in (node.this, *node.expressions)]
        for value in values[1:]:
            _check_same(values[0], value)
        sql = f"coalesce({', '.join(value.sql for value in values)})"
        return Value(pl.coalesce([self._full(value) for value in values]), values[0].kind, sql)

    def _null(self, node: exp.Expr, depth: int) -> Value:
        raise RuleError("NULL cannot be compared with; write IS NULL or IS NOT NULL.")


# What the parser may have put into a node; anything else would change its meaning unseen.
_PLAIN = frozenset({"this", "expression"})
_ARGUMENTS: dict[type[exp.Expr], frozenset[str]] = {
    exp.Literal: _PLAIN | {"is_string"},
    exp.Between: _PLAIN | {"low", "high"},
    exp.In: _PLAIN | {"expressions"},
    exp.Like: _PLAIN | {"negate"},
    exp.ILike: _PLAIN | {"negate"},
    exp.Round: _PLAIN | {"decimals"},
    exp.Coalesce: _PLAIN | {"expressions"},
}

_HANDLERS: dict[type[exp.Expr], Callable[[Compiler, exp.Expr, int], Value]] = {
    exp.Column: Compiler._column,
    exp.Literal: Compiler._literal,
    exp.Neg: Compiler._negative,
    exp.Paren: Compiler._paren,
    exp.And: Compiler._connector,
    exp.Or: Compiler._connector,
    exp.Not: Compiler._not,
    exp.Between: Compiler._between,
    exp.In: Compiler._in,
    exp.Is: Compiler._is,
    exp.Like: Compiler._like,
    exp.ILike: Compiler._like,
    exp.Length: Compiler._text_function,
    exp.Lower: Compiler._text_function,
    exp.Upper: Compiler._text_function,
    exp.Abs: Compiler._abs,
    exp.Round: Compiler._round,
    exp.Coalesce: Compiler._coalesce,
    exp.Null: Compiler._null,
}


def _number(text: str) -> Value:
    number = float(text)
    if not math.isfinite(number):
        raise RuleError(f"The number {shown(text)} is too large.")
    return Value(pl.lit(number), "number", number_text(number), number)


def _check_same(left: Value, right: Value) -> None:
    """Refuse to compare a number with a text, saying which is which."""
    if left.kind == right.kind:
        return
    if left.constant is not None and right.constant is None:
        left, right = right, left
    name, value = shown(left.sql.strip('"')), right.constant
    if left.kind == "number":
        hint = "compare it with a number"
        if isinstance(value, str) and _is_number(value):
            hint = f"write {value.strip()} without quotes"
        raise RuleError(f"{name} is a number; {hint}.")
    hint = f"write {right.sql} as '{right.sql}'" if value is not None else "compare it with a text"
    raise RuleError(f"{name} is a text; {hint}.")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _regex(pattern: str, ignore_case: bool) -> str:
    """A LIKE pattern (% any characters, _ one) as a regex of Rust's linear-time engine."""
    parts: list[str] = []
    for character in pattern:
        part = {"%": ".*", "_": "."}.get(character) or pl.escape_regex(character)
        if part != ".*" or parts[-1:] != [".*"]:
            parts.append(part)
    return f"(?s{'i' if ignore_case else ''})^{''.join(parts)}$"

import random
import sqlite3
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from fairness.columns import Column
from fairness.slices.rules import Rule, RuleError, compile_rule
from fairness.slices.syntax import quoted_name

FRAME = pl.DataFrame(
    {
        "age": [10.0, 20.0, 30.0, None],
        "debt": [0.0, -1.5, 2.5, 4.0],
        "sex": ["f", "M", None, "it's"],
        "marital status": ["single", "50%", "a_b", "*"],
        "in": [1.0, 2.0, 3.0, 4.0],
        "Date": ["2024-01-01", "2024-02-01", None, "2025-01-01"],
        "^a.*$": [1.0, 0.0, 0.0, 0.0],
        "*": [0.0, 1.0, 0.0, 0.0],
        'a"b': [0.0, 0.0, 1.0, 0.0],
    }
)
SCHEMA = tuple(Column(n, "number" if d == pl.Float64 else "text") for n, d in FRAME.schema.items())


def compiled(text: str) -> Rule:
    return compile_rule(text, SCHEMA)


def rows(text: str) -> list[int]:
    return np.flatnonzero(compiled(text).mask(FRAME)).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("age < 30", [0, 1]),
        ("age = 20", [1]),
        ("AGE == 2e1", [1]),
        ("age <> 20", [0, 2]),
        ("age != 20", [0, 2]),
        ("NOT age = 20", [0, 2]),
        ("30 > age", [0, 1]),
        ("age >= 20 AND sex = 'M'", [1]),
        ("age > 1000 OR sex = 'f'", [0]),
        ("sex = 'f' or debt > 2 and age is null", [0, 3]),
        ("(sex = 'f' or debt > 2) and age is null", [3]),
        ("sex = 'it''s'", [3]),
        ("age in (10, 30.0, -5)", [0, 2]),
        ("age not in (10)", [1, 2]),
        ("sex in ('f', 'M')", [0, 1]),
        ("3 in (1, 3) and age = 10", [0]),
        ("age between 15 and 30", [1, 2]),
        ("age not between 15 and 30", [0]),
        ("sex between 'a' and 'g'", [0]),
        ("sex is null", [2]),
        ("sex is not null and not sex is null", [0, 1, 3]),
        ("sex like 'i_''s'", [3]),
        ("sex not like '%'", []),
        ("sex like '%'", [0, 1, 3]),
        ("sex like 'm'", []),
        ("sex ilike 'm'", [1]),
        ("sex not ilike 'm'", [0, 3]),
        ("\"marital status\" like '%.%'", []),
        ("\"marital status\" like '_b'", []),
        ("\"marital status\" = '50%'", [1]),
        ("\"marital status\" like '*'", [3]),
        ("\"marital status\" like 's%l_'", [0]),
        ("age / debt > 0", [2]),
        ("age / debt < 0", [1]),
        ("debt / 0 = 0 or not debt / 0 = 0", []),
        ("debt / 0 is null", [0, 1, 2, 3]),
        ("1 / 2 * age = 10", [1]),
        ("1e308 * age is null", [0, 1, 2, 3]),
        ("age - 10 - 10 = 0", [1]),
        ("age - (10 - 10) = 10", [0]),
        ("-debt = 1.5", [1]),
        ("- -debt > 0", [2, 3]),
        ("debt = -1.5", [1]),
        ("age + debt * 2 = 17", [1]),
        ("abs(debt) = 1.5", [1]),
        ("round(debt) = -2", [1]),
        ("round(debt) = 3", [2]),
        ("round(debt / 3, 2) = 0.83", [2]),
        ("length(sex) = 4", [3]),
        ("lower(sex) = 'm'", [1]),
        ("UPPER(sex) in ('F', 'M')", [0, 1]),
        ("coalesce(age, 99) > 25", [2, 3]),
        ("coalesce(sex, \"Date\", 'x') = 'x'", [2]),
        ("1 = 1 and age = 10", [0]),
        ("1 = 2 or age = 10", [0]),
        ('"in" = 2', [1]),
        ("date like '2024%'", [0, 1]),
        ('"^a.*$" = 1', [0]),
        ('"*" = 1', [1]),
        ('"a""b" = 1', [2]),
        ("age\n\t<\r\n30", [0, 1]),
        ("age > 0.5", [0, 1, 2]),
    ],
)
def test_which_rows_a_rule_takes(text, expected):
    assert rows(text) == expected
    again = compiled(compiled(text).sql)
    assert again == compiled(text)
    assert np.flatnonzero(again.mask(FRAME)).tolist() == expected


@pytest.mark.parametrize(
    ("text", "normal", "columns"),
    [
        ("AGE<3e1 and not(Sex='f')", "age < 30 AND NOT (sex = 'f')", ("age", "sex")),
        ("age!=0.10 or age==3", "age <> 0.1 OR age = 3", ("age",)),
        ("sex not in('a','b''c')", "NOT sex IN ('a', 'b''c')", ("sex",)),
        ('"in" - -2 > - - 1', '"in" - -2 > 1', ("in",)),
        ("- - age > 1", "- -age > 1", ("age",)),
        ("round(age,1)=ROUND(age)", "round(age, 1) = round(age)", ("age",)),
    ],
)
def test_the_normalised_text(text, normal, columns):
    assert (compiled(text).sql, compiled(text).columns) == (normal, columns)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("age", "is a number, not a condition"),
        ("'f'", "is a text, not a condition"),
        ("age and sex = 'f'", '"age" is a number, not a condition'),
        ("not age", '"age" is a number, not a condition'),
        ("1 = 1", "names no column"),
        ("true", "TRUE cannot be used"),
        ("age < 3 or false", "FALSE cannot be used"),
        ("agee < 30", 'There is no column "agee". Did you mean "age"?'),
        ("sex = f", 'no column "f".'),
        ('sex = "Female"', "single quotes"),
        ("age = 'old'", '"age" is a number; compare it with a number'),
        ("age = '30'", '"age" is a number; write 30 without quotes'),
        ("age = sex", '"age" is a number; compare it with a number'),
        ("sex = 3", "\"sex\" is a text; write 3 as '3'"),
        ("3 = sex", "\"sex\" is a text; write 3 as '3'"),
        ("sex in (1, 2)", '"sex" is a text'),
        ("sex in ('f', 2)", '"sex" is a text'),
        ("age between 1 and 'x'", '"age" is a number'),
        ("coalesce(age, 'x') = 1", '"age" is a number'),
        ("sex + 1 = 2", '+ needs a number, and "sex" is a text'),
        ("-sex = 2", 'minus sign needs a number, and "sex" is a text'),
        ("lower(age) = 'x'", 'lower needs a text, and "age" is a number'),
        ("age like '1%'", 'LIKE needs a text, and "age" is a number'),
        ("abs(sex) = 1", "abs needs a number"),
        ("age < 3 < 4", "is a condition; a number or a text is needed"),
        ("(age < 3) = (age < 4)", "is a condition"),
        ("abs(age < 3) = 1", "is a condition"),
        ("age = null", "IS NULL"),
        ("age in (1, null)", "IS NULL"),
        ("age is 3", "IS can only be followed by NULL"),
        ("age in ()", "IN"),
        ("age in (debt)", "IN takes numbers or texts only"),
        ("age in (1 + 1)", "IN takes numbers or texts only"),
        ("sex like lower('A')", "needs a pattern in single quotes"),
        ("sex like 3", "needs a pattern in single quotes"),
        ("sex like '" + "a" * 201 + "'", "at most 200 characters"),
        ("sex like 'a!%' escape '!'", "cannot be read"),
        ("round(age, 1.5) = 1", "decimals of round"),
        ("round(age, 11) = 1", "decimals of round"),
        ("round(age, debt) = 1", "decimals of round"),
        ("age = 1e999", "too large"),
        ("a.age = 1", "double quotes"),
        ("age > .5", "such as 0.5"),
        ("age = 1;", "semicolon"),
        ("age < 30 -- young", "comment"),
        ("age < /* x */ 30", "comment"),
        ("-- age", "comment"),
        ("age < ", "cannot be read"),
        ("(age < 3", "cannot be read"),
        ("age < 3)", "cannot be read"),
        ("age < 3, age > 4", "cannot be read"),
        ("age 3", "cannot be"),
        ("sex = 'f", "never closed"),
        ('"sex = 1', "never closed"),
        ("age\0 = 1", "hidden character (U+0000)"),
        ("age = 1\u202e", "hidden character (U+202E)"),
        ("age\u200b = 1", "hidden character (U+200B)"),
        ("age = 1 \ud800", "hidden character (U+D800)"),
    ],
)
def test_it_says_what_to_change(text, message):
    with pytest.raises(RuleError) as caught:
        compiled(text)
    assert message in str(caught.value)


def test_names_that_differ_by_case_must_be_exact():
    schema = (Column("Age", "number"), Column("age", "number"))
    assert compile_rule("Age = 1", schema).columns == ("Age",)
    with pytest.raises(RuleError, match="Several columns"):
        compile_rule("AGE = 1", schema)


HOSTILE = [
    "SELECT 1",
    "age = (SELECT 1)",
    "age IN (SELECT age FROM t)",
    "EXISTS (SELECT 1)",
    "age = 1 UNION SELECT 1",
    "age = 1; DROP TABLE x",
    "read_csv('/etc/passwd') = 1",
    "system('id') = 1",
    "age = random()",
    "sleep(10) = 1",
    "pg_read_file('x') = 'y'",
    "sum(age) > 1",
    "row_number() over () = 1",
    "age over () = 1",
    "cast(age as text) = 'x'",
    "age::text = 'x'",
    "try_cast(age as text) = 'x'",
    "CASE WHEN age = 1 THEN 1 ELSE 0 END = 1",
    "age || 'x' = 'y'",
    "sex ~ '(a+)+$'",
    "sex SIMILAR TO 'x'",
    "sex RLIKE 'x'",
    "regexp_like(sex, '(a+)+')",
    "sex GLOB '*'",
    "age % 2 = 0",
    "age & 1 = 1",
    "age ^ 2 = 1",
    "age ** 2 = 1",
    "age[0] = 1",
    "[1] = 1",
    "{'a': 1} = 1",
    "{{ age }} = 1",
    "{% age %}",
    "@age = 1",
    ":age = 1",
    "? = 1",
    "$1 = 1",
    "${age} = 1",
    "`age` = 1",
    "0x1F = age",
    "X'41' = sex",
    "b'01' = sex",
    "DATE '2020-01-01' = date",
    "INTERVAL '1' DAY = age",
    "* = 1",
    "t.* = 1",
    "(age, debt) = (1, 2)",
    "age = ANY (1)",
    "age IS DISTINCT FROM 1",
    "age = 1 AS x",
    "age = 1 x",
    "age = 1 LIMIT 1",
    "age = 1 ORDER BY age",
    "x -> x = 1",
    "lambda x: x",
    "__import__('os') = 1",
    "age = 1 XOR age = 2",
    "age <=> 1",
    "age = 1 \u00a0 \u2003 \uff1d 1",
    "\uff53\uff45\uff58 = 'f'",
    "s\u0435x = 'f'",
    "sex = \u2018f\u2019",
    "INSERT INTO t VALUES (1)",
    "COPY t TO 'x'",
    "ATTACH 'x'",
    "PRAGMA x",
    "SET x = 1",
    "coalesce() = 1",
    "abs() = 1",
    "abs(age, debt) = 1",
    "round(age, 1, 1) = 1",
    "lower('a', 'b') = sex",
    "coalesce(distinct age) = 1",
    "abs = 1",
    "not",
    "and",
    ")(",
    "((((",
    "'",
    "\\",
    "#",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_anything_else_is_refused(text):
    with pytest.raises(RuleError):
        compiled(text)


@pytest.mark.parametrize(
    "text",
    [
        "age = 1 OR " * 1_000_000,
        "(" * 10_000 + "age = 1" + ")" * 10_000,
        "(" * 4_000 + "age = 1" + ")" * 4_000,
        "NOT " * 2_000 + "age = 1",
        "- " * 4_000 + "1 = age",
        "abs(" * 2_000 + "age" + ")" * 2_000 + " = 1",
        "age" + " + age" * 1_500 + " = 1",
        "age = 1" + " = 1" * 2_000,
        "age" + " is null" * 1_000,
        "age in (" * 1_000,
        "age between " * 800,
        "coalesce(" + "age, " * 1_900 + "age) = 1",
        " AND ".join(["sex like '%a%b%c%'"] * 400),
        " AND ".join(["age > 1 - 1 + 1"] * 100),
        "x" * 10_000,
        "'" * 9_999,
        '"' * 9_999,
        "1" * 9_990 + " = age",
        "." * 9_999,
        "a." * 4_999,
        "/*" * 4_999,
        "case when " * 900,
        "[" * 9_999,
        "{" * 9_999,
    ],
    ids=lambda text: text[:20],
)
def test_monsters_are_refused_at_once(text):
    with pytest.raises(RuleError):
        compiled(text)


def test_deep_but_allowed_rules_work_far_down_the_stack():
    def at_depth(depth: int) -> list[int]:
        return at_depth(depth - 1) if depth else rows("(" * 15 + "age = 10" + ")" * 15)

    assert at_depth(300) == [0]


def test_long_chains_are_no_depth():
    assert rows(" OR ".join(f"age = {i}" for i in range(600))) == [0, 1, 2]
    assert rows(" AND ".join(["age = 10"] * 600)) == [0]
    assert rows(f"age IN ({', '.join(str(i) for i in range(1500))})") == [0, 1, 2]


def test_a_long_rule_on_many_rows():
    frame = pl.DataFrame({"age": np.arange(250_000.0), "sex": ["some longer text"] * 250_000})
    schema = (Column("age", "number"), Column("sex", "text"))
    text = " AND ".join([f"{i} + age * 2 > 3" for i in range(75)] + ["sex LIKE '%" + "_%" * 90 + "x'"] * 20)
    mask = compile_rule(text.replace(" AND sex", " OR sex", 1), schema).mask(frame)
    assert np.flatnonzero(~mask).tolist() == [0, 1]


def test_nested_arithmetic_does_not_blow_up():
    text = "age" + " / 3 + 1" * 15 + " > 0"
    assert rows(text) == [0, 1, 2]


def test_whole_numbers_and_nan_of_other_frames():
    rule = compile_rule("grade = 3 OR NOT grade = 3", (Column("grade", "number"),))
    assert rule.mask(pl.DataFrame({"grade": [3, 4, None]})).tolist() == [True, True, False]
    assert rule.mask(pl.DataFrame({"grade": [3.0, float("nan")]})).tolist() == [True, False]
    assert rule.mask(pl.DataFrame({"grade": []}, schema={"grade": pl.Float64})).tolist() == []


def test_masks_do_not_depend_on_the_order_of_rows():
    rule = compiled("age / debt > 0 OR sex LIKE '%f' OR length(sex) > 2")
    order = [2, 0, 3, 1]
    assert rule.mask(FRAME[order]).tolist() == rule.mask(FRAME)[order].tolist()


@pytest.mark.parametrize(
    "name",
    ["age", "a b", "select", "SELECT", "é", "a-b", "1a", "a.b", "x'y", 'x"y', "date", "show", "null", "_"],
)
def test_any_column_name_can_be_written(name):
    rule = compile_rule(f"{quoted_name(name)} = 1", (Column(name, "number"),))
    assert rule.columns == (name,)
    assert compile_rule(rule.sql, (Column(name, "number"),)) == rule


class Grammar:
    """Random rules, each written for Faultline and for SQLite."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def number(self, depth: int) -> str:
        pick = self.rng.choice
        if depth <= 0 or self.rng.random() < 0.4:
            return pick(["a", "b", '"c d"', "0.0", "1.0", "-2.5", "3.0", "0.1", "10.0"])
        return pick(
            [
                lambda: f"({self.number(depth - 1)} {pick('+-*/')} {self.number(depth - 1)})",
                lambda: f"abs({self.number(depth - 1)})",
                lambda: f"coalesce({self.number(depth - 1)}, {self.number(depth - 1)})",
                lambda: f"length({self.text(depth - 1)})",
                lambda: f"-({self.number(depth - 1)})",
                lambda: f"round({pick(['a', 'b'])})",
            ]
        )()

    def text(self, depth: int) -> str:
        pick = self.rng.choice
        if depth <= 0 or self.rng.random() < 0.6:
            return pick(["s", "t", "'x'", "'Xy'", "'it''s'", "'a%'"])
        return pick(
            [
                lambda: f"lower({self.text(depth - 1)})",
                lambda: f"upper({self.text(depth - 1)})",
                lambda: f"coalesce({self.text(depth - 1)}, {self.text(depth - 1)})",
            ]
        )()

    def condition(self, depth: int) -> tuple[str, str]:
        pick, chance = self.rng.choice, self.rng.random()
        if depth > 0 and chance < 0.5:
            left, right = self.condition(depth - 1), self.condition(depth - 1)
            word = pick(["AND", "OR"])
            return tuple(f"({a}) {word} ({b})" for a, b in zip(left, right, strict=True))
        if depth > 0 and chance < 0.6:
            return tuple(f"NOT ({a})" for a in self.condition(depth - 1))
        make = pick([self.number, self.text])
        value, no = make(2), pick(["", "NOT "])
        if chance < 0.7:
            both = f"{value} IS {no}NULL"
        elif chance < 0.8:
            both = f"{value} {no}BETWEEN {make(1)} AND {make(1)}"
        elif chance < 0.85:
            members = ["1", "-2.5", "3"] if make == self.number else ["'x'", "'it''s'"]
            both = f"{value} {no}IN ({', '.join(members)})"
        elif chance < 0.95 and make == self.text:
            pattern = pick(["'x%'", "'%y'", "'_'", "'%a%%'", "'it''_'", "'[x]'", "'X.'"])
            if chance < 0.9:
                return f"{value} {no}ILIKE {pattern}", f"lower({value}) {no}LIKE lower({pattern})"
            both = f"{value} {no}LIKE {pattern}"
        else:
            both = f"{value} {pick(['=', '<>', '<', '<=', '>', '>='])} {make(2)}"
        return both, both


def test_random_rules_take_the_rows_sqlite_takes():
    rng = random.Random(5)
    numbers = [None, 0.0, 1.0, -2.5, 3.0, 0.25, 0.3]
    texts = [None, "x", "Xy", "it's", "a%", "X.", "[x]", "yy"]
    data = [
        (*(rng.choice(numbers) for _ in range(3)), *(rng.choice(texts) for _ in range(2))) for _ in range(80)
    ]
    names = ["a", "b", "c d", "s", "t"]
    kinds = [pl.Float64] * 3 + [pl.String] * 2
    frame = pl.DataFrame(data, schema=dict(zip(names, kinds, strict=True)), orient="row")
    schema = tuple(
        Column(n, "number" if k == pl.Float64 else "text") for n, k in zip(names, kinds, strict=True)
    )
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA case_sensitive_like = ON")
    connection.execute('CREATE TABLE d (a REAL, b REAL, "c d" REAL, s TEXT, t TEXT)')
    connection.executemany("INSERT INTO d VALUES (?, ?, ?, ?, ?)", data)
    grammar = Grammar(6)
    checked = 0
    while checked < 1000:
        ours, theirs = grammar.condition(3)
        try:
            rule = compile_rule(ours, schema)
        except RuleError as error:
            assert "names no column" in str(error)
            continue
        want = [
            row - 1 for (row,) in connection.execute(f"SELECT rowid FROM d WHERE {theirs} ORDER BY rowid")
        ]
        assert np.flatnonzero(rule.mask(frame)).tolist() == want, ours
        assert compile_rule(rule.sql, schema).sql == rule.sql
        checked += 1
    connection.close()


@pytest.mark.parametrize(
    "rule", ["0 < a / b", "0 = abs(a / b)", "0 < coalesce(a / b, 1 / b)", "1 = 1 AND 0 < a / b"]
)
def test_a_calculation_may_be_missing_in_every_row(rule):
    schema = (Column("a", "number"), Column("b", "number"))
    for n in (0, 1, 3):
        frame = pl.DataFrame({"a": [1.0] * n, "b": [0.0] * n}, schema={"a": pl.Float64, "b": pl.Float64})
        assert compile_rule(rule, schema).mask(frame).tolist() == [False] * n


def test_a_quotient_is_the_same_in_one_row_and_in_many():
    frame = pl.DataFrame({"x": [3.0, 0.3, 7.0] * 5})
    for rule, expected in [("x / 10 = 0.3", [True, False, False]), ("x / 10 = 0.7", [False, False, True])]:
        mask = compile_rule(rule, (Column("x", "number"),)).mask
        assert mask(frame).tolist() == expected * 5
        assert [bool(mask(frame[i])[0]) for i in range(3)] == expected


@pytest.mark.parametrize("seed", range(5))
def test_a_group_is_a_function_of_the_row(seed):
    """Random rules on random tables: all rows at once, each row alone, and any cut give one mask."""
    rng, grammar = random.Random(seed), Grammar(seed + 100)
    names, kinds = ["a", "b", "c d", "s", "t"], [pl.Float64] * 3 + [pl.String] * 2
    schema = tuple(
        Column(n, "number" if k == pl.Float64 else "text") for n, k in zip(names, kinds, strict=True)
    )
    checked = 0
    while checked < 60:
        try:
            rule = compile_rule(grammar.condition(3)[0], schema)
        except RuleError as error:
            assert "names no column" in str(error)
            continue
        n, missing = rng.randint(1, 30), [rng.choice([0, 0.2, 0.9, 1]) for _ in names]
        frame = pl.DataFrame(
            {
                name: [
                    None
                    if rng.random() < missing[place]
                    else rng.choice([0.0, 0.3, 3.0, round(rng.random() * 10, 1)])
                    if place < 3
                    else rng.choice(["x", "Xy", "it's", "a%"])
                    for _ in range(n)
                ]
                for place, name in enumerate(names)
            },
            schema=dict(zip(names, kinds, strict=True)),
        )
        whole = rule.mask(frame).tolist()
        assert [bool(rule.mask(frame[i])[0]) for i in range(n)] == whole, rule.sql
        cuts = [0, *sorted(rng.choices(range(n + 1), k=3)), n]
        parts = [rule.mask(frame[a:b]).tolist() for a, b in pairwise(cuts)]
        assert [held for part in parts for held in part] == whole, rule.sql
        order = rng.sample(range(n), n)
        assert rule.mask(frame[order]).tolist() == [whole[i] for i in order], rule.sql
        checked += 1

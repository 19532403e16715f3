"""What 20 teams send: finds and fixes of every kind, some of them bad, some twice. The same every time."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import skops.io
from onnx import TensorProto, helper
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from tests.repairable import repairable_table

TEAMS = 20
WALL_SECONDS = 6
VERDICT_CAP, TEAM_CAP = 400, 15
NUMBERS = ("age", "income")
COLUMNS = {
    "age": TensorProto.FLOAT,
    "home": TensorProto.STRING,
    "sex": TensorProto.STRING,
    "income": TensorProto.FLOAT,
}
CRASH = "import os\ndef predict(frame):\n    os._exit(3)\n"
SLOW = "def predict(frame):\n    while True:\n        pass\n"
WRONG = "def predict(frame):\n    return frame['age'].to_numpy()\n"


@dataclass(frozen=True)
class Entry:
    """One submission: whose, and what a form would send. `expected` is the outcome where it is no verdict."""

    key: str
    team: int
    kind: str
    fields: dict[str, str]
    files: dict[str, tuple[str, bytes]]
    expected: str = ""


def entries(number: int) -> list[Entry]:
    made: list[Entry] = []
    for place in range(number):
        # As many kinds as are prime to the number of teams: every team sends every kind.
        name, make = KINDS[place % len(KINDS)]
        sent, files, expected = make(place)
        kind = "fix" if "predictor_format" in sent else "find"
        made.append(Entry(f"{place:03} {name}", place * 7 % TEAMS, kind, sent, files, expected))
    return made


def rule_of(place: int) -> str:
    ages = 22 + place % 23
    return (
        f"age < {ages} AND home = 'rent'",
        f"age >= {ages + 30}",
        f"sex = 'female' AND age < {ages}",
        f"home = 'own' AND income > {12_000 + 500 * (place % 17)}",
    )[place // 3 % 4]


def by_rule(place: int) -> tuple:
    return {"group_format": "rule", "group_rule": rule_of(place)}, {}, ""


def earlier_rule(place: int) -> tuple:
    """What another team has sent already."""
    return by_rule(place - len(KINDS) + 1) if place >= len(KINDS) else by_rule(place - 1)


def by_onnx(place: int) -> tuple:
    return {"group_format": "onnx"}, {"group_file": ("g.onnx", below("age", 20.5 + place % 25))}, ""


def by_skops(place: int) -> tuple:
    return {"group_format": "skops"}, {"group_file": ("g.skops", errors_tree(2 + place % 3, place % 5))}, ""


def fix_by_constant(place: int) -> tuple:
    young = place % 2 == 0
    rule = f"age < {24 + place % 8} AND home = 'rent'" if young else f"age >= {58 + place % 8}"
    group = {"group_format": "rule", "group_rule": rule}
    return group | {"predictor_format": "constant", "predictor_value": "1" if young else "0"}, {}, ""


def fix_by_rule(place: int) -> tuple:
    group = {"group_format": "rule", "group_rule": f"age < {26 + place % 6} OR age >= {60 + place % 9}"}
    return group | {"predictor_format": "rule", "predictor_rule": "age < 50"}, {}, ""


def fix_by_onnx(place: int) -> tuple:
    group = {"group_format": "rule", "group_rule": f"age >= {55 + place % 15} OR age < 25"}
    return group | {"predictor_format": "onnx"}, {"predictor_file": ("p.onnx", below("age", 45.5))}, ""


def rejected(place: int) -> tuple:
    source, expected = ((CRASH, "crashed"), (SLOW, "too_slow"), (WRONG, "not_zero_or_one"))[
        place // len(KINDS) % 3
    ]
    return {"group_format": "python"}, {"group_file": ("g.py", source.encode())}, expected


KINDS: tuple[tuple[str, Callable[[int], tuple]], ...] = (
    ("find by rule", by_rule),
    ("find by ONNX", by_onnx),
    ("fix by constant", fix_by_constant),
    ("find by skops", by_skops),
    ("find by rule", by_rule),
    ("rejected", rejected),
    ("fix by rule", fix_by_rule),
    ("find by rule", by_rule),
    ("duplicate", earlier_rule),
    ("fix by ONNX", fix_by_onnx),
    ("find by ONNX", by_onnx),
)


@cache
def below(column: str, value: float) -> bytes:
    """1 where a number column is below a value, with one input per column."""
    inputs = [helper.make_tensor_value_info(name, kind, [None, 1]) for name, kind in COLUMNS.items()]
    graph = helper.make_graph(
        [
            helper.make_node("Less", [column, "limit"], ["is_below"]),
            helper.make_node("Cast", ["is_below"], ["answer"], to=TensorProto.INT64),
        ],
        "below",
        inputs,
        [helper.make_tensor_value_info("answer", TensorProto.INT64, [None, 1])],
        [helper.make_tensor("limit", TensorProto.FLOAT, [1], [value])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


@cache
def errors_tree(depth: int, seed: int) -> bytes:
    """A tree that learned where the model is wrong, from some of its rows."""
    table = pd.DataFrame(repairable_table().to_dict(as_series=False)).sample(2000, random_state=seed)
    wrong = (table["approve"] != table["predicted"]).to_numpy().astype(int)
    weights = np.where(wrong, 3.0, 1.0)
    model = make_pipeline(
        make_column_transformer(("passthrough", list(NUMBERS))),
        DecisionTreeClassifier(max_depth=depth, min_samples_leaf=30, random_state=seed),
    )
    model.fit(table[list(COLUMNS)], wrong, decisiontreeclassifier__sample_weight=weights)
    return skops.io.dumps(model)

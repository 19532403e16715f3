"""Boxes: the rows whose codes lie within bounds, feature by feature, and the condition that says so.

A leaf of a tree is a box, and so is what two boxes have in common.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from fairness.house.features import Feature
from fairness.slices.syntax import number_text

Box = Mapping[int, tuple[int, int]]  # place of a feature -> least and greatest code


def narrowed(box: Box, place: int, low: int, high: int) -> Box:
    """The part of a box where the feature at `place` has a code from low to high."""
    least, most = box.get(place, (low, high))
    return {**box, place: (max(least, low), min(most, high))}


def shared(features: Sequence[Feature], a: Box, b: Box) -> Box | None:
    """What two boxes have in common, None where that is nothing."""
    box = a
    for place, (low, high) in b.items():
        box = narrowed(box, place, low, high)
    values = [features[place].column for place, (low, _) in box.items() if _is(features[place], low)]
    if any(low > high for low, high in box.values()) or len(values) > len(set(values)):
        return None
    return box


def condition_of(features: Sequence[Feature], box: Box) -> str:
    """The SQL condition that takes exactly the rows of a box; "" for the box of all rows.

    A row without a value in a column that lacks none in the sample is in no box that asks for the column.

    >>> age, sex = Feature("age", "number", True, cuts=(18.0, 65.0)), Feature("sex", "text", False, value="f")
    >>> features = (age, sex)
    >>> condition_of(features, {0: (1, 1), 1: (0, 0)}), condition_of(features, {0: (-1, 0)})
    ("age >= 18 AND age < 65 AND sex <> 'f'", '(age < 18 OR age IS NULL)')
    """
    parts: list[str] = []
    for _, group in groupby(sorted(box), key=lambda place: features[place].column):
        places = list(group)
        first = features[places[0]]
        if first.kind == "number":
            parts += _number_conditions(first, *box[places[0]])
        else:
            parts += _text_conditions([(features[place], box[place]) for place in places])
    return " AND ".join(parts)


def union_of(features: Sequence[Feature], boxes: Iterable[Box]) -> str:
    """The SQL condition of the rows that are in any of the boxes; "" where one holds all rows.

    >>> union_of((Feature("age", "number", False, cuts=(18.0, 65.0)),), ({0: (0, 0)}, {0: (2, 2)}))
    'age < 18 OR age >= 65'
    """
    conditions = [condition_of(features, box) for box in boxes]
    if "" in conditions:
        return ""
    return " OR ".join(
        f"({text})" if len(conditions) > 1 and " AND " in text else text for text in conditions
    )


def _is(feature: Feature, low: int) -> bool:
    """Whether a box names the one value that the column has there."""
    return feature.kind != "number" and low == 1


def _number_conditions(feature: Feature, low: int, high: int) -> Iterator[str]:
    if low == high == -1:
        yield f"{feature.name} IS NULL"
        return
    if low >= 1:
        yield f"{feature.name} >= {number_text(feature.cuts[low - 1])}"
    if high < feature.most:
        below = f"{feature.name} < {number_text(feature.cuts[high])}"
        yield f"({below} OR {feature.name} IS NULL)" if low == -1 else below
    if low == 0 and high == feature.most and feature.holes:
        yield f"{feature.name} IS NOT NULL"


def _text_conditions(asked: list[tuple[Feature, tuple[int, int]]]) -> Iterator[str]:
    name, holes = asked[0][0].name, asked[0][0].holes
    for feature, (low, _) in asked:
        if _is(feature, low):
            yield f"{name} IS NULL" if feature.kind == "missing" else f"{name} = {_text(feature.value)}"
            return
    others = [_text(feature.value) for feature, (_, high) in asked if feature.kind == "text" and high == 0]
    known = any(feature.kind == "missing" and high == 0 for feature, (_, high) in asked)
    if others:
        text = f"{name} <> {others[0]}" if len(others) == 1 else f"{name} NOT IN ({', '.join(others)})"
        yield f"({text} OR {name} IS NULL)" if holes and not known else text
    elif known:
        yield f"{name} IS NOT NULL"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"

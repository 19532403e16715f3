"""A fitted tree as boxes: its leaves, and the fewest boxes that hold chosen leaves."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import floor
from typing import Any

from fairness.house.boxes import Box, narrowed
from fairness.house.features import Feature

NO_CHILD = -1


def leaves_of(features: Sequence[Feature], tree: Any) -> Mapping[int, Box]:
    """The leaves of a fitted scikit-learn tree, by the number of their node, as boxes."""
    return {node: box for node, box, leaf in _walk(features, tree.tree_) if leaf}


def boxes_of(features: Sequence[Feature], tree: Any, leaves: Collection[int]) -> tuple[Box, ...]:
    """Boxes that hold exactly these leaves: a subtree all of whose leaves are chosen is one box."""
    inner, chosen = tree.tree_, set(leaves)
    covered: set[int] = set()
    for node in reversed(range(inner.node_count)):  # children stand after their parents
        children = {int(inner.children_left[node]), int(inner.children_right[node])}
        if children <= chosen:
            chosen.add(node)
            covered |= children
    return tuple(box for node, box, _ in _walk(features, inner) if node in chosen - covered)


def _walk(features: Sequence[Feature], inner: Any) -> Iterator[tuple[int, Box, bool]]:
    """Every node with its box and whether it is a leaf, parents first, left before right."""
    waiting: list[tuple[int, Box]] = [(0, {})]
    while waiting:
        node, box = waiting.pop()
        leaf = inner.children_left[node] == NO_CHILD
        yield node, box, leaf
        if leaf:
            continue
        place = int(inner.feature[node])
        feature, last = features[place], floor(inner.threshold[node])  # codes up to `last` go left
        waiting.append((int(inner.children_right[node]), narrowed(box, place, last + 1, feature.most)))
        waiting.append((int(inner.children_left[node]), narrowed(box, place, feature.least, last)))

"""The first house team: slices where the model errs most, and a tree fitted to the truth in each."""

from collections.abc import Iterator, Mapping
from math import comb

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from fairness.house.boxes import union_of
from fairness.house.proposals import MIN_LEAF, Draft, Rows, Sample
from fairness.house.trees import NO_CHILD, boxes_of
from fairness.slices.search import search_slices

SLICES = 12
TREE_DEPTHS = (2, 4)
LEAF_SHARE = 0.05  # of the rows the tree is fitted to
TABLES = 5_000  # tables the search may count


def slice_drafts(sample: Sample, rows: Rows) -> Iterator[Draft]:
    """Drafts made from these rows of the sample alone."""
    frame, wrong = sample.frame[rows], (sample.y_true != sample.y_pred)[rows]
    depth = next((d for d in (3, 2) if comb(frame.width, d) <= TABLES), 1)
    found = search_slices(
        frame,
        wrong,
        np.ones(len(rows)),
        depth=depth,
        min_rows=max(sample.least_rows, 2 * MIN_LEAF),
        top=SLICES,
    )
    for slice_ in found:
        inside = rows[sample.mask(slice_.rule)[rows]]
        for tree_depth in TREE_DEPTHS:
            yield from _fitted(sample, slice_.rule, inside, tree_depth)


def _fitted(sample: Sample, rule: str, inside: Rows, depth: int) -> Iterator[Draft]:
    """A tree fitted to the rows inside a slice: for two labels its answer as one rule, else label by
    label.
    """
    tree = DecisionTreeClassifier(
        max_depth=depth,
        min_samples_leaf=max(MIN_LEAF, int(LEAF_SHARE * len(inside))),
        random_state=sample.random_state,
    ).fit(sample.codes[inside], sample.y_true[inside].astype(str))
    answers = _answers(tree)
    if len(answers) == 1:
        yield Draft(rule, "constant", *answers)
    elif len(sample.labels) == 2:
        if condition := _condition(sample, tree, answers[sample.positive]):
            yield Draft(rule, "rule", condition)
    else:
        for label, leaves in answers.items():
            if condition := _condition(sample, tree, leaves, f"{rule} AND "):
                yield Draft(condition, "constant", label)


def _answers(tree: DecisionTreeClassifier) -> Mapping[str, list[int]]:
    """The leaves that answer each label, those first where it is most ahead of chance."""
    inner = tree.tree_
    shares = inner.value[:, 0, :]
    ahead = inner.n_node_samples * (2 * shares.max(axis=1) - 1)
    answers: dict[str, list[int]] = {}
    for node in sorted(
        np.flatnonzero(inner.children_left == NO_CHILD).tolist(), key=lambda leaf: -ahead[leaf]
    ):
        answers.setdefault(str(tree.classes_[shares[node].argmax()]), []).append(node)
    return answers


def _condition(sample: Sample, tree: DecisionTreeClassifier, leaves: list[int], before: str = "") -> str:
    """The leaves as a rule within the limits, without the weakest ones where it would be too long."""
    for count in range(len(leaves), 0, -1):
        condition = union_of(sample.features, boxes_of(sample.features, tree, leaves[:count]))
        rule = f"{before}({condition})" if before else condition
        if sample.takes(rule):
            return rule
    return ""

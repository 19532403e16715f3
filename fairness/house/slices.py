"""The first house team: slices where the model errs most, and a tree fitted to the truth in each."""

from collections.abc import Iterator, Mapping, Sequence
from math import comb

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from sklearn.tree import DecisionTreeClassifier

from fairness.house.boxes import union_of
from fairness.house.drafts import MIN_LEAF, Draft, Rows, Sample
from fairness.house.trees import boxes_of, leaf_numbers
from fairness.house.trials import Proposal, propose
from fairness.slices.search import search_slices

SLICES = 12
TREE_DEPTHS = (2, 4)
LEAF_SHARE = 0.05  # of the rows a tree is fitted to
MAX_TABLES = 5_000


def propose_slices(
    features: pl.DataFrame,
    y_true: ArrayLike,
    y_pred: ArrayLike,
    labels: Sequence[str],
    positive: str,
    *,
    top: int,
    min_rows: int,
    random_state: int,
) -> tuple[Proposal, ...]:
    """At most `top` proposals from slices where the model errs most, best first; `trials.propose` says which.

    `features` has n rows of Float64 and String columns, null where missing; `y_true` and `y_pred` are [n]
    labels among `labels`; `min_rows` are the least rows a group may have in the sample. Slices come from
    `search_slices` by weighted gap, a tree of depth 2 and one of 4 is fitted to `y_true` inside each. For two
    labels the tree is the predictor, as a rule; for more, there is a proposal for each label the tree gives,
    whose group is the slice's rows where it gives it. A rule that would be too long does without the tree's
    weakest leaves.

    Raises ValueError as `trials.propose` does.

    >>> rng = np.random.default_rng(0)
    >>> frame = pl.DataFrame({"age": rng.integers(20, 60, 1000) * 1.0, "sex": rng.choice(["f", "m"], 1000)})
    >>> truth = np.where(frame["sex"] == "f", "1", "0")
    >>> model = np.where(frame["age"] < 40, truth, "0")
    >>> best = propose_slices(frame, truth, model, ("0", "1"), "1", top=1, min_rows=30, random_state=0)[0]
    >>> best.group_rule, best.predictor_format, best.predictor
    ("sex = 'f'", 'constant', '1')
    """
    options = {"top": top, "min_rows": min_rows, "random_state": random_state}
    return propose(slice_drafts, features, y_true, y_pred, labels, positive, **options)


def slice_drafts(sample: Sample, rows: Rows) -> Iterator[Draft]:
    """Drafts made from these rows of the sample alone."""
    found = search_slices(
        sample.frame[rows],
        sample.wrong[rows],
        np.ones(len(rows)),
        depth=next((depth for depth in (3, 2) if comb(sample.frame.width, depth) <= MAX_TABLES), 1),
        min_rows=max(2 * MIN_LEAF, sample.min_rows // 2),
        top=SLICES,
    )
    for worst in found:
        inside = rows[sample.mask(worst.rule)[rows]]
        for depth in TREE_DEPTHS:
            yield from _fitted(sample, worst.rule, inside, depth)


def _fitted(sample: Sample, rule: str, inside: Rows, depth: int) -> Iterator[Draft]:
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
            if group := _condition(sample, tree, leaves, within=rule):
                yield Draft(group, "constant", label)


def _answers(tree: DecisionTreeClassifier) -> Mapping[str, list[int]]:
    """The leaves that give each label, first those where most rows have it over the rows that do not."""
    inner = tree.tree_
    shares = inner.value[:, 0, :]
    ahead = inner.n_node_samples * (2 * shares.max(axis=1) - 1)
    answers: dict[str, list[int]] = {}
    for leaf in sorted(leaf_numbers(tree), key=lambda leaf: -ahead[leaf]):
        answers.setdefault(str(tree.classes_[shares[leaf].argmax()]), []).append(leaf)
    return answers


def _condition(sample: Sample, tree: DecisionTreeClassifier, leaves: list[int], within: str = "") -> str:
    """The rule of these leaves (within another rule), less the last ones where it would be too long."""
    for count in range(len(leaves), 0, -1):
        condition = union_of(sample.features, boxes_of(sample.features, tree, leaves[:count]))
        rule = f"{within} AND ({condition})" if within else condition
        if sample.takes([rule]):
            return rule
    return ""

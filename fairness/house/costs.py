"""The second house team: a regression of what each label would cost, and the rows where one costs less than
0.

After Globus-Harris, Kearns and Roth, "An Algorithmic Framework for Bias Bounties" (FAccT 2022), section 5:
the cost of answering label j instead of the model is c_j = 1[j is wrong] - 1[the model is wrong]. With a
regression of each c_j on the columns, the best group there is holds the rows where the least of them is
negative, and the best predictor on it answers the label of the least.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from sklearn.tree import DecisionTreeRegressor

from fairness.house.boxes import Box, shared, union_of
from fairness.house.drafts import MIN_LEAF, Draft, Rows, Sample
from fairness.house.features import Feature
from fairness.house.trees import boxes_of, leaf_numbers, leaves_of
from fairness.house.trials import Proposal, propose

SHAPES = (
    (1, 0.05),
    (2, 0.02),
    (2, 0.05),
    (3, 0.01),
    (3, 0.03),
    (4, 0.01),
    (4, 0.03),
)  # depth, share of a leaf
MAX_BOXES = 64

Trees = Mapping[str, DecisionTreeRegressor]  # by label
Leaf = tuple[float, str, int]  # mean cost, label, node


def propose_costs(
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
    """At most `top` proposals by the cost-sensitive search, best first; `trials.propose` says which.

    The arguments are those of `propose_slices`. Regression trees of several depths and sizes of leaves are
    fitted to the cost of each label. For two labels the group is the union of all leaves of negative cost and
    the predictor answers the label of the lower one; for any number there is also a proposal for each label:
    where its cost is negative and the lowest it is the constant answer. A rule that would be too long does
    without the leaves that save least. Leaves are fitted to at least MIN_LEAF rows; a label that fewer rows
    have is never answered.

    Raises ValueError as `trials.propose` does.

    >>> rng = np.random.default_rng(0)
    >>> frame = pl.DataFrame({"age": rng.integers(20, 60, 1000) * 1.0, "sex": rng.choice(["f", "m"], 1000)})
    >>> truth = np.where(frame["sex"] == "f", "1", "0")
    >>> model = np.where(frame["age"] < 40, truth, "0")
    >>> best = propose_costs(frame, truth, model, ("0", "1"), "1", top=1, min_rows=30, random_state=0)[0]
    >>> best.group_rule, best.predictor_format, best.predictor
    ("age >= 40 AND sex <> 'm'", 'constant', '1')
    """
    options = {"top": top, "min_rows": min_rows, "random_state": random_state}
    return propose(cost_drafts, features, y_true, y_pred, labels, positive, **options)


def cost_drafts(sample: Sample, rows: Rows) -> Iterator[Draft]:
    """Drafts made from these rows of the sample alone."""
    truth = sample.y_true[rows]
    wrong = sample.wrong[rows].astype(np.float64)
    labels = [label for label in sample.labels if np.count_nonzero(truth == label) >= MIN_LEAF]
    for depth, share in SHAPES:
        trees = {
            label: DecisionTreeRegressor(
                max_depth=depth,
                min_samples_leaf=max(MIN_LEAF, int(share * len(rows))),
                random_state=sample.random_state,
            ).fit(sample.codes[rows], (truth != label) - wrong)
            for label in labels
        }
        yield from _drafts(sample, trees)


def _drafts(sample: Sample, trees: Trees) -> Iterator[Draft]:
    cheap = _cheap(trees)
    wanted: list[tuple[str, ...]] = [(label,) for label in trees]
    if len(sample.labels) == len(trees) == 2:
        wanted.append(tuple(trees))
    drafts = (_within_limits(sample, trees, cheap, labels) for labels in wanted)
    yield from (draft for draft in drafts if draft is not None)


def _cheap(trees: Trees) -> list[Leaf]:
    """The leaves of negative cost, those first that save most in all."""
    saved: list[tuple[float, Leaf]] = []
    for label, tree in trees.items():
        inner = tree.tree_
        for node in leaf_numbers(tree):
            cost = float(inner.value[node, 0, 0])
            if cost < 0:
                saved.append((cost * inner.n_node_samples[node], (cost, label, node)))
    return [leaf for _, leaf in sorted(saved)]


def _within_limits(sample: Sample, trees: Trees, cheap: list[Leaf], wanted: tuple[str, ...]) -> Draft | None:
    """A draft that answers these labels, less the leaves that save least where it would be too long."""
    for count in range(len(cheap), 0, -1):
        boxes = {label: _boxes(sample.features, trees, cheap[:count], label) for label in wanted}
        if not all(boxes.values()):
            return None
        group = union_of(sample.features, [box for label in wanted for box in boxes[label]])
        if len(wanted) == 1:
            draft = Draft(group, "constant", wanted[0])
        else:
            draft = Draft(group, "rule", union_of(sample.features, boxes[sample.positive]))
        if sample.takes(draft.rules):
            return draft
    return None


def _boxes(features: Sequence[Feature], trees: Trees, cheap: list[Leaf], label: str) -> list[Box]:
    """Where this label has a negative cost and the lowest, as boxes without a row in common."""
    whole: list[int] = []
    pieces: list[Box] = []
    boxes = leaves_of(features, trees[label])
    for leaf in (leaf for leaf in cheap if leaf[1] == label):
        rest = _less_rivals(features, trees, [rival for rival in cheap if rival < leaf], boxes[leaf[2]])
        if rest is None:
            whole.append(leaf[2])
        else:
            pieces += rest
    return [*boxes_of(features, trees[label], whole), *pieces]


def _less_rivals(features: Sequence[Feature], trees: Trees, rivals: list[Leaf], box: Box) -> list[Box] | None:
    """What cheaper leaves of other labels leave of a box: None for all of it, [] for over MAX_BOXES pieces."""
    met: dict[str, set[int]] = {}
    pieces = [box]
    for _, label, node in rivals:
        if shared(features, box, leaves_of(features, trees[label])[node]) is not None:
            met.setdefault(label, set()).add(node)
    for label, nodes in met.items():
        others = boxes_of(features, trees[label], leaves_of(features, trees[label]).keys() - nodes)
        pieces = [
            part
            for piece in pieces
            for other in others
            if (part := shared(features, piece, other)) is not None
        ]
        if len(pieces) > MAX_BOXES:
            return []
    return pieces if met else None

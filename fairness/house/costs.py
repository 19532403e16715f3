"""The second house team: a regression of what each label would cost, and the rows where one costs less than
0.

After Globus-Harris, Kearns and Roth, "An Algorithmic Framework for Bias Bounties" (FAccT 2022), section 5:
the cost of answering label j instead of the model is c_j = 1[j is wrong] - 1[the model is wrong]. With a
regression of each c_j on the columns, the best group there is holds the rows where the least of them is
negative, and the best predictor on it answers the label of the least.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from fairness.house.boxes import Box, shared, union_of
from fairness.house.features import Feature
from fairness.house.proposals import MIN_LEAF, Draft, Rows, Sample
from fairness.house.trees import NO_CHILD, boxes_of, leaves_of

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


def cost_drafts(sample: Sample, rows: Rows) -> Iterator[Draft]:
    """Drafts made from these rows of the sample alone, for each shape of the trees: one that answers both
    labels if there are two, and one for each label."""
    truth = sample.y_true[rows]
    wrong = (truth != sample.y_pred[rows]).astype(np.float64)
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
        for node in np.flatnonzero(inner.children_left == NO_CHILD).tolist():
            cost = float(inner.value[node, 0, 0])
            if cost < 0:
                saved.append((cost * inner.n_node_samples[node], (cost, label, node)))
    return [leaf for _, leaf in sorted(saved)]


def _within_limits(sample: Sample, trees: Trees, cheap: list[Leaf], wanted: tuple[str, ...]) -> Draft | None:
    """A draft that answers the wanted labels, without the leaves that save least where it would be too
    long.
    """
    for count in range(len(cheap), 0, -1):
        boxes = {label: _boxes(sample.features, trees, cheap[:count], label) for label in wanted}
        if not all(boxes.values()):
            return None
        group = union_of(sample.features, [box for label in wanted for box in boxes[label]])
        if len(wanted) == 1:
            draft = Draft(group, "constant", wanted[0])
        else:
            draft = Draft(group, "rule", union_of(sample.features, boxes[sample.positive]))
        if sample.takes(*draft.rules):
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
    """What the cheaper leaves of other labels leave of a box: None where that is all of it, and nothing where
    it would be in more than MAX_BOXES pieces."""
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

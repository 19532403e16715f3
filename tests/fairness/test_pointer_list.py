"""The pointer decision list: what it promises, against lists that are walked row by row."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from fairness.losses import LOSSES, scaled
from fairness.pointer_list import Node, PointerList, choose, sources, versions


def grown(
    seed: int, n: int = 60, tries: int = 25, values: int = 2
) -> tuple[PointerList, list, list[PointerList]]:
    """A list of random fixes of which those with a gain were taken, and every list on the way."""
    random = np.random.default_rng(seed)
    model = PointerList.start(random.integers(0, values, n))
    groups, way = [], [model]
    for _ in range(tries):
        group = random.random(n) < random.uniform(0.1, 0.8)
        answers = random.integers(0, values, int(group.sum()))
        if model.gain(group, answers) > 0:
            model = model.extend(group, answers)
            groups.append(group)
            way.append(model)
    return model, groups, way


def walked(nodes, groups, row: int, version: int) -> int:
    """Who answers a row at a version: from its node down to the first whose group holds the row."""
    while version > 0:
        node = nodes[version - 1]
        if groups[node.group - 1][row]:
            if node.version is None:
                return node.group
            version = node.version
        else:
            version -= 1
    return 0


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), values=st.integers(2, 9))
def test_the_promises_hold_for_any_list(seed, values):
    model, _, way = grown(seed, values=values)
    # Every node lowers the whole: a fix because it was taken, a pointer because it leads to something better.
    assert all(later < earlier for earlier, later in pairwise(model.totals))
    # No group that is in costs more, once a round is over, than in any version before.
    for number, costs in enumerate(model.by_group):
        for end in model.rounds[number:]:
            assert costs[end] == min(costs[: end + 1])
    for before, after in pairwise(way):
        assert after.nodes[: len(before.nodes)] == before.nodes
        assert after.totals[: len(before.totals)] == before.totals


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6))
def test_it_answers_as_a_walk_row_by_row(seed):
    model, groups, _ = grown(seed, n=30)
    n = len(model.base)
    for version, source in enumerate(versions(model.nodes, groups, n)):
        expected = [walked(model.nodes, groups, row, version) for row in range(n)]
        assert source.tolist() == expected
        assert model.sources_at(version).tolist() == expected
    assert sources(model.nodes, groups, n).tolist() == model.source.tolist()


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6))
def test_stored_losses_are_those_of_the_answers(seed):
    model, groups, _ = grown(seed, values=5)
    parts = [model.base, *(np.zeros(len(model.base), int) for _ in groups)]
    for part, group, answers in zip(parts[1:], groups, model.answers, strict=True):
        part[group] = answers
    for version, source in enumerate(versions(model.nodes, groups, len(model.base))):
        costs = np.array([parts[who][row] for row, who in enumerate(source)])
        assert model.losses_at(version).tolist() == costs.tolist()
        assert model.totals[version] == costs.sum()
        assert [costs_of[version] for costs_of in model.by_group] == [int(costs[g].sum()) for g in groups]
    assert choose(model.source, model.base, groups, model.answers).tolist() == model.losses.tolist()


def test_a_repair_worked_by_hand():
    """Fix 2 wins rows 2 and 3 and loses row 1 of fix 1's group: that group goes back to version 1."""
    model = PointerList.start(np.array([1, 1, 1, 1]))
    first, second = np.array([True, True, False, False]), np.array([False, True, True, True])
    model = model.extend(first, np.array([0, 0])).extend(second, np.array([1, 0, 0]))
    assert model.nodes == (Node(1), Node(2), Node(1, 1))
    assert model.totals == (4, 2, 1, 0)
    assert model.by_group == ((2, 0, 1, 0), (3, 2, 1, 0))
    assert model.rounds == (1, 3)
    assert model.source.tolist() == [1, 1, 2, 2]


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_rows_does_not_matter(seed):
    model, groups, _ = grown(seed)
    order = np.random.default_rng(seed).permutation(len(model.base))
    other = PointerList.start(model.base[order])
    for group, answers in zip(groups, model.answers, strict=True):
        whole = np.zeros(len(group), int)
        whole[group] = answers
        other = other.extend(group[order], whole[order][group[order]])
    assert (other.nodes, other.totals, other.by_group) == (model.nodes, model.totals, model.by_group)


def test_growing_a_list_leaves_the_old_one_as_it_was():
    _, _, way = grown(5)
    copies = [(one.source.copy(), one.losses.copy(), one.totals) for one in way]
    way[-1].extend(np.ones(60, bool), np.zeros(60, int))
    for one, (source, losses, totals) in zip(way, copies, strict=True):
        assert (one.source == source).all() and (one.losses == losses).all() and one.totals == totals


def test_the_0_1_loss_and_accuracy_agree_to_the_bit():
    random = np.random.default_rng(0)
    for n in (1, 3, 7, 1000, 9973):
        true, said = random.integers(0, 3, n), random.integers(0, 3, n)
        total = PointerList.start(scaled(LOSSES["zero_one"](true, said), 1.0)).totals[-1]
        assert (n - total) / n == accuracy_score(true, said)


@pytest.mark.parametrize(
    ("group", "answers", "says"),
    [
        (np.ones(3, bool), np.zeros(3, int), "one boolean for each of the 4 rows"),
        (np.ones(4), np.zeros(4, int), "one boolean"),
        (np.ones(4, bool), np.zeros(3, int), "one loss"),
        (np.ones(4, bool), np.zeros(4), "a whole number"),
    ],
)
def test_a_fix_of_another_shape_is_refused(group, answers, says):
    with pytest.raises(ValueError, match=says):
        PointerList.start(np.ones(4, int)).extend(group, answers)


@pytest.mark.parametrize("node", [Node(2), Node(0), Node(1, 1), Node(1, -1)])
def test_a_node_that_names_what_is_not_there_is_refused(node):
    with pytest.raises(ValueError, match="not before it"):
        sources([node], [np.ones(2, bool)], 2)

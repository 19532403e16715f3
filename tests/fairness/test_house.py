"""What the house teams propose: rules that say what their trees say, and only what held up elsewhere."""

import numpy as np
import polars as pl
import pytest
from sklearn.tree import DecisionTreeClassifier

from fairness.house import Proposal, propose_costs, propose_slices
from fairness.house.boxes import union_of
from fairness.house.features import features_of, matrix_of
from fairness.house.trees import boxes_of, leaves_of
from fairness.slices.rules import compile_rule
from fairness.tables import schema_of

METHODS = pytest.mark.parametrize("method", [propose_slices, propose_costs])
SIZES = {"top": 2, "min_rows": 30, "random_state": 0}


def planted(rows: int = 2000, seed: int = 3) -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:
    """Nine in ten renters under 30 are a yes, and the model mostly says no to them."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 80, rows).astype(float)
    home = random.choice(["rent", "own's", None], rows, p=[0.5, 0.4, 0.1])
    young = (age < 30) & (home == "rent")
    truth = random.random(rows) < np.where(young, 0.9, 0.4)
    answer = truth ^ (random.random(rows) < np.where(young, 0.7, 0.1))
    frame = pl.DataFrame(
        {"age": age, "where home": pl.Series(home.tolist()), "pay": random.normal(size=rows)}
    )
    return frame, *(np.where(one, "yes", "no").astype(object) for one in (truth, answer))


def gain_of(proposal: Proposal, frame: pl.DataFrame, truth: np.ndarray, answer: np.ndarray) -> int:
    schema = schema_of(frame)
    group = compile_rule(proposal.group_rule, schema).mask(frame)
    if proposal.predictor_format == "constant":
        said = np.full(len(group), proposal.predictor, dtype=object)
    else:
        said = np.where(compile_rule(proposal.predictor, schema).mask(frame), "yes", "no")
    return int(((said == truth) & group).sum() - ((answer == truth) & group).sum())


@METHODS
def test_a_planted_group_is_found_and_answered_better(method):
    frame, truth, answer = planted()
    proposals = method(frame, truth, answer, ("no", "yes"), "yes", **SIZES)
    assert proposals
    fresh = planted(seed=4)
    assert gain_of(proposals[0], *fresh) > 0.5 * gain_of(
        Proposal("age < 30 AND \"where home\" = 'rent'", "constant", "yes", 0, 0), *fresh
    )
    assert proposals[0].rows == compile_rule(proposals[0].group_rule, schema_of(frame)).mask(frame).sum()


@METHODS
def test_the_same_sample_gives_the_same_proposals(method):
    frame, truth, answer = planted()
    first, again = (method(frame, truth, answer, ("no", "yes"), "yes", **SIZES) for _ in range(2))
    assert first == again


@METHODS
def test_of_three_labels_constants_are_proposed(method):
    frame, _, _ = planted()
    random = np.random.default_rng(9)
    truth = random.choice(["a", "b", "c"], frame.height).astype(object)
    young = (frame["age"] < 35).to_numpy()
    truth[young] = "c"
    answer = np.where(random.random(frame.height) < 0.7, truth, "a")
    answer[young] = "b"
    proposals = method(frame, truth, answer, ("a", "b", "c"), "c", **SIZES)
    assert ("constant", "c") in {(one.predictor_format, one.predictor) for one in proposals}


@METHODS
@pytest.mark.parametrize("coins", [True, False])
def test_where_nothing_is_better_next_to_nothing_is_proposed(method, coins):
    """Of 150 samples of coin flips 8 and 5 led to a proposal, of 50 with the best model none.

    Tried at 5 % one by one the drafts of coin flips led to one in 36 and 22 of 50.
    """
    proposed = 0
    for seed in range(15):
        random = np.random.default_rng(seed)
        number, text = random.normal(size=800), random.choice(["x", "y"], 800)
        frame = pl.DataFrame({"a": number, "b": random.normal(size=800), "t": text})
        chance = np.full(800, 0.5) if coins else 1 / (1 + np.exp(-2 * number))
        answer = random.random(800) < 0.5 if coins else number > 0
        names = [np.where(one, "1", "0").astype(object) for one in (random.random(800) < chance, answer)]
        proposed += bool(method(frame, *names, ("0", "1"), "1", **SIZES))
    assert proposed <= 2


@METHODS
@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"a": [1.0] * 200}),
        pl.DataFrame({"a": pl.Series([None] * 200, dtype=pl.Float64)}),
        pl.DataFrame({"a": pl.Series([None] * 200, dtype=pl.String)}),
        pl.DataFrame({"a": [1.0, 2.0] * 10}),
    ],
    ids=["constant", "missing numbers", "missing texts", "few rows"],
)
def test_where_there_is_nothing_to_go_by_nothing_is_proposed(method, frame):
    truth = np.array(["0", "1"] * (frame.height // 2), dtype=object)
    assert method(frame, truth, truth[::-1], ("0", "1"), "1", **SIZES) == ()


@METHODS
def test_it_refuses_labels_that_are_not_there(method):
    frame, truth, answer = planted(100)
    with pytest.raises(ValueError, match="among the labels"):
        method(frame, truth, answer, ("no", "maybe"), "maybe", **SIZES)
    with pytest.raises(ValueError, match="one label a row"):
        method(frame, truth[1:], answer, ("no", "yes"), "yes", **SIZES)


@pytest.mark.parametrize("seed", range(25))
def test_a_rule_says_what_the_tree_says_on_every_row(seed):
    """Also on rows with missing values, unseen texts and numbers beside a cut, which the tree never saw."""
    random = np.random.default_rng(seed)

    def frame(rows: int, texts: list) -> pl.DataFrame:
        numbers = random.choice([0.1, 0.2, 0.1 + 0.2, 0.3, 1e-9, 16777217.0, 16777216.0, None], rows)
        return pl.DataFrame(
            {
                'a "quoted" name': pl.Series(numbers.tolist(), dtype=pl.Float64),
                "b": random.normal(size=rows).round(2),
                "t": pl.Series(random.choice(texts, rows).tolist(), dtype=pl.String),
            }
        )

    seen = frame(300, ["x", "y's", "z", None])
    features = features_of(seen)
    tree = DecisionTreeClassifier(max_depth=4, random_state=seed).fit(
        matrix_of(features, seen), random.random(300) < 0.5
    )
    new = frame(500, ["x", "y's", "unseen", None])
    leaf_of_row = tree.apply(matrix_of(features, new))
    leaves = sorted(leaves_of(features, tree))
    chosen = [leaf for leaf in leaves if random.random() < 0.5] or leaves[:1]
    rule = union_of(features, boxes_of(features, tree, chosen))
    if not rule:
        assert len(chosen) == len(leaves)
        return
    mask = compile_rule(rule, schema_of(seen)).mask(new)
    # The sample lacked values in the same columns, so that the tree has an answer for rows without one.
    np.testing.assert_array_equal(mask, np.isin(leaf_of_row, chosen))

"""The worst groups: found on one half of the people, confirmed on the other."""

import json

import numpy as np
import polars as pl
import pytest

from fairness.gaps import compare
from fairness.intervals import fisher_p
from fairness.verdict import Evidence
from fairness.worst import split_people, worst_groups


def table(rows: int, seed: int, groups=(4, 3, 2)) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    columns = {f"c{i}": random.choice([f"g{j}" for j in range(n)], rows) for i, n in enumerate(groups)}
    return pl.DataFrame(columns)


def speech(people: int, seed: int, excess: float):
    """Utterances of 12 words by people with habits of their own; worse where c0 is g1 and c1 is g2."""
    random = np.random.default_rng(seed)
    by = np.repeat(np.arange(people), random.integers(3, 12, people))
    features = table(people, seed)[by]
    bad = ((features["c0"] == "g1") & (features["c1"] == "g2")).to_numpy()
    rate = random.beta(4, 36, people)[by] + excess * bad
    return features, random.binomial(12, rate).astype(float), np.full(len(by), 12.0), by, bad


def test_a_worse_intersection_is_found_and_confirmed():
    features, errors, exposure, people, _ = speech(900, 1, 0.15)
    found = worst_groups(features, errors, exposure, people, None, smallest=10)
    worst = found.groups[0]
    assert worst.conditions == (("c0", "g1"), ("c1", "g2"))
    assert worst.confirmed and worst.p_adjusted < 0.001
    assert 0.1 < worst.gap_low < worst.gap < worst.gap_high < 0.2
    assert json.loads(json.dumps(found.as_dict()))["groups"][0]["conditions"] == [["c0", "g1"], ["c1", "g2"]]


def test_what_is_confirmed_comes_from_the_other_half_alone():
    features, errors, exposure, people, bad = speech(900, 2, 0.1)
    first = split_people(people, exposure > 0, 5)
    found = worst_groups(features, errors, exposure, people, None, smallest=10, random_state=5).groups[0]
    other = Evidence(errors[~first], exposure[~first], people[~first])
    expected = compare(other, bad[~first])
    assert found.conditions == (("c0", "g1"), ("c1", "g2"))
    assert (found.n, found.errors) == (int(bad[~first].sum()), errors[bad & ~first].sum())
    assert (found.rate, found.gap, found.gap_low, found.gap_high) == pytest.approx(
        (expected.rate, expected.gap, expected.low, expected.high)
    )
    assert found.clusters == len(np.unique(people[bad & ~first]))
    assert found.searched_n == int(bad[first].sum())


def test_single_rows_of_right_and_wrong_are_tested_exactly():
    features = table(3000, 3)
    bad = (features["c0"] == "g2").to_numpy()
    errors = (np.random.default_rng(3).random(3000) < np.where(bad, 0.4, 0.1)).astype(float)
    found = worst_groups(features, errors, np.ones(3000), None, None, smallest=10).groups[0]
    other = ~split_people(np.arange(3000), np.ones(3000, np.bool_), 0)
    assert (found.conditions, found.clusters) == ((("c0", "g2"),), None)
    counts = [
        errors[other & bad].sum(),
        (other & bad).sum(),
        errors[other & ~bad].sum(),
        (other & ~bad).sum(),
    ]
    assert found.p == pytest.approx(float(fisher_p(*counts)))


@pytest.mark.parametrize("clustered", [False, True])
def test_where_no_group_is_worse_hardly_anything_is_confirmed(clustered):
    simulations, confirmed = 300, 0
    for seed in range(simulations):
        random = np.random.default_rng(10_000 + seed)
        people = np.repeat(np.arange(120), 5) if clustered else None
        features = table(600 if people is None else 120, seed, (3, 3, 2))
        if people is not None:
            features = features[people]
        rate = random.beta(2, 8, 120)[people] if people is not None else 0.2
        errors = (random.random(600) < rate).astype(float)
        found = worst_groups(features, errors, np.ones(600), people, None, smallest=5, random_state=seed)
        assert found.groups
        confirmed += any(group.confirmed for group in found.groups)
    # 5 % of 300 is 15; 26 or more have probability 0.004 at exactly 5 %.
    assert confirmed <= 25


def test_searching_and_confirming_on_the_same_rows_would_confirm_chance():
    wrong = 0
    for seed in range(60):
        errors = (np.random.default_rng(seed).random(600) < 0.2).astype(float)
        features = table(600, seed, (6, 6, 6))
        twice = worst_groups(
            pl.concat([features] * 2), np.tile(errors, 2), np.ones(1200), None, None, smallest=5
        )
        wrong += any(group.confirmed for group in twice.groups)
    assert wrong > 12  # copies of a row fall on both sides: the halves are no longer independent


def test_halves_share_no_person_and_are_balanced():
    random = np.random.default_rng(4)
    people = np.repeat(np.arange(301), random.integers(1, 60, 301))
    order = random.permutation(len(people))
    first = split_people(people[order], np.ones(len(people), np.bool_), 9)
    one, other = np.unique(people[order][first]), np.unique(people[order][~first])
    assert not np.intersect1d(one, other).size
    assert abs(len(one) - len(other)) == 1
    assert abs(first.mean() - 0.5) < 0.02
    assert (first != split_people(people[order], np.ones(len(people), np.bool_), 10)).any()


def test_groups_of_few_people_are_left_out():
    """Six people, however many rows they have and however badly they fare."""
    people = np.repeat(np.arange(200), 20)
    features = pl.DataFrame({"c0": ["few" if person < 6 else "many" for person in range(200)]})[people]
    errors = np.where(people < 6, 1.0, 0.0)
    assert worst_groups(features, errors, np.ones(4000), people, None, smallest=10).groups == ()
    assert worst_groups(features, errors, np.ones(4000), people, None, smallest=2).groups[0].n in (40, 60, 80)


def test_two_groups_shown_do_not_differ_by_few_people():
    """North is all but three of the people of g1: one of the two nested groups is shown, not both."""
    rows = 2000
    outer = np.arange(rows) % 4 == 0
    inner = outer.copy()
    inner[np.flatnonzero(outer)[:6]] = False
    features = pl.DataFrame({"c0": np.where(outer, "g1", "g2"), "c1": np.where(inner, "north", "south")})
    errors = (np.random.default_rng(6).random(rows) < np.where(outer, 0.5, 0.1)).astype(float)
    found = worst_groups(features, errors, np.ones(rows), None, None, smallest=10)
    assert len(found.groups) == 1
    apart = worst_groups(features, errors, np.ones(rows), None, None, smallest=1, min_rows=1)
    assert [group.conditions for group in apart.groups] == [(("c0", "g1"),), (("c1", "north"),)]


def test_rows_without_exposure_or_weight_take_no_part():
    features, errors, exposure, people, _ = speech(400, 7, 0.15)
    random = np.random.default_rng(7)
    idle = random.random(len(errors)) < 0.3
    weights = np.where(idle, 0.0, 1.5)
    weighted = worst_groups(features, errors, exposure, people, weights, smallest=10)
    exposed = worst_groups(
        features, np.where(idle, 0, errors), np.where(idle, 0, exposure), people, None, smallest=10
    )
    assert [g.conditions for g in weighted.groups] == [g.conditions for g in exposed.groups]
    assert [g.n for g in weighted.groups] == [g.n for g in exposed.groups]
    assert [g.rate for g in weighted.groups] == pytest.approx([g.rate for g in exposed.groups])


def test_the_order_of_rows_of_named_people_changes_nothing():
    features, errors, exposure, people, _ = speech(400, 8, 0.1)
    order = np.random.default_rng(8).permutation(len(errors))
    straight = worst_groups(features, errors, exposure, people, None, smallest=10)
    mixed = worst_groups(features[order], errors[order], exposure[order], people[order], None, smallest=10)
    assert [(g.conditions, g.n, g.errors) for g in straight.groups] == [
        (g.conditions, g.n, g.errors) for g in mixed.groups
    ]


def test_names_that_a_rule_must_quote_come_back_as_they_are():
    rows = 800
    odd = np.arange(rows) % 2 == 0
    features = pl.DataFrame({"first language (L1)": np.where(odd, 'd\'Oc, "langue"', "other")})
    errors = odd.astype(float) * (np.arange(rows) % 3 == 0)
    found = worst_groups(features, errors, np.ones(rows), None, None, smallest=10)
    assert found.groups[0].conditions == (("first language (L1)", 'd\'Oc, "langue"'),)


def test_no_rows_with_exposure_find_nothing():
    features = table(50, 1)
    found = worst_groups(features, np.zeros(50), np.zeros(50), None, None, smallest=10)
    assert (found.groups, found.as_dict()["tests"]) == ((), 0)

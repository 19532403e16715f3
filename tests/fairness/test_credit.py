"""Shapley values: games worked by hand, all orders by brute force, and draws that cover what is exact."""

from itertools import permutations

import numpy as np
import pytest

from fairness.credit import EXACT_UP_TO, Plan, shapley


def glove(members: frozenset[str]) -> float:
    """A pair of gloves is worth 1: a and b have a left one each, c the only right one."""
    return float("c" in members and bool(members & {"a", "b"}))


def overlapping(members: frozenset[int]) -> float:
    """Each player covers some places; a set is worth how many it covers together."""
    return float(len({place for player in members for place in range(player, player + 1 + player % 4)}))


def values(shares: dict) -> dict:
    return {player: share.value for player, share in shares.items()}


def test_a_game_worked_by_hand():
    assert values(shapley("abc", glove)) == pytest.approx({"a": 1 / 6, "b": 1 / 6, "c": 2 / 3})
    assert all(share.low == share.value == share.high for share in shapley("abc", glove).values())


def test_it_is_the_mean_over_all_orders():
    players, sums = range(6), np.zeros(6)
    orders = list(permutations(players))
    for order in orders:
        for place, player in enumerate(order):
            sums[player] += overlapping(frozenset(order[: place + 1])) - overlapping(frozenset(order[:place]))
    assert list(values(shapley(players, overlapping)).values()) == pytest.approx(sums / len(orders))


@pytest.mark.parametrize("n", [1, 5, EXACT_UP_TO, EXACT_UP_TO + 3])
def test_shares_add_up_to_what_all_reach(n):
    shares = shapley(range(n), overlapping, pairs=3)
    assert sum(values(shares).values()) == pytest.approx(overlapping(frozenset(range(n))))


def test_drawn_orders_cover_the_exact_values():
    n, seeds = 8, range(40)
    exact = values(Plan(tuple(range(n)), None).shares(found_by(Plan(tuple(range(n)), None))))
    covered = 0
    for seed in seeds:
        plan = Plan(tuple(range(n)), 12, seed)
        shares = plan.shares(found_by(plan))
        covered += sum(
            shares[player].low - 1e-9 <= exact[player] <= shares[player].high + 1e-9 for player in exact
        )
    assert 0.9 <= covered / (n * len(seeds)) <= 0.99


def found_by(plan: Plan[int]) -> list[list[float]]:
    return [plan.step(place, overlapping) for place in range(plan.steps)]


def test_steps_need_nothing_of_each_other():
    for plan in (Plan(tuple(range(5)), None), Plan(tuple(range(14)), 6, random_state=3)):
        backwards = [plan.step(place, overlapping) for place in reversed(range(plan.steps))]
        assert backwards[::-1] == found_by(plan)


def test_one_pair_tells_nothing_of_how_much_they_vary():
    with pytest.raises(ValueError, match="two pairs"):
        Plan((1, 2), 1)

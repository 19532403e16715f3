"""Who contributed what: Shapley values over teams, which do not depend on who came first."""

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np

EXACT_UP_TO = 12
Player = TypeVar("Player", bound=Hashable)


@dataclass(frozen=True)
class Share:
    """One player's Shapley value, with a 95 % interval where orders were drawn; else low and high equal
    it.
    """

    value: float
    low: float
    high: float


def shapley(
    players: Sequence[Player],
    value: Callable[[frozenset[Player]], float],
    *,
    orders: int = 1000,
    random_state: int = 0,
) -> dict[Player, Share]:
    """Each player's mean marginal contribution over all orders in which they could have come (Shapley 1953).

    `value` gives what a set of players reaches alone, in any unit; the shares add up to what all reach more
    than nobody. Exact up to 12 players: the sum over sets S without the player of |S|! (n - |S| - 1)! / n! *
    (value(S and player) - value(S)). Beyond that the mean over `orders` random orders, each followed by its
    reverse to cancel noise, with a normal interval over these pairs (sampling: Castro, Gomez and Tejada
    2009). 0 means that nothing is lost without the player. Raises ValueError for fewer than four orders.

    >>> worth = {frozenset(): 0, frozenset("a"): 1, frozenset("b"): 1, frozenset("ab"): 1.5}
    >>> [share.value for share in shapley("ab", worth.__getitem__).values()]
    [0.75, 0.75]
    """
    if len(players) <= EXACT_UP_TO:
        return _exact(players, value)
    if orders < 4:
        raise ValueError("At least four orders are needed to tell how much they vary.")
    pairs = np.array([_pair(players, value, rng) for rng in _generators(orders // 2, random_state)])
    means = pairs.mean(axis=0)
    halves = 1.96 * pairs.std(axis=0, ddof=1) / math.sqrt(len(pairs))
    return {
        player: Share(float(mean), float(mean - half), float(mean + half))
        for player, mean, half in zip(players, means, halves, strict=True)
    }


def _exact(players: Sequence[Player], value: Callable[[frozenset[Player]], float]) -> dict[Player, Share]:
    n = len(players)
    worth = {
        members: value(members)
        for size in range(n + 1)
        for members in map(frozenset, combinations(players, size))
    }
    shares = {}
    for player in players:
        total = math.fsum(
            (worth[members | {player}] - worth[members]) / (n * math.comb(n - 1, len(members)))
            for members in worth
            if player not in members
        )
        shares[player] = Share(total, total, total)
    return shares


def _pair(
    players: Sequence[Player], value: Callable[[frozenset[Player]], float], rng: np.random.Generator
) -> list[float]:
    """The players' contributions in a random order and in its reverse, averaged."""
    order = [players[place] for place in rng.permutation(len(players))]
    sums = dict.fromkeys(players, 0.0)
    for sequence in (order, order[::-1]):
        members: frozenset[Player] = frozenset()
        before = value(members)
        for player in sequence:
            members |= {player}
            after = value(members)
            sums[player] += (after - before) / 2
            before = after
    return [sums[player] for player in players]


def _generators(count: int, random_state: int) -> Iterator[np.random.Generator]:
    for place in range(count):
        yield np.random.default_rng([random_state, place])

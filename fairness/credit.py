"""Who contributed what: Shapley values over teams, which do not depend on who came first."""

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from scipy.stats import t as student

EXACT_UP_TO = 12
LEAST_PAIRS = 2
Player = TypeVar("Player", bound=Hashable)


@dataclass(frozen=True)
class Share:
    """One player's Shapley value, with a 95 % interval where orders were drawn; else low and high equal
    it.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Plan(Generic[Player]):
    """Shapley values in `steps` that need nothing of each other, so that they can be made one at a time.

    `pairs` is None where every set of players is looked at, else how many random orders are drawn, each with
    its reverse. Raises ValueError for fewer than two pairs, which tell nothing of how much they vary.
    """

    players: tuple[Player, ...]
    pairs: int | None
    random_state: int = 0

    def __post_init__(self) -> None:
        if self.pairs is not None and self.pairs < LEAST_PAIRS:
            raise ValueError("At least two pairs of orders are needed to tell how much they vary.")

    @property
    def steps(self) -> int:
        return 2 ** len(self.players) if self.pairs is None else self.pairs

    def step(self, place: int, value: Callable[[frozenset[Player]], float]) -> list[float]:
        """What one set of players reaches, or the players' contributions in one pair of orders."""
        if self.pairs is None:
            return [value(self._members(place))]
        return self._pair(value, np.random.default_rng([self.random_state, place]))

    def shares(self, found: Sequence[Sequence[float]]) -> dict[Player, Share]:
        """The players' shares from all steps in their order."""
        if self.pairs is None:
            return self._exact([worth for (worth,) in found])
        pairs = np.array(found)
        means = pairs.mean(axis=0)
        halves = student.ppf(0.975, len(pairs) - 1) * pairs.std(axis=0, ddof=1) / math.sqrt(len(pairs))
        return {
            player: Share(float(mean), float(mean - half), float(mean + half))
            for player, mean, half in zip(self.players, means, halves, strict=True)
        }

    def _members(self, place: int) -> frozenset[Player]:
        """Set number `place`, of which bit k says whether player k is in it."""
        return frozenset(player for bit, player in enumerate(self.players) if place >> bit & 1)

    def _exact(self, worth: Sequence[float]) -> dict[Player, Share]:
        n, shares = len(self.players), {}
        for bit, player in enumerate(self.players):
            total = math.fsum(
                (worth[place | 1 << bit] - worth[place]) / (n * math.comb(n - 1, place.bit_count()))
                for place in range(len(worth))
                if not place >> bit & 1
            )
            shares[player] = Share(total, total, total)
        return shares

    def _pair(self, value: Callable[[frozenset[Player]], float], rng: np.random.Generator) -> list[float]:
        """The players' contributions in a random order and in its reverse, averaged."""
        order = [self.players[place] for place in rng.permutation(len(self.players))]
        sums = dict.fromkeys(self.players, 0.0)
        for sequence in (order, order[::-1]):
            members: frozenset[Player] = frozenset()
            before = value(members)
            for player in sequence:
                members |= {player}
                after = value(members)
                sums[player] += (after - before) / 2
                before = after
        return [sums[player] for player in self.players]


def shapley(
    players: Iterable[Player],
    value: Callable[[frozenset[Player]], float],
    *,
    pairs: int = 500,
    random_state: int = 0,
) -> dict[Player, Share]:
    """Each player's mean marginal contribution over all orders in which they could have come (Shapley 1953).

    `value` gives what a set of players reaches alone, in any unit; the shares add up to what all reach more
    than nobody. Exact up to 12 players: the sum over sets S without the player of |S|! (n - |S| - 1)! / n! *
    (value(S and player) - value(S)). Beyond that the mean over `pairs` random orders, each followed by its
    reverse to cancel noise, with Student's interval over these pairs (sampling: Castro, Gomez and Tejada
    2009). 0 means that nothing is lost without the player. Raises ValueError for fewer than two pairs.

    >>> worth = {frozenset(): 0, frozenset("a"): 1, frozenset("b"): 1, frozenset("ab"): 1.5}
    >>> [share.value for share in shapley("ab", worth.__getitem__).values()]
    [0.75, 0.75]
    """
    players = tuple(players)
    plan = Plan(players, None if len(players) <= EXACT_UP_TO else pairs, random_state)
    return plan.shares([plan.step(place, value) for place in range(plan.steps)])

"""The leaderboard: who has the most points, and of equals who had them first."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Entry:
    """One scored submission: its team, its points (percentage points), whether accepted, and when."""

    team: str
    points: float
    accepted: bool
    when: datetime


@dataclass(frozen=True)
class Standing:
    """One row of the leaderboard; `points` are rounded down to 0.1, `last_accepted` is None without any."""

    rank: int
    team: str
    points: float
    accepted: int
    submissions: int
    last_accepted: datetime | None


@dataclass
class _Tally:
    position: int
    exact: list[float]
    tenths: int = 0
    accepted: int = 0
    submissions: int = 0
    last_accepted: datetime | None = None


def rank_teams(entries: Iterable[Entry]) -> tuple[Standing, ...]:
    """Rank teams by the sum of their accepted points, rounded down to a tenth of a point.

    `entries` come in the order their verdicts were given. Of teams with equal shown totals the one that
    reached its total first stands first; ranks run 1, 2, 3 without ties. Points of entries not accepted are
    ignored, and a team without an accepted one stands at 0.

    >>> when = datetime(2026, 1, 1)
    >>> entries = [Entry("a", 0.39, True, when), Entry("b", 0.31, True, when), Entry("c", 0.0, False, when)]
    >>> [(row.rank, row.team, row.points) for row in rank_teams(entries)]
    [(1, 'a', 0.3), (2, 'b', 0.3), (3, 'c', 0.0)]
    """
    tallies: dict[str, _Tally] = {}
    for position, entry in enumerate(entries):
        tally = tallies.setdefault(entry.team, _Tally(position, []))
        tally.submissions += 1
        if not entry.accepted:
            continue
        tally.accepted += 1
        tally.last_accepted = entry.when
        tally.exact.append(entry.points)
        tenths = _tenths(math.fsum(tally.exact))
        if tenths != tally.tenths:
            tally.tenths, tally.position = tenths, position
    ordered = sorted(tallies.items(), key=lambda item: (-item[1].tenths, item[1].position))
    return tuple(
        Standing(rank, team, tally.tenths / 10, tally.accepted, tally.submissions, tally.last_accepted)
        for rank, (team, tally) in enumerate(ordered, start=1)
    )


def round_down(points: float) -> float:
    """Points rounded down to a tenth, as shown to participants.

    >>> round_down(0.39), round_down(0.7 + 0.1)
    (0.3, 0.8)
    """
    return _tenths(points) / 10


def _tenths(points: float) -> int:
    # 0.7 + 0.1 is a hair below 0.8 in binary and is shown as 0.8.
    return math.floor(points * 10 + 1e-9)

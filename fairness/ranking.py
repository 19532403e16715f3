"""The leaderboard: who has the most points, and of equals who had them first."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Accepted:
    """One accepted submission: its team, its points (percentage points) and when it was accepted."""

    team: str
    points: float
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
    submissions: int
    exact: list[float] = field(default_factory=list)
    tenths: int = 0
    last_accepted: datetime | None = None


def rank_teams(submissions: Mapping[str, int], accepted: Iterable[Accepted]) -> tuple[Standing, ...]:
    """Rank teams by the sum of their accepted points, rounded down to a tenth of a point.

    `submissions` counts what each team sent, in the order of their first ones; `accepted` are those accepted,
    in the order of their verdicts. Of teams with equal shown totals the one that reached its total first
    stands first, and of teams at 0 the one that submitted first; ranks run 1, 2, 3 without ties. Raises
    KeyError for a find of a team that sent nothing.

    >>> when = datetime(2026, 1, 1)
    >>> rows = rank_teams({"c": 1, "a": 1, "b": 2}, [Accepted("a", 0.39, when), Accepted("b", 0.31, when)])
    >>> [(row.rank, row.team, row.points) for row in rows]
    [(1, 'a', 0.3), (2, 'b', 0.3), (3, 'c', 0.0)]
    """
    tallies = {team: _Tally(position, sent) for position, (team, sent) in enumerate(submissions.items())}
    for position, one in enumerate(accepted):
        tally = tallies[one.team]
        tally.last_accepted = one.when
        tally.exact.append(one.points)
        tenths = _tenths(math.fsum(tally.exact))
        if tenths != tally.tenths:
            tally.tenths, tally.position = tenths, position
    ordered = sorted(tallies.items(), key=lambda item: (-item[1].tenths, item[1].position))
    return tuple(
        Standing(rank, team, tally.tenths / 10, len(tally.exact), tally.submissions, tally.last_accepted)
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

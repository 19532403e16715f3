"""Teams of a bounty that act alike: its organisers are shown what they share, and nothing follows from it.

Of a submission's network address only a keyed hash is kept: it compares within one bounty and is turned back
into no address.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import BinaryField, Count, F, Func, QuerySet
from django.utils.crypto import salted_hmac

from common.address import network_of

from .models import Bounty

MOST_PAIRS = 200
# More teams than this at one address, or of one idea, are a crowd: their pairs would say nothing.
CROWD = 20
MASKS = Func(
    F("masks__leaderboard"),
    F("masks__final"),
    function="sha256",
    arg_joiner=" || ",
    output_field=BinaryField(),
)
SIGNS = {"address": F("origin"), "rows": MASKS, "request": F("request_sha256")}


def origin_of(bounty: Bounty, address: str) -> str:
    """What is kept of the address that a submission came from; of IPv6 the /64 counts."""
    if not address:
        return ""
    return salted_hmac(f"bounty.origin.{bounty.pk}", network_of(address), algorithm="sha256").hexdigest()


@dataclass
class Pair:
    """What two teams share: submissions from an address of both, groups of the same hidden rows that both
    named, rules or files that both sent; and since when.
    """

    teams: tuple[str, str]
    same_address: int = 0
    same_rows: int = 0
    same_request: int = 0
    first_seen: datetime | None = None

    @property
    def signs(self) -> int:
        return sum(count > 0 for count in (self.same_address, self.same_rows, self.same_request))

    def add(self, sign: str, submissions: int, when: datetime) -> None:
        name = f"same_{sign}"
        setattr(self, name, getattr(self, name) + (submissions if sign == "address" else 1))
        self.first_seen = min(self.first_seen or when, when)


@dataclass(frozen=True)
class Alike:
    """The pairs that share most, how many there are in all, and how many teams each crowd has."""

    pairs: list[Pair]
    total: int
    crowds: list[int]


def shared(submissions: QuerySet, sign: str) -> Iterator[dict[int, list[datetime]]]:
    """For each thing that several teams share: when each of them sent it."""
    found = submissions.annotate(sign=SIGNS[sign]).exclude(sign=None if sign == "rows" else "")
    gathered = found.values("sign").annotate(n=Count("team", distinct=True)).filter(n__gt=1)
    rows = gathered.values_list(ArrayAgg("team", default=[]), ArrayAgg("created", default=[]))
    for teams, times in rows:
        by_team = defaultdict(list)
        for team, when in zip(teams, times, strict=True):
            by_team[team].append(when)
        yield by_team


def teams_alike(bounty: Bounty) -> Alike:
    # House teams are the site's own, and send what everybody may think of.
    submissions = bounty.submissions.filter(team__is_house=False).order_by()
    names = dict(bounty.teams.values_list("pk", "name"))
    pairs: dict[tuple[int, int], Pair] = {}
    crowds = []
    for sign in SIGNS:
        for times in shared(submissions, sign):
            if len(times) > CROWD:
                crowds.append(len(times))
                continue
            for one, other in combinations(sorted(times), 2):
                pair = pairs.setdefault((one, other), Pair((names[one], names[other])))
                both = max(min(times[one]), min(times[other]))
                pair.add(sign, len(times[one]) + len(times[other]), both)
    found = sorted(
        pairs.values(),
        key=lambda pair: (pair.signs, pair.same_rows + pair.same_request, pair.same_address),
        reverse=True,
    )
    return Alike(found[:MOST_PAIRS], len(found), sorted(crowds, reverse=True))

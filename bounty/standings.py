"""The leaderboard: computed at read from the verdicts, never stored."""

from django.db.models import Count, Min

from common.jobs import round_up
from fairness.ranking import Accepted, Standing, rank_teams

from .models import Bounty

# Of each list, what says that a submission is on it, and its points.
LISTS = {"shared": ("accepted", "points"), "solo": ("solo_accepted", "solo_points")}


def standings(bounty: Bounty, track: str = "find", which: str = "shared") -> tuple[Standing, ...]:
    """Rows of the leaderboard in order. Verdicts are given in the order of submission, which the ids keep.

    Finds have no list of a team's own: theirs is the shared one.
    """
    on_list, points = LISTS["shared" if track == "find" else which]
    of_track = bounty.submissions.filter(kind=track)
    names = dict(bounty.teams.values_list("pk", "name"))
    # Counted by team before anything is joined: from an index alone, however many there are.
    sent = of_track.order_by().values("team").annotate(sent=Count("id"), first=Min("id"))
    accepted = of_track.filter(**{on_list: True}).order_by("id")
    return rank_teams(
        {names[team]: n for team, n in sent.order_by("first").values_list("team", "sent")},
        [
            Accepted(names[team], of_it, round_up(when))
            for team, of_it, when in accepted.values_list("team", points, "finished")
        ],
    )

"""The leaderboard: computed at read from the verdicts, never stored."""

from django.db.models import Count, Min

from common.jobs import round_up
from fairness.ranking import Find, Standing, rank_teams

from .models import Bounty


def standings(bounty: Bounty) -> tuple[Standing, ...]:
    """Rows of the leaderboard in order. Verdicts are given in the order of submission, which the ids keep."""
    sent = bounty.submissions.order_by().values("team__name").annotate(sent=Count("id"), first=Min("id"))
    accepted = bounty.submissions.filter(accepted=True).order_by("id")
    return rank_teams(
        dict(sent.order_by("first").values_list("team__name", "sent")),
        [
            Find(*find, round_up(when))
            for *find, when in accepted.values_list("team__name", "points", "finished")
        ],
    )

"""The leaderboard: computed at read from the verdicts, never stored."""

from fairness.ranking import Entry, Standing, rank_teams

from .models import Bounty, round_up


def standings(bounty: Bounty) -> tuple[Standing, ...]:
    """Rows of the leaderboard in order. Verdicts are given in the order of submission, which the ids keep."""
    rows = bounty.submissions.order_by("id").values_list("team__name", "points", "accepted", "finished")
    return rank_teams(
        Entry(team=team, points=points, accepted=bool(accepted), when=round_up(finished))
        for team, points, accepted, finished in rows
    )

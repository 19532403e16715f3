"""The leaderboard: computed at read from the verdicts, never stored."""

from django.db.models import Count, Max, Q, Sum

from fairness.ranking import Standing, rank_teams

from .models import Bounty


def standings(bounty: Bounty) -> tuple[Standing, ...]:
    accepted = Q(submissions__accepted=True)
    teams = bounty.teams.annotate(
        points=Sum("submissions__points", filter=accepted, default=0.0),
        accepted=Count("submissions", filter=accepted),
        sent=Count("submissions"),
        last_accepted=Max("submissions__finished", filter=accepted),
    ).filter(sent__gt=0)
    return rank_teams(
        (team.name, team.points, team.accepted, team.sent, team.last_accepted) for team in teams
    )

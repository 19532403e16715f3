"""House teams: two automatic participants that an organiser can switch on, as labelled baselines.

They see what every participant sees, the public sample, and enter by the same door, with the same quotas.
"""

from django.contrib.auth import get_user_model

from common.intake import IntakeError
from common.jobs import UNFINISHED
from fairness.house import Proposal, propose_costs, propose_slices

from .entry import Group, Predictor, enter
from .models import Bounty, HouseTurn, Team
from .parts import sample_part

# As many as a team may have unfinished at once.
SUBMISSIONS = 2
METHODS = {HouseTurn.Method.SLICES: propose_slices, HouseTurn.Method.COSTS: propose_costs}
NOTES = {
    HouseTurn.Method.SLICES: "Slices where the model errs most on the public sample, a tree fitted to each.",
    HouseTurn.Method.COSTS: "Where regressions of costs on the public sample favour another label.",
}


def make_turns() -> None:
    """The next turn in every open bounty that wants house teams.

    One after the other, so that two workers enter their submissions in the same order as one.
    """
    busy = HouseTurn.objects.filter(status__in=UNFINISHED).values("bounty")
    for bounty in Bounty.objects.taking_submissions().filter(house_teams=True).exclude(pk__in=busy):
        had = set(bounty.house_turns.values_list("method", flat=True))
        method = next((method for method in HouseTurn.Method if method not in had), None)
        # They propose rules and labels, which numbers and probabilities are not.
        if method is not None and bounty.accepts_fixes and bounty.predicts == "label":
            HouseTurn.objects.bulk_create([HouseTurn(bounty=bounty, method=method)], ignore_conflicts=True)


def play(turn: HouseTurn) -> int:
    """Submit the best proposals; how many there were. Played again, it sends nothing twice."""
    team = team_of(turn)
    proposals = proposals_of(turn)[:SUBMISSIONS]
    for place, proposal in enumerate(proposals):
        predictor = Predictor(
            proposal.predictor_format,
            rule=proposal.predictor if proposal.predictor_format == "rule" else "",
            value=proposal.predictor if proposal.predictor_format == "constant" else "",
        )
        try:
            enter(
                team.user,
                turn.bounty,
                Group("rule", proposal.group_rule),
                predictor,
                note=NOTES[turn.method],
                idempotency_key=f"house:{turn.method}:{place}",
            )
        except IntakeError:
            # Closed or used up meanwhile: a house team insists on nothing.
            return place
    return len(proposals)


def proposals_of(turn: HouseTurn) -> tuple[Proposal, ...]:
    bounty, part = turn.bounty, sample_part(turn.bounty)
    return METHODS[turn.method](
        part.features,
        part.truth["label"].to_numpy(),
        part.truth["prediction"].to_numpy(),
        tuple(bounty.labels),
        bounty.positive_label,
        top=SUBMISSIONS,
        min_rows=bounty.min_rows,
        random_state=0,
    )


def team_of(turn: HouseTurn) -> Team:
    # Nobody can sign up by a name with a colon.
    user, made = get_user_model().objects.get_or_create(username=f"house:{turn.method}")
    if made:
        user.set_unusable_password()
        user.save()
    name = f"House: {turn.get_method_display().lower()}"
    team, _ = Team.objects.get_or_create(
        bounty=turn.bounty, user=user, defaults={"name": name, "is_house": True}
    )
    return team

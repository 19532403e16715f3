"""What can be read of a bounty's accepted groups and its repaired model, as its pages show it."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from common.intake import IntakeError
from common.rest import NumberQuery, page_of, read

from . import repaired
from .models import Bounty, Submission
from .serializers_repaired import (
    FinalSerializer,
    GroupsSerializer,
    GuardSerializer,
    RepairedModelSerializer,
)

NOT_REPAIRED = "This bounty takes finds only, so its model is not repaired."
NOT_FINAL = (
    "There is no final ranking yet: it is published when the bounty has closed and every submission has its "
    "verdict."
)


def sent_of(bounty: Bounty, user) -> dict[int, Submission]:
    """By id, the accepted submissions of which the caller may see what was sent."""
    accepted = bounty.submissions.filter(accepted=True).defer("log", "numbers")
    return {one.pk: one for one in (accepted if bounty.publishes_groups else accepted.visible_to(user))}


class RepairedCalls:
    """Calls of a bounty, for its viewset."""

    @extend_schema(
        operation_id="model",
        summary="The repaired model: the fixes in it, round by round, and its list",
        description="While the bounty is open, exact numbers of hidden rows are the organisers' alone: "
        "`points`, `numbers` and `life` are null to others.",
        responses=RepairedModelSerializer,
    )
    @action(detail=True, url_path="model")
    def repaired_model(self, request, slug: str):
        bounty = self.get_prepared()
        if not bounty.accepts_fixes:
            raise IntakeError("fixes_not_taken", NOT_REPAIRED)
        exact = bounty.shows_numbers_to(request.user)
        live = repaired.live_of(bounty)
        model = {
            "half": "leaderboard",
            "rounds": repaired.rounds(live, exact=exact),
            "nodes": live.nodes,
            "life": live.life if exact else None,
        }
        context = {"sent": sent_of(bounty, request.user)}
        return Response(RepairedModelSerializer(model, context=context).data)

    @extend_schema(
        operation_id="groups",
        summary="The accepted groups: which columns each team's use, and what they cover",
        parameters=[NumberQuery],
        responses=GroupsSerializer,
    )
    @action(detail=True)
    def groups(self, request, slug: str):
        asked = read(NumberQuery, request.query_params)
        bounty = self.get_prepared()
        page = page_of(repaired.uses(bounty), asked["page"])
        groups = {"uses": page, "coverage": repaired.live_of(bounty).coverage}
        return Response(GroupsSerializer(groups | {"pages": page.paginator.num_pages}).data)

    @extend_schema(
        operation_id="guard",
        summary="The guard of the hidden set: verdicts used, by team, and verdicts left",
        parameters=[NumberQuery],
        responses=GuardSerializer,
    )
    @action(detail=True)
    def guard(self, request, slug: str):
        asked = read(NumberQuery, request.query_params)
        guard = repaired.guard(self.get_object())
        page = page_of(guard["teams"], asked["page"])
        return Response(GuardSerializer(guard | {"teams": page, "pages": page.paginator.num_pages}).data)

    @extend_schema(
        operation_id="final",
        summary="The final ranking, on the final half: once the bounty has closed",
        description="`404 not_final` before.",
        responses=FinalSerializer,
    )
    @action(detail=True)
    def final(self, request, slug: str):
        bounty = self.get_object()
        if bounty.finalised_at is None:
            raise IntakeError("not_final", NOT_FINAL)
        final = {"credit": None, "finalised_at": bounty.finalised_at} | bounty.final
        context = {"sent": sent_of(bounty, request.user)}
        return Response(FinalSerializer(final, context=context).data)

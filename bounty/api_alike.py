"""What organisers may ask about teams that act alike, as their page shows it."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

from .alike import MOST_PAIRS, teams_alike
from .models import Bounty


class PairSerializer(serializers.Serializer):
    teams = serializers.ListField(child=serializers.CharField(), min_length=2, max_length=2)
    same_address = serializers.IntegerField(
        help_text="Submissions of the two from a network address that both have used. It may be a school's "
        "or an office's."
    )
    same_rows = serializers.IntegerField(help_text="Groups of exactly the same hidden rows that both named.")
    same_request = serializers.IntegerField(help_text="Rules or files that both sent, the same to the byte.")
    first_seen = serializers.DateTimeField(
        help_text="When the second of the two first did what the other had."
    )


class AlikeSerializer(serializers.Serializer):
    total = serializers.IntegerField(help_text=f"Pairs in all; the first {MOST_PAIRS} are given.")
    crowds = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Of each thing that too many teams share to be given as pairs: how many.",
    )
    rows = PairSerializer(many=True, source="pairs")


class AlikeCalls:
    """A call of a bounty, for its viewset."""

    @extend_schema(
        operation_id="alike",
        summary="Teams that act alike, for organisers: same address, same rows, same rule or file",
        description="Shown, never punished. `404` to everybody but the bounty's organisers.",
        responses=AlikeSerializer,
    )
    @action(detail=True, permission_classes=[IsAuthenticated])
    def alike(self, request, slug: str):
        bounty = get_object_or_404(Bounty.objects.organised_by(request.user), slug=slug)
        return Response(AlikeSerializer(teams_alike(bounty)).data)

"""Close a bounty and publish its final ranking."""

from django.core.management.base import BaseCommand, CommandError

from ... import closing, credit, drafts
from ...models import Bounty

WAITING = (
    "Closed. {n} submissions still wait for their verdicts; after them the worker publishes the final "
    "ranking, or run this again."
)
TRACKS = {"find": "Finds", "fix": "Fixes"}


class Command(BaseCommand):
    help = "Close a bounty, read the final half once and publish the final ranking."

    def add_arguments(self, parser) -> None:
        parser.add_argument("bounty", help="its address, for example census-income")

    def handle(self, *args, bounty: str, **options) -> None:
        found = Bounty.objects.filter(slug=bounty, opened_at__isnull=False).first()
        if found is None:
            raise CommandError(f"There is no opened bounty “{bounty}”.")
        drafts.close_bounty(found)
        closing.finalise(found.pk)
        credit.add_credit(found.pk)
        found.refresh_from_db()
        if found.finalised_at is None:
            self.stdout.write(WAITING.format(n=found.submissions.unfinished().count()))
            return
        for track, title in TRACKS.items():
            rows = found.final["tracks"][track]
            if rows:
                self.stdout.write(
                    f"{title} on the final half\n  rank  team                  points      live"
                )
            for row in rows:
                name, points = row["team"][:20], row["points"]
                self.stdout.write(
                    f"  {row['rank']:>4}  {name:<20}  {points:>6.2f}  {row['live_points']:>8.2f}"
                )

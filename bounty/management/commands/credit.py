"""Who contributed what to the repaired model: for an organiser who pays by contribution."""

from django.core.management.base import BaseCommand, CommandError

from ...credit import credit_of
from ...models import Bounty


class Command(BaseCommand):
    help = (
        "Print each team's points in the order of acceptance and its Shapley value, on the leaderboard half: "
        "exact numbers, for organisers."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("bounty", help="its address, for example census-income")

    def handle(self, *args, bounty: str, **options) -> None:
        found = Bounty.objects.filter(slug=bounty, opened_at__isnull=False).first()
        if found is None:
            raise CommandError(f"There is no opened bounty “{bounty}”.")
        if not found.accepts_fixes:
            raise CommandError(
                "This bounty takes finds only: no model is repaired, so there is nothing to share."
            )
        self.stdout.write("  team                  points   Shapley  95 % interval")
        for row in credit_of(found):
            interval = "exact" if row["low"] == row["high"] else f"{row['low']:.3f} to {row['high']:.3f}"
            self.stdout.write(
                f"  {row['team'][:20]:<20}  {row['points']:>6.3f}  {row['value']:>8.3f}  {interval}"
            )

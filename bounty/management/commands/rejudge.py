"""Give every verdict of a bounty again, from stored masks and answers alone."""

from django.core.management.base import BaseCommand, CommandError

from ...models import Bounty
from ...verdicts import as_text, rejudged

DIFFERS = "Submission {pk} differs.\n  stored: {stored}\n  again:  {again}"


class Command(BaseCommand):
    help = "Judge a bounty's submissions again, in their order, from what is stored. Changes nothing."

    def add_arguments(self, parser) -> None:
        parser.add_argument("bounty", help="its address, for example census-income")
        parser.add_argument(
            "--check",
            action="store_true",
            help="fail unless every verdict comes out to the last byte",
        )

    def handle(self, *args, bounty: str, check: bool, **options) -> None:
        found = Bounty.objects.filter(slug=bounty, opened_at__isnull=False).first()
        if found is None:
            raise CommandError(f"There is no opened bounty “{bounty}”.")
        same, differing = 0, []
        for submission, written in rejudged(found):
            stored, again = as_text(submission), as_text(submission, written)
            if stored == again:
                same += 1
            else:
                differing.append(submission.pk)
                self.stdout.write(DIFFERS.format(pk=submission.pk, stored=stored, again=again))
        total = same + len(differing)
        self.stdout.write(f"{same} of {total} verdicts come out as stored, to the last byte.")
        if check and differing:
            raise CommandError(f"{len(differing)} of {total} verdicts differ.")

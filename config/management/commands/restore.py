"""Put a backup in place of what is here."""

from pathlib import Path

import psycopg
from django.core.management.base import BaseCommand, CommandError

from ...backup import BackupError
from ...postgres import DumpError
from ...restore import restore

NOT_DONE = "Nothing was restored, and the present database was not touched: {error}"
DONE = "The site is as it was {made}."
KEPT = "What was here is kept as the database {before}. When all is well: DROP DATABASE {before};"
NEXT = (
    "Next: `manage.py migrate`, start web, workers and beat, look at /readyz, and let `manage.py rejudge "
    "BOUNTY --check` give the verdicts again. Everybody signs in anew. With another secret key than before, "
    "second factors have to be set up again."
)
MISSING = "{count} files were missing already when the backup was made."


class Command(BaseCommand):
    help = "Put a backup in place of what is here. Stop web, workers and beat before it."

    def add_arguments(self, parser) -> None:
        parser.add_argument("source", type=Path, metavar="from", help="a folder that `manage.py backup` made")
        parser.add_argument(
            "--overwrite",
            action="store_true",
            help="although there is a site here; what it was is kept under other names",
        )

        parser.add_argument("--sum", default="", help="that `backup` told of it: another one is refused")

    def handle(self, *args, source: Path, overwrite: bool, **options) -> None:
        try:
            facts, before = restore(source, overwrite, self.stdout.write, options["sum"])
        except (BackupError, DumpError) as error:
            raise CommandError(str(error)) from error
        except (OSError, psycopg.Error) as error:
            raise CommandError(NOT_DONE.format(error=error)) from error
        self.stdout.write(DONE.format(made=facts["made"]))
        if facts["missing"]:
            self.stdout.write(MISSING.format(count=len(facts["missing"])))
        self.stdout.write(KEPT.format(before=before))
        self.stdout.write(NEXT)

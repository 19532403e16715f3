"""Copy everything that makes the site into a folder, or check such a copy."""

from pathlib import Path

import psycopg
from django.core.management.base import BaseCommand, CommandError

from ...backup import BackupError, back_up, sum_of
from ...backup import verify as check
from ...postgres import DumpError

GOOD = "{folder} is whole: {files} files and {all_rows} rows, made {made}."
SUM = "Its sum is {sum}: keep it apart from the backup, for `restore --sum`."
DELETED = "{count} files were deleted while they were copied; nothing names them any more."
MISSING = (
    "{count} files that the database names are not in the storage, first {first}. Everything else is in the "
    "backup; look for them in an earlier one."
)
KEEP_SAFE = (
    "It holds hidden labels: keep it where only operators read. The secret key and settings are not in it."
)


class Command(BaseCommand):
    help = (
        "Copy the database and every stored file into a new folder, with checksums. In it are hidden labels; "
        "not in it are who is signed in, the secret key, settings and what waits in Redis."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("to", nargs="?", type=Path, help="a folder to make")
        parser.add_argument("--verify", type=Path, metavar="FROM", help="check this backup, and make none")

    def handle(self, *args, to: Path | None, verify: Path | None, **options) -> None:
        if (to is None) == (verify is None):
            raise CommandError("Name a folder to make, or with --verify one to check.")
        try:
            facts = check(verify) if verify else back_up(to, self.stdout.write)
            one_sum = sum_of(verify or to)
        except (BackupError, DumpError) as error:
            raise CommandError(str(error)) from error
        except (OSError, psycopg.Error) as error:
            raise CommandError(f"The backup is not finished: {error}") from error
        self.stdout.write(GOOD.format(folder=verify or to, all_rows=sum(facts["rows"].values()), **facts))
        self.stdout.write(SUM.format(sum=one_sum))
        if facts["deleted"]:
            self.stdout.write(DELETED.format(count=len(facts["deleted"])))
        missing = facts["missing"] and MISSING.format(
            count=len(facts["missing"]), first="/".join(facts["missing"][0])
        )
        if verify:
            self.stdout.write(missing or "Nothing was missing when it was made.")
            return
        self.stdout.write(KEEP_SAFE)
        if missing:
            raise CommandError(missing)

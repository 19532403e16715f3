"""Write the repaired model of a bounty to a file."""

import shutil
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from ... import bundle
from ...models import Bounty


class Command(BaseCommand):
    help = "Write a bounty's repaired model as a bundle (.zip) or as one ONNX file (.onnx)."

    def add_arguments(self, parser) -> None:
        parser.add_argument("bounty", help="its address, for example census-income")
        parser.add_argument("--to", type=Path, required=True, help="a new file that ends in .zip or .onnx")

    def handle(self, *args, bounty: str, to: Path, **options) -> None:
        found = Bounty.objects.filter(slug=bounty, opened_at__isnull=False).first()
        if found is None:
            raise CommandError(f"There is no opened bounty “{bounty}”.")
        if not found.accepts_fixes:
            raise CommandError(bundle.NOT_REPAIRED)
        writers = {".zip": bundle.zip_file, ".onnx": bundle.onnx_file}
        if to.suffix not in writers:
            raise CommandError("Name a file that ends in .zip or .onnx.")
        try:
            with to.open("xb") as file:
                try:
                    with writers[to.suffix](found) as made:
                        shutil.copyfileobj(made, file)
                except bundle.NotWritten:
                    to.unlink()
                    raise
        except bundle.NotWritten as error:
            raise CommandError(str(error)) from error
        except FileExistsError as error:
            raise CommandError(f"{to} exists already. Name a new file.") from error
        except OSError as error:
            raise CommandError(f"{to} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"Written to {to}, {to.stat().st_size:,} bytes.")

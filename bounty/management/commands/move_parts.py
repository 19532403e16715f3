"""Give prepared data of earlier revisions names that say what each file is for."""

from django.core.management.base import BaseCommand
from django.db import transaction

from ...models import PARTS, Bounty
from ...parts import FEATURES, OPEN, TRUTH, Record, discard_files, fetch, folder_of, store


class Command(BaseCommand):
    help = (
        "Once, with a worker's credential, before workers of this revision start: what the database says of "
        "old files is believed here for the last time."
    )

    def handle(self, *args, **options) -> None:
        moved = sum(move(pk, name) for pk in prepared() for name in PARTS)
        self.stdout.write(f"{moved} files have new names; the old ones are deleted by the next idle worker.")


def prepared() -> list[int]:
    return list(Bounty.objects.exclude(parts={}).values_list("pk", flat=True))


@transaction.atomic
def move(pk: int, name: str) -> int:
    bounty = Bounty.objects.select_for_update().filter(pk=pk, parts__has_key=name).first()
    if bounty is None:
        return 0  # deleted or sent anew meanwhile
    old = {kind: bounty.parts[name][kind] for kind in (FEATURES, TRUTH)}
    old = {
        kind: file for kind, file in old.items() if not file["path"].startswith(folder_of(bounty, name, kind))
    }
    for kind, file in old.items():
        frame = fetch(Record(file.get("storage", OPEN), file["path"], file["sha256"]))
        bounty.parts[name][kind] = store(frame, bounty, name, kind)
    bounty.save(update_fields=["parts"])
    discard_files((file.get("storage", OPEN), file["path"]) for file in old.values())
    return len(old)

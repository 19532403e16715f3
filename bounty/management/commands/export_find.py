"""Write what one verdict was given on, so that `python -m fairness rescore` gives it again from files."""

import json
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bounty import parts
from bounty.models import Submission


class Command(BaseCommand):
    help = (
        "Write the stored mask of a scored find, the earlier accepted ones and the errors they are judged on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("find", type=int)
        parser.add_argument("--to", type=Path, required=True, help="a new folder")

    def handle(self, *, find: int, to: Path, **options) -> None:
        scored_finds = Submission.objects.filter(kind=Submission.Kind.FIND, accepted__isnull=False)
        submission = scored_finds.filter(pk=find).select_related("bounty").first()
        if submission is None:
            raise CommandError(f"There is no scored find {find}.")
        try:
            to.mkdir(parents=True)
        except FileExistsError as error:
            raise CommandError(f"{to} exists already. Name a new folder.") from error
        bounty = submission.bounty
        rows = parts.leaderboard_rows(bounty)
        truth = parts.part(bounty, "leaderboard").truth
        truth.drop(bounty.truth_columns).write_parquet(to / "truth.parquet")
        finds = bounty.submissions.filter(kind=Submission.Kind.FIND, accepted=True)
        earlier = finds.filter(pk__lt=find).order_by("id")
        names = ["mask.npy", *(f"earlier-{accepted.pk:08d}.npy" for accepted in earlier)]
        for name, judged in zip(names, [submission, *earlier.select_related("masks")], strict=True):
            np.save(to / name, parts.unpack(judged.masks.leaderboard, rows))
        (to / "verdict.json").write_text(json.dumps(submission.numbers, indent=2) + "\n")
        command = ["python -m fairness rescore --truth truth.parquet --mask mask.npy"]
        command += [f"--earlier {' '.join(names[1:])}"] if names[1:] else []
        command += [f"--level {bounty.level!r} --min-rows {bounty.min_rows}"]
        self.stdout.write(
            f"Written to {to}. There, with PYTHONPATH={settings.BASE_DIR}:\n  {' '.join(command)}"
        )

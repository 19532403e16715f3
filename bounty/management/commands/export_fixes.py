"""Write what the verdicts on a bounty's fixes were given on: `python -m fairness fixes` gives them again."""

import json
from pathlib import Path

import numpy as np
import polars as pl
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from bounty import parts
from bounty.models import LEAST_CLUSTERS, Bounty, Submission
from bounty.verdicts import answers_of

NO_BOUNTY = "There is no opened bounty “{slug}”."
FINDS_ONLY = "This bounty takes finds only: there is no fix to export."
EXISTS = "{to} exists already. Name a new folder."
WRITTEN = "{count} fixes written to {to}. To judge them again, with PYTHONPATH={root}:"


class Command(BaseCommand):
    help = (
        "Write the leaderboard half's labels and predictions, and the stored masks, answers and verdicts of "
        "judged fixes. These labels are hidden ones: keep the folder from participants of an open bounty."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("bounty", help="its address, for example census-income")
        parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="a new folder")

    def handle(self, *, bounty: str, to: Path, **options) -> None:
        found = Bounty.objects.filter(slug=bounty, opened_at__isnull=False).first()
        if found is None:
            raise CommandError(NO_BOUNTY.format(slug=bounty))
        if not found.accepts_fixes:
            raise CommandError(FINDS_ONLY)
        try:
            to.mkdir(parents=True)
        except FileExistsError as error:
            raise CommandError(EXISTS.format(to=to)) from error
        fixes = judged_fixes(found)
        write_truth(found, to)
        for fix in fixes.iterator(chunk_size=100):
            name = f"{fix.pk:08d}"
            rows = parts.leaderboard_rows(found)
            np.save(to / f"{name}-mask.npy", parts.unpack(fix.masks.leaderboard, rows))
            np.save(to / f"{name}-answers.npy", answers_of(found, fix))
        (to / "fixes.json").write_text(json.dumps(judged_by(found, fixes), indent=2) + "\n")
        self.stdout.write(WRITTEN.format(count=fixes.count(), to=to, root=settings.BASE_DIR))
        self.stdout.write(f"  python -m fairness fixes {to}")


def judged_fixes(bounty: Bounty) -> QuerySet[Submission]:
    """In the order of submission, which is that of their verdicts."""
    fixes = bounty.submissions.filter(kind=Submission.Kind.FIX, accepted__isnull=False)
    return fixes.select_related("masks", "answers").order_by("id")


def write_truth(bounty: Bounty, to: Path) -> None:
    """Labels as texts, or the numbers that a loss is counted of."""
    truth, answered = parts.part(bounty, "leaderboard").truth, parts.answered(bounty, "leaderboard")
    columns = {"label": truth["label"], "prediction": truth["prediction"]}
    if bounty.predicts != "label":
        columns = {"label": answered.y_true, "prediction": answered.y_base}
    if answered.clusters is not None:
        columns["cluster"] = answered.clusters
    pl.DataFrame(columns).write_parquet(to / "truth.parquet")


def judged_by(bounty: Bounty, fixes: QuerySet[Submission]) -> dict:
    """The settings of the verdicts, and each as it is stored, without the one on its team's own list."""
    return {
        "loss": bounty.loss,
        "labels": bounty.labels,
        "unit": 1.0,
        "low": 0.0,
        "high": 1.0,
        **bounty.loss_facts,
        "level": bounty.level,
        "min_gain": bounty.min_gain,
        "min_rows": bounty.min_rows,
        "min_clusters": LEAST_CLUSTERS,
        "fixes": [
            {"submission": pk, "verdict": {name: numbers[name] for name in numbers if name != "solo"}}
            for pk, numbers in fixes.values_list("pk", "numbers")
        ],
    }

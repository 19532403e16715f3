"""manage.py create_bounty TABLE --title T --label COLUMN --prediction COLUMN --organiser USER [--open]"""

import time
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.management.base import BaseCommand, CommandError
from django.utils.text import slugify

from bounty import drafts, evaluation, intake
from bounty.models import NORMALISER_NAMES, PARTS, Bounty, Status, TableUpload
from bounty.sandbox import Sandbox

POLL_SECONDS = 0.5
NO_FILE = "There is no file {path}."
NO_USER = "There is no user {name}. Sign up on the site, or make one with manage.py createsuperuser."
NOT_DONE = (
    "The data was not prepared in {seconds} s. Is a worker running? The draft is kept: {slug}. "
    "With --here no worker is needed."
)
FAILED = "Preparing the data failed on our side; see the log. The draft is kept: {slug}."
REFUSED = "{detail} The draft is kept: {slug}."

GAIN_POINTS = "it is a number of percentage points from 0 to 50"


def share_of_points(text: str) -> float:
    """Percentage points as a share of 1."""
    try:
        points = float(text)
    except ValueError as error:
        raise ArgumentTypeError(GAIN_POINTS) from error
    if not 0 <= points <= 50:
        raise ArgumentTypeError(GAIN_POINTS)
    return round(points / 100, 6)


# Options that are settings of the bounty by another name or the same one: (option, setting, keywords).
OPTIONS = (
    ("title", "title", {"required": True}),
    ("label", "label_column", {"required": True, "metavar": "COLUMN", "help": "for wer the reference"}),
    (
        "prediction",
        "prediction_column",
        {"required": True, "metavar": "COLUMN", "help": "for wer the hypothesis"},
    ),
    ("slug", "slug", {"help": "from the title where it is left out"}),
    ("summary", "summary", {}),
    ("description", "description", {"help": "Markdown, or @FILE"}),
    ("licence", "licence", {}),
    ("source", "source", {}),
    ("system", "system", {}),
    ("measure", "measure", {"choices": [name for name, _ in Bounty._meta.get_field("measure").choices]}),
    ("favourable", "favourable_label", {"metavar": "LABEL"}),
    (
        "normaliser",
        "normaliser",
        {"choices": list(NORMALISER_NAMES), "help": "for wer: what texts go through (basic)"},
    ),
    ("cluster", "cluster_column", {"metavar": "COLUMN", "help": "for wer the speaker"}),
    ("weight", "weight_column", {"metavar": "COLUMN"}),
    ("visible", "visible_columns", {"nargs": "+", "metavar": "COLUMN"}),
    ("groups", "group_columns", {"nargs": "+", "metavar": "COLUMN"}),
    ("sample-share", "sample_share", {"type": float}),
    ("leaderboard-share", "leaderboard_share", {"type": float, "help": "of all rows"}),
    ("min-rows", "min_rows", {"type": int}),
    ("alpha", "alpha", {"type": float}),
    ("verdict-cap", "verdict_cap", {"type": int, "help": "K"}),
    ("team-cap", "team_cap", {"type": int}),
    ("daily-cap", "daily_cap", {"type": int}),
    ("rejected-daily-cap", "rejected_daily_cap", {"type": int}),
    ("wall-seconds", "wall_seconds", {"type": int}),
    ("allow-python", "allow_python", {"action": "store_true"}),
    ("finds-only", "takes_fixes", {"action": "store_false", "help": "take no fixes"}),
    (
        "min-gain",
        "min_gain",
        {
            "type": share_of_points,
            "metavar": "POINTS",
            "help": "percentage points a fix must gain at least",
        },
    ),
    ("house-teams", "house_teams", {"action": "store_true", "help": "two automatic baselines"}),
    (
        "keep-groups",
        "publish_groups",
        {"action": "store_false", "help": "do not publish accepted groups at the close"},
    ),
    ("opens-at", "opens_at", {"type": datetime.fromisoformat, "metavar": "TIME", "help": "UTC if not said"}),
    ("closes-at", "closes_at", {"type": datetime.fromisoformat, "metavar": "TIME"}),
)


class Command(BaseCommand):
    help = "Make a bounty from a table and wait until its data is prepared."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("table", type=Path, help="CSV or Parquet")
        parser.add_argument("--organiser", required=True, metavar="USER")
        parser.add_argument("--model", type=Path, metavar="FILE", help="the model itself, as ONNX")
        parser.add_argument("--open", action="store_true", help="open the bounty when its data is prepared")
        parser.add_argument("--here", action="store_true", help="prepare in this process, without a worker")
        parser.add_argument("--wait", type=float, default=600, metavar="SECONDS")
        for option, setting, keywords in OPTIONS:
            default = {} if keywords.get("action") or keywords.get("required") else {"default": None}
            parser.add_argument(f"--{option}", dest=setting, **keywords, **default)

    def handle(self, *args, **options) -> None:
        try:
            bounty = self.create(options)
            self.prepare(bounty, here=options["here"], seconds=options["wait"])
            if options["open"]:
                drafts.open_bounty(bounty)
                self.stdout.write(f"Opened: /bounties/{bounty.slug}/")
        except ValidationError as error:
            raise CommandError("; ".join(sentences(error))) from error
        except intake.IntakeError as error:
            raise CommandError(error.detail) from error

    def create(self, options: dict) -> Bounty:
        user = get_user_model().objects.filter(username=options["organiser"]).first()
        if user is None:
            raise CommandError(NO_USER.format(name=options["organiser"]))
        values = {setting: options[setting] for _, setting, _ in OPTIONS if options[setting] is not None}
        values.setdefault("slug", slugify(values["title"])[:60].strip("-"))
        for name in ("opens_at", "closes_at"):
            if name in values and values[name].tzinfo is None:
                values[name] = values[name].replace(tzinfo=UTC)
        if values.get("description", "").startswith("@"):
            values["description"] = existing(Path(values["description"][1:])).read_text()
        with existing(options["table"]).open("rb") as table:
            if options["model"] is None:
                return drafts.create_bounty(user, values, as_file(table))
            with existing(options["model"]).open("rb") as model:
                return drafts.create_bounty(user, values, as_file(table), as_file(model))

    def prepare(self, bounty: Bounty, *, here: bool, seconds: float) -> None:
        """Wait for the worker, or be one; CommandError with its sentence when the table is refused."""
        sandbox = Sandbox() if here else None
        deadline = time.monotonic() + seconds
        seen = None
        try:
            while (upload := bounty.uploads.get()).is_unfinished:
                if upload.status != seen:
                    seen = upload.status
                    self.stdout.write(f"{upload.table_name}: {upload.get_status_display().lower()}")
                if time.monotonic() > deadline:
                    raise CommandError(NOT_DONE.format(seconds=f"{seconds:g}", slug=bounty.slug))
                if sandbox is None or not evaluation.work(sandbox):
                    time.sleep(POLL_SECONDS)
        finally:
            if sandbox is not None:
                sandbox.close()
        self.report(bounty, upload)

    def report(self, bounty: Bounty, upload: TableUpload) -> None:
        if upload.status == Status.REJECTED:
            raise CommandError(REFUSED.format(detail=upload.error_detail, slug=bounty.slug))
        if upload.status == Status.FAILED:
            raise CommandError(FAILED.format(slug=bounty.slug))
        bounty.refresh_from_db()
        rows = ", ".join(f"{bounty.parts[name]['rows']:,} {name}" for name in PARTS)
        self.stdout.write(f"Prepared: {bounty.slug} ({rows})")


def existing(path: Path) -> Path:
    if not path.is_file():
        raise CommandError(NO_FILE.format(path=path))
    return path


def as_file(file) -> File:
    return File(file, name=Path(file.name).name)


def sentences(error: ValidationError) -> list[str]:
    """Each complaint with the option it is about."""
    names = {setting: f"--{option}" for option, setting, _ in OPTIONS}
    return [
        sentence if field not in names else f"{names[field]}: {sentence}"
        for field, found in error.message_dict.items()
        for sentence in found
    ]

"""manage.py create_audit FILE --owner USER --kind KIND --title T --role COLUMN=ROLE [--role ...]"""

import time
from argparse import ArgumentParser
from pathlib import Path

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.management.base import BaseCommand, CommandError

from audits import analysis, intake
from audits.models import Audit, Visibility
from common.jobs import Status
from fairness.kinds import KINDS
from fairness.kinds.base import MARKS
from fairness.normalise import NORMALISERS

POLL_SECONDS = 0.5
NO_FILE = "There is no file {path}."
NO_USER = "There is no user {name}. Sign up on the site, or make one with manage.py createsuperuser."
NO_PAIR = "--{option} is written {form}; “{text}” is none."
NOT_DONE = (
    "The audit has no result after {seconds} s. Is a worker running? It is kept: /audits/{key}/. With --here "
    "no worker is needed."
)
FAILED = "The audit failed on our side; see the log. It is kept: /audits/{key}/."
REFUSED = "{detail} The audit is kept: /audits/{key}/."


class Command(BaseCommand):
    help = "Audit a file and wait until it has its result."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, TSV, JSON lines or Parquet")
        parser.add_argument("--owner", required=True, metavar="USER")
        parser.add_argument("--kind", required=True, choices=list(KINDS))
        parser.add_argument("--title", required=True)
        parser.add_argument("--role", action="append", required=True, metavar="COLUMN=ROLE")
        parser.add_argument("--description", default="", help="Markdown, or @FILE")
        parser.add_argument("--system", default="")
        parser.add_argument("--series", default="")
        parser.add_argument("--release", default="")
        parser.add_argument("--visibility", default=Visibility.PRIVATE, choices=Visibility.values)
        parser.add_argument("--normalise", choices=NORMALISERS)
        parser.add_argument("--favourable", metavar="LABEL")
        parser.add_argument("--threshold", type=float)
        parser.add_argument("--smallest", type=int, metavar="PEOPLE")
        parser.add_argument("--not-stated", action="append", metavar="TEXT")
        parser.add_argument("--exclude", action="append", default=[], metavar="COLUMN=PATTERN")
        parser.add_argument(
            "--mark", action="append", default=[], metavar="COLUMN=MARK", help=", ".join(MARKS)
        )
        parser.add_argument("--baseline", action="append", default=[], metavar="COLUMN=GROUP")
        parser.add_argument("--tolerance", action="append", default=[], metavar="METRIC:COLUMN=SHARE")
        parser.add_argument("--here", action="store_true", help="compute in this process, without a worker")
        parser.add_argument("--wait", type=float, default=600, metavar="SECONDS")

    def handle(self, *args, **options) -> None:
        try:
            audit = self.create(options)
        except ValidationError as error:
            sentences = [f"--{name}: {text}" for name, texts in error.message_dict.items() for text in texts]
            raise CommandError("; ".join(sentences)) from error
        except intake.IntakeError as error:
            raise CommandError(error.detail) from error
        self.report(self.finished(audit, here=options["here"], seconds=options["wait"]))

    def create(self, options: dict) -> Audit:
        user = get_user_model().objects.filter(username=options["owner"]).first()
        if user is None:
            raise CommandError(NO_USER.format(name=options["owner"]))
        description = options["description"]
        if description.startswith("@"):
            description = existing(Path(description[1:])).read_text()
        names = ("kind", "title", "system", "series", "release", "visibility")
        with existing(options["file"]).open("rb") as file:
            return intake.create_audit(
                user,
                file=File(file, name=options["file"].name),
                description=description,
                roles=dict(pairs("role", options["role"])),
                values=settings_of(options),
                **{name: options[name] for name in names},
            )[0]

    def finished(self, audit: Audit, *, here: bool, seconds: float) -> Audit:
        """Wait for the worker, or be one."""
        deadline = time.monotonic() + seconds
        seen = None
        while audit.is_unfinished:
            said = audit.stage or audit.get_status_display()
            if said != seen:
                seen = said
                self.stdout.write(f"{audit.key}: {said.lower()}")
            if time.monotonic() > deadline:
                raise CommandError(NOT_DONE.format(seconds=f"{seconds:g}", key=audit.key))
            if not here or not analysis.work():
                time.sleep(POLL_SECONDS)
            audit.refresh_from_db()
        return audit

    def report(self, audit: Audit) -> None:
        if audit.status == Status.REJECTED:
            raise CommandError(REFUSED.format(detail=audit.error_detail, key=audit.key))
        if audit.status == Status.FAILED:
            raise CommandError(FAILED.format(key=audit.key))
        card = audit.card
        value = "unknown" if card["value"] is None else f"{card['value']:.4f}"
        self.stdout.write(f"Done: /audits/{audit.key}/ ({card['rows']:,} rows, {card['metric']} {value})")


def settings_of(options: dict) -> dict:
    given = {
        name: options[name] for name in ("normalise", "favourable", "threshold", "smallest", "not_stated")
    }
    return {name: value for name, value in given.items() if value is not None} | {
        "exclude": pairs("exclude", options["exclude"]),
        "marks": dict(pairs("mark", options["mark"])),
        "baselines": dict(pairs("baseline", options["baseline"])),
        "tolerances": [tolerance(text) for text in options["tolerance"]],
    }


def pairs(option: str, texts: list[str]) -> list[tuple[str, str]]:
    form = {
        "role": "COLUMN=ROLE",
        "exclude": "COLUMN=PATTERN",
        "mark": "COLUMN=MARK",
        "baseline": "COLUMN=GROUP",
    }
    for text in texts:
        if "=" not in text:
            raise CommandError(NO_PAIR.format(option=option, form=form[option], text=text))
    # A role and a mark hold no “=”, a pattern may.
    return [
        tuple(text.rsplit("=", 1)) if option in ("role", "mark") else tuple(text.split("=", 1))
        for text in texts
    ]


def tolerance(text: str) -> dict:
    metric, colon, rest = text.partition(":")
    column, equals, within = rest.rpartition("=")
    try:
        if not colon or not equals:
            raise ValueError(text)
        return {"metric": metric, "column": column, "within": float(within)}
    except ValueError as error:
        form = "METRIC:COLUMN=SHARE"
        raise CommandError(NO_PAIR.format(option="tolerance", form=form, text=text)) from error


def existing(path: Path) -> Path:
    if not path.is_file():
        raise CommandError(NO_FILE.format(path=path))
    return path

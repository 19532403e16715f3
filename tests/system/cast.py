"""People and bounties of a run, made with a web process's rights: python -m tests.system.cast STEP ..."""

import json
import os
import sys
import time
from pathlib import Path

import django
from django.core.files import File

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from allauth.account.models import EmailAddress  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402

from bounty import drafts  # noqa: E402
from bounty.models import Bounty  # noqa: E402
from config.models import ApiToken  # noqa: E402
from tests.conftest import as_upload  # noqa: E402
from tests.repairable import repairable_table  # noqa: E402

from .entries import TEAM_CAP, TEAMS, VERDICT_CAP, WALL_SECONDS  # noqa: E402

PREPARE_SECONDS = 120.0
# The same split of the rows in every bounty, so that verdicts can be compared.
RANDOM_STATE = 730_425_118
CAPS = {
    "verdict_cap": VERDICT_CAP,
    "team_cap": TEAM_CAP,
    "daily_cap": TEAM_CAP,
    "rejected_daily_cap": TEAM_CAP,
}


def people() -> None:
    """An organiser with a password, and teams with tokens only."""
    make = get_user_model().objects.create_user
    organiser = make("organiser", "organiser@example.org", sys.argv[2])
    EmailAddress.objects.create(user=organiser, email=organiser.email, verified=True, primary=True)
    users = [organiser, *(make(f"team{number:02}") for number in range(TEAMS))]
    tokens = [ApiToken.objects.create(user, name="system test")[1] for user in users]
    print(json.dumps({"organiser": tokens[0], "teams": tokens[1:]}))


def draft() -> Bounty:
    """A bounty on the table of all runs, or on another one, queued to be prepared."""
    values = {
        "slug": sys.argv[2],
        "title": f"Run {sys.argv[2]}",
        "label_column": "approve",
        "prediction_column": "predicted",
        "group_columns": ["sex", "home"],
        "allow_python": True,
        "takes_fixes": True,
        "wall_seconds": WALL_SECONDS,
        "random_state": RANDOM_STATE,
        **CAPS,
    }
    organiser = get_user_model().objects.get(username="organiser")
    if len(sys.argv) == 3:
        return drafts.create_bounty(organiser, values, as_upload(repairable_table()))
    with Path(sys.argv[3]).open("rb") as table:
        return drafts.create_bounty(organiser, values, File(table, name="table.csv"))


def opened() -> None:
    """A draft that is opened when a worker has prepared it."""
    bounty, deadline = draft(), time.monotonic() + PREPARE_SECONDS
    while not bounty.is_prepared:
        if time.monotonic() > deadline:
            raise SystemExit(f"The table of {bounty.slug} is not prepared: {bounty.uploads.get().status}")
        time.sleep(0.1)
        bounty.refresh_from_db()
    drafts.open_bounty(bounty)


if __name__ == "__main__":
    {"people": people, "draft": draft, "open": opened}[sys.argv[1]]()

"""People and bounties of a run, made with a web process's rights: python -m tests.system.cast STEP ..."""

import json
import os
import sys
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


def draft() -> None:
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
        drafts.create_bounty(organiser, values, as_upload(repairable_table()))
        return
    with Path(sys.argv[3]).open("rb") as table:
        drafts.create_bounty(organiser, values, File(table, name="table.csv"))


def open_() -> None:
    drafts.open_bounty(Bounty.objects.get(slug=sys.argv[2]))


if __name__ == "__main__":
    {"people": people, "draft": draft, "open": open_}[sys.argv[1]]()

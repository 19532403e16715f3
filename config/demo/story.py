"""The demo from an empty database to its leaderboards. Every step finds what an earlier run has done."""

from collections.abc import Callable
from pathlib import Path

from django.core.files.base import ContentFile
from django.db import transaction

from audits.models import Audit
from bounty import closing, credit, drafts
from bounty.models import Bounty, HouseTurn, Submission
from common.jobs import UNFINISHED, Status

from . import accounts, census, lending, pilot, voices
from .audited import RANDOM_STATE, DemoBounty
from .audits import AUDITS, DemoAudit
from .client import Client
from .contest import compete, is_finished, sent
from .entries import ENTRIES, FINAL, HOUSE
from .participants import ADMIN, ORGANISER, outcome
from .screen import Screen
from .waiting import DemoError, wait_for

BUILDERS: dict[str, Callable[[], DemoBounty]] = {
    demo.SLUG: demo.build for demo in (lending, census, voices, pilot)
}
PARTICIPANTS = sorted({entry.who for entry in ENTRIES})
PEOPLE = [ORGANISER, *PARTICIPANTS, ADMIN]


def play(url: str, folder: Path, screen: Screen) -> list[str]:
    """Run what is not done yet, show all of it, and return what did not end as it should."""
    passwords = accounts.passwords(folder, PEOPLE)
    organiser = accounts.account(ORGANISER, passwords[ORGANISER])
    # The pilot first: its house teams look for groups while the other bounties are prepared.
    for slug in (pilot.SLUG, *BUILDERS):
        draft(slug, organiser)
    open_when_prepared(pilot.SLUG)
    # Hashing passwords takes a moment, in which the worker prepares the data.
    users = {name: accounts.account(name, passwords[name]) for name in PARTICIPANTS}
    accounts.account(ADMIN, passwords[ADMIN], is_staff=True, is_superuser=True)
    for slug in BUILDERS:
        open_when_prepared(slug)
    send_audits(url, organiser)
    wait_for_house(pilot.SLUG)
    todo = [entry for entry in ENTRIES if not is_finished(entry)]
    if todo:
        compete(url, todo, users, screen)
    close(pilot.SLUG)
    ended = {entry: sent(entry).get() for entry in ENTRIES}
    audits = [finished(audit) for audit in AUDITS]
    for slug in BUILDERS:
        of_bounty = {entry: submission for entry, submission in ended.items() if entry.bounty == slug}
        screen.results(Bounty.objects.get(slug=slug), of_bounty, url)
    for audit in audits:
        screen.audit(audit)
    screen.accounts(url, passwords)
    return (
        [f"audit {audit.title}: {audit.status}" for audit in audits if audit.status != Status.SCORED]
        + [
            f"{entry.key}: {outcome(submission)} instead of {entry.ending}"
            for entry, submission in ended.items()
            if not entry.is_as_declared(submission)
        ]
        + pilot_surprises()
    )


def draft(slug: str, organiser) -> None:
    """Upload table and settings as an organiser does on the page."""
    if Bounty.objects.filter(slug=slug).exists():
        return
    demo = BUILDERS[slug]()
    table = ContentFile(demo.table, name=f"{slug}.csv")
    model = ContentFile(demo.model, name=f"{slug}.onnx") if demo.model else None
    with transaction.atomic():
        bounty = drafts.create_bounty(organiser, demo.values, table, model)
        # A fixed split: what the participants find is the same on every machine.
        Bounty.objects.filter(pk=bounty.pk).update(random_state=RANDOM_STATE)


def open_when_prepared(slug: str) -> None:
    bounty = Bounty.objects.get(slug=slug)
    if bounty.opened_at:
        return
    finished = bounty.uploads.exclude(status__in=UNFINISHED)
    upload = wait_for(finished.first, f"The worker has not prepared {slug}")
    if upload.status != Status.SCORED:
        raise DemoError(f"The data of {slug} could not be prepared: {upload.error_detail or upload.error}")
    drafts.open_bounty(bounty)


def wait_for_house(slug: str) -> None:
    """Until the house teams have entered what they found: participants come after them, on every machine."""
    played = HouseTurn.objects.filter(bounty__slug=slug).exclude(status__in=UNFINISHED)
    wait_for(lambda: played.count() == len(HouseTurn.Method), "The house teams have not entered")


def close(slug: str) -> None:
    """Close a bounty and publish its final ranking, as `manage.py close_bounty` does."""
    bounty = Bounty.objects.get(slug=slug)
    drafts.close_bounty(bounty)
    closing.finalise(bounty.pk)
    credit.add_credit(bounty.pk)
    # Where the worker was at it first, it is left to it.
    published = Bounty.objects.filter(pk=bounty.pk, final__has_key="credit")
    wait_for(published.first, f"The final ranking of {slug} was not published")


def pilot_surprises() -> list[str]:
    """What of the house teams and of the final ranking is not as declared."""
    fixes = Submission.objects.filter(bounty__slug=pilot.SLUG, team__is_house=True).order_by("id")
    house: dict[str, list[str]] = {}
    for fix in fixes.select_related("team"):
        house.setdefault(fix.team.name, []).append(outcome(fix))
    ranking = Bounty.objects.get(slug=pilot.SLUG).final["tracks"]["fix"]
    final = [row["team"] for row in ranking]
    return [
        f"{what}: {found} instead of {declared}"
        for what, found, declared in (("house teams", house, HOUSE), ("final ranking", final, FINAL))
        if found != declared
    ]


def send_audits(url: str, organiser) -> None:
    """Two audits by the API; the worker computes them while the participants submit."""
    todo = [audit for audit in AUDITS if not kept(audit).exists()]
    if todo:
        client = Client(url, accounts.token(organiser))
        try:
            for audit in todo:
                client.audit(audit.fields(), audit.table(), audit.key)
        finally:
            accounts.forget_token(organiser)


def kept(audit: DemoAudit):
    return Audit.objects.filter(owner__username=ORGANISER, idempotency_key=audit.key)


def finished(audit: DemoAudit) -> Audit:
    return wait_for(kept(audit).exclude(status__in=UNFINISHED).first, f"“{audit.title}” was not computed")

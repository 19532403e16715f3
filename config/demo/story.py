"""The demo from an empty database to its leaderboards. Every step finds what an earlier run has done."""

import time
from collections.abc import Callable
from pathlib import Path

from django.core.files.base import ContentFile
from django.db import transaction

from audits.models import Audit
from bounty import drafts
from bounty.models import Bounty, Submission
from common.jobs import UNFINISHED, Status

from . import accounts, census, lending, voices
from .audited import RANDOM_STATE, DemoBounty
from .audits import AUDITS, DemoAudit
from .client import Client
from .participants import ADMIN, ENTRIES, ORGANISER, Entry
from .sample import Sample
from .screen import Screen, outcome

BUILDERS: dict[str, Callable[[], DemoBounty]] = {demo.SLUG: demo.build for demo in (lending, census, voices)}
PARTICIPANTS = sorted({entry.who for entry in ENTRIES})
PEOPLE = [ORGANISER, *PARTICIPANTS, ADMIN]
SECONDS, PAUSE = 180, 0.15


class DemoError(Exception):
    """Why the demo cannot go on, in a sentence."""


def play(url: str, folder: Path, screen: Screen) -> list[str]:
    """Run what is not done yet, show all of it, and return what did not end as it should."""
    passwords = accounts.passwords(folder, PEOPLE)
    organiser = accounts.account(ORGANISER, passwords[ORGANISER])
    for slug in BUILDERS:
        draft(slug, organiser)
    # Hashing passwords takes a moment, in which the worker prepares the data.
    users = {name: accounts.account(name, passwords[name]) for name in PARTICIPANTS}
    accounts.account(ADMIN, passwords[ADMIN], is_staff=True, is_superuser=True)
    for slug in BUILDERS:
        open_when_prepared(slug)
    send_audits(url, organiser)
    todo = [entry for entry in ENTRIES if not is_finished(entry)]
    if todo:
        compete(url, todo, users, screen)
    ended = {entry: sent(entry).get() for entry in ENTRIES}
    audits = [finished(audit) for audit in AUDITS]
    for slug in BUILDERS:
        of_bounty = {entry: submission for entry, submission in ended.items() if entry.bounty == slug}
        screen.results(Bounty.objects.get(slug=slug), of_bounty)
    for audit in audits:
        screen.audit(audit)
    screen.accounts(url, passwords)
    return [f"audit {audit.title}: {audit.status}" for audit in audits if audit.status != Status.SCORED] + [
        f"{entry.key}: {outcome(submission)} instead of {entry.ending}"
        for entry, submission in ended.items()
        if (submission.status, outcome(submission)) != (entry.status, entry.ending)
    ]


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
    deadline = time.monotonic() + SECONDS
    bounty = Bounty.objects.get(slug=slug)
    if bounty.opened_at:
        return
    while (upload := bounty.uploads.get()).status in UNFINISHED:
        if time.monotonic() > deadline:
            raise DemoError(f"The worker has not prepared {slug} in {SECONDS} seconds.")
        time.sleep(PAUSE)
    if upload.status != Status.SCORED:
        raise DemoError(f"The data of {slug} could not be prepared: {upload.error_detail or upload.error}")
    drafts.open_bounty(bounty)


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
    deadline = time.monotonic() + SECONDS
    while (found := kept(audit).get()).status in UNFINISHED:
        if time.monotonic() > deadline:
            raise DemoError(f"The audit “{found.title}” was not computed in {SECONDS} seconds.")
        time.sleep(PAUSE)
    return found


def sent(entry: Entry):
    return Submission.objects.filter(
        bounty__slug=entry.bounty, team__user__username=entry.who, idempotency_key=entry.key
    )


def is_finished(entry: Entry) -> bool:
    return sent(entry).exclude(status__in=UNFINISHED).exists()


def compete(url: str, entries: list[Entry], users: dict, screen: Screen) -> None:
    """Participants look at the public samples, send their groups in turn and wait for the verdicts."""
    clients = {who: Client(url, accounts.token(users[who])) for who in {entry.who for entry in entries}}
    try:
        samples = {slug: look(clients[entries[0].who], slug) for slug in {entry.bounty for entry in entries}}
        waiting: dict[Entry, int] = {}
        screen.say(f"\n{len(entries)} submissions, made from the public samples and sent to the API:\n")
        for entry in entries:
            waiting[entry] = send(clients[entry.who], entry, samples[entry.bounty])
            poll(clients, waiting, screen)
        deadline = time.monotonic() + SECONDS
        while waiting:
            if time.monotonic() > deadline:
                raise DemoError(f"{len(waiting)} submissions were not judged in {SECONDS} seconds.")
            time.sleep(PAUSE)
            poll(clients, waiting, screen)
    finally:
        for user in users.values():
            accounts.forget_token(user)


def look(client: Client, slug: str) -> Sample:
    bounty = client.get(f"bounties/{slug}/")
    return Sample.read(
        client.download(f"bounties/{slug}/sample/"), bounty["measure"], bounty["favourable_label"]
    )


def send(client: Client, entry: Entry, sample: Sample) -> int:
    """The submission's id. One that an interrupted run has sent is not made again."""
    earlier = sent(entry).first()
    if earlier:
        return earlier.pk
    return client.submit(entry.bounty, entry.format, entry.make(sample), entry.what, entry.key)["id"]


def poll(clients: dict[str, Client], waiting: dict[Entry, int], screen: Screen) -> None:
    for entry, number in list(waiting.items()):
        answer = clients[entry.who].get(f"submissions/{number}/")
        ending = answer["verdict"] or answer["error"]
        done = answer["status"] not in UNFINISHED
        screen.progress(entry, ending["code"] if ending else answer["status"], done)
        if done:
            del waiting[entry]

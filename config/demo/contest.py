"""Participants look at the public samples, send their submissions in turn and wait for the verdicts."""

from bounty.models import Submission
from common.jobs import UNFINISHED

from . import accounts
from .client import Client
from .participants import Entry
from .sample import Sample
from .screen import Screen
from .waiting import wait_for


def compete(url: str, entries: list[Entry], users: dict, screen: Screen) -> None:
    clients = {who: Client(url, accounts.token(users[who])) for who in {entry.who for entry in entries}}
    try:
        samples = {slug: look(clients[entries[0].who], slug) for slug in {entry.bounty for entry in entries}}
        waiting: dict[Entry, int] = {}
        screen.say(f"\n{len(entries)} submissions, made from the public samples and sent to the API:\n")
        for entry in entries:
            waiting[entry] = send(clients[entry.who], entry, samples[entry.bounty])
            poll(clients, waiting, screen)
        wait_for(lambda: poll(clients, waiting, screen), "Not every submission was judged")
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
    return client.submit(entry.bounty, entry.parts(sample), entry.what, entry.key)["id"]


def poll(clients: dict[str, Client], waiting: dict[Entry, int], screen: Screen) -> bool:
    """Show what has changed; whether all are done."""
    for entry, number in list(waiting.items()):
        answer = clients[entry.who].get(f"submissions/{number}/")
        ending = answer["verdict"] or answer["error"]
        done = answer["status"] not in UNFINISHED
        screen.progress(entry, ending["code"] if ending else answer["status"], done)
        if done:
            del waiting[entry]
    return not waiting


def sent(entry: Entry):
    return Submission.objects.filter(
        bounty__slug=entry.bounty, team__user__username=entry.who, idempotency_key=entry.key
    )


def is_finished(entry: Entry) -> bool:
    return sent(entry).exclude(status__in=UNFINISHED).exists()

"""Teams that send through the API as a careful program does: with a key, again after whatever fails.

One sequencer sends in one order, since the order of submission decides verdicts; it waits for a verdict only
where a team has two unfinished submissions, which is all that it may have.
"""

import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field

from config.demo.client import DIRECT, multipart

from .engine import Broken
from .entries import Entry

MAY_WAIT = 2
AGAIN_SECONDS = 0.3
GIVE_UP_SECONDS = 240.0
ANSWER_SECONDS = 20.0
EVERY_SENT_TWICE = 10
UNFINISHED = ("queued", "running")


@dataclass
class Api:
    """Calls by turns to all web servers, as through a load balancer that asks the next where one is away."""

    urls: list[str]
    troubles: Counter = field(default_factory=Counter)
    turn: int = 0

    def fetch(
        self, path: str, token: str = "", body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """Status and answer; raises where there was none, or an error."""
        url = self.urls[self.turn % len(self.urls)]
        self.turn += 1
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(f"{url}/api/v1/{path}", body, sent)
        with DIRECT.open(request, timeout=ANSWER_SECONDS) as answer:
            return answer.status, answer.read()

    def call(self, path: str, token: str = "", body: bytes | None = None, **headers: str) -> tuple[int, dict]:
        """Status and answer; status 0 where there was none."""
        try:
            status, said = self.fetch(path, token, body, **headers)
            return status, json.loads(said)
        except urllib.error.HTTPError as error:
            said = error.read()
            try:
                answer = json.loads(said)
            except ValueError:
                answer = {"code": "", "detail": said.decode(errors="replace")[:300]}
            self.troubles[f"{error.code} {answer.get('code', '')}".strip()] += 1
            return error.code, answer
        except (OSError, ValueError) as error:
            self.troubles[type(getattr(error, "reason", error)).__name__] += 1
            return 0, {"code": "", "detail": str(error)}


class Traffic(threading.Thread):
    """All entries sent to one bounty; `sent` has the id of each that was taken, by its key."""

    def __init__(self, urls: list[str], slug: str, tokens: list[str], entries: list[Entry]) -> None:
        super().__init__(daemon=True, name="traffic")
        self.api, self.slug, self.tokens, self.entries = Api(urls), slug, tokens, entries
        self.sent: dict[str, int] = {}
        self.unfinished: dict[int, list[int]] = {team: [] for team in range(len(tokens))}
        self.error: Exception | None = None
        self.longest = 0.0

    def run(self) -> None:
        try:
            for place, entry in enumerate(self.entries):
                self.wait_for_room(entry.team)
                number = self.send(entry)
                if place % EVERY_SENT_TWICE == 0 and self.send(entry) != number:
                    raise Broken(f"{entry.key} sent twice with one key was taken twice.")
                self.sent[entry.key] = number
                self.unfinished[entry.team].append(number)
        except Exception as error:  # told by whoever waits for this thread
            self.error = error

    def wait_for_room(self, team: int) -> None:
        mine, deadline = self.unfinished[team], time.monotonic() + GIVE_UP_SECONDS
        while len(mine) >= MAY_WAIT:
            status, answer = self.api.call(f"submissions/{mine[0]}/", self.tokens[team])
            if status == 200 and answer["status"] not in UNFINISHED:
                mine.pop(0)
            elif time.monotonic() > deadline:
                raise Broken(f"Submission {mine[0]} has no verdict: {status} {answer}")
            else:
                time.sleep(AGAIN_SECONDS)

    def send(self, entry: Entry) -> int:
        """Until it is taken. Only what says that it will not do later either ends it."""
        fields = {"kind": entry.kind, "note": entry.key, **entry.fields}
        body, content_type = multipart(fields, entry.files)
        began = time.monotonic()
        while True:
            status, answer = self.api.call(
                f"bounties/{self.slug}/submissions/",
                self.tokens[entry.team],
                body,
                Content_Type=content_type,
                Idempotency_Key=entry.key,
            )
            if status == 202:
                self.longest = max(self.longest, time.monotonic() - began)
                return answer["id"]
            for_later = status in (0, 429) or status >= 500
            if not for_later or time.monotonic() - began > GIVE_UP_SECONDS:
                raise Broken(f"{entry.key} was not taken: {status} {answer}")
            time.sleep(AGAIN_SECONDS)

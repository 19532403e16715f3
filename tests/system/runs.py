"""One run: a new bounty, all entries sent to it while something goes wrong, and what came of it."""

import json
import secrets
import time
from dataclasses import dataclass, field

import psycopg

from . import history
from .engine import Broken
from .entries import TEAM_CAP, TEAMS, VERDICT_CAP, Entry
from .stack import Stack
from .traffic import MAY_WAIT, Api, Traffic

ASK_SECONDS = 60.0
LISTS = (("find", "shared"), ("fix", "shared"), ("fix", "solo"))


@dataclass
class Site:
    """A stack with people on it."""

    stack: Stack
    password: str = field(default_factory=lambda: secrets.token_hex(12))
    tokens: list[str] = field(default_factory=list)
    organiser: str = ""

    def __post_init__(self) -> None:
        made = json.loads(self.stack.python("tests.system.cast", "people", self.password))
        self.tokens, self.organiser = made["teams"], made["organiser"]
        with self.stack.database() as connection:
            history.keep(connection)

    def open_bounty(self, slug: str) -> None:
        self.stack.python("tests.system.cast", "open", slug)

    def query(self, sql: str, *values: object) -> object:
        """One value; None where the database is away for the moment."""
        try:
            with self.stack.database() as connection:
                row = connection.execute(sql, values).fetchone()
        except psycopg.OperationalError:
            return None
        return row[0] if row else None

    def count(self, slug: str, status: tuple[str, ...]) -> int:
        sql = "SELECT count(*) FROM bounty_submission WHERE status = ANY(%s) AND bounty_id = "
        sql += "(SELECT id FROM bounty_bounty WHERE slug = %s)"
        return self.query(sql, list(status), slug) or 0

    def newest(self) -> str:
        """The bounty that submissions are sent to."""
        return str(
            self.query("SELECT slug FROM bounty_bounty WHERE opened_at IS NOT NULL ORDER BY id DESC LIMIT 1")
        )

    def ended(self, slug: str) -> int:
        return self.count(slug, history.ENDED)

    def ask(self, path: str, token: str) -> dict:
        """What the API answers, as soon as a web server does."""
        api, got = Api(self.stack.urls), []

        def answered() -> bool:
            got[:] = api.call(path, token)
            return got[0] == 200

        self.stack.engine.wait(answered, ASK_SECONDS, f"{path} is answered")
        return got[1]

    def ranking(self, slug: str) -> list:
        """All lists of the leaderboard as the API shows them, but for when."""
        lists = []
        for track, which in LISTS:
            path = f"bounties/{slug}/leaderboard/?track={track}&list={which}"
            answer = self.ask(path, self.organiser)
            lists.append([{k: v for k, v in row.items() if k != "last_accepted"} for row in answer["rows"]])
        return lists

    def quotas(self, slug: str) -> list[tuple]:
        """What each team may still send, as the API tells it."""
        left = []
        for token in self.tokens:
            answer = self.ask(f"bounties/{slug}/", token)
            left.append(
                tuple(answer["quota"][name] for name in ("bounty_left", "team_left", "unfinished_left"))
            )
        return left


@dataclass
class Outcome:
    """What one run came to, and each promise that it broke."""

    name: str
    seconds: float
    counts: history.Counts
    sent: int
    troubles: dict[str, int]
    longest_send: float
    verdicts: dict[str, tuple]
    ranking: list
    quotas: list[tuple]
    broken: list[str] = field(default_factory=list)

    def promise(self, kept: bool, sentence: str) -> None:
        if not kept:
            self.broken.append(sentence)


def run(site: Site, slug: str, entries: list[Entry], strike=lambda: None, seconds: float = 600.0) -> Outcome:
    """Send everything, strike when a quarter has its verdict, and wait for the last one."""
    site.open_bounty(slug)
    began = time.monotonic()
    traffic = Traffic(site.stack.urls, slug, site.tokens, entries)
    traffic.start()
    wait = site.stack.engine.wait
    wait(
        lambda: site.ended(slug) >= len(entries) // 4 or traffic.error, 180, f"a quarter of {slug} is judged"
    )
    wounded = strike() or []
    wait(lambda: not traffic.is_alive(), seconds, f"everything is sent to {slug}")
    missing: list[str] = []
    try:
        wait(lambda: not site.count(slug, ("queued", "running")), seconds, f"all of {slug} is judged")
    except Broken as broken:
        missing.append(str(broken))
    took = time.monotonic() - began
    with site.stack.database() as connection:
        counts, verdicts = history.counts(connection, slug), history.verdicts(connection, slug)
    outcome = Outcome(
        slug,
        took,
        counts,
        len(traffic.sent),
        dict(traffic.api.troubles),
        traffic.longest,
        verdicts,
        site.ranking(slug),
        site.quotas(slug),
    )
    outcome.broken += [*missing, *wounded, *([str(traffic.error)] if traffic.error else [])]
    check_alone(site, outcome, entries)
    return outcome


def check_alone(site: Site, outcome: Outcome, entries: list[Entry]) -> None:
    """What every run must keep by itself."""
    counts = outcome.counts
    outcome.promise(outcome.sent == len(entries), f"{outcome.sent} of {len(entries)} were taken")
    outcome.promise(counts.taken == outcome.sent, f"{outcome.sent} were taken, {counts.taken} are stored")
    outcome.promise(counts.ended == counts.taken, f"{counts.taken - counts.ended} have no outcome")
    outcome.promise(not counts.judged_twice, f"{counts.judged_twice} were judged twice")
    outcome.promise(not counts.failed, f"{counts.failed} failed on our side")
    for entry in entries:
        status, error = outcome.verdicts.get(entry.key, ("lost", ""))[:2]
        expected = ("rejected", entry.expected) if entry.expected else ("scored", "")
        outcome.promise((status, error) == expected, f"{entry.key} ended as {status} {error}, not {expected}")
    used = [sum(entry.team == team and not entry.expected for entry in entries) for team in range(TEAMS)]
    due = [(VERDICT_CAP - sum(used), TEAM_CAP - mine, MAY_WAIT) for mine in used]
    outcome.promise(outcome.quotas == due, f"quotas are {outcome.quotas}, not {due}")
    try:
        site.stack.manage("rejudge", outcome.name, "--check")
    except Broken as broken:
        outcome.broken.append(f"rejudge: {broken}")


def compare(outcome: Outcome, undisturbed: Outcome) -> bool:
    """Every verdict and every place of the ranking as in the run that nothing happened to."""
    differing = [key for key, verdict in undisturbed.verdicts.items() if outcome.verdicts.get(key) != verdict]
    outcome.promise(not differing, f"verdicts differ from the undisturbed run's: {', '.join(differing[:5])}")
    outcome.promise(outcome.ranking == undisturbed.ranking, "the ranking differs from the undisturbed run's")
    return not differing and outcome.ranking == undisturbed.ranking

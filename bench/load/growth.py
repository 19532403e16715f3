"""How long each page and call takes alone, with 1,000, 10,000 and 100,000 submissions."""

import http.client
import itertools
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from .fill import Size

TIMES, WARM = 15, 4  # two web processes are to be warm
AT_ONCE, EACH = 2, 100
LEADERBOARD = "bounties/{slug}/leaderboard/"
# Of whom a page is asked, and its address.
PAGES = (
    ("participant", ""),
    ("participant", "bounties/"),
    ("participant", "bounties/{slug}/"),
    ("participant", "bounties/{slug}/data/"),
    ("participant", LEADERBOARD),
    ("participant", "bounties/{slug}/leaderboard/?track=fix"),
    ("participant", "bounties/{slug}/leaderboard/?track=fix&list=solo"),
    ("participant", "bounties/{slug}/model/"),
    ("participant", "bounties/{slug}/model/1/"),
    ("participant", "bounties/{slug}/groups/"),
    ("participant", "bounties/{slug}/guard/"),
    ("participant", "bounties/{slug}/submit/"),
    ("participant", "bounties/{slug}/submissions/"),
    ("participant", "submissions/{own}/"),
    ("organiser", "bounties/{slug}/manage/"),
    ("organiser", "bounties/{slug}/manage/submissions/"),
    ("organiser", "bounties/{slug}/manage/submissions/?status=scored&page=2"),
    ("organiser", "bounties/{slug}/manage/submissions/?text=region"),
    ("organiser", "bounties/{slug}/model/"),
    ("participant", "audits/"),
    ("program", "api/v1/bounties/"),
    ("program", "api/v1/bounties/{slug}/"),
    ("program", "api/v1/bounties/{slug}/leaderboard/"),
    ("program", "api/v1/bounties/{slug}/submissions/"),
    ("program", "api/v1/bounties/{slug}/model/"),
    ("program", "api/v1/bounties/{slug}/groups/"),
    ("program", "api/v1/bounties/{slug}/guard/"),
    ("program", "api/v1/submissions/{own}/"),
)


class Caller:
    """A connection that stays open, as a browser's."""

    def __init__(self, site: dict, who: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(os.environ["SITE_URL"]).netloc, timeout=120)
        me = site["people"][0]
        self.headers = {
            "participant": {"Cookie": f"sessionid={me['session']}"},
            "organiser": {"Cookie": f"sessionid={site['organiser']}"},
            "program": {"Authorization": f"Bearer {me['token']}"},
        }[who]

    def seconds(self, path: str) -> float:
        started = time.perf_counter()
        try:
            self.connection.request("GET", f"/{path}", headers=self.headers)
            answer = self.connection.getresponse()
            answer.read()
        except (http.client.RemoteDisconnected, ConnectionError):
            # The server closes what was idle for two seconds.
            self.connection.close()
            return self.seconds(path)
        if answer.status != 200:
            raise SystemExit(f"/{path} answered {answer.status}.")
        return time.perf_counter() - started


def growth(site: dict, sizes: list[Size], own: dict[str, int]) -> list[dict]:
    """By page, the median time at each size. `own` holds a submission of the first participant by slug."""
    callers = {who: Caller(site, who) for who in ("participant", "organiser", "program")}
    measured = []
    for who, page in PAGES:
        medians = {}
        for size in sizes:
            path = page.format(slug=size.slug, own=own[size.slug])
            for _ in range(WARM):
                callers[who].seconds(path)
            medians[size.submissions] = statistics.median(callers[who].seconds(path) for _ in range(TIMES))
        measured.append({"page": f"/{page}", "who": who, "seconds": medians})
    return measured


def leaderboard_at_once(site: dict, size: Size) -> dict:
    """The leaderboard asked for by a few readers at once."""
    path = LEADERBOARD.format(slug=size.slug)

    def read(_: int) -> list[float]:
        caller = Caller(site, "participant")
        return [caller.seconds(path) for _ in range(EACH)]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        times = sorted(itertools.chain.from_iterable(pool.map(read, range(AT_ONCE))))
    return {
        "at_once": AT_ONCE,
        "n": len(times),
        "p50": times[len(times) // 2],
        "p95": times[int(len(times) * 0.95)],
    }

"""From the upload of 1,000,000 utterances to the finished report, and any switch of view on it.

Sends the file of bench/utterances.py to the running stack's API, as a person would, waits for the worker, and
adds up the memory of all its processes meanwhile (what several share counts once). Then it walks the report's
pages: it takes each select that a page shows, chooses at random, and times the answer from the first byte
sent to the last received. The slowest of each page are asked for again, and the median counts, as the machine
may be shared; views of the table of rates are asked of the API as well. Beside the seconds that pass stand
those of processor time that the worker or the web server took, which other work on the machine does not
lengthen much; they are counted in hundredths.
"""

import argparse
import http.client
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import django
import psutil

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.test import Client  # noqa: E402
from knox.models import get_token_model  # noqa: E402

from bench.support import save  # noqa: E402
from bench.utterances import ROLES, write  # noqa: E402

AIM_SECONDS, AIM_BYTES, AIM_VIEW = 60, 2_000_000_000, 0.2
DEADLINE_SECONDS = 1800
BLOCK = 1 << 20
# Each with how many times as many views are tried: those of many selects more.
PAGES = {"rates": 4, "intersections": 3, "errors": 1, "conditions": 1, "speakers": 1, "utterances": 1, "": 1}
SLOWEST, AGAIN, BY_API = 8, 5, 100

Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Seen:
    """A view of a page, what passed until it was there, and the web server's processor time."""

    page: str
    query: Query
    seconds: float
    used: float
    text: str = field(repr=False, default="")

    def __str__(self) -> str:
        return f"{self.page or 'overview'}?{urlencode(self.query)}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--views", type=int, default=100, help="views of most pages that are tried")
    options = parser.parse_args()
    site = Site(options.url)
    key, numbers = finish_a_report(site, options.rows)
    numbers |= switch_views(site, key, options.views)
    save("report", numbers | {"processors": os.cpu_count(), "load": os.getloadavg()[1]})
    return 0


def finish_a_report(site: "Site", rows: int) -> tuple[str, dict]:
    """The key of a finished report, and what it took."""
    worker = process_of("celery")
    with tempfile.TemporaryDirectory(dir=settings.FAULTLINE_DATA) as folder:
        path = Path(folder) / "utterances.csv"
        write(path, rows)
        size, used = path.stat().st_size, processor_time(worker)
        with Memory(worker) as memory:
            started = time.perf_counter()
            key = site.upload(path)
            uploaded = time.perf_counter() - started
            stages = site.wait_for(key)
            took = time.perf_counter() - started
        used = processor_time(worker) - used
    print(
        f"upload to report, {rows:,} utterances: ours {took:.1f} s, against the aim {AIM_SECONDS} s, ratio "
        f"{AIM_SECONDS / took:.2f} (upload {uploaded:.1f} s; the worker took {used:.1f} s of processor time)"
    )
    print(
        f"memory of the worker, all processes: ours {memory.all / 1e9:.2f} GB, against the aim "
        f"{AIM_BYTES / 1e9:.2f} GB, ratio {AIM_BYTES / memory.all:.2f} "
        f"(idle before {memory.before / 1e9:.2f} GB; the largest process {memory.largest / 1e9:.2f} GB)"
    )
    for stage, seconds in stages.items():
        print(f"  {seconds:5.1f} s {stage}")
    numbers = {"rows": rows, "bytes": size, "upload_seconds": uploaded, "report_seconds": took}
    more = {"worker_processor_seconds": used, "worker_bytes": memory.all, "stages": stages}
    return key, numbers | more | {"idle_bytes": memory.before, "largest_process_bytes": memory.largest}


def switch_views(site: "Site", key: str, views: int) -> dict:
    """What views of a report take, the slowest told."""
    first = site.page("rates", key, ()).seconds
    walked = [view for page in PAGES for view in walk(site, key, page, views * PAGES[page])]
    slowest = again(site, key, walked)
    api = by_api(site, key, [view.query for view in walked if view.page == "rates"])
    median = statistics.median(view.seconds for view in walked)
    worst = {"pages": slowest[0], "API": api}
    for where, view in worst.items():
        print(
            f"slowest switch of view, {where}: ours {view.seconds:.3f} s, against the aim {AIM_VIEW} s, "
            f"ratio {AIM_VIEW / view.seconds:.2f} ({view.used:.2f} s of processor time)"
        )
    print(f"views: {len(walked):,}, median {median:.3f} s, the first, read from storage, {first:.3f} s")
    for page in PAGES:
        for view in [view for view in slowest if view.page == page][:2]:
            print(f"  {view.seconds:.3f} s ({view.used:.2f} s of processor time): {view}")
    return {
        "views": len(walked),
        "median_view_seconds": median,
        "first_view_seconds": first,
        "slowest_view_seconds": slowest[0].seconds,
        "slowest_view_processor_seconds": max(view.used for view in slowest),
        "slowest_view": str(slowest[0]),
        "slowest_by_api_seconds": api.seconds,
        "slowest_by_api_processor_seconds": api.used,
    }


# The site


class Site:
    """The running site, as one signed-in person."""

    def __init__(self, url: str) -> None:
        self.netloc = urlsplit(url).netloc
        user = get_user_model().objects.create_user(f"bench-{uuid.uuid4().hex[:8]}")
        self.token = {
            "Authorization": f"Bearer {get_token_model().objects.create(user=user, name='bench')[1]}"
        }
        client = Client()
        client.force_login(user)
        self.cookie = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies['sessionid'].value}"}
        self.web = process_of("gunicorn")
        self.connection = http.client.HTTPConnection(self.netloc, timeout=120)

    def ask(self, method: str, path: str, headers: dict, body: object = None) -> tuple[int, bytes, float]:
        """Status, body and seconds."""
        started = time.perf_counter()
        try:
            self.connection.request(method, path, body, headers)
            response = self.connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError):  # it ended a connection that was not used
            self.connection.close()
            started = time.perf_counter()
            self.connection.request(method, path, body, headers)
            response = self.connection.getresponse()
        answer = response.read()
        return response.status, answer, time.perf_counter() - started

    def upload(self, path: Path) -> str:
        """Send the file; its audit's key."""
        edge = uuid.uuid4().hex
        fields = {"kind": "speech", "title": "Bench", "roles": json.dumps(ROLES)}
        head = "".join(
            f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        )
        head += f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="bench.csv"\r\n\r\n'
        tail = f"\r\n--{edge}--\r\n"
        headers = self.token | {
            "Content-Type": f"multipart/form-data; boundary={edge}",
            "Content-Length": str(len(head) + path.stat().st_size + len(tail)),
        }
        body = parts(head.encode(), path, tail.encode())
        status, answer, _ = self.ask("POST", "/api/v1/audits/", headers, body)
        if status != 202:
            sys.exit(f"The file was refused: {status} {answer.decode()[:500]}")
        return json.loads(answer)["id"]

    def wait_for(self, key: str) -> dict[str, float]:
        """Seconds in each stage, as often as one may ask."""
        deadline, stages, last = time.monotonic() + DEADLINE_SECONDS, {}, time.perf_counter()
        while time.monotonic() < deadline:
            status, answer, _ = self.ask("GET", f"/api/v1/audits/{key}/", self.token)
            found = json.loads(answer)
            if status != 200 or found["status"] in ("rejected", "failed"):
                sys.exit(f"The audit was not computed: {status} {answer.decode()[:500]}")
            now = time.perf_counter()
            stage = found["stage"] or "Waiting for the worker"
            stages[stage] = stages.get(stage, 0.0) + now - last
            if found["status"] == "scored":
                return stages
            last = now
            time.sleep(0.25)
        sys.exit("The report did not come in time.")

    def page(self, page: str, key: str, query: Query) -> Seen:
        """The part of a page that a switch replaces; without text where it was refused."""
        path = f"/audits/{key}/{page}/" if page else f"/audits/{key}/"
        used = processor_time(self.web)
        status, answer, seconds = self.ask(
            "GET", f"{path}?{urlencode(query)}", self.cookie | {"HX-Request": "true"}
        )
        if status not in (200, 400, 404):
            sys.exit(f"{path}?{urlencode(query)} answered {status}.")
        text = answer.decode() if status == 200 else ""
        return Seen(page, query, seconds, processor_time(self.web) - used, text)


def parts(head: bytes, path: Path, tail: bytes) -> Iterator[bytes]:
    yield head
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block
    yield tail


# Views


class Selects(HTMLParser):
    """The selects of a page: the name of each and the values it offers."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "select":
            self.found.append((values.get("name") or "", []))
        elif tag == "option" and self.found:
            self.found[-1][1].append(values.get("value") or "")


def walk(site: Site, key: str, page: str, views: int) -> list[Seen]:
    """Views that a page offers. What is chosen decides what the page offers next."""
    chance = random.Random(0)
    start = last = site.page(page, key, ())
    found, tried = [replace(start, text="")], {()}
    for _ in range(views):
        selects = Selects(last.text).found
        query = tuple((name, value) for name, values in selects if (value := chosen(chance, values)))
        if query in tried:
            continue
        tried.add(query)
        seen = site.page(page, key, query)
        if seen.text:
            found.append(replace(seen, text=""))
        last = seen if seen.text else start
    return found


def chosen(chance: random.Random, values: list[str]) -> str:
    """One of the values; every other time nothing, where that is one: a filter leaves less to do."""
    return "" if "" in values and chance.random() < 0.5 else chance.choice(values)


def again(site: Site, key: str, walked: list[Seen]) -> list[Seen]:
    """The slowest views of each page, with the median of more tries."""
    found = []
    for page in PAGES:
        own = sorted((view for view in walked if view.page == page), key=lambda view: view.seconds)
        for view in own[-SLOWEST:]:
            tries = [site.page(page, key, view.query) for _ in range(AGAIN)]
            found.append(median_of(view, tries))
    return sorted(found, key=lambda view: -view.seconds)


def median_of(view: Seen, tries: list[Seen]) -> Seen:
    seconds, used = (statistics.median(getattr(t, name) for t in tries) for name in ("seconds", "used"))
    return replace(view, seconds=seconds, used=used)


def by_api(site: Site, key: str, queries: list[Query]) -> Seen:
    """The slowest of some views of the table of rates, asked of the API, each as the median of three tries.

    The API wants the baseline group named, where the page takes the first.
    """
    found = []
    complete = [query for query in queries if query and ("versus", "baseline") not in query]
    for query in complete[:BY_API]:
        path, tries = f"/api/v1/audits/{key}/result/?{urlencode(query)}", []
        for _ in range(3):
            used = processor_time(site.web)
            status, answer, took = site.ask("GET", path, site.token)
            if status != 200:
                sys.exit(f"{path} answered {status}: {answer.decode()[:500]}")
            tries.append(Seen("result", query, took, processor_time(site.web) - used))
        found.append(median_of(tries[0], tries))
    return max(found, key=lambda view: view.seconds)


# Processes


def process_of(program: str) -> psutil.Process:
    """The first process of a service of this site, by a word of its command."""
    for process in psutil.process_iter(["cmdline"]):
        try:
            ours = process.environ().get("FAULTLINE_DATA") == str(settings.FAULTLINE_DATA)
            parent = process.parent()
            if (
                ours
                and program in process.info["cmdline"]
                and program not in (parent.cmdline() if parent else ())
            ):
                return process
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
    sys.exit(f"There is no {program} on this site's data here: run this by make bench.")


def with_children(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def processor_time(process: psutil.Process) -> float:
    """Seconds of a service, with all its processes, since they began."""
    return sum(sum(one.cpu_times()[:2]) for one in with_children(process))


class Memory:
    """The most memory that a service's processes had, all together and the largest, while it is entered."""

    def __init__(self, service: psutil.Process) -> None:
        self.service, self.all, self.largest = service, 0, 0
        self.look()
        self.before = self.all
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self) -> None:
        while not self.ended.wait(0.1):
            self.look()

    def look(self) -> None:
        sizes = []
        for process in with_children(self.service):
            try:
                sizes.append(process.memory_full_info())
            except psutil.NoSuchProcess:
                continue
        self.all = max(self.all, sum(size.pss for size in sizes))
        self.largest = max(self.largest, *(size.rss for size in sizes))

    def __enter__(self) -> "Memory":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()


if __name__ == "__main__":
    sys.exit(main())

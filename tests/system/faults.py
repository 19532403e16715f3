"""The faults: each strikes real processes while submissions are sent and judged.

A fault may prepare the stack before the run and mends nothing after it but what it has prepared. What it
returns are the promises that were broken meanwhile.
"""

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from .engine import Broken, Container
from .runs import Site
from .stack import MISSING
from .traffic import Api
from .uploads import big_model, big_table

AWAY_SECONDS = 30.0
FIND_SECONDS = 60.0
NO_SPACE = "No space left on device"
LOGGED = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", re.MULTILINE)
FAKETIME_LIBRARIES = "*/faketime/libfaketimeMT.so.1"
HOUR_AHEAD = {
    "FAKETIME": "+1h",
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    "DONT_FAKE_MONOTONIC": "1",
}
# Its own view of its temporary folder: a disk of one megabyte.
SMALL_DISK = 'mount -t tmpfs -o size=1m tmpfs "$TMPDIR" && exec "$@"'


@dataclass(frozen=True)
class Fault:
    what: str
    strike: Callable[[Site], list[str] | None]
    around: Callable[[Site], object] = lambda _: nullcontext()
    # No verdict may be expected while this lasts.
    away: float = 0.0


def busy(site: Site) -> tuple[Container, psutil.Process, psutil.Process]:
    """A worker that runs a submitted model just now, its child that waits for it, and that one's zygote."""
    found: list[tuple[Container, psutil.Process, psutil.Process]] = []

    def look() -> bool:
        for name in site.stack.workers:
            container = site.stack.engine.containers[name]
            try:
                for child in psutil.Process(container.process.pid).children():
                    for zygote in child.children():
                        if "zygote" in " ".join(zygote.cmdline()) and zygote.children():
                            found.append((container, child, zygote))
            except (psutil.NoSuchProcess, AttributeError):
                continue
        return bool(found)

    site.stack.engine.wait(look, FIND_SECONDS, "a worker runs a model")
    return found[0]


def kill_child(site: Site) -> None:
    site.stack.engine.kill(busy(site)[1])


def kill_zygote(site: Site) -> None:
    site.stack.engine.kill(busy(site)[2])


def kill_worker(site: Site) -> None:
    """The machine is gone: all its processes at once."""
    container, _, _ = busy(site)
    site.stack.engine.kill(*container.processes())


def kill_all_of(name: str) -> Callable[[Site], None]:
    def strike(site: Site) -> None:
        site.stack.engine.kill(*site.stack.engine.containers[name].processes())

    return strike


def restart_postgres(site: Site) -> None:
    """As an update does it: no session is waited for."""
    site.stack.engine.stop("postgres", signal.SIGINT)
    site.stack.engine.start("postgres")


def crash_postgres(site: Site) -> None:
    site.stack.engine.kill(*site.stack.engine.containers["postgres"].processes())
    site.stack.engine.wait(lambda: site.stack.database_answers(), 60, "PostgreSQL is there again")


def storage_away(site: Site) -> None:
    """Nobody listens at its door."""
    site.stack.engine.stop("s3")
    time.sleep(AWAY_SECONDS)
    site.stack.engine.start("s3")


def storage_hangs(site: Site) -> None:
    """It takes connections and says nothing."""
    server = site.stack.engine.containers["s3 server"].processes()
    site.stack.engine.kill(*server, number=signal.SIGSTOP)
    time.sleep(AWAY_SECONDS)
    site.stack.engine.kill(*server, number=signal.SIGCONT)


def redis_hangs(site: Site) -> None:
    server = site.stack.engine.containers["redis"].processes()
    site.stack.engine.kill(*server, number=signal.SIGSTOP)
    time.sleep(AWAY_SECONDS)
    site.stack.engine.kill(*server, number=signal.SIGCONT)


def deploy(site: Site) -> list[str]:
    """A warm stop of a worker in the middle of a run and of a web server, then new ones."""
    broken = []
    engine, (container, _, _) = site.stack.engine, busy(site)
    for name in (container.name, site.stack.webs[0]):
        _, patience = engine.containers[name].stop
        if engine.stop(name) > patience:
            broken.append(f"{name} had to be killed {patience:.0f} seconds after it was told to stop")
        engine.start(name)
    expired = site.query(
        "SELECT coalesce(sum(lease_expiries), 0) FROM bounty_submission WHERE bounty_id = "
        "(SELECT max(id) FROM bounty_bounty)"
    )
    if expired:
        broken.append(f"{expired} runs were left to their leases by a warm stop")
    return broken


# Prepared before the run


@contextmanager
def changed(site: Site, name: str, change: Callable[[Container], None]) -> Iterator[None]:
    """A container that is another one for the length of a run."""
    engine = site.stack.engine
    container = engine.containers[name]
    argv, environ = container.argv, container.environ
    engine.stop(name)
    change(container)
    engine.start(name)
    try:
        yield
    finally:
        engine.stop(name)
        container.argv, container.environ = argv, environ
        engine.start(name)


def on_a_small_disk(container: Container) -> None:
    unshare = (
        ["unshare", "--mount"]
        if not psutil.Process().uids().effective
        else ["unshare", "--user", "-r", "--mount"]
    )
    container.argv = [*unshare, "sh", "-c", SMALL_DISK, "sh", *container.argv]


def an_hour_ahead(container: Container) -> None:
    found = next(Path("/usr/lib").glob(FAKETIME_LIBRARIES), None)
    if found is None:
        raise Broken(MISSING.format(what="libfaketime", package="faketime"))
    container.environ = container.environ | HOUR_AHEAD | {"LD_PRELOAD": str(found)}


def small_disk_of_worker(site: Site):
    return changed(site, site.stack.workers[0], on_a_small_disk)


def small_disk_of_web(site: Site):
    return changed(site, site.stack.webs[0], on_a_small_disk)


def clock_ahead(site: Site):
    return changed(site, site.stack.workers[0], an_hour_ahead)


def table_on_small_disk(site: Site) -> list[str]:
    """A table that the worker with the small disk has no room for is left to the other one."""
    slug, (small, other) = "tables", site.stack.workers
    engine = site.stack.engine
    engine.stop(other)
    site.stack.python("tests.system.cast", "draft", slug, str(big_table(site.stack.folder)))
    done = "SELECT status FROM bounty_tableupload WHERE bounty_id = "
    done += "(SELECT id FROM bounty_bounty WHERE slug = %s)"
    try:
        engine.wait(lambda: NO_SPACE in engine.containers[small].said(), 240, f"{small} has no room for it")
        engine.start(other)
        engine.wait(
            lambda: site.query(done, slug) in ("scored", "failed", "rejected"), 240, "a large table is read"
        )
    except Broken as broken:
        return [str(broken)]
    status = site.query(done, slug)
    return [] if status == "scored" else [f"a large table ended as {status}"]


def upload_on_small_disk(site: Site) -> list[str]:
    """A model that the web server has no room for is answered so; the other server takes it."""
    broken = []
    for url, expected in zip(site.stack.urls, (503, 202), strict=False):
        body, content_type = big_model()
        api = Api([url])
        status, answer = api.call(
            f"bounties/{site.newest()}/check/", site.tokens[0], body, Content_Type=content_type
        )
        if status != expected or (status == 503 and not (answer.get("code") and answer.get("detail"))):
            broken.append(f"a model of 3 MB was answered {status} {answer}, not {expected}")
    return broken


def read_clock(site: Site) -> list[str]:
    """Nothing more goes wrong: the clock is ahead from the start."""
    logged = LOGGED.findall(site.stack.engine.containers[site.stack.workers[0]].said())
    ahead = datetime.fromisoformat(f"{logged[-1]}+00:00") - datetime.now(UTC)
    return [] if ahead > timedelta(minutes=50) else [f"the worker's clock is {ahead} ahead, not an hour"]


FAULTS: dict[str, Fault] = {
    "worker-child": Fault("kill -9 of a worker's child in the middle of a run", kill_child),
    "worker": Fault("kill -9 of a whole worker, all its processes", kill_worker),
    "zygote": Fault("kill -9 of the process that models are forked from", kill_zygote),
    "beat": Fault("kill -9 of the beat", kill_all_of("beat")),
    "web": Fault("kill -9 of a web server", kill_all_of("web1")),
    "redis": Fault("kill -9 of Redis, which forgets everything", kill_all_of("redis")),
    "redis-hangs": Fault("Redis does not answer for 30 s", redis_hangs, away=AWAY_SECONDS),
    "postgres": Fault("restart of PostgreSQL", restart_postgres),
    "postgres-crash": Fault("kill -9 of PostgreSQL, all its processes", crash_postgres),
    "storage": Fault("no storage for 30 s: connections refused", storage_away, away=AWAY_SECONDS),
    "storage-hangs": Fault("no storage for 30 s: no answers", storage_hangs, away=AWAY_SECONDS),
    "disk-worker": Fault(
        "a worker's scratch folder of 1 MB, and a larger table", table_on_small_disk, small_disk_of_worker
    ),
    "disk-web": Fault(
        "a web server's upload folder of 1 MB, and a larger model", upload_on_small_disk, small_disk_of_web
    ),
    "clock": Fault("one worker's clock an hour ahead", read_clock, clock_ahead),
    "deploy": Fault("warm stop of a worker and a web server, then new ones", deploy),
}
SHORT = ("worker", "redis", "postgres")

"""Whether this process answers, and whether what it needs is there: for load balancers and containers."""

import logging
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache

from .celery import app

logger = logging.getLogger(__name__)

WITHIN_SECONDS = 2.5
# A connection to a machine that went away may hang for many minutes after all is well again.
GIVEN_UP_SECONDS = 30.0
# Anybody may ask, and a load balancer must soon see a change.
READY_SECONDS = 2.0
PROBE = "readyz"


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    down = ready()
    return JsonResponse({"ready": not down, "down": down}, status=503 if down else 200)


def ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def ask_broker() -> None:
    with app.connection_for_write(connect_timeout=2) as broker:
        broker.ensure_connection(max_retries=1, timeout=2)
        broker.default_channel.client.ping()


def write_and_delete() -> None:
    default_storage.delete(default_storage.save(PROBE, ContentFile(b"ready")))


class NotMigrated(Exception):
    """The database is older than this code."""


def ask_migrations() -> None:
    missing = newest_migrations() - set(MigrationRecorder(connection).applied_migrations())
    if missing:
        raise NotMigrated(sorted(missing))


@cache
def newest_migrations() -> set[tuple[str, str]]:
    """The last of each app, as the code has them."""
    return set(MigrationLoader(None).graph.leaf_nodes())


CHECKS = {
    "database": ask_database,
    "broker": ask_broker,
    "storage": write_and_delete,
    "migrations": ask_migrations,
}


class Asked(threading.Thread):
    """A check on its way. One that hangs is not started a second time so soon, however many ask."""

    def __init__(self, name: str) -> None:
        super().__init__(daemon=True)
        self.part, self.good, self.begun = name, False, time.monotonic()

    @property
    def on_its_way(self) -> bool:
        return self.is_alive() and time.monotonic() - self.begun < GIVEN_UP_SECONDS

    def run(self) -> None:
        try:
            CHECKS[self.part]()
            self.good = True
        except Exception:
            logger.exception("%s is down", self.part)
        finally:
            connection.close()


asked: dict[str, Asked] = {}
asking = threading.Lock()


def ask(name: str) -> Asked:
    with asking:
        if name not in asked or not asked[name].on_its_way:
            asked[name] = Asked(name)
            asked[name].start()
        return asked[name]


def what_is_down(*names: str) -> list[str]:
    """What is down, or does not answer in time; without the database its migrations are not known."""
    threads = [ask(name) for name in names or CHECKS]
    deadline = time.monotonic() + WITHIN_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    down = [thread.part for thread in threads if not thread.good]
    return [name for name in down if name != "migrations" or "database" not in down]


class Kept:
    """What a function said, for a while: however many ask, it is worked out once."""

    def __init__(self, function: Callable[[], Any], seconds: float) -> None:
        self.function, self.seconds = function, seconds
        self.lock, self.until, self.value = threading.Lock(), 0.0, None

    def __call__(self) -> Any:
        with self.lock:
            if time.monotonic() >= self.until:
                self.value = self.function()
                self.until = time.monotonic() + self.seconds
            return self.value

    def forget(self) -> None:
        self.until = 0.0


ready = Kept(what_is_down, READY_SECONDS)

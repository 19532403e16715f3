"""A worker shows that it is alive: a row of its own, written every few seconds.

Celery beats while its loop turns and its broker is there. A thread turns beats into writes, so that a
database that does not answer holds nothing up; what cannot be written is left out until the next beat.
"""

import logging
import os
import socket
import threading
import time

import psycopg
from celery.signals import celeryd_after_setup, heartbeat_sent, worker_shutdown
from django.db import connection

from common.version import VERSION

logger = logging.getLogger(__name__)

WRITE_SECONDS = 4.0
SHUTDOWN_SECONDS = 2.0
# A connection outside the pool, which must not be there when processes are forked.
IMPATIENT = {"connect_timeout": 3, "tcp_user_timeout": 3000, "autocommit": True}
WRITE = """
    INSERT INTO common_worker (host, pid, processes, version, started, seen)
    VALUES (%s, %s, %s, %s, now() - make_interval(secs => %s), now())
    ON CONFLICT (host, pid) DO UPDATE SET
        processes = excluded.processes, version = excluded.version, started = excluded.started, seen = now()
"""
FORGET = "DELETE FROM common_worker WHERE seen < now() - interval '1 hour'"
LEAVE = "DELETE FROM common_worker WHERE host = %s AND pid = %s"


def connect() -> psycopg.Connection:
    return psycopg.connect(**{**connection.get_connection_params(), **IMPATIENT})


class Presence(threading.Thread):
    def __init__(self, processes: int) -> None:
        super().__init__(daemon=True)
        self.processes, self.born = processes, time.monotonic()
        self.beat, self.over, self.written = threading.Event(), False, True

    def run(self) -> None:
        due = 0.0
        while self.beat.wait():
            self.beat.clear()
            if self.over:
                self.write((LEAVE, (socket.gethostname(), os.getpid())))
                return
            if time.monotonic() >= due:
                due = time.monotonic() + WRITE_SECONDS
                self.write((WRITE, self.row()), (FORGET, ()))

    def row(self) -> tuple:
        age = time.monotonic() - self.born
        return socket.gethostname(), os.getpid(), self.processes, VERSION, age

    def write(self, *statements: tuple[str, tuple]) -> None:
        written = True
        try:
            with connect() as database:
                for statement, arguments in statements:
                    database.execute(statement, arguments)
        except (psycopg.Error, OSError) as error:
            written = False
            if self.written:
                logger.warning("this worker cannot show that it is alive: %s", error)
        if written and not self.written:
            logger.info("this worker shows again that it is alive")
        self.written = written


presence: Presence | None = None


@celeryd_after_setup.connect
def begin(instance, **_: object) -> None:
    global presence
    presence = Presence(instance.concurrency)


@heartbeat_sent.connect
def beat(**_: object) -> None:
    """The first one comes when the processes have been forked: no thread is there before."""
    if presence and presence.ident is None:
        presence.start()
    if presence:
        presence.beat.set()


@worker_shutdown.connect
def leave(**_: object) -> None:
    if presence and presence.is_alive():
        presence.over = True
        presence.beat.set()
        presence.join(SHUTDOWN_SECONDS)

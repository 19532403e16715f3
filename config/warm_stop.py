"""A worker that is told to stop finishes what runs, and hands back what would take too long.

Celery waits for its processes without end, and who runs containers kills it after a while: what ran then
would be left to its lease.
"""

import os
import signal
import sys
import threading
from contextlib import suppress

from billiard import active_children
from celery.signals import worker_process_init, worker_shutting_down

# Within the ten seconds that Docker gives, where nothing else is said.
PATIENCE_SECONDS = 8.0


@worker_process_init.connect
def end_when_told(**_: object) -> None:
    """In a process of the pool: what runs in it ends with SystemExit, which hands the job back."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())


@worker_shutting_down.connect
def tell_later(**_: object) -> None:
    timer = threading.Timer(PATIENCE_SECONDS, tell)
    timer.daemon = True
    timer.start()


def tell() -> None:
    for process in active_children():
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)

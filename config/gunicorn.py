"""How gunicorn serves the site: `gunicorn --config python:config.gunicorn config.wsgi`.

Its arguments, and those in GUNICORN_CMD_ARGS, come before what stands here.
"""

import os
import shutil
import tempfile
from logging.config import dictConfig
from pathlib import Path

from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker

from config import logs
from config.environment import env

FOLDER, SLOT = "PROMETHEUS_MULTIPROC_DIR", "METRICS_SLOT"
MEMORY = Path("/dev/shm")  # noqa: S108 -- a folder of our own is made in it  # nosec


class Lines(Logger):
    """Gunicorn's own lines in the format of all others; those about requests are in config.requests."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        dictConfig(logs.config(env("LOG_FORMAT", "line"), env("LOG_LEVEL", "INFO")))


logger_class = Lines
worker_class = "gthread"
# A file that comes slowly holds one while it comes. With what asks for health, no more than DATABASE_POOL.
threads = 8
timeout = 120
control_socket_disable = True


def on_starting(server: Arbiter) -> None:
    """The processes count into a folder of their own, new with each start.

    Its files are mapped into memory: on a disk that fills up, the kernel would kill who counts.
    """
    os.environ[FOLDER] = tempfile.mkdtemp(
        prefix="faultline-metrics-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None
    )


def pre_fork(server: Arbiter, worker: Worker) -> None:
    """A process takes the first free place, and goes on in the files of the dead one that had it."""
    taken = {other.place for other in server.WORKERS.values()}
    worker.place = next(place for place in range(len(taken) + 1) if place not in taken)


def post_fork(server: Arbiter, worker: Worker) -> None:
    os.environ[SLOT] = str(worker.place)


def on_exit(server: Arbiter) -> None:
    shutil.rmtree(os.environ[FOLDER], ignore_errors=True)

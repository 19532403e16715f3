"""The Celery application: the queue is a wake-up, the database is the truth."""

import os
from logging.config import dictConfig

from celery import Celery
from celery.signals import beat_embedded_init, setup_logging, worker_process_init
from django.conf import settings

from . import warm_stop, workers  # noqa: F401 -- they answer signals
from .supervisor import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("faultline")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
@beat_embedded_init.connect
def end_with_the_worker(**_: object) -> None:
    """A worker that is killed cannot end its processes: they would go on without it."""
    die_with_parent()


@setup_logging.connect
def log_like_the_others(**_: object) -> None:
    """Celery leaves its own set-up of the log to who answers this."""
    dictConfig(settings.LOGGING)

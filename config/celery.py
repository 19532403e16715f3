"""The Celery application: the queue is a wake-up, the database is the truth."""

import os

from celery import Celery
from celery.signals import beat_embedded_init, worker_process_init

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

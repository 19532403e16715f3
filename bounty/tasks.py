"""The wake-ups. Losing one, or getting one twice, changes nothing: see evaluation."""

from celery import shared_task
from celery.signals import worker_process_init
from django.core.cache import cache

from . import evaluation
from .sandbox import Sandbox

WAKE_AT_ONCE = 20
REAP_SECONDS = 4

sandbox = Sandbox()


@worker_process_init.connect
def warm_up(**kwargs) -> None:
    """The first submission should not wait for the libraries to load."""
    sandbox.start()


@shared_task
def work() -> None:
    evaluation.work(sandbox)


@shared_task
def reap() -> None:
    # Of those that have gathered one is enough. By Redis' clock: a worker's may be wrong.
    if cache.add("bounty-reaped", 1, REAP_SECONDS):
        for _ in range(min(evaluation.reap(), WAKE_AT_ONCE)):
            work.delay()

"""The wake-ups. Losing one, or getting one twice, changes nothing: see evaluation."""

from celery import shared_task
from celery.signals import worker_process_init

from . import evaluation
from .sandbox import Sandbox

WAKE_AT_ONCE = 20

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
    for _ in range(min(evaluation.reap(), WAKE_AT_ONCE)):
        work.apply_async(expires=5)

"""The wake-ups. Losing one, or getting one twice, changes nothing: see analysis."""

from celery import shared_task

from . import analysis


@shared_task
def work() -> None:
    # One at a time in the whole system, so each wakes the next.
    if analysis.work():
        work.apply_async(expires=5)


@shared_task
def reap() -> None:
    if analysis.reap():
        work.apply_async(expires=5)

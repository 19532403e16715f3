"""The wake-ups. Losing one, or getting one twice, changes nothing: see analysis."""

from celery import shared_task
from django.core.cache import cache

from . import analysis

REAP_SECONDS = 4


@shared_task
def work() -> None:
    # One at a time in the whole system, so each wakes the next.
    if analysis.work():
        work.delay()


@shared_task
def reap() -> None:
    # As in bounty.tasks.
    if cache.add("audits-reaped", 1, REAP_SECONDS) and analysis.reap():
        work.delay()

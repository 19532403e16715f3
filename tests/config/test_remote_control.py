"""Redis wakes workers: nobody commands them through it."""

import pytest

from common.models import Worker
from config import services

from .test_processes import Process, running, stop, wait_for

pytestmark = pytest.mark.django_db(transaction=True)
CELERY = ("celery", "-q", "-A", "config")


def test_who_reaches_redis_cannot_end_a_worker(tmp_path):
    broker = services.redis(tmp_path, tmp_path / "redis.sock")
    url = {"CELERY_BROKER_URL": f"redis+socket://{tmp_path}/redis.sock"}
    log, arguments = tmp_path / "worker.log", ("worker", "--concurrency=1", "--without-gossip")
    with running(broker), Process(log, *CELERY, *arguments, **url) as worker:
        wait_for(lambda: " ready." in log.read_text())
        with Process(
            tmp_path / "stranger.log", *CELERY, "control", "--timeout=2", "shutdown", **url
        ) as stranger:
            stranger.wait(60)
        seen = Worker.objects.get().seen
        wait_for(lambda: Worker.objects.get().seen > seen)
        assert worker.poll() is None
        stop(worker)

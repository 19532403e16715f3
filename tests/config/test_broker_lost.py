"""Redis dies while every process of a worker is busy: the worker takes wake-ups again afterwards."""

import os
import subprocess
import sys
import threading

import pytest
from django.db import connection, transaction

from bounty import intake
from bounty.entry import Group
from bounty.models import Status, Submission
from config import services

from .test_processes import REPOSITORY, Process, running, stop, wait_for

pytestmark = pytest.mark.django_db(transaction=True)
CELERY = ("celery", "-q", "-A", "config")


def test_a_worker_that_was_busy_when_redis_died_works_on(tmp_path, open_bounty, cast):
    broker = services.redis(tmp_path, tmp_path / "redis.sock")
    url = {"CELERY_BROKER_URL": f"redis+socket://{tmp_path}/redis.sock"}

    def wake() -> None:
        command = [sys.executable, "-m", *CELERY, "call", "bounty.tasks.work"]
        subprocess.run(command, cwd=REPOSITORY, env=os.environ | url, check=True, capture_output=True)

    def judged(submission: Submission) -> bool:
        return Submission.objects.get(pk=submission.pk).status == Status.SCORED

    first, _ = intake.submit(cast.participant, open_bounty, Group("rule", "age < 30"))
    log = tmp_path / "worker.log"
    arguments = ("worker", "--concurrency=1", "--without-gossip", "--without-mingle")
    with Process(log, *CELERY, *arguments, **url) as worker:
        with running(broker):
            wait_for(lambda: " ready." in log.read_text())
            busy, free = threading.Event(), threading.Event()

            def hold() -> None:
                """The verdict waits for the bounty's row."""
                with transaction.atomic():
                    type(open_bounty).objects.select_for_update().get(pk=open_bounty.pk)
                    busy.set()
                    free.wait(100)
                connection.close()

            holder = threading.Thread(target=hold)
            holder.start()
            busy.wait(10)
            wake()
            wait_for(lambda: Submission.objects.filter(masks__isnull=False).exists())
        free.set()
        holder.join()
        wait_for(lambda: judged(first))
        with running(broker):
            second, _ = intake.submit(cast.rival, open_bounty, Group("rule", "age > 60"))
            for _ in range(3):
                wake()
            wait_for(lambda: judged(second), 40)
            assert worker.poll() is None
            stop(worker)

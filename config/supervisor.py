"""Child processes that never outlive the process that started them, however it ends. Linux only."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGCHLD, SIGHUP, SIGINT, SIGKILL, SIGTERM

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
WATCHED = {SIGINT, SIGTERM, SIGHUP, SIGCHLD}
LOG_TAIL_LINES = 15


class StackError(RuntimeError):
    """Why the stack cannot run, in a sentence for the person who started it."""


class Stopped(Exception):
    """Someone asked the supervisor to stop."""

    def __init__(self, signal_number: int, from_terminal: bool):
        self.signal_number, self.from_terminal = signal_number, from_terminal


@dataclass(frozen=True)
class Service:
    """A program to keep running, and how to end it: signals, each with the seconds to wait for its effect.

    `orphaned` is the signal it gets when the supervisor has died: nobody is left to send a second one.
    """

    name: str
    argv: Sequence[str]
    stop: Sequence[tuple[int, float]]
    orphaned: int = SIGKILL
    ready: Callable[[], bool] = lambda: True
    become: Callable[[], None] | None = None


@dataclass
class Supervisor:
    """Starts, watches and stops services. Only the main thread may use it: their lives hang on it."""

    log_folder: Path
    environ: dict[str, str]
    folder: Path
    inherited: tuple[int, ...] = ()
    running: list[tuple[Service, subprocess.Popen]] = field(default_factory=list)

    def __enter__(self) -> "Supervisor":
        # Blocked signals wait until `pause` takes them, so a stop never strikes half-way through a start.
        signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
        self.log_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self

    def __exit__(self, *error: object) -> None:
        self.stop_all()

    def start(self, service: Service) -> None:
        """Start a service with a log of its own; the log of the time before is kept beside it."""
        log = self.log_path(service.name)
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 -- our own program and arguments, no shell
                service.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=self.environ,
                pass_fds=self.inherited,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops them in order
                preexec_fn=tie_to_parent(service.orphaned, service.become),
            )
        self.running.append((service, process))

    def wait_until_ready(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for service, _ in list(self.running):
            while not service.ready():
                self.pause(0.02)
                self.check()
                if time.monotonic() > deadline:
                    raise StackError(
                        self.with_log(
                            f"{service.name} was not ready after {seconds:.0f} seconds", service.name
                        )
                    )

    def check(self) -> None:
        """Raise StackError when a service has ended by itself."""
        for service, process in self.running:
            if process.poll() is not None:
                raise StackError(
                    self.with_log(f"{service.name} {describe_exit(process.returncode)}", service.name)
                )

    def step(self, service: Service, seconds: float) -> None:
        """Run a program that must end by itself and well, such as the migrations."""
        self.start(service)
        _, process = self.running[-1]
        deadline = time.monotonic() + seconds
        while process.poll() is None:
            self.pause(0.05)
            if time.monotonic() > deadline:
                raise StackError(
                    self.with_log(f"{service.name} took over {seconds:.0f} seconds", service.name)
                )
        self.running.pop()
        if process.returncode:
            raise StackError(
                self.with_log(f"{service.name} {describe_exit(process.returncode)}", service.name)
            )
        self.check()

    def call(self, argv: Sequence[str]) -> int:
        """Run a command in the foreground, in the caller's folder; its exit code."""
        try:
            process = subprocess.Popen(argv, env=self.environ, preexec_fn=tie_to_parent(SIGTERM))  # noqa: S603 -- our own program and arguments, no shell
        except OSError as error:
            raise StackError(f"Cannot run {argv[0]}: {error.strerror}") from error
        try:
            while process.poll() is None:
                self.pause(1.0)
                self.check()
        except Stopped as stopped:
            if not stopped.from_terminal:  # a terminal has sent it to the command as well
                process.send_signal(stopped.signal_number)
            wait_for(process, 5.0)
            raise
        finally:
            end(process, [(SIGTERM, 3.0), (SIGKILL, 1.0)])
        return process.returncode if process.returncode >= 0 else 128 - process.returncode  # as shells do

    def watch(self) -> None:
        """Wait for ever: only a stop or the death of a service ends it."""
        while True:
            self.check()
            self.pause(5.0)

    def pause(self, seconds: float) -> None:
        """Wait until time is up or a child ends; raise Stopped when someone wants us to stop."""
        caught = signal.sigtimedwait(WATCHED, seconds)
        if caught and caught.si_signo != SIGCHLD:
            raise Stopped(caught.si_signo, from_terminal=caught.si_code > 0)

    def stop_all(self) -> None:
        """End every service, the last started first. What is left of its session is killed."""
        while self.running:
            service, process = self.running.pop()
            end(process, service.stop)
            try:
                os.killpg(process.pid, SIGKILL)
            except ProcessLookupError:
                continue

    def log_path(self, name: str) -> Path:
        return self.log_folder / f"{name.lower().replace(' ', '-')}.log"

    def with_log(self, sentence: str, name: str) -> str:
        log = self.log_path(name)
        tail = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join([f"{sentence}. The end of {log}:", *(f"    {line}" for line in tail)])


def tie_to_parent(death_signal: int, become: Callable[[], None] | None = None) -> Callable[[], None]:
    """What a child does before it turns into its program: the kernel is to signal it when we die."""
    parent = os.getpid()

    def prepare() -> None:
        if become:
            become()
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        die_with_parent(death_signal)  # last, since a change of user clears it
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def die_with_parent(death_signal: int = SIGKILL) -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)


def end(process: subprocess.Popen, signals: Sequence[tuple[int, float]]) -> None:
    for number, seconds in signals:
        if process.poll() is None:
            process.send_signal(number)
            wait_for(process, seconds)


def wait_for(process: subprocess.Popen, seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def describe_exit(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

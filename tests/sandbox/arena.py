"""Where hostile submissions are let loose: planted secrets, listening sockets, a look around after each."""

import os
import secrets
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyseccomp

from bounty.sandbox import REJECTIONS, FeatureTable, Rejected, Sandbox, judge_group
from fairness.tables import Column

# It answered as the good rule does; it answered something else.
CONTAINED, OTHER = "contained", "other_answer"
GOOD_RULE = b"x > 0"
ROWS = 400


@dataclass(frozen=True)
class World:
    """What is there to be stolen or touched, and where; attacks name these as @NAME@."""

    secret: str
    folder: Path
    tcp_port: int
    unix_path: Path
    host_pid: int
    zygote_pid: int

    def fill(self, source: str) -> str:
        places = {
            "@LABELS@": self.folder / "labels.csv",
            "@FOLDER@": self.folder,
            "@PORT@": self.tcp_port,
            "@UNIX@": self.unix_path,
            "@HOST@": self.host_pid,
            "@ZYGOTE@": self.zygote_pid,
        }
        for name, value in places.items():
            source = source.replace(name, str(value))
        return source


@dataclass(frozen=True)
class Attack:
    """A hostile submission and how it must end: CONTAINED, or one of these codes."""

    name: str
    format: str
    payload: bytes | str | Callable[[], bytes]
    ends: tuple[str, ...] = (CONTAINED,)
    wall_seconds: float = 5.0
    memory_mb: int = 256
    judged: bool = False  # by judge_group: the attack is on the way rows are run
    bites: bool = True  # outside the sandbox its attack() succeeds, for any user

    def load(self, world: World) -> bytes:
        payload = self.payload() if callable(self.payload) else self.payload
        return world.fill(payload).encode() if isinstance(payload, str) else payload


@dataclass
class Arena:
    sandbox: Sandbox = field(default_factory=Sandbox)

    def __enter__(self) -> "Arena":
        self._folder = tempfile.TemporaryDirectory(prefix="arena-")
        folder = Path(self._folder.name)
        secret = secrets.token_hex(16)
        (folder / "labels.csv").write_text(f"label\n{secret}\n")
        os.environ["ARENA_SECRET"] = secret
        self._listeners = [
            listen(socket.AF_INET, ("127.0.0.1", 0)),
            listen(socket.AF_UNIX, str(folder / "socket")),
        ]
        port = self._listeners[0].getsockname()[1]
        self._listeners += [listen(socket.AF_UNIX, f"\0arena-{port}"), udp(port)]
        self.sandbox.start()
        self.world = World(secret, folder, port, folder / "socket", os.getpid(), zygote_pid(self.sandbox))
        self.table = table(ROWS, seed=1)
        self.hidden = table(ROWS, seed=2)
        self.truth = self.sandbox.run("rule", GOOD_RULE, self.table).values
        self._files = set(folder.iterdir())
        return self

    def __exit__(self, *error: object) -> None:
        self.sandbox.close()
        for listener in self._listeners:
            listener.close()
        del os.environ["ARENA_SECRET"]
        self._folder.cleanup()

    def fight(self, attack: Attack) -> list[str]:
        """What went wrong: nothing, when the attack was held."""
        end, detail, log = self._end_of(attack)
        wrong = []
        if end not in attack.ends:
            wrong.append(f"ended as {end} ({detail}), not as {' or '.join(attack.ends)}: {log[-800:]}")
        if end not in (CONTAINED, OTHER, *REJECTIONS):
            wrong.append(f"{end} is no code")
        if len(detail) > 300 or not (detail + " ").isprintable():
            wrong.append(f"detail not fit to show: {detail!r}")
        if self.world.secret in detail + log:
            wrong.append("the secret came out")
        return wrong + self.look_around()

    def _end_of(self, attack: Attack) -> tuple[str, str, str]:
        limits = {"wall_seconds": attack.wall_seconds, "memory_mb": attack.memory_mb}
        payload = attack.load(self.world)
        try:
            if attack.judged:
                output = judge_group(self.sandbox, attack.format, payload, self.table, self.hidden, **limits)
                values = output.sample_mask
            else:
                output = self.sandbox.run(attack.format, payload, self.table, **limits)
                values = output.values
        except Rejected as rejection:
            return rejection.code, rejection.detail, rejection.log
        return (CONTAINED if (values == self.truth).all() else OTHER), "", output.log

    def look_around(self) -> list[str]:
        """Is the world as it was, and does the next good submission get its due?"""
        wrong = []
        if any(has_caller(listener) for listener in self._listeners):
            wrong.append("a connection came in")
        if made := set(self.world.folder.iterdir()) - self._files:
            wrong.append(f"files were made: {made}")
        if zygote_pid(self.sandbox) != self.world.zygote_pid:
            wrong.append("the zygote died")
        elif left := children(self.world.zygote_pid):
            wrong.append(f"processes were left: {left}")
        after = self.sandbox.run("rule", GOOD_RULE, self.table)
        if (after.values != self.truth).any() or after.log:
            wrong.append(f"the next submission was harmed: {after}")
        return wrong


def table(rows: int, seed: int) -> FeatureTable:
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({"x": rng.normal(size=rows), "y": rng.normal(size=rows)})
    return FeatureTable(frame, [Column("x", "number"), Column("y", "number")])


def listen(family: int, address: object) -> socket.socket:
    listener = socket.socket(family)
    listener.bind(address)
    listener.listen()
    listener.setblocking(False)
    return listener


def udp(port: int) -> socket.socket:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", port))
    receiver.setblocking(False)
    return receiver


def has_caller(listener: socket.socket) -> bool:
    try:
        if listener.type == socket.SOCK_DGRAM:
            listener.recv(1)
        else:
            listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def zygote_pid(sandbox: Sandbox) -> int:
    return sandbox._zygote.pid if sandbox._zygote is not None and sandbox._zygote.alive() else 0


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def call_number(name: str) -> int:
    return pyseccomp.resolve_syscall(pyseccomp.system_arch(), name)

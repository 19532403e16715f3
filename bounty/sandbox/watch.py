"""Watch one child until it has ended: read what it writes, and stop it at a ceiling."""

import json
import os
import resource
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .codes import SandboxFailure

POLL_SECONDS = 0.05
# From the kill of a child to the news of its death.
DEATH_SECONDS = 10
PRINTED_BYTES = 1 << 20
LOG_BYTES = 8192
READ_BYTES = 1 << 16
PAGE = resource.getpagesize()


@dataclass(frozen=True)
class Ceilings:
    wall_seconds: float
    resident_bytes: int
    message_bytes: int


@dataclass
class Ended:
    """What a child wrote, how it ended, and the code it was stopped for, if it was."""

    message: bytearray = field(default_factory=bytearray)
    log: bytearray = field(default_factory=bytearray)
    printed: int = 0
    seconds: float = 0.0
    status: int = 0
    cpu_seconds: float = 0.0
    stopped: str = ""

    @property
    def signal(self) -> int:
        return os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else 0


def watch(
    control: socket.socket, result: int, log: int, pid: int, ceilings: Ceilings, stop: Callable[[], None]
) -> Ended:
    """Until the zygote has told the child's end and both pipes are read to theirs."""
    ended, start = Ended(), time.monotonic()
    poll = select.poll()
    waiting = {control.fileno(), result, log}
    for descriptor in waiting:
        poll.register(descriptor, select.POLLIN)
    while waiting:
        for descriptor, _ in poll.poll(POLL_SECONDS * 1000):
            if read(descriptor, control, result, ended):
                poll.unregister(descriptor)
                waiting.discard(descriptor)
        seconds = time.monotonic() - start
        if not ended.stopped and control.fileno() in waiting:
            ended.seconds = seconds
            ended.stopped = over(ceilings, ended, resident_bytes(pid))
            if ended.stopped:
                stop()
        if seconds > ceilings.wall_seconds + DEATH_SECONDS:
            raise SandboxFailure("a killed child did not end")
    return ended


def read(descriptor: int, control: socket.socket, result: int, ended: Ended) -> bool:
    """True when nothing more will come."""
    if descriptor == control.fileno():
        data = control.recv(READ_BYTES)
        if not data:
            raise SandboxFailure("the zygote died during a run")
        news = json.loads(data)
        ended.status, ended.cpu_seconds = news["status"], news["cpu_seconds"]
        return True
    data = os.read(descriptor, READ_BYTES)
    if descriptor == result:
        ended.message += data
    else:
        ended.printed += len(data)
        ended.log += data[: LOG_BYTES - len(ended.log)]
    return not data


def over(ceilings: Ceilings, ended: Ended, resident: int) -> str:
    if ended.seconds > ceilings.wall_seconds:
        return "too_slow"
    if resident > ceilings.resident_bytes:
        return "too_much_memory"
    if len(ended.message) > ceilings.message_bytes or ended.printed > PRINTED_BYTES:
        return "too_much_output"
    return ""


def resident_bytes(pid: int) -> int:
    """0 where the process has gone or hides, as with hidepid; its address space is limited anyway."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0

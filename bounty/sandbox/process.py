"""The zygote seen from outside: start it, and hand one child its inputs.

It is exec'd with a clean environment, so that nothing of the worker (settings, labels, connections) is in the
memory of a child. It ends when its socket closes, however the worker died.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from .codes import SandboxFailure
from .wanted import Wanted
from .watch import Ceilings, Ended, resident_bytes, watch

ROOT = Path(__file__).parents[2]
BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from bounty.sandbox import zygote; zygote.main()"
ANSWER_SECONDS = 60
END_SECONDS = 5
MESSAGE_BYTES = 4096
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
# No secrets, one thread per library, few arenas (they count against the memory limit), no background threads.
# onnxruntime would report every model to its maker, by a thread and a file that children could write to.
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
    "LANG": "C.UTF-8",
    "LOKY_MAX_CPU_COUNT": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "POLARS_ASYNC_THREAD_COUNT": "1",
    "MALLOC_ARENA_MAX": "2",
    "ORT_DISABLE_TELEMETRY": "1",
    "_RJEM_MALLOC_CONF": "background_thread:false",
}


# What a child gets, each in pieces: the block of rows, and the payload.
Inputs = tuple[list[bytes | memoryview], list[bytes]]


@dataclass(frozen=True)
class Request:
    format: str
    batches: int
    memory_bytes: int
    cpu_seconds: int
    wanted: Wanted | None = None


class Zygote:
    def __init__(self) -> None:
        self._owner = os.getpid()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # A session of its own: Ctrl-C is the worker's to handle.
            self._process = subprocess.Popen(  # noqa: S603 -- our own program and arguments, no shell
                [sys.executable, "-I", "-c", BOOT, str(ROOT), str(theirs.fileno())],
                env=ENVIRONMENT,
                cwd="/",
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._control.settimeout(ANSWER_SECONDS)
        try:
            self.landlock: int = self._receive()[0]["landlock"]
        except BaseException:
            self.close()
            raise
        self._resident = resident_bytes(self.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        """False too in a process forked from the one that started it, which must start its own."""
        return self._owner == os.getpid() and self._process.poll() is None

    def close(self) -> None:
        self._control.close()
        if self._owner != os.getpid():
            return
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def run(self, request: Request, inputs: Inputs, wall_seconds: float, message_bytes: int) -> Ended:
        """One child from fork to death. After a SandboxFailure or OSError this zygote is of no more use."""
        with ExitStack() as ours:
            result, log = self._send(request, inputs, ours)
            message, child = self._receive()
            ours.callback(os.close, child)
            ours.callback(kill, child)
            ceilings = Ceilings(wall_seconds, self._resident + request.memory_bytes, message_bytes)
            return watch(self._control, result, log, message["pid"], ceilings, stop=lambda: kill(child))

    def _send(self, request: Request, inputs: Inputs, ours: ExitStack) -> tuple[int, int]:
        """The reading ends of the child's two pipes; what was sent is closed here."""
        with ExitStack() as theirs:
            readers, descriptors = [], []
            for _ in range(2):
                reader, writer = os.pipe()
                ours.callback(os.close, reader)
                theirs.callback(os.close, writer)
                readers.append(reader)
                descriptors.append(writer)
            for pieces in inputs:
                descriptors.append(sealed(pieces))
                theirs.callback(os.close, descriptors[-1])
            socket.send_fds(self._control, [json.dumps(asdict(request)).encode()], descriptors)
        return readers[0], readers[1]

    def _receive(self) -> tuple[dict, int]:
        """A message, and the descriptor that came with it or -1."""
        data, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, 1)
        if not data:
            raise SandboxFailure("the zygote died")
        return json.loads(data), descriptors[0] if descriptors else -1


def sealed(pieces: list[bytes | memoryview]) -> int:
    """A memory file that nobody can change any more, made for one child."""
    descriptor = os.memfd_create("input", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    for piece in pieces:
        view = memoryview(piece)
        while view:
            view = view[os.write(descriptor, view) :]
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
    return descriptor


def kill(child: int) -> None:
    """By the descriptor of the process, so never another one that got its number."""
    try:
        signal.pidfd_send_signal(child, signal.SIGKILL)
    except ProcessLookupError:
        return

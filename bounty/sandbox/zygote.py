"""The process that children are forked from: everything imported, nothing known.

Started by exec with a clean environment, it never holds a row or a model: descriptors come in with a request,
go to the child and are closed. It ends when its socket does, and takes the running child with it.
"""

import gc
import json
import os
import select
import signal
import socket
import sys

from . import guest, preload
from .lockdown import landlock_version

MAX_REQUEST_BYTES = 1 << 16  # with up to 20 labels of 200 characters


def main() -> None:
    """The socket's descriptor is the last argument."""
    control = socket.socket(fileno=int(sys.argv[-1]))
    preload.warm_up()
    gc.collect()
    gc.freeze()
    send(control, {"landlock": landlock_version()})
    while serve(control):
        pass


def serve(control: socket.socket) -> bool:
    """One request; False when the host has gone."""
    data, descriptors, _, _ = socket.recv_fds(control, MAX_REQUEST_BYTES, 4)
    if not data:
        return False
    pid = os.fork()
    if pid == 0:
        guest.main(json.loads(data), *descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    child = os.pidfd_open(pid)
    socket.send_fds(control, [json.dumps({"pid": pid}).encode()], [child])
    alive = watch(control, child)
    if not alive:
        signal.pidfd_send_signal(child, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    os.close(child)
    if alive:
        send(control, {"status": status, "cpu_seconds": usage.ru_utime + usage.ru_stime})
    return alive


def watch(control: socket.socket, child: int) -> bool:
    """Wait for the child's end; False when the host went first (it says nothing meanwhile)."""
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(child, select.POLLIN)
    return all(fd == child for fd, _ in poll.poll())


def send(control: socket.socket, message: dict) -> None:
    try:
        control.send(json.dumps(message).encode())
    except BrokenPipeError:
        sys.exit(0)

"""Waiting for the worker."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
SECONDS, PAUSE = 180, 0.15


class DemoError(Exception):
    """Why the demo cannot go on, in a sentence."""


def wait_for(find: Callable[[], Found | None], late: str) -> Found:
    """What is found, once there is something."""
    deadline = time.monotonic() + SECONDS
    while not (found := find()):
        if time.monotonic() > deadline:
            raise DemoError(f"{late} in {SECONDS} seconds.")
        time.sleep(PAUSE)
    return found

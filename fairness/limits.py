"""What this process may still use: for work on files that strangers made."""

import resource
from pathlib import Path

PAGE = resource.getpagesize()


def limit(seconds: int | None = None, memory_mb: int | None = None) -> None:
    """From now on at most so many seconds of processor time, and so much memory beyond what is in use.

    Who takes more time is ended by the system; memory beyond it is refused (MemoryError). No core is left.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if seconds is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        most = int(used.ru_utime + used.ru_stime) + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))
    if memory_mb is not None:
        most = int(Path("/proc/self/statm").read_text().split()[0]) * PAGE + (memory_mb << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))

"""Memory and processor time of the site's processes while it is under load."""

import itertools
import statistics
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

import psutil

# What a command line holds, and what it is; the first that fits.
KINDS = (
    ("locust", "load"),
    ("bench.load", "measuring"),
    ("gunicorn", "web"),
    ("celery", "worker"),
    ("sandbox", "sandbox"),
    ("postgres", "PostgreSQL"),
    ("redis", "Redis"),
)
EVERY_SECONDS = 2.0
WARM_UP = 1 / 3  # of the time, in which caches fill
# What is not called growth: less than this share of a process, or less than these bytes.
LEAST_SHARE, LEAST_BYTES = 0.1, 16_000_000


@dataclass
class Seen:
    """One process: memory of its own (not shared with others), second by second."""

    kind: str
    pid: int
    memory: list[int] = field(default_factory=list)

    @property
    def quarters(self) -> list[float]:
        """Medians of the four quarters of the time after the warm-up."""
        settled = self.memory[int(len(self.memory) * WARM_UP) :]
        cuts = [len(settled) * quarter // 4 for quarter in range(5)]
        return [statistics.median(settled[a:b]) for a, b in itertools.pairwise(cuts) if b > a]

    @property
    def grew(self) -> float:
        return self.quarters[-1] - self.quarters[0]

    @property
    def grows_steadily(self) -> bool:
        """Whether it was larger in each quarter than in the one before, and by what counts."""
        steps = [later - earlier for earlier, later in itertools.pairwise(self.quarters)]
        counts = self.grew > max(LEAST_BYTES, LEAST_SHARE * self.quarters[0])
        return counts and min(steps) > self.grew / 10


class Watch(threading.Thread):
    """Looks at the supervisor's whole family every two seconds."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.supervisor = psutil.Process().parent()
        self.seen: dict[int, Seen] = {}
        self.cores: dict[str, float] = defaultdict(float)
        self.done = threading.Event()
        self.rounds = 0

    def run(self) -> None:
        last, before, machine = time.monotonic(), {}, busy_seconds()
        started = last
        while not self.done.wait(EVERY_SECONDS):
            for process in self.supervisor.children(recursive=True):
                self.look(process, before)
            last = time.monotonic()
            self.rounds += 1
        self.seconds = last - started
        self.cores["everything on the machine"] = busy_seconds() - machine

    def look(self, process: psutil.Process, before: dict[int, float]) -> None:
        try:
            kind = kind_of(process)
            if process.ppid() in self.seen and self.seen[process.ppid()].kind == "sandbox":
                return  # the run of one submission: its time is the zygote's once it has ended
            used = sum(process.cpu_times()[: 4 if kind == "sandbox" else 2])
            memory = process.memory_full_info().uss
        except psutil.Error:
            return  # it has ended
        seen = self.seen.setdefault(process.pid, Seen(kind, process.pid))
        seen.memory.append(memory)
        # What a process had used before it was first seen belongs to no window, unless it began inside it.
        self.cores[kind] += used - before.get(process.pid, used if self.rounds == 0 else 0.0)
        before[process.pid] = used

    def stop(self) -> None:
        self.done.set()
        self.join()

    def lasting(self) -> list[Seen]:
        """Processes that were there all the time, but for those that measure."""
        return [
            seen
            for seen in self.seen.values()
            if len(seen.memory) >= 0.9 * self.rounds and seen.kind not in ("load", "measuring")
        ]

    def shares(self) -> dict[str, float]:
        """By kind, how many processor cores it kept busy."""
        return {kind: used / self.seconds for kind, used in self.cores.items()}


def kind_of(process: psutil.Process) -> str:
    line = " ".join(process.cmdline()) or process.name()
    return next((kind for text, kind in KINDS if text in line), process.name())


def busy_seconds() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice

"""When a queued job is likely to start: from how long jobs of its kind took lately and how many run at once.

Told in rough steps, from times in whole seconds, as `finished` is shown: of a run on hidden rows it says no
more than that does.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from .jobs import Job, Status
from .models import Worker

RECENT, ENOUGH = 50, 5
STEPS = (5, 10, 15, 20, 30, 45, 60, 120, 180, 240, 300, 600, 900, 1200, 1800, 2700, 3600)
HOUR = 3600


@dataclass(frozen=True)
class Waiting:
    """A job's place in the queue, from one; in about how many seconds a worker takes it, or None."""

    place: int
    seconds: int | None

    @property
    def state(self) -> str:
        return f"{self.place}-{self.seconds}"

    def __str__(self) -> str:
        place = f"number {self.place:,} in the queue"
        return place if self.seconds is None else f"{place}, starts in about {spoken(self.seconds)}"


def spoken(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} seconds"
    unit, size = ("minute", 60) if seconds < HOUR else ("hour", HOUR)
    count = seconds // size
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def roughly(seconds: float) -> int:
    """The next step, or the next full hour."""
    return next((step for step in STEPS if seconds <= step), math.ceil(seconds / HOUR) * HOUR)


def queue_of(jobs: Iterable[Job], at_once: int | None = None) -> dict[int, Waiting]:
    """By id, where those that are queued stand. At most `at_once` of their kind run at the same time."""
    queued = [job for job in jobs if job.status == Status.QUEUED]
    if not queued:
        return {}
    model = type(queued[0])
    step = seconds_a_place(model, at_once)
    ahead = model.objects.filter(status=Status.QUEUED, id__lte=max(job.pk for job in queued))
    places = {pk: place for place, pk in enumerate(ahead.order_by("id").values_list("pk", flat=True), 1)}
    return {
        job.pk: Waiting(places[job.pk], None if step is None else roughly(step * places[job.pk]))
        for job in queued
        if job.pk in places
    }


def seconds_a_place(model: type[Job], at_once: int | None) -> float | None:
    """Where something waits all processes work, and one of them ends every run time over their number."""
    processes = Worker.objects.alive().processes()
    each = run_seconds(model)
    if not processes or each is None:
        return None
    return each / min(processes, at_once or processes)


def run_seconds(model: type[Job]) -> float | None:
    """The median of the latest runs; None where there are too few to say."""
    done = model.objects.filter(status=Status.SCORED, started__isnull=False).order_by("-id")[:RECENT]
    times = [
        math.ceil((end - start).total_seconds()) for start, end in done.values_list("started", "finished")
    ]
    return median(times) if len(times) >= ENOUGH else None

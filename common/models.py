"""Who works: what the platform remembers of the workers themselves."""

from datetime import timedelta

from django.db import models
from django.db.models.functions import Now

# A worker writes every few seconds: one that has been silent for longer than this is taken for dead.
ALIVE_SECONDS = 20


class WorkerQuerySet(models.QuerySet):
    def alive(self) -> "WorkerQuerySet":
        return self.filter(seen__gt=Now() - timedelta(seconds=ALIVE_SECONDS))

    def processes(self) -> int:
        """How many jobs they do at once."""
        return self.aggregate(total=models.Sum("processes", default=0))["total"]


class Worker(models.Model):
    """A worker as it last showed itself, by its host and process: it writes its own row."""

    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    processes = models.PositiveSmallIntegerField()
    version = models.CharField(max_length=40)
    started = models.DateTimeField()
    seen = models.DateTimeField()

    objects = WorkerQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "pid"], name="worker_once")]

    def __str__(self) -> str:
        return f"{self.host} {self.pid}"

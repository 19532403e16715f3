"""Whether the site works and how long one waits: nothing of single bounties, teams or people."""

import math
from datetime import timedelta

from django.db import DatabaseError
from django.db.models import Min
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view, authentication_classes, permission_classes, throttle_classes
from rest_framework.response import Response

from audits.models import Audit
from bounty.models import Check, Submission, TableUpload
from common.jobs import Job, Status
from common.models import Worker
from common.waiting import ENOUGH

from . import health

QUEUES: dict[str, type[Job]] = {
    "submissions": Submission,
    "dry_runs": Check,
    "tables": TableUpload,
    "audits": Audit,
}
OTHERS = {"dry_runs": "dry run", "tables": "table", "audits": "audit"}
UNITS = (("h", 3600), ("min", 60), ("s", 1))
VERDICTS, WITHIN = 200, timedelta(hours=24)
NUMBERS_SECONDS, PARTS_SECONDS = 2.0, 10.0
STATES = {"idle": "Everything works", "busy": "Everything works, some wait", "degraded": "Something is wrong"}
IDLE = "Nothing waits: what is sent now is judged at once."
BUSY = "Jobs wait for a free worker and keep their place; the page of a submission says when it may start."
NO_WORKERS = (
    "No worker runs at the moment. What is sent is taken and keeps its place; verdicts come when one is back."
)
PARTS = {
    "database": "The database does not answer, so pages cannot be shown. What was sent before is safe.",
    "broker": "The queue's messages do not get through: what is sent is safe, and may start late.",
    "storage": "Files cannot be stored at the moment: sending files may fail. Try again in a while.",
    "migrations": "The site is being brought up to date. This takes a few minutes.",
}


def read_numbers() -> dict:
    """What the database says of queues, waiting times and workers, where it answers in time."""
    if health.what_is_down("database"):
        raise DatabaseError
    waiting = {name: model.objects.filter(status=Status.QUEUED) for name, model in QUEUES.items()}
    first = [jobs.aggregate(first=Min("created"))["first"] for jobs in waiting.values()]
    oldest = min(filter(None, first), default=None)
    alive = Worker.objects.alive()
    return {
        "queue": {name: jobs.count() for name, jobs in waiting.items()},
        "oldest_seconds": oldest and whole(timezone.now() - oldest),
        "verdict": verdict_times(),
        "workers": alive.count(),
        "processes": alive.processes(),
    }


def whole(time_passed: timedelta) -> int:
    return max(0, math.ceil(time_passed.total_seconds()))


def verdict_times() -> dict | None:
    """From being sent to the verdict, of the latest ones; None where they are too few to speak for all."""
    latest = Submission.objects.filter(status=Status.SCORED).order_by("-id")[:VERDICTS]
    since = timezone.now() - WITHIN
    times = sorted(
        whole(end - sent) for sent, end in latest.values_list("created", "finished") if end > since
    )
    if len(times) < ENOUGH:
        return None
    return {"n": len(times), "median_seconds": at(times, 0.5), "p95_seconds": at(times, 0.95)}


def at(times: list[int], share: float) -> int:
    """The smallest time within which at least this share had their verdict."""
    return times[math.ceil(share * len(times)) - 1]


numbers = health.Kept(read_numbers, NUMBERS_SECONDS)
parts = health.Kept(health.what_is_down, PARTS_SECONDS)


def status() -> dict:
    down = parts()
    found = None
    if not {"database", "migrations"} & set(down):
        try:
            found = numbers()
        except DatabaseError:
            down = [*down, "database"]
    state, sentences = judged(down, found)
    empty = {"queue": None, "oldest_seconds": None, "verdict": None, "workers": None, "processes": None}
    return {"state": state, "explanation": " ".join(sentences), "down": down, **(found or empty)}


def judged(down: list[str], found: dict | None) -> tuple[str, list[str]]:
    wrong = [PARTS[name] for name in down]
    if found and not found["workers"]:
        wrong.append(NO_WORKERS)
    if wrong:
        return "degraded", wrong
    return ("busy", [BUSY]) if found and any(found["queue"].values()) else ("idle", [IDLE])


@never_cache
def page(request: HttpRequest) -> HttpResponse:
    found = status()
    context = found | {"title": STATES[found["state"]], "stats": stats(found), "now": timezone.now()}
    if request.htmx:
        return render(request, "status_now.html", context)
    # Without the database nobody can be found to be signed in.
    return render(request, "status_down.html" if found["queue"] is None else "status.html", context)


def stats(found: dict) -> list[dict]:
    """The numbers in words; none where the database does not answer."""
    if found["queue"] is None:
        return []
    verdict, waiting = found["verdict"], found["queue"]
    others = ", ".join(counted(waiting[name], noun) for name, noun in OTHERS.items())
    times = "too few in the last day to say"
    if verdict:
        times = f"median; 95 % within {spoken(verdict['p95_seconds'])}, of the last {verdict['n']} in a day"
    processes = f"{counted(found['processes'], 'job')} at once"
    return [
        {"label": "Submissions waiting", "value": f"{waiting['submissions']:,}", "note": f"and {others}"},
        {"label": "Longest wait now", "value": spoken(found["oldest_seconds"]), "note": "of all that waits"},
        {"label": "Time to a verdict", "value": spoken(verdict and verdict["median_seconds"]), "note": times},
        {"label": "Workers", "value": f"{found['workers']:,}", "note": processes},
    ]


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def spoken(seconds: int | None) -> str:
    if seconds is None:
        return "–"
    unit, size = next((name, size) for name, size in UNITS if seconds >= 2 * size or size == 1)
    return f"{seconds // size}\N{NO-BREAK SPACE}{unit}"


class QueueSerializer(serializers.Serializer):
    submissions = serializers.IntegerField()
    dry_runs = serializers.IntegerField()
    tables = serializers.IntegerField()
    audits = serializers.IntegerField()


class VerdictTimesSerializer(serializers.Serializer):
    n = serializers.IntegerField(help_text="Verdicts that this rests on.")
    median_seconds = serializers.IntegerField()
    p95_seconds = serializers.IntegerField(help_text="Of 95 %, the longest.")


class StatusSerializer(serializers.Serializer):
    """Numbers are null where the database does not answer."""

    state = serializers.ChoiceField(list(STATES))
    explanation = serializers.CharField()
    down = serializers.ListField(child=serializers.ChoiceField(list(health.CHECKS)))
    queue = QueueSerializer(allow_null=True, help_text="Jobs that wait for a worker.")
    oldest_seconds = serializers.IntegerField(allow_null=True, help_text="How long the oldest of them waits.")
    verdict = VerdictTimesSerializer(
        allow_null=True, help_text="From being sent to the verdict, of the last day; null where too few."
    )
    workers = serializers.IntegerField(allow_null=True)
    processes = serializers.IntegerField(allow_null=True, help_text="Jobs they can do at once.")


@extend_schema(
    operation_id="status",
    summary="Whether the site works, and how long one waits",
    responses=StatusSerializer,
)
@never_cache
@api_view(["GET"])
@authentication_classes([])
@permission_classes([])
@throttle_classes([])
def call(request) -> Response:
    """Without a throttle, whose counts are kept in the broker: it answers without that too."""
    return Response(StatusSerializer(status()).data)

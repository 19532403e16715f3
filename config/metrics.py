"""/metrics for Prometheus: requests as the web processes counted them, everything else from the database.

The processes of one gunicorn share a folder (config.gunicorn); without one this process tells of itself.
"""

import os

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector

from .job_metrics import Everything

FOLDER, SLOT = "PROMETHEUS_MULTIPROC_DIR", "METRICS_SLOT"
REQUEST_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

if FOLDER in os.environ:
    # Files by the place of a process rather than by its number: who comes after a dead one goes on in its
    # files, so that none pile up and no count falls.
    values.ValueClass = values.MultiProcessValue(lambda: os.environ[SLOT])

OWN = CollectorRegistry()
REQUESTS = Counter(
    "faultline_http_requests", "Requests answered.", ["method", "route", "status"], registry=OWN
)
SECONDS = Histogram(
    "faultline_http_request_seconds",
    "Time to the answer, or to the start of a long one.",
    ["method", "route"],
    buckets=REQUEST_SECONDS,
    registry=OWN,
)


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    REQUESTS.labels(method, route, status).inc()
    SECONDS.labels(method, route).observe(seconds)


@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """To everybody without the token there is no such page."""
    given = request.headers.get("Authorization", "")
    if not settings.METRICS_TOKEN or not constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}"):
        raise Http404
    return HttpResponse(text(), content_type=CONTENT_TYPE_LATEST)


def text() -> bytes:
    registry = OWN
    if FOLDER in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    whole = CollectorRegistry()
    whole.register(Everything())
    return generate_latest(registry) + generate_latest(whole)

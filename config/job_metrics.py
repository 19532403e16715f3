"""The state of the whole system as numbers, read from the database at the moment they are asked for.

So any web process tells the truth for all of them, also after a restart.
"""

import logging
from collections import Counter
from collections.abc import Iterator

from django.db import DatabaseError, connection
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from audits.models import Audit
from bounty.evaluation import JOBS
from bounty.models import Submission
from common.jobs import UNFINISHED, Job, Status, kind_of
from common.models import Worker

from . import health

logger = logging.getLogger(__name__)

KINDS: tuple[type[Job], ...] = (*JOBS, Audit)
VERDICT_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
# Of the rejections, those where the sandbox ended the run, or it ended itself.
KILLS = ("too_slow", "too_much_memory", "too_much_output", "crashed")
PER_KIND = """
    SELECT status, error, count(*), sum(lease_expiries), date_part('epoch', now() - min(created))
    FROM {table} GROUP BY status, error
"""
# One pass over the table: outcomes and the histogram together. What went wrong on hidden rows alone is told
# to nobody but the log, in its first line.
OF_SUBMISSIONS = """
    SELECT kind, status, code, reason, width_bucket(seconds, %s) AS bucket,
        count(*), sum(seconds), sum(lease_expiries), date_part('epoch', now() - min(created))
    FROM (
        SELECT *, date_part('epoch', finished - created) AS seconds,
            CASE error WHEN 'failed_on_hidden_rows' THEN split_part(log, chr(10), 1) ELSE error END AS reason
        FROM {table}
    ) AS timed GROUP BY kind, status, code, reason, bucket
"""


def rows(query: str, model: type[Job], *arguments: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query.format(table=model._meta.db_table), arguments)
        return cursor.fetchall()


class Everything(Collector):
    def collect(self) -> Iterator[Metric]:
        down = health.what_is_down()
        up = GaugeMetricFamily("faultline_up", "Whether what the site needs is there.", labels=["part"])
        for name in health.CHECKS:
            if name != "migrations" or "database" not in down:
                up.add_metric([name], name not in down)
        yield up
        if "database" in down or "migrations" in down:
            return
        try:
            yield from [*of_workers(), *Jobs().collect()]
        except DatabaseError:
            logger.exception("the numbers of the database are missing")


def of_workers() -> Iterator[Metric]:
    alive = Worker.objects.alive()
    yield GaugeMetricFamily("faultline_workers", "Workers alive.", value=alive.count())
    yield GaugeMetricFamily(
        "faultline_worker_processes", "Jobs that they can do at once.", value=alive.processes()
    )


class Jobs:
    def __init__(self) -> None:
        self.jobs, self.oldest, self.expiries, self.kills = Counter(), {}, Counter(), Counter()
        self.outcomes, self.buckets, self.seconds = Counter(), Counter(), 0.0

    def collect(self) -> list[Metric]:
        for model in KINDS:
            if model is not Submission:
                for row in rows(PER_KIND, model):
                    self.count(kind_of(model), *row)
        for kind, status, code, reason, bucket, n, seconds, expiries, age in rows(
            OF_SUBMISSIONS, Submission, list(VERDICT_SECONDS)
        ):
            self.count(kind_of(Submission), status, reason, n, expiries, age)
            if status not in UNFINISHED:
                self.outcomes[kind, code or status] += n
            if status == Status.SCORED:
                self.buckets[bucket] += n
                self.seconds += seconds
        return [*self.of_jobs(), *self.of_submissions(), self.histogram()]

    def count(self, kind: str, status: str, reason: str, n: int, expiries: int, age: float) -> None:
        self.jobs[kind, status] += n
        self.expiries[kind] += expiries
        if status == Status.QUEUED:
            self.oldest[kind] = max(age, self.oldest.get(kind, 0.0))
        if status == Status.REJECTED and reason in KILLS:
            self.kills[reason] += n

    def of_jobs(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily("faultline_jobs", "Jobs by kind and status.", labels=["kind", "status"])
        oldest = GaugeMetricFamily(
            "faultline_oldest_queued_seconds", "How long the oldest job has waited.", labels=["kind"]
        )
        expiries = CounterMetricFamily(
            "faultline_lease_expiries", "Leases that ran out under a worker.", labels=["kind"]
        )
        for kind in map(kind_of, KINDS):
            for status in Status.values:
                jobs.add_metric([kind, status], self.jobs[kind, status])
            oldest.add_metric([kind], self.oldest.get(kind, 0.0))
            expiries.add_metric([kind], self.expiries[kind])
        kills = CounterMetricFamily(
            "faultline_sandbox_kills",
            "Runs the sandbox ended, of submissions and dry runs.",
            labels=["reason"],
        )
        for reason in KILLS:
            kills.add_metric([reason], self.kills[reason])
        yield from (jobs, oldest, expiries, kills)

    def of_submissions(self) -> Iterator[Metric]:
        outcomes = CounterMetricFamily(
            "faultline_submissions", "Submissions finished, by outcome.", labels=["kind", "outcome"]
        )
        for kind in Submission.Kind.values:
            for outcome in (*Submission.Code.values, Status.REJECTED, Status.FAILED):
                outcomes.add_metric([kind, outcome], self.outcomes[kind, outcome])
        yield outcomes

    def histogram(self) -> Metric:
        """From being sent to the verdict."""
        total, cumulative = 0, []
        for place, bound in enumerate((*VERDICT_SECONDS, "+Inf")):
            total += self.buckets[place]
            cumulative.append((str(bound), total))
        return HistogramMetricFamily(
            "faultline_verdict_seconds", "From being sent to the verdict.", cumulative, self.seconds
        )

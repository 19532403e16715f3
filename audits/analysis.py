"""From a queued audit to its result, under a lease (common.jobs) and with no transaction open while it runs.

One audit runs at a time in the whole system, so that other worker processes stay free for bounties.
"""

import logging
import time

from django.conf import settings
from django.db import IntegrityError

from common import jobs
from common.files import local_copy
from common.jobs import Status, finish, give_back, heartbeat, held, logged
from fairness.audit import AuditRun, file_hash, run_audit
from fairness.columns import TableError

from . import store
from .models import Audit

logger = logging.getLogger(__name__)

PROGRESS_SECONDS = 1.0


class LeaseLost(Exception):
    """The audit was changed, deleted or taken by another worker: what is being computed is nobody's."""


def work() -> bool:
    """Do the next waiting audit; False when there is none, or one is running."""
    audit = claim()
    if audit is None:
        return False
    with logged(audit):
        do(audit)
    return True


def do(audit: Audit) -> None:
    try:
        with heartbeat(audit):
            run(audit)
    except LeaseLost:
        logger.info("it was changed or taken while it ran")
    except TableError as error:
        finish(audit, Status.REJECTED, error="bad_table", error_detail=str(error)[:500], stage="", progress=0)
    except SystemExit:
        jobs.hand_back(audit)
        raise
    except Exception as error:
        logger.exception("failed at try %s", audit.tries)
        give_back(audit, error)


def claim() -> Audit | None:
    if someone_runs():
        return None
    try:
        return jobs.claim(Audit)
    except IntegrityError:
        # Another worker claimed at the same moment: the database lets one run.
        return None


def someone_runs() -> bool:
    return Audit.objects.filter(status=Status.RUNNING).exists()


def run(audit: Audit) -> None:
    told = Told(audit)
    told("Fetching the file", 0.0)
    with local_copy(audit.file) as path:
        if file_hash(path) != audit.file_sha256:
            raise store.DamagedFile(audit.file.name)
        found = run_audit(
            path, audit.get_kind(), audit.roles, audit.settings_of(), told, max_bytes=settings.AUDIT_MAX_BYTES
        )
    save(audit, found)


def save(audit: Audit, found: AuditRun) -> None:
    """Store what was found, or leave nothing behind where the lease is lost."""
    facts = store.write(audit, found.cells, found.rows)
    kept = False
    try:
        kept = finish(
            audit,
            Status.SCORED,
            result=found.result,
            card=card_of(found.result),
            stage="",
            progress=1,
            log="",
            **facts,
        )
    finally:
        if not kept:
            store.discard(facts["cells"], facts["rows"])


class Told:
    """Writes how far an audit is, at most once a second, and ends the work when its lease is lost."""

    def __init__(self, audit: Audit) -> None:
        self.audit, self.due = audit, 0.0

    def __call__(self, stage: str, share: float) -> None:
        now = time.monotonic()
        if now < self.due:
            return
        self.due = now + PROGRESS_SECONDS
        if not held(self.audit).update(stage=stage[:100], progress=share):
            raise LeaseLost


def card_of(result: dict) -> dict:
    """What lists show to all: the headline of the first system over everyone, and the group columns."""
    headline = next(metric for metric in result["metrics"] if metric["key"] == result["headline"])
    everyone = next(
        table["rows"][0] for table in result["tables"] if not table["columns"] and not table["where"]
    )
    offered = result["disclosure"]["columns"]
    groups = [
        column for column in result["columns"] if column["role"] == "group" and column["name"] in offered
    ]
    return {
        "metric": headline["name"],
        "system": result["systems"][0],
        "systems": len(result["systems"]),
        **{name: everyone[name] for name in ("value", "low", "high")},
        "rows": result["data"]["kept"],
        "clusters": result["data"]["people"],
        "groups": [{"name": column["name"], "mark": column["mark"]} for column in groups],
    }


def reap() -> int:
    """Queue audits again whose lease ran out, and fail those on their last try; how many wait."""
    jobs.reap_lost(Audit)
    return Audit.objects.filter(status=Status.QUEUED).count()

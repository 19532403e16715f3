"""Credit after the close: some seconds at a time, behind everybody's work, written once, and recomputable."""

import numpy as np
import pytest
from django.db import connection

from bounty import closing, credit, drafts, evaluation, intake
from bounty.credit import FEWEST_PAIRS, MOST_PAIRS, WORK, pairs_of
from bounty.entry import Group
from bounty.models import Bounty, Credit
from common import jobs
from common.jobs import Status
from fairness.credit import Plan
from tests.bounty.fixes import open_repairable, send_fix

YOUNG, OLD = "age < 30 AND home = 'rent'", "age >= 60"


@pytest.fixture
def closed(cast, run_worker):
    bounty = open_repairable(cast.owner, run_worker)
    send_fix(cast.participant, bounty, YOUNG, "1")
    send_fix(cast.rival, bounty, OLD, "0")
    run_worker()
    drafts.close_bounty(bounty)
    evaluation.reap()
    bounty.refresh_from_db()
    assert bounty.finalised_at
    return bounty


def published(bounty: Bounty) -> list[dict] | None:
    bounty.refresh_from_db()
    return bounty.final.get("credit")


def test_it_is_published_by_a_job_of_its_own(closed, run_worker):
    assert published(closed) is None and Credit.objects.get().status == Status.QUEUED
    assert run_worker() == 1
    assert published(closed) == credit.credit_of(closed)
    assert {row["team"] for row in published(closed)} == {"participant", "rival"}
    assert all(row["value"] > 0 for row in published(closed))
    job = Credit.objects.get()
    assert (job.status, job.found) == (Status.SCORED, [])
    evaluation.reap()
    assert Credit.objects.count() == 1 and run_worker() == 0


def test_a_slice_ends_and_verdicts_go_first(closed, cast, sandbox, run_worker, monkeypatch):
    monkeypatch.setattr(credit, "SLICE_SECONDS", 0.0)
    other = open_without_credit(cast, sandbox)
    find, _ = intake.submit(cast.participant, other, Group("rule", YOUNG))
    assert evaluation.work(sandbox)
    find.refresh_from_db()
    assert find.status == Status.SCORED
    # Four sets of two teams, one at a time.
    for done in (1, 2, 3):
        assert evaluation.work(sandbox)
        job = Credit.objects.get()
        assert (len(job.found), job.status, job.lease, job.tries) == (done, Status.QUEUED, None, 0)
    assert published(closed) is None
    assert evaluation.work(sandbox)
    assert published(closed) == credit.credit_of(closed)


def open_without_credit(cast, sandbox) -> Bounty:
    """Another open bounty, made while the credit of the first one waits."""
    waiting = Credit.objects.get()
    Credit.objects.update(status=Status.SCORED)
    bounty = open_repairable(cast.owner, lambda: evaluation.work(sandbox), slug="other")
    Credit.objects.filter(pk=waiting.pk).update(status=Status.QUEUED)
    return bounty


@pytest.mark.django_db(transaction=True)
def test_it_holds_no_lock_while_it_computes(closed, monkeypatch):
    held, step = [], Plan.step

    def looked_at(plan, *args):
        held.append(connection.in_atomic_block)
        return step(plan, *args)

    monkeypatch.setattr(Plan, "step", looked_at)
    credit.run(claimed())
    assert held == [False] * 4 and published(closed)


def claimed() -> Credit:
    return jobs.claim(Credit)


def test_a_lost_lease_publishes_nothing(closed):
    job = claimed()
    Credit.objects.update(lease=None, leased_until=None, status=Status.QUEUED)
    credit.run(job)
    assert published(closed) is None
    credit.run(claimed())
    assert published(closed) is not None


def test_what_is_published_stays(closed, run_worker):
    assert credit.add_credit(closed.pk)
    first = published(closed)
    Credit.objects.filter(bounty=closed).update(found=[[0.0], [1.0], [2.0]])
    run_worker()
    assert published(closed) == first and not credit.add_credit(closed.pk)
    assert Credit.objects.get().status == Status.SCORED


def test_a_bounty_without_fixes_has_no_credit(cast, open_bounty, run_worker):
    drafts.close_bounty(open_bounty)
    assert closing.finalise(open_bounty.pk)
    credit.make_jobs()
    run_worker()
    assert published(open_bounty) == []


def test_how_many_orders_are_drawn_goes_by_the_work():
    assert pairs_of(0, 0, 10_000) is None and pairs_of(12, 12, 20_000) is None
    assert pairs_of(13, 26, 20_000) == MOST_PAIRS
    assert pairs_of(12, 240, 1_000_000) == FEWEST_PAIRS == pairs_of(300, 900, 1_000_000)
    fixes, rows = 60, 100_000
    assert fixes * rows * 21 * pairs_of(20, fixes, rows) == pytest.approx(WORK, rel=0.05)


def test_drawn_orders_add_up_to_what_the_model_gained(closed, monkeypatch, run_worker):
    exact = {row["team"]: row["value"] for row in credit.credit_of(closed)}
    monkeypatch.setattr(credit, "WORK", 0)
    run_worker()
    drawn = published(closed)
    assert drawn == credit.credit_of(closed)
    assert np.isclose(sum(row["value"] for row in drawn), sum(exact.values()))
    for row in drawn:
        assert row["low"] - 1e-9 <= exact[row["team"]] <= row["high"] + 1e-9

"""A waiting job's place and when it is likely to start: roughly, and only where that is known."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now

from audits.models import Audit
from bounty.entry import Group
from bounty.intake import submit
from bounty.models import Submission
from common.jobs import Status
from common.models import Worker
from common.waiting import ENOUGH, Waiting, queue_of, roughly


@pytest.fixture
def worker(db):
    return Worker.objects.create(
        host="one", pid=1, processes=2, version="0", started=Now(), seen=Now() + timedelta(minutes=5)
    )


@pytest.fixture
def ran(cast, open_bounty, run_worker):
    """Enough submissions that took twelve seconds each, by teams of their own."""
    for number in range(ENOUGH):
        submit(cast.participant, open_bounty, Group("rule", f"age < {30 + number}"))
        run_worker()
    Submission.objects.update(started=F("finished") - timedelta(seconds=11, milliseconds=300))


@pytest.fixture
def waiting(cast, open_bounty):
    rules = ["age < 40", "age < 41"]
    found = [
        submit(user, open_bounty, Group("rule", rule))[0]
        for rule in rules
        for user in (cast.participant, cast.rival)
    ]
    return sorted(found, key=lambda submission: submission.pk)


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.2, 5), (5, 5), (5.1, 10), (61, 120), (3600, 3600), (3601, 7200), (9000, 10800)]
)
def test_times_are_told_in_steps(seconds, told):
    assert roughly(seconds) == told


@pytest.mark.parametrize(
    ("place", "seconds", "text"),
    [
        (1, 20, "number 1 in the queue, starts in about 20 seconds"),
        (1200, 60, "number 1,200 in the queue, starts in about 1 minute"),
        (3, 2700, "number 3 in the queue, starts in about 45 minutes"),
        (3, 7200, "number 3 in the queue, starts in about 2 hours"),
        (3, None, "number 3 in the queue"),
    ],
)
def test_it_is_said_in_words(place, seconds, text):
    assert str(Waiting(place, seconds)) == text


def test_the_start_follows_from_the_place_the_run_times_and_the_processes(worker, ran, waiting):
    # Twelve whole seconds over two processes: six a place.
    queue = queue_of(waiting)
    assert [queue[job.pk] for job in waiting] == [
        Waiting(1, 10),
        Waiting(2, 15),
        Waiting(3, 20),
        Waiting(4, 30),
    ]
    Worker.objects.update(processes=12)
    assert queue_of(waiting)[waiting[3].pk] == Waiting(4, 5)


def test_running_ones_have_no_place_and_others_move_up(worker, ran, waiting):
    Submission.objects.filter(pk=waiting[0].pk).update(status=Status.RUNNING)
    waiting[0].refresh_from_db()
    queue = queue_of(waiting)
    assert waiting[0].pk not in queue and queue[waiting[1].pk].place == 1


def test_without_workers_or_enough_runs_nothing_is_promised(worker, ran, waiting):
    Worker.objects.update(seen=Now() - timedelta(minutes=1))
    assert queue_of(waiting)[waiting[0].pk] == Waiting(1, None)
    Worker.objects.update(seen=Now())
    assert queue_of(waiting)[waiting[0].pk].seconds == 10
    first = Submission.objects.filter(status=Status.SCORED).earliest("id")
    Submission.objects.filter(pk=first.pk).update(started=None)
    assert queue_of(waiting)[waiting[0].pk] == Waiting(1, None)


def test_run_times_show_in_whole_seconds_and_steps_alone(worker, ran, waiting):
    """What a run on hidden rows took cannot be read off more finely than from `finished`."""
    before = queue_of(waiting)
    Submission.objects.filter(status=Status.SCORED).update(
        started=F("finished") - timedelta(seconds=11, milliseconds=900)
    )
    assert queue_of(waiting) == before


def test_pages_and_api_say_it_to_the_team(client, cast, worker, ran, waiting):
    client.force_login(cast.rival)
    own = next(job for job in waiting if job.team.user == cast.rival)
    words = str(queue_of([own])[own.pk])
    assert "starts in about" in words
    assert words in client.get(f"/submissions/{own.pk}/").content.decode()
    assert words in client.get(f"/bounties/{own.bounty.slug}/submissions/").content.decode()
    answer = client.get(f"/api/v1/submissions/{own.pk}/").json()
    listed = client.get(f"/api/v1/bounties/{own.bounty.slug}/submissions/").json()["results"]
    told = {
        "queue_position": queue_of([own])[own.pk].place,
        "starts_in_seconds": queue_of([own])[own.pk].seconds,
    }
    assert {name: answer[name] for name in told} == told
    assert told in [{name: row[name] for name in told} for row in listed]


def test_a_page_that_knows_it_is_not_sent_again_until_it_changes(client, cast, worker, ran, waiting):
    client.force_login(cast.rival)
    own = next(job for job in waiting if job.team.user == cast.rival)
    state = client.get(f"/submissions/{own.pk}/").context["state"]
    asked = {"path": f"/submissions/{own.pk}/", "data": {"seen": state}, "headers": {"HX-Request": "true"}}
    assert client.get(**asked).status_code == 204
    Worker.objects.update(processes=1)
    assert client.get(**asked).status_code == 200


def test_an_audit_waits_for_one_at_a_time(client, cast, worker):
    Worker.objects.update(processes=8)
    audits = [
        Audit.objects.create(owner=cast.owner, kind="speech", title=f"Audit {number}", status="queued")
        for number in range(2)
    ]
    assert [queue_of(audits, at_once=1)[audit.pk] for audit in audits] == [Waiting(1, None), Waiting(2, None)]
    client.force_login(cast.owner)
    assert "number 2 in the queue" in client.get(f"/audits/{audits[1].key}/").content.decode()

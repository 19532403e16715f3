"""/metrics: for whoever has the token, and true for the whole system."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from prometheus_client.parser import text_string_to_metric_families

from bounty.entry import Group
from bounty.intake import submit
from bounty.models import Check, Submission
from common import jobs
from common.jobs import Status
from common.models import Worker
from config import health

TOKEN = "a-token-for-prometheus"


@pytest.fixture(autouse=True)
def token(settings, monkeypatch):
    settings.METRICS_TOKEN = TOKEN
    monkeypatch.setattr(health, "asked", {})


@pytest.fixture
def scrape(client, db):
    def scrape() -> dict[tuple, float]:
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200 and answer["Content-Type"].startswith("text/plain")
        families = text_string_to_metric_families(answer.content.decode())
        samples = [sample for family in families for sample in family.samples]
        return {(s.name, *s.labels.values()): s.value for s in samples}

    return scrape


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", f"Token {TOKEN}", TOKEN, f"Bearer {TOKEN} "])
def test_without_the_token_there_is_no_such_page(client, db, given):
    assert client.get("/metrics", headers={"Authorization": given} if given else {}).status_code == 404


@pytest.mark.parametrize("given", ["Bearer ", "Bearer", f"Bearer {TOKEN}"])
def test_where_no_token_is_set_there_is_no_such_page_at_all(client, db, settings, given):
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": given}).status_code == 404


def test_what_it_says_is_what_the_database_says(cast, open_bounty, run_worker, scrape):
    before = scrape()
    for user, rule in ((cast.participant, "age < 30 AND home = 'rent'"), (cast.rival, "age < 0")):
        submit(user, open_bounty, Group("rule", rule))
    Submission.objects.filter(team__user=cast.rival).update(created=Now() - timedelta(seconds=90))
    waiting = scrape()
    assert waiting["faultline_jobs", "submission", "queued"] == 2
    assert 80 <= waiting["faultline_oldest_queued_seconds", "submission"] < 150
    run_worker()
    found = scrape()
    assert found["faultline_jobs", "submission", "queued"] == 0
    assert found["faultline_oldest_queued_seconds", "submission"] == 0
    assert found["faultline_submissions_total", "find", "accepted"] == 1
    assert found["faultline_submissions_total", "find", "rejected"] == 1
    assert found["faultline_jobs", "table_upload", "scored"] == 1
    assert found["faultline_verdict_seconds_count",] == 1
    assert found["faultline_verdict_seconds_bucket", "+Inf"] == 1
    accepted = Submission.objects.get(accepted=True)
    assert found["faultline_verdict_seconds_sum",] == pytest.approx(accepted.seconds)
    assert before["faultline_verdict_seconds_count",] == 0


def test_the_histogram_is_cumulative(cast, open_bounty, run_worker, scrape):
    for rule in ("age < 30", "age > 60", "income < 20000"):
        submit(cast.participant, open_bounty, Group("rule", rule))
        run_worker()
    times = dict(
        zip(Submission.objects.order_by("id").values_list("pk", flat=True), (0.7, 7, 7000), strict=True)
    )
    for pk, seconds in times.items():
        sent = Submission.objects.get(pk=pk).finished - timedelta(seconds=seconds)
        Submission.objects.filter(pk=pk).update(created=sent)
    found = scrape()
    bounds = ("0.5", "1.0", "5.0", "10.0", "3600.0", "+Inf")
    assert [found["faultline_verdict_seconds_bucket", bound] for bound in bounds] == [0, 1, 1, 2, 2, 3]
    assert found["faultline_verdict_seconds_sum",] == pytest.approx(7007.7)


def test_runs_that_the_sandbox_ended_are_counted_by_reason(cast, open_bounty, run_worker, scrape):
    submission, _ = submit(cast.participant, open_bounty, Group("rule", "age < 30"))
    run_worker()
    rejected = {"status": Status.REJECTED, "accepted": None, "code": ""}
    Submission.objects.update(**rejected, error="too_slow")
    assert scrape()["faultline_sandbox_kills_total", "too_slow"] == 1
    Submission.objects.update(error="failed_on_hidden_rows", log="too_much_memory\nprinted")
    Check.objects.create(team=submission.team, group_format="onnx", status=Status.REJECTED, error="crashed")
    Check.objects.create(
        team=submission.team, group_format="onnx", status=Status.REJECTED, error="rule_error"
    )
    found = scrape()
    reasons = ("too_slow", "too_much_memory", "too_much_output", "crashed")
    assert [found["faultline_sandbox_kills_total", reason] for reason in reasons] == [0, 1, 0, 1]


def test_a_lease_that_runs_out_is_counted_and_stays_counted(cast, open_bounty, scrape, settings):
    submission, _ = submit(cast.participant, open_bounty, Group("rule", "age < 30"))
    for expiries in range(1, settings.JOB_TRIES + 1):
        assert jobs.claim(Submission).pk == submission.pk
        jobs.reap_lost(Submission)
        assert Submission.objects.get().lease_expiries == expiries - 1
        Submission.objects.update(leased_until=Now() - timedelta(seconds=1))
        jobs.reap_lost(Submission)
        jobs.reap_lost(Submission)
        assert scrape()["faultline_lease_expiries_total", "submission"] == expiries
    found = scrape()
    assert found["faultline_jobs", "submission", "failed"] == 1
    assert found["faultline_submissions_total", "find", "failed"] == 1


def test_workers_count_while_they_are_seen(db, scrape):
    for host, silent in (("one", 1), ("two", 3), ("dead", 60)):
        seen = Now() - timedelta(seconds=silent)
        Worker.objects.create(host=host, pid=1, processes=4, version="0", started=Now(), seen=seen)
    found = scrape()
    assert (found["faultline_workers",], found["faultline_worker_processes",]) == (2, 8)


def test_what_is_down_is_said_and_the_rest_is_left_out(scrape, monkeypatch):
    def refuse() -> None:
        raise OSError

    monkeypatch.setitem(health.CHECKS, "database", refuse)
    found = scrape()
    assert (found["faultline_up", "database"], found["faultline_up", "broker"]) == (0, 1)
    assert not any(name[0] == "faultline_jobs" for name in found)


def test_requests_are_counted_by_route_method_and_status(client, scrape):
    def count(found: dict) -> float:
        return found.get(("faultline_http_requests_total", "GET", "none", "404"), 0)

    before = count(scrape())
    client.get("/nowhere/")
    client.get("/nowhere/else/")
    found = scrape()
    assert count(found) == before + 2
    assert found["faultline_http_request_seconds_count", "GET", "none"] >= 2


def test_no_address_makes_a_label_of_its_own(client, scrape):
    before = set(scrape())
    for number in range(5):
        client.get(f"/made/up/{number}/")
        client.generic(f"VERB{number}", "/")
    new = {name[1:3] for name in set(scrape()) - before if name[0] == "faultline_http_requests_total"}
    assert new <= {("GET", "none"), ("other", "home"), ("GET", "metrics")}

"""What stands in the log: who asked for what and which job it was for, and nothing that is a secret."""

import io
import json
import logging

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse
from knox.models import get_token_model

from bounty.entry import Group
from bounty.intake import submit
from common.context import about, facts
from config import logs
from config.requests import HEADER, WELL_FORMED

SECRET = "5up3r-53cret"


class Log:
    """What a handler with our filter and formatter writes."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(formatter)
        self.handler.addFilter(logs.InContext())

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture(params=[logs.Line, logs.Json])
def either(request):
    yield from attached(Log(request.param()))


@pytest.fixture
def log():
    yield from attached(Log(logs.Json()))


def attached(log: Log):
    root = logging.getLogger()
    root.addHandler(log.handler)
    yield log
    root.removeHandler(log.handler)


def test_a_line_says_what_the_work_is_about_and_no_longer_than_it_lasts(log):
    logger = logging.getLogger("bounty.evaluation")
    with about(job="submission", job_id=7, bounty=None):
        logger.info("scored")
        with about(job_id=8, user=lambda: 3):
            logger.info("inner")
    logger.info("after")
    scored, inner, after = log.lines
    assert set(scored) == {"time", "level", "logger", "message", "job", "job_id"}
    assert (scored["job"], scored["job_id"], scored["message"]) == ("submission", 7, "scored")
    assert (inner["job_id"], inner["user"]) == (8, 3)
    assert set(after) == {"time", "level", "logger", "message"} and facts() == {}


def test_only_listed_fields_are_written(log):
    logging.getLogger("celery").info("received", extra={"data": {"args": SECRET}, "route": "home"})
    (line,) = log.lines
    assert line["route"] == "home" and SECRET not in log.text


def test_lines_for_people_hold_the_same():
    record = logging.LogRecord("bounty", logging.INFO, "", 0, "%s of 3", (2,), None)
    record.job, record.job_id = "audit", 5
    assert logs.Line().format(record).endswith(" INFO bounty 2 of 3 job=audit job_id=5")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Key (email)=(ada.l@example.org) already exists", "Key (email)=(…@…) already exists"),
        ("postgresql://app:5up3r-53cret@db:5432/faultline", "postgresql://…@db:5432/faultline"),
        ("redis://:5up3r-53cret@redis/0 is away", "redis://…@redis/0 is away"),
        ("Authorization: Bearer 5up3r-53cret.x=", "Authorization: Bearer …"),
        ("token flt_5up3r-53cret was used", "token flt_… was used"),
        ("https://s3/b/k.csv?X-Amz-Signature=5up3r-53cret&X=1 gone", "https://s3/b/k.csv?… gone"),
        ("at /accounts/password/reset/key/3-5up3r-53cret/", "at /accounts/password/reset/key/…"),
        ("at /accounts/confirm-email/MQ:5up3r-53cret/", "at /accounts/confirm-email/…"),
        ("celery@worker.local ready.", "celery@worker.local ready."),
        ("5 of 7 rows: is that right?", "5 of 7 rows: is that right?"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out_also_of_tracebacks(either, said, kept):
    logger = logging.getLogger("bounty")
    logger.info("%s", said)
    assert kept in either.text
    try:
        raise ValueError(said)
    except ValueError:
        logger.exception("it failed")
    assert f"ValueError: {kept}" in either.text
    assert SECRET not in either.text and "example.org" not in either.text


def test_another_format_is_refused_with_what_there_is():
    with pytest.raises(ImproperlyConfigured, match="LOG_FORMAT is “xml”: write one of line, json"):
        logs.config("xml", "INFO")


# Requests


def access_lines(log: Log) -> list[dict]:
    return [line for line in log.lines if line["logger"] == "config.requests"]


def test_a_request_has_one_line_with_its_route_and_its_id(client, open_bounty, log):
    answer = client.get(f"/bounties/{open_bounty.slug}/?page=2")
    (line,) = access_lines(log)
    assert {name: line[name] for name in ("method", "route", "status")} == {
        "method": "GET",
        "route": "bounty:overview",
        "status": 200,
    }
    assert line["milliseconds"] >= 0 and line["request_id"] == answer[HEADER]
    assert WELL_FORMED.fullmatch(answer[HEADER])
    assert open_bounty.slug not in log.text


@pytest.mark.parametrize(
    ("path", "route"),
    [
        (f"/no/such/{SECRET}/", "none"),
        ("/static/css/nothing.css", "static"),
        (f"/api/v1/{SECRET}/", "config.api_errors.no_such_call"),
        (f"/accounts/password/reset/key/3-{SECRET}/", "account_reset_password_from_key"),
    ],
)
def test_the_line_names_the_route_and_never_the_address(client, db, log, path, route):
    client.get(path, {"token": SECRET})
    (line,) = access_lines(log)
    assert line["route"] == route and SECRET not in log.text


def test_nothing_that_was_sent_is_logged(client, cast, open_bounty, log):
    login = {"login": f"{SECRET}@example.org", "password": SECRET}
    client.post(reverse("account_login"), login)
    client.get("/", headers={"Authorization": f"Bearer {SECRET}", "Referer": f"https://x/?q={SECRET}"})
    client.post(f"/api/v1/bounties/{open_bounty.slug}/check/", {"group_rule": SECRET}, "application/json")
    client.generic("BREW", f"/{SECRET}")
    assert len(access_lines(log)) == 4 and access_lines(log)[-1]["method"] == "other"
    assert SECRET not in log.text


def test_the_user_is_named_where_somebody_has_asked_already(client, cast, open_bounty, log):
    client.force_login(cast.participant)
    client.get(f"/bounties/{open_bounty.slug}/submit/")
    _, token = get_token_model().objects.create(cast.rival)
    Client().get("/api/v1/bounties/", headers={"Authorization": f"Bearer {token}"})
    Client().get("/healthz")
    signed_in, by_token, stranger = access_lines(log)
    assert (signed_in["user"], by_token["user"]) == (cast.participant.pk, cast.rival.pk)
    assert "user" not in stranger and token not in log.text and cast.rival.username not in log.text


def test_a_failure_of_ours_is_logged_with_its_request_and_without_its_address(db, log, monkeypatch):
    def fail(request):
        raise RuntimeError("a bug")

    monkeypatch.setattr("config.views.Bounty.objects.taking_submissions", fail)
    answer = Client(raise_request_exception=False).get("/", {"key": SECRET})
    failure, access = [line for line in log.lines if line["logger"] in ("django.request", "config.requests")]
    assert answer.status_code == access["status"] == 500
    assert failure["request_id"] == access["request_id"] == answer[HEADER]
    assert failure["route"] == access["route"] == "home"
    assert "a bug" in failure["exc_info"] or "taking_submissions" in failure["exc_info"]
    assert SECRET not in log.text


@pytest.mark.parametrize("given", ["abc", "x" * 65, "a b c d e f g", "ünïcödé-ünïcödé", "a1b2c3d4\nINFO"])
def test_an_id_that_is_not_well_formed_is_replaced(client, settings, given):
    settings.BEHIND_PROXY = True
    answer = client.get("/healthz", headers={HEADER: given})
    assert answer[HEADER] != given and WELL_FORMED.fullmatch(answer[HEADER])


def test_an_id_is_taken_from_a_trusted_proxy_alone(client, settings, log):
    settings.BEHIND_PROXY = False
    assert client.get("/healthz", headers={HEADER: "a1b2c3d4-e5f6"})[HEADER] != "a1b2c3d4-e5f6"
    settings.BEHIND_PROXY = True
    assert client.get("/healthz", headers={HEADER: "a1b2c3d4-e5f6"})[HEADER] == "a1b2c3d4-e5f6"
    assert access_lines(log)[-1]["request_id"] == "a1b2c3d4-e5f6"


# Jobs


def test_lines_of_a_job_name_it_and_its_bounty(cast, open_bounty, run_worker, log):
    find, _ = submit(cast.participant, open_bounty, Group("rule", "age < 30 AND home = 'rent'"))
    bad, _ = submit(cast.rival, open_bounty, Group("rule", "age < 0"))
    run_worker()
    for job in (find, bad):
        job.refresh_from_db()
    assert (find.status, bad.status) == ("scored", "rejected")
    lines = [line for line in log.lines if line.get("job") == "submission"]
    for job in (find, bad):
        own = [line for line in lines if line["job_id"] == job.pk]
        assert own and {line["bounty"] for line in own} == {open_bounty.pk}
        assert any("ended after" in line["message"] for line in own)
        assert any(line["message"] == job.status for line in own)
    assert "home" not in log.text

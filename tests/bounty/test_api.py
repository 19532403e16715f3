"""The calls of the API, as a program makes them."""

import io
import uuid
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from bounty import drafts, entry
from bounty.models import Bounty, Status, Submission
from config.models import ApiToken
from tests.api_caller import RULE, Caller
from tests.conftest import PASSWORD, as_upload, draft, lending_table
from tests.onnx_models import below


@pytest.fixture
def caller(open_bounty, cast):
    return Caller(cast.participant)


def path_of(answer: dict) -> str:
    return answer["url"].split("/api/v1/")[1]


# Bounties


def test_a_bounty_tells_its_rules_its_columns_and_what_is_left(caller):
    bounty = caller.get("bounties/lending/").json()
    assert bounty["phase"] == "open"
    assert {"name": "home", "dtype": "text"} in bounty["columns"]
    assert "approve" not in {column["name"] for column in bounty["columns"]}
    assert bounty["labels"] == ["0", "1"]
    assert bounty["group_formats"] == ["rule", "onnx", "skops"]
    assert bounty["level"] == pytest.approx(0.05 / 200)
    assert {len(part["truth_sha256"]) for part in bounty["parts"].values()} == {64}
    assert sum(part["rows"] for part in bounty["parts"].values()) == 4000
    assert 0 < bounty["sample"]["rate"] < 1
    quota = bounty["quota"]
    assert (quota["team_left"], quota["today_left"], quota["unfinished_left"]) == (50, 20, 2)
    assert caller.submit("lending").status_code == 202
    after = caller.get("bounties/lending/").json()["quota"]
    assert (after["team_left"], after["today_left"], after["unfinished_left"]) == (49, 19, 1)
    assert timedelta() < datetime.fromisoformat(quota["resets_at"]) - timezone.now() <= timedelta(1)


def test_who_cannot_submit_has_no_quota(caller, cast):
    for other in (Caller(), Caller(cast.owner), Caller(cast.staff)):
        assert other.get("bounties/lending/").json()["quota"] is None


def test_nothing_of_the_hidden_set_but_size_and_hash_is_shown(caller):
    bounty = caller.get("bounties/lending/").json()
    for part in bounty["parts"].values():
        assert set(part) == {"rows", "features_sha256", "truth_sha256"}


def test_bounties_come_in_pages(cast):
    for number in range(5):
        draft(cast.owner, f"draft-{number}")
    owner = Caller(cast.owner)
    seen, path = [], "bounties/?page_size=2"
    while path:
        page = owner.get(path).json()
        seen += [row["slug"] for row in page["results"]]
        path = page["next"] and path_of({"url": page["next"]})
    assert seen == [f"draft-{number}" for number in (4, 3, 2, 1, 0)]


# The public sample


def test_the_sample_is_the_visible_columns_with_label_and_prediction(caller):
    answers = {name: Caller().get(f"bounties/lending/sample/?as={name}") for name in ("csv", "parquet")}
    assert answers["csv"]["Content-Type"] == "text/csv; charset=utf-8"
    assert answers["parquet"]["Content-Type"] == "application/vnd.apache.parquet"
    assert answers["csv"]["Content-Disposition"] == 'attachment; filename="lending-sample.csv"'
    frames = [
        pl.read_csv(io.BytesIO(answers["csv"].content)),
        pl.read_parquet(io.BytesIO(answers["parquet"].content)),
    ]
    assert frames[0].columns == ["age", "income", "home", "sex", "label", "prediction"]
    assert frames[0].height == caller.get("bounties/lending/").json()["parts"]["sample"]["rows"]
    assert frames[0].equals(frames[1].with_columns(pl.col("label", "prediction").cast(int)))


def test_the_sample_is_csv_whatever_the_client_accepts(caller):
    for accept in ("text/csv", "text/html", "application/octet-stream"):
        answer = Caller().get("bounties/lending/sample/", headers={"Accept": accept})
        assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")


def test_a_sample_that_has_not_changed_is_not_sent_again(caller):
    first = caller.get("bounties/lending/sample/")
    again = Caller().get("bounties/lending/sample/", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = Caller().get("bounties/lending/sample/?as=parquet", headers={"If-None-Match": first["ETag"]})
    assert other.status_code == 200


def test_text_in_the_sample_is_as_the_organiser_gave_it(cast, run_worker):
    odd = ['say "no"', "=1+1", "a,b", "two\nlines", "two  spaces", "é 漢", "007", "-5", "plain"]
    table = lending_table().with_columns(
        home=pl.Series(np.random.default_rng(1).choice(odd, 4000).tolist(), dtype=pl.String)
    )
    bounty = draft(cast.owner)
    drafts.upload_table(bounty, as_upload(table))
    run_worker()
    content = Caller(cast.owner).get("bounties/lending/sample/").content
    assert set(pl.read_csv(io.BytesIO(content))["home"]) == set(odd)


# Dry runs


def test_a_rule_is_checked_at_once_and_costs_nothing(caller):
    answer = caller.post(
        "bounties/lending/check/", {"group_format": "rule", "group_rule": RULE["group_rule"]}
    )
    result = answer.json()
    assert answer.status_code == 200
    assert result["rate"] > result["rest_rate"]
    assert result["low"] < result["gap"] < result["high"]
    assert result["sample_share"] == pytest.approx(result["sample_rows"] / 800, rel=0.05)
    assert caller.get("bounties/lending/").json()["quota"]["today_left"] == 20


def test_a_model_is_checked_by_the_worker(caller, open_bounty, run_worker):
    data = {"group_format": "onnx", "group_file": below(open_bounty, "age", 30)}
    answer = caller.post("bounties/lending/check/", data=data)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    path = path_of(answer.json())
    assert caller.get(path).json()["result"] is None
    run_worker()
    check = caller.get(path).json()
    assert (check["status"], check["error"], check["bounty"]) == ("scored", None, "lending")
    rule = caller.post("bounties/lending/check/", {"group_format": "rule", "group_rule": "age < 30"}).json()
    assert check["result"] == rule


def test_a_check_that_is_rejected_says_why(caller, run_worker):
    data = {"group_format": "onnx", "group_file": SimpleUploadedFile("m.onnx", b"not a model")}
    path = path_of(caller.post("bounties/lending/check/", data=data).json())
    run_worker()
    check = caller.get(path).json()
    assert check["status"] == "rejected"
    assert check["error"]["code"] == "unreadable_model"
    assert "could not be read" in check["error"]["detail"]


# Submissions


@pytest.mark.parametrize("way", ["json", "multipart"])
def test_a_rule_becomes_a_submission_and_then_a_verdict(caller, run_worker, way):
    body = {**RULE, "note": "young renters"}
    answer = caller.submit("lending", body) if way == "json" else caller.submit_form("lending", body)
    assert answer.status_code == 202
    made = answer.json()
    assert set(made) == {"id", "status", "url"}
    assert (made["status"], answer["Location"]) == ("queued", made["url"])
    waiting = caller.get(path_of(made)).json()
    assert (waiting["queue_position"], waiting["verdict"], waiting["finished"]) == (1, None, None)
    run_worker()
    judged = caller.get(path_of(made)).json()
    assert (judged["status"], judged["queue_position"], judged["error"]) == ("scored", None, None)
    assert judged["verdict"]["accepted"] is True
    assert judged["verdict"]["code"] == "accepted"
    assert 0 < judged["verdict"]["sample_share"] < 0.5
    assert Submission.objects.get().note == "young renters"


def test_a_model_file_becomes_a_submission(caller, open_bounty, run_worker):
    file = below(open_bounty, "age", 30)
    answer = caller.submit_form("lending", {"kind": "find", "group_format": "onnx", "group_file": file})
    run_worker()
    assert caller.get(path_of(answer.json())).json()["status"] == "scored"
    assert Submission.objects.get().group_file_name == "below.onnx"


def test_a_rejected_submission_says_what_to_change(caller, run_worker):
    answer = caller.submit("lending", {**RULE, "group_rule": "age > 900"})
    run_worker()
    rejected = caller.get(path_of(answer.json())).json()
    assert (rejected["status"], rejected["verdict"]) == ("rejected", None)
    assert rejected["error"] == {
        "code": "group_is_empty",
        "detail": "No row of the public sample is in the group.",
    }


def test_our_failure_says_that_it_costs_nothing(caller):
    made = caller.submit("lending").json()
    Submission.objects.update(status=Status.FAILED, finished=timezone.now(), log="Traceback: secret")
    failed = caller.get(path_of(made)).json()
    assert failed["error"]["code"] == "failed"
    assert "it used no verdict" in failed["error"]["detail"]
    assert "secret" not in str(failed)


def test_when_it_was_finished_is_rounded_up_to_the_second(caller, run_worker):
    made = caller.submit("lending").json()
    run_worker()
    for micro, shown in ((0, "12:00:07Z"), (1, "12:00:08Z"), (999_999, "12:00:08Z")):
        Submission.objects.update(finished=datetime(2026, 3, 1, 12, 0, 7, micro, UTC))
        assert caller.get(path_of(made)).json()["finished"] == f"2026-03-01T{shown}"
        row = caller.get("bounties/lending/leaderboard/").json()["rows"][0]
        assert row["last_accepted"] == f"2026-03-01T{shown}"


def test_a_repeated_key_gives_the_first_submission_back(caller):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    answers = [caller.submit("lending", headers=key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Submission.objects.count() == 1


def test_a_repeated_key_is_answered_also_when_the_bounty_has_closed(caller, open_bounty):
    key = {"Idempotency-Key": "once"}
    first = caller.submit("lending", headers=key)
    drafts.close_bounty(open_bounty)
    assert caller.submit("lending", headers=key).json()["id"] == first.json()["id"]
    assert caller.submit("lending").status_code == 409


def test_keys_of_two_teams_are_apart(caller, cast):
    key = {"Idempotency-Key": "the same"}
    rival = Caller(cast.rival)
    assert caller.submit("lending", headers=key).json() != rival.submit("lending", headers=key).json()


def test_submissions_come_in_pages_and_by_status(cast, open_bounty):
    team = entry.team_of(cast.participant, open_bounty)
    for number in range(7):
        status = Status.REJECTED if number % 2 else Status.QUEUED
        Submission.objects.create(bounty=open_bounty, team=team, group_format="rule", status=status)
    caller = Caller(cast.participant)
    seen, path = [], "bounties/lending/submissions/?page_size=3"
    while path:
        page = caller.get(path).json()
        assert len(page["results"]) <= 3
        seen += page["results"]
        path = page["next"] and path_of({"url": page["next"]})
    assert [row["id"] for row in seen] == sorted((row["id"] for row in seen), reverse=True)
    assert len(seen) == 7
    assert [row["queue_position"] for row in seen] == [4, None, 3, None, 2, None, 1]
    rejected = caller.get("bounties/lending/submissions/?status=rejected").json()["results"]
    assert len(rejected) == 3


# The leaderboard


def test_the_leaderboard_ranks_teams(caller, cast, run_worker):
    caller.submit("lending")
    Caller(cast.rival).submit("lending", {**RULE, "group_rule": "sex = 'male'"})
    run_worker()
    board = Caller().get("bounties/lending/leaderboard/?track=find&list=shared").json()
    assert board["half"] == "leaderboard"
    assert [(row["rank"], row["team"], row["accepted"]) for row in board["rows"]] == [
        (1, "participant", 1),
        (2, "rival", 0),
    ]
    first = board["rows"][0]
    assert set(first) == {"rank", "team", "points", "accepted", "submissions", "last_accepted", "is_house"}
    assert first["points"] > 0
    assert first["points"] == round(first["points"], 1) <= Submission.objects.get(accepted=True).points


# Who calls


def test_a_browser_session_needs_its_csrf_token(cast, open_bounty):
    browser = Client(enforce_csrf_checks=True)
    browser.login(username="participant", password=PASSWORD)
    path = "/api/v1/bounties/lending/submissions/"
    refused = browser.post(path, RULE, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    token = browser.get("/api/docs/").context["csrf_token"]
    answer = browser.post(path, RULE, content_type="application/json", headers={"X-CSRFToken": str(token)})
    assert answer.status_code == 202
    assert Submission.objects.count() == 1


def test_a_token_from_the_command_line_signs_in(cast, open_bounty, capsys):
    call_command("issue_token", "participant", "--name", "laptop", "--days", "3")
    token = capsys.readouterr().out.strip()
    answer = Client().get(
        "/api/v1/bounties/lending/submissions/", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 200
    stored = ApiToken.objects.get()
    assert (stored.name, round((stored.expiry - timezone.now()) / timedelta(days=1))) == ("laptop", 3)
    assert token not in (stored.digest, stored.token_key)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nobody"], "no user “nobody”"),
        (["participant", "--days", "0"], "--days"),
        (["participant", "--days", "soon"], "--days"),
        (["participant", "--name", ""], "--name"),
    ],
)
def test_a_token_that_cannot_be_made_is_a_sentence(cast, arguments, says):
    with pytest.raises(CommandError, match=says):
        call_command("issue_token", *arguments)
    assert not ApiToken.objects.exists()


# What it costs


def test_reading_asks_the_database_a_fixed_number_of_questions(
    cast, open_bounty, django_assert_max_num_queries
):
    caller, owner = Caller(cast.participant), Caller(cast.owner)
    team = entry.team_of(cast.participant, open_bounty)

    def counts(path: str, who: Caller) -> int:
        with django_assert_max_num_queries(16) as queries:
            assert who.get(path).status_code == 200
        return len(queries)

    paths = [
        ("bounties/", caller),
        ("bounties/lending/", caller),
        ("bounties/lending/leaderboard/", caller),
        ("bounties/lending/submissions/", caller),
        ("bounties/lending/submissions/", owner),
    ]
    Submission.objects.create(bounty=open_bounty, team=team, group_format="rule")
    few = [counts(*path) for path in paths]
    for number in range(20):
        Submission.objects.create(bounty=open_bounty, team=team, group_format="rule")
        other = draft(cast.owner, f"other-{number}")
        Bounty.objects.filter(pk=other.pk).update(opened_at=timezone.now())
    assert [counts(*path) for path in paths] == few

"""What the API refuses: each with a status, a code, a sentence and, where there is one, the field."""

import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from rest_framework.throttling import SimpleRateThrottle

from bounty import drafts, entry, intake
from bounty.models import Bounty, Check, Status, Submission
from config.models import ApiToken
from tests.api_caller import RULE, Caller, error_of


@pytest.fixture
def caller(open_bounty, cast):
    return Caller(cast.participant)


@pytest.fixture(autouse=True)
def nothing_is_half_saved(db):
    yield
    assert not Submission.objects.filter(group_rule="", group_file="").exists()


def change(bounty: Bounty, **values) -> None:
    Bounty.objects.filter(pk=bounty.pk).update(**values)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"group_rule": "agee < 30"}, "rule_error", "group_rule"),
        ({"group_rule": "age < 'thirty'"}, "rule_error", "group_rule"),
        ({"group_rule": "age <"}, "rule_error", "group_rule"),
        ({"group_rule": "age < 30; drop table bounty"}, "rule_error", "group_rule"),
        ({"group_rule": "read_csv('/etc/passwd') is null"}, "rule_error", "group_rule"),
        ({"group_rule": "label = '1'"}, "rule_error", "group_rule"),
        ({"group_rule": "age < 30" + " or age < 30" * 20_000}, "rule_error", "group_rule"),
        ({"group_rule": ""}, "rule_missing", "group_rule"),
        ({"group_rule": None}, "null", "group_rule"),
        ({"group_rule": ["age < 30"]}, "invalid", "group_rule"),
        ({"group_rule": "age < 30 \x00"}, "null_characters_not_allowed", "group_rule"),
        ({"group_rule": "home = '\ud800'"}, "surrogate_characters_not_allowed", "group_rule"),
        ({"group_format": "pickle"}, "unknown_format", "group_format"),
        ({"group_format": "python"}, "unknown_format", "group_format"),
        ({"group_format": ""}, "blank", "group_format"),
        ({"group_format": "onnx"}, "rule_and_file", "group_rule"),
        ({"group_format": "onnx", "group_rule": ""}, "file_missing", "group_file"),
        ({"group_format": "onnx", "group_file": "aGVsbG8="}, "invalid", "group_file"),
        ({"kind": "idea"}, "invalid_choice", "kind"),
        ({"kind": {"find": 1}}, "invalid_choice", "kind"),
        ({"note": "x" * 2001}, "max_length", "note"),
        ({"group_rul": "age < 30"}, "unknown_field", "group_rul"),
        ({"predictor": 1}, "unknown_field", "predictor"),
    ],
)
def test_a_submission_that_cannot_be_taken(caller, changes, code, field):
    assert error_of(caller.submit("lending", {**RULE, **changes})) == (400, code, field)
    assert not Submission.objects.exists()


@pytest.mark.parametrize("field", ["kind", "group_format"])
def test_what_is_needed_is_named(caller, field):
    body = {name: value for name, value in RULE.items() if name != field}
    assert error_of(caller.submit("lending", body)) == (400, "required", field)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "required"),
        ("{", "parse_error"),
        ('{"kind": NaN}', "parse_error"),
        (b"\xff\xfe", "parse_error"),
        ("[" * 100_000, "parse_error"),
        ("[]", "invalid"),
        ("3", "invalid"),
        ("null", "null"),
    ],
)
def test_json_that_is_no_object(caller, body, code):
    assert error_of(caller.submit("lending", body))[:2] == (400, code)


def test_names_of_columns_are_hinted_at(caller):
    answer = caller.submit("lending", {**RULE, "group_rule": "agee < 30"}).json()
    assert "age" in answer["detail"]


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("multipart/form-data", b"x", (400, "parse_error")),
        ("multipart/form-data; boundary=", b"x", (400, "parse_error")),
        ("multipart/form-data; boundary=a", b"--b\r\nnonsense", (400, "required")),
        ("application/json; charset=zlib", b"x\x9c\xab\xae\x05\x00\x01u\x00\xf9", (400, "parse_error")),
        ("application/x-www-form-urlencoded", b"kind=find", (415, "unsupported_media_type")),
        ("text/plain", b"age < 30", (415, "unsupported_media_type")),
        ("nonsense", b"age < 30", (415, "unsupported_media_type")),
    ],
)
def test_bodies_that_cannot_be_read(caller, content_type, body, expected):
    path = "bounties/lending/submissions/"
    answer = caller.client.generic("POST", f"/api/v1/{path}", body, content_type)
    assert error_of(answer)[:2] == expected


def test_a_form_of_a_thousand_fields(caller):
    data = {f"field-{number}": "x" for number in range(1200)}
    assert error_of(caller.submit_form("lending", data)) == (400, "parse_error", None)


def test_a_form_of_a_thousand_fields_from_a_browser(open_bounty, cast):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.participant)
    headers = {"X-CSRFToken": str(browser.get("/api/docs/").context["csrf_token"])}
    data = {f"field-{number}": "x" for number in range(1200)}
    answer = browser.post("/api/v1/bounties/lending/submissions/", data, headers=headers)
    assert error_of(answer) == (400, "parse_error", None)


def test_an_empty_file(caller):
    data = {"kind": "find", "group_format": "onnx", "group_file": SimpleUploadedFile("m.onnx", b"")}
    assert error_of(caller.submit_form("lending", data)) == (400, "file_empty", "group_file")


def test_a_rule_and_a_file_at_once(caller):
    data = {**RULE, "group_file": SimpleUploadedFile("m.onnx", b"x")}
    assert error_of(caller.submit_form("lending", data)) == (400, "rule_and_file", "group_file")
    del data["kind"]
    data["group_file"].seek(0)
    answer = caller.post("bounties/lending/check/", data=data)
    assert error_of(answer) == (400, "rule_and_file", "group_file")


def test_a_file_over_the_cap(caller, settings):
    settings.MODEL_MAX_BYTES = 1000
    data = {"kind": "find", "group_format": "onnx", "group_file": SimpleUploadedFile("m", b"x" * 1001)}
    assert error_of(caller.submit_form("lending", data)) == (413, "file_too_big", "group_file")


def test_a_huge_body_is_refused_before_it_is_read(caller, settings):
    settings.MODEL_MAX_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000, 100
    data = {"kind": "find", "group_format": "onnx", "group_file": SimpleUploadedFile("m", b"x" * 1101)}
    assert error_of(caller.submit_form("lending", data)) == (413, "body_too_big", None)
    assert error_of(caller.submit("lending", {**RULE, "note": "x" * 100})) == (413, "body_too_big", None)
    text = {"kind": "find", "group_format": "rule", "group_rule": "x" * 200}
    assert error_of(caller.submit_form("lending", text)) == (413, "body_too_big", None)


# The bounty says no


def test_a_bounty_that_is_closed_or_not_yet_open(caller, open_bounty):
    change(open_bounty, opens_at=timezone.now() + timedelta(days=1))
    assert error_of(caller.submit("lending")) == (409, "bounty_closed", None)
    change(open_bounty, opens_at=None, closes_at=timezone.now() - timedelta(seconds=1))
    assert error_of(caller.submit("lending")) == (409, "bounty_closed", None)
    change(open_bounty, closes_at=None)
    drafts.close_bounty(open_bounty)
    assert error_of(caller.submit("lending")) == (409, "bounty_closed", None)


@pytest.mark.parametrize(
    ("caps", "status", "on_hidden", "code", "waits"),
    [
        ({"verdict_cap": 1, "team_cap": 1}, Status.REJECTED, True, "no_verdicts_left", False),
        ({"team_cap": 1}, Status.REJECTED, True, "team_verdicts_used", False),
        ({"daily_cap": 1}, Status.REJECTED, True, "daily_verdicts_used", True),
        ({"rejected_daily_cap": 1}, Status.REJECTED, False, "daily_rejections_used", True),
        ({"rejected_daily_cap": 2}, Status.FAILED, False, "daily_rejections_used", True),
        ({}, Status.QUEUED, False, "too_many_unfinished", False),
    ],
)
def test_a_spent_quota(caller, open_bounty, cast, caps, status, on_hidden, code, waits):
    change(open_bounty, **caps)
    team = entry.team_of(cast.participant, open_bounty)
    for _ in range(2):
        Submission.objects.create(
            bounty=open_bounty,
            team=team,
            group_format="rule",
            group_rule="x",
            status=status,
            on_hidden=on_hidden,
        )
    answer = caller.submit("lending")
    assert error_of(answer) == (429, code, None)
    assert ("Retry-After" in answer) == waits
    if waits:
        assert 0 < int(answer["Retry-After"]) <= 86_400
    assert Submission.objects.count() == 2


def test_too_many_dry_runs_of_models(caller, open_bounty, cast):
    team = entry.team_of(cast.participant, open_bounty)
    Check.objects.bulk_create(Check(team=team, group_format="onnx") for _ in range(intake.CHECKS_PER_HOUR))
    data = {"group_format": "onnx", "group_file": SimpleUploadedFile("m", b"x")}
    assert error_of(caller.post("bounties/lending/check/", data=data)) == (429, "too_many_checks", None)
    assert (
        caller.post("bounties/lending/check/", {"group_format": "rule", "group_rule": "age < 3"}).status_code
        == 200
    )


def test_organisers_and_staff_cannot_submit(open_bounty, cast):
    for user in (cast.owner, cast.staff):
        assert error_of(Caller(user).submit("lending")) == (403, "own_bounty", None)


def test_a_key_that_stands_for_something_else_or_is_too_long(caller):
    key = {"Idempotency-Key": "one"}
    caller.submit("lending", headers=key)
    other = caller.submit("lending", {**RULE, "group_rule": "age < 31"}, headers=key)
    assert error_of(other) == (409, "idempotency_key_reused", None)
    long = caller.submit("lending", headers={"Idempotency-Key": "x" * 101})
    assert error_of(long) == (400, "idempotency_key_too_long", None)


# Who calls


@pytest.mark.parametrize("token", ["nonsense", "", "two words", "\xe9", "flt_" + "0" * 60])
def test_a_wrong_token_is_refused_also_where_none_is_needed(open_bounty, token):
    client = Client(headers={"Authorization": f"Bearer {token}"})
    for path in ("", "lending/", "lending/sample/", "lending/leaderboard/", "lending/submissions/"):
        answer = client.get(f"/api/v1/bounties/{path}")
        assert error_of(answer)[0] == 401
        assert answer["WWW-Authenticate"] == "Bearer"


def test_an_expired_token_a_revoked_one_and_one_of_a_user_who_left(cast, open_bounty):
    path = "bounties/lending/submissions/"
    caller = Caller(cast.participant)
    ApiToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert error_of(caller.get(path)) == (401, "wrong_token", None)
    caller = Caller(cast.participant)
    assert caller.get(path).status_code == 200
    ApiToken.objects.all().delete()
    assert error_of(caller.get(path)) == (401, "wrong_token", None)
    caller = Caller(cast.rival)
    cast.rival.is_active = False
    cast.rival.save()
    assert error_of(caller.get(path)) == (401, "wrong_token", None)


def test_no_token_where_one_is_needed(open_bounty):
    answer = Caller().submit("lending")
    assert error_of(answer) == (401, "not_authenticated", None)
    assert answer["WWW-Authenticate"] == "Bearer"


# The address


@pytest.mark.parametrize(
    "path",
    [
        "",
        "nothing/",
        "bounties",
        "bounties/nothing/",
        "bounties/nothing/sample/",
        "bounties/lending/nothing/",
        "bounties/lending/masks/",
        "bounties/%00/",
        "submissions/0/",
        "submissions/x/",
        "submissions/-1/",
        f"submissions/{10**30}/",
        "checks/1/",
        f"checks/{10**30}/",
    ],
)
def test_what_is_not_there(caller, path):
    assert error_of(caller.get(path)) == (404, "not_found", None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("delete", "bounties/lending/"),
        ("put", "bounties/lending/submissions/"),
        ("patch", "bounties/lending/"),
        ("post", "bounties/lending/leaderboard/"),
        ("post", "bounties/"),
        ("get", "bounties/lending/check/"),
        ("post", "bounties/lending/sample/"),
    ],
)
def test_methods_that_a_call_does_not_have(caller, method, path):
    answer = getattr(caller.client, method)(f"/api/v1/{path}")
    assert error_of(answer) == (405, "method_not_allowed", None)
    assert answer["Allow"]


@pytest.mark.parametrize(
    ("path", "code", "field"),
    [
        ("bounties/lending/sample/?as=xlsx", "invalid_choice", "as"),
        ("bounties/lending/sample/?part=final", "unknown_field", "part"),
        ("bounties/lending/leaderboard/?track=idea", "invalid_choice", "track"),
        ("bounties/lending/leaderboard/?list=mine", "invalid_choice", "list"),
        ("bounties/lending/leaderboard/?half=final", "unknown_field", "half"),
        ("bounties/lending/submissions/?status=done", "invalid_choice", "status"),
        ("bounties/lending/submissions/?kind=idea", "invalid_choice", "kind"),
        ("bounties/lending/submissions/?team=rival", "unknown_field", "team"),
        ("bounties/?page_size=0", "min_value", "page_size"),
        ("bounties/?page_size=9999", "max_value", "page_size"),
        ("bounties/?page_size=many", "invalid", "page_size"),
        ("bounties/?cursor=nonsense", "invalid_cursor", "cursor"),
        ("bounties/?cursor=%00", "null_characters_not_allowed", "cursor"),
        ("bounties/?cursor=cD1hYmM%3D", "invalid_cursor", "cursor"),
        ("bounties/?cursor=cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk%3D", "invalid_cursor", "cursor"),
        ("bounties/lending/submissions/?cursor=cD1hYmM%3D", "invalid_cursor", "cursor"),
    ],
)
def test_questions_that_have_no_answer(caller, path, code, field):
    assert error_of(caller.get(path)) == (400, code, field)


def test_a_choice_is_refused_with_the_choices(caller):
    assert "csv, parquet" in caller.get("bounties/lending/sample/?as=xlsx").json()["detail"]


# Too often


@pytest.mark.parametrize(
    ("scope", "call"),
    [
        ("anon", lambda caller: caller.get("bounties/")),
        ("samples", lambda caller: caller.get("bounties/lending/sample/")),
        ("checks", lambda caller: caller.post("bounties/lending/check/", {})),
        ("submissions", lambda caller: caller.submit("lending", {})),
    ],
)
def test_who_calls_too_often_is_told_when_to_try_again(open_bounty, cast, monkeypatch, scope, call):
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, scope, "2/hour")
    cache.delete(f"throttle_{scope}_{cast.participant.pk}")
    caller = Caller(cast.participant if scope in ("checks", "submissions") else None)
    assert 429 not in {call(caller).status_code for _ in range(2)}
    answer = call(caller)
    assert error_of(answer) == (429, "throttled", None)
    assert 0 < int(answer["Retry-After"]) <= 3600
    cache.delete(f"throttle_{scope}_{cast.participant.pk}")


# Our own failures


def test_our_failure_is_an_apology_without_a_traceback(open_bounty, cast, monkeypatch):
    """A damaged file of the sample: whatever goes wrong inside is logged, not shown."""
    stored = dict(open_bounty.parts)
    stored["sample"]["features"] |= {"sha256": "0" * 64}
    change(open_bounty, parts=stored)
    answer = Caller().get("bounties/lending/sample/")
    assert error_of(answer) == (500, "our_fault", None)
    assert "0000" not in json.dumps(answer.json())

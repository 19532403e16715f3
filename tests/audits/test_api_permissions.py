"""Every call by a stranger, an outsider, somebody the owner named, the owner and staff."""

import json

import pytest
from django.test import Client

from audits.models import Audit
from tests.api_caller import Caller
from tests.audits.conftest import make, run_audits
from tests.audits.test_api import body

CALLERS = ("stranger", "outsider", "viewer", "owner", "staff")
READS = ("", "result/", "result/?by=accent", "export.csv", "export.csv?by=accent")


@pytest.fixture
def callers(cast):
    return {
        "stranger": Caller(),
        "outsider": Caller(cast.outsider),
        "viewer": Caller(cast.participant),
        "owner": Caller(cast.owner),
        "staff": Caller(cast.staff),
    }


@pytest.fixture
def shared(cast, done):
    done.viewers.add(cast.participant)
    return done


def statuses(callers, call) -> tuple[int, ...]:
    return tuple(call(callers[name]).status_code for name in CALLERS)


def patch(caller: Caller, audit: Audit):
    return caller.client.patch(f"/api/v1/audits/{audit.key}/", {"title": "Other"}, "application/json")


def remove(caller: Caller, audit: Audit):
    return caller.client.delete(f"/api/v1/audits/{audit.key}/")


def test_who_may_make_one(callers):
    assert statuses(callers, lambda caller: caller.post("audits/", data=body())) == (401, 202, 202, 202, 202)


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(
    ("visibility", "expected"),
    [
        ("private", (404, 404, 200, 200, 200)),
        ("unlisted", (200,) * 5),
        ("public", (200,) * 5),
    ],
)
def test_who_reads_a_result(callers, shared, path, visibility, expected):
    Audit.objects.update(visibility=visibility)
    assert statuses(callers, lambda caller: caller.get(f"audits/{shared.key}/{path}")) == expected


@pytest.mark.parametrize(
    ("visibility", "listed"), [("private", "viewer"), ("unlisted", "viewer"), ("public", "stranger")]
)
def test_who_finds_it_in_the_list(callers, shared, visibility, listed):
    Audit.objects.update(visibility=visibility)
    for place, name in enumerate(CALLERS):
        found = callers[name].get("audits/").json()["results"]
        assert bool(found) == (place >= CALLERS.index(listed))


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("visibility", ["private", "unlisted", "public"])
def test_without_a_result_it_is_the_owners_alone(callers, cast, made, path, visibility):
    made.viewers.add(cast.participant)
    Audit.objects.update(visibility=visibility)
    seen = 200 if path == "" else 409
    answers = statuses(callers, lambda caller: caller.get(f"audits/{made.key}/{path}"))
    assert answers == (404, 404, 404, seen, seen)
    assert [len(callers[name].get("audits/").json()["results"]) for name in CALLERS] == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("visibility", ["private", "unlisted", "public"])
@pytest.mark.parametrize(("change", "status"), [(patch, 200), (remove, 204)])
def test_only_the_owner_and_staff_change_it(callers, shared, visibility, change, status):
    Audit.objects.update(visibility=visibility)
    expected = {"stranger": 401, "outsider": 404, "viewer": 404, "owner": status}
    for name, answer in expected.items():
        assert change(callers[name], shared).status_code == answer
    if change is patch:
        assert change(callers["staff"], shared).status_code == 200
    else:
        assert not Audit.objects.exists()


def test_staff_may_delete_it(callers, shared):
    assert remove(callers["staff"], shared).status_code == 204


def test_a_browser_session_changes_nothing_without_its_csrf_token(cast, done):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.owner)
    assert browser.delete(f"/api/v1/audits/{done.key}/").status_code == 403
    assert Audit.objects.exists()


# What of a result is for everybody


@pytest.fixture
def public(shared):
    """Eight speakers of each accent and age: those two columns cannot be crossed for everybody."""
    Audit.objects.update(visibility="public")
    return shared


def test_who_may_not_read_texts_gets_only_the_columns_and_pairs_that_are_offered(callers, public):
    offered = public.result["disclosure"]
    pairs = {frozenset(pair) for pair in offered["pairs"]}
    assert frozenset({"accent", "age"}) not in pairs and "accent" in offered["columns"]
    for name, all_of_it in (("stranger", False), ("outsider", False), ("viewer", True), ("owner", True)):
        result = callers[name].get(f"audits/{public.key}/result/").json()
        columns = [frozenset(table["columns"]) for table in result["tables"]]
        assert (frozenset({"accent", "age"}) in columns) == all_of_it
        assert all_of_it == (result == public.result)
        if not all_of_it:
            assert all(len(asked) < 2 or asked in pairs for asked in columns)
            assert {column["name"] for column in result["columns"]} == set(offered["columns"])


@pytest.mark.parametrize(
    "query", ["by=accent&by=age", "by=accent&where=age=old", "where=accent=Welsh&where=age=old"]
)
@pytest.mark.parametrize("call", ["result/", "export.csv"])
def test_a_pair_that_is_not_offered_is_refused_to_them(callers, public, query, call):
    answers = {name: callers[name].get(f"audits/{public.key}/{call}?{query}") for name in CALLERS}
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "stranger": 400,
        "outsider": 400,
        "viewer": 200,
        "owner": 200,
        "staff": 200,
    }
    assert "singled out" in answers["stranger"].json()["detail"]


def test_three_columns_are_never_crossed_for_everybody(callers, public):
    query = "by=accent&by=gender&where=noise=street"
    assert callers["stranger"].get(f"audits/{public.key}/result/?{query}").status_code == 400
    assert callers["owner"].get(f"audits/{public.key}/result/?{query}").status_code == 200


def test_no_name_of_a_speaker_and_no_sentence_leaves_it(callers, public):
    for path in READS:
        answer = callers["stranger"].get(f"audits/{public.key}/{path}")
        text = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert b"speaker-0" not in text and b"station after" not in text and b"speech.csv" not in text


def test_the_export_for_everybody_holds_the_same_tables_as_the_result(callers, public):
    result = callers["stranger"].get(f"audits/{public.key}/result/").json()
    exported = b"".join(callers["stranger"].get(f"audits/{public.key}/export.csv").streaming_content)
    assert exported.count(b"\r\n") == 1 + sum(len(table["rows"]) for table in result["tables"])
    assert b"age" in exported and b"accent,Welsh,age" not in exported


def test_settings_shown_to_everybody_name_no_column_that_is_not_offered(callers, cast, done):
    result = json.loads(json.dumps(done.result))
    result["disclosure"]["columns"].remove("noise")
    result["disclosure"]["pairs"] = [pair for pair in result["disclosure"]["pairs"] if "noise" not in pair]
    result["settings"]["baselines"] = {"noise": "quiet", "accent": "Scots"}
    Audit.objects.update(result=result, visibility="public")
    for path in ("", "result/", "result/?by=accent"):
        text = callers["stranger"].get(f"audits/{done.key}/{path}").content.decode()
        assert "noise" not in text and "quiet" not in text and "Scots" in text
    assert callers["stranger"].get(f"audits/{done.key}/result/?by=noise").status_code == 400
    assert "noise" in callers["owner"].get(f"audits/{done.key}/").content.decode()


def test_a_guessed_key_is_not_found(callers, made):
    run_audits()
    make(made.owner, visibility="unlisted")
    for caller in callers.values():
        assert caller.get("audits/abcdefghijkmnp/").status_code == 404

"""Every address of audits, for every reader, at every visibility and state."""

import random
import re

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.throttling import UserRateThrottle

from audits import api_urls, urls
from audits.models import Audit
from tests.audits.conftest import make, run_audits

PAGES = ("report", "rates", "intersections", "errors", "conditions", "systems", "worst", "method", "card")
READERS_PAGES = ("speakers", "utterances")
EXPORTS = ("result_json", "tables_csv", "comparisons_csv", "offline", "card_pdf")
READERS_EXPORTS = ("speakers_csv", "utterances_csv", "cells_parquet")
PARTS = (
    "coverage",
    "combinations",
    "words",
    "sensitivity",
    "comparisons",
    "worst",
    "tolerances",
    "calibration",
)
API = ("", "result/", "export.csv")
SHARED = (*PAGES, *EXPORTS, *(f"part:{part}" for part in PARTS), *(f"api:{path}" for path in API))
GUARDED = (*READERS_PAGES, *READERS_EXPORTS)
OWNERS = ("setup", "settings")
GETS = [(name, {}) for name in (*SHARED, *GUARDED)]

CALLERS = ("stranger", "outsider", "viewer", "owner", "staff")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


def address(name: str, audit: Audit, key: str = "") -> str:
    key = key or audit.key
    if name.startswith("part:"):
        return reverse("audits:part_csv", args=[key, name.removeprefix("part:")])
    if name.startswith("api:"):
        return f"/api/v1/audits/{key}/{name.removeprefix('api:')}"
    return reverse(f"audits:{name}", args=[key])


class Anywhere(Client):
    """A browser that calls from another address each time, so that no test is throttled."""

    def generic(self, *args, **options):
        address = ".".join(str(random.randrange(1, 255)) for _ in range(4))
        return super().generic(*args, **(options | {"REMOTE_ADDR": address}))


@pytest.fixture(autouse=True)
def unthrottled(monkeypatch):
    """Who is signed in is throttled by name."""
    monkeypatch.setattr(UserRateThrottle, "allow_request", lambda *_: True)


@pytest.fixture
def callers(cast):
    people = {"outsider": cast.outsider, "viewer": cast.participant, "owner": cast.owner, "staff": cast.staff}
    found = {"stranger": Anywhere()}
    for name, person in people.items():
        found[name] = Anywhere()
        found[name].force_login(person)
    return found


@pytest.fixture
def shared(cast, done):
    done.viewers.add(cast.participant)
    return done


def test_no_address_is_forgotten():
    """An address added to audits has to be added here, and with it who may open it."""
    known = {name.partition(":")[0] for name in (*SHARED, *GUARDED, *OWNERS)} | {"delete", "list", "new"}
    known |= {"compare", "series", "part", "api"}
    names = {pattern.name for pattern in urls.urlpatterns} - {"part_csv", "calibration"}
    assert names <= known, names - known
    assert {pattern.name for pattern in api_urls.urlpatterns} <= {
        "audit-list",
        "audit-detail",
        "audit-result",
        "audit-export",
        "audit-change",
        "audit-remove",
    }


@pytest.mark.parametrize("visibility", ["private", "unlisted", "public"])
def test_who_opens_what(callers, shared, visibility):
    Audit.objects.update(visibility=visibility)
    shared.refresh_from_db()
    others = 404 if visibility == "private" else 200
    offered = shared.result["disclosure"]
    hidden = set()
    if not offered["pairs"]:
        hidden.add("intersections")
    if "noise" not in offered["columns"]:
        hidden.add("conditions")
    for name in (*SHARED, *GUARDED):
        expected = 404 if name in GUARDED or name in hidden else others
        for method in ("get", "head") if visibility == "private" else ("get",):
            found = [getattr(callers[who], method)(address(name, shared)).status_code for who in CALLERS]
            assert found == [expected, expected, 200, 200, 200], (name, method)


@pytest.mark.parametrize("state", ["queued", "running", "draft", "rejected", "failed"])
@pytest.mark.parametrize("visibility", ["private", "unlisted", "public"])
def test_without_a_result_nothing_is_there_for_others(callers, cast, made, state, visibility):
    made.viewers.add(cast.participant)
    states = {
        "queued": {"status": "queued"},
        "running": {"status": "running", "stage": "Counting errors of Scots"},
        "draft": {"status": "rejected", "error": "roles_missing"},
        "rejected": {"status": "rejected", "error": "bad_table", "error_detail": "Row 2 is “secret”."},
        "failed": {"status": "failed", "log": "Traceback: secret"},
    }
    Audit.objects.update(visibility=visibility, **states[state])
    for name in (*SHARED, *GUARDED, *OWNERS):
        for who in ("stranger", "outsider", "viewer"):
            answer = callers[who].get(address(name, made))
            allowed = (404, 302) if who == "stranger" and name in OWNERS else (404,)
            assert answer.status_code in allowed, (name, who)
    for who in ("owner", "staff"):
        assert callers[who].get(address("report", made)).status_code == 200
        shown = callers[who].get(address("api:", made)).content.decode()
        assert "Traceback" not in shown
    for path in ("/audits/", "/api/v1/audits/", "/audits/compare/"):
        for who in ("stranger", "outsider", "viewer"):
            assert "Dictation by accent" not in callers[who].get(path).content.decode()


GUESSES = (
    "{key}x",
    "{upper}",
    "{short}",
    "{key}%00",
    "{key}%2f",
    "{id}",
    "..",
    "%2e%2e",
    "null",
    "*",
    "{key};",
)


@pytest.mark.parametrize("guess", GUESSES)
def test_no_variant_of_a_key_opens_anything(callers, shared, guess):
    Audit.objects.update(visibility="unlisted")
    names = {"key": shared.key, "upper": shared.key.upper(), "short": shared.key[:-1], "id": shared.pk}
    key = guess.format(**names)
    for who in CALLERS:
        for path in (
            f"/audits/{key}/",
            f"/audits/{key}/result.json",
            f"/api/v1/audits/{key}/",
            f"/audits/{key}/card/",
        ):
            assert callers[who].get(path).status_code in (404, 301), path
        assert callers[who].get("/audits/compare/", {"a": key.replace("%00", "\0")}).status_code == 404


@pytest.mark.parametrize("method", UNSAFE)
def test_no_other_verb_changes_or_shows_more(callers, shared, method):
    Audit.objects.update(visibility="private")
    for name in (*SHARED, *GUARDED, *OWNERS, "delete"):
        for who in ("stranger", "outsider"):
            answer = callers[who].generic(method, address(name, shared), b"{}", "application/json")
            assert answer.status_code in (302, 401, 404, 405), (name, who, answer.status_code)
            assert "Dictation" not in answer.content.decode()
    shared.refresh_from_db()
    assert (shared.title, shared.visibility, shared.is_done) == ("Dictation by accent", "private", True)


SMUGGLED = (
    "by=age&by=accent&by=gender",
    "by=accent&by=accent&by=age",
    "by=accent&where=age%3Dold",
    "by=accent&where=age%3Dold&where=age%3Dyoung",
    "where=age%3Dold&where=accent%3DWelsh&by=gender",
    "by=gender&where=accent%3DWelsh&where=age%3Dold",
    "by=&by=accent&by=&by=age",
    "by=%20accent&by=age",
    "by=accent&by=age%00",
    "by=accent&where=age=old=",
    "by=accent&versus=baseline&baseline=old&where=age%3Dold",
    "where=accent%3DWelsh&where=age%3Dold&aggregation=macro",
    "where=accent%3DWelsh&where=age%3Dold&metric=cer",
    "where=accent%3DWelsh&where=age%3Dold&system=theirs",
)


@pytest.mark.parametrize("query", SMUGGLED)
def test_no_parameter_smuggles_in_what_is_not_offered(callers, shared, query):
    """Eight speakers of each accent and age: no table may cross the two."""
    Audit.objects.update(visibility="public")
    for name in (
        "rates",
        "tables_csv",
        "comparisons_csv",
        "api:result/",
        "api:export.csv",
        "systems",
        "errors",
    ):
        for extra in ("", "&first=ours&second=theirs"):
            if extra and name.startswith("api:"):
                continue
            answer = callers["stranger"].get(f"{address(name, shared)}?{query}{extra}")
            if answer.status_code == 400:
                continue
            text = (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()
            # A page of one column takes the first it is asked for, and says so.
            assert answer.status_code == 200, (name, answer.status_code)
            crossed = re.search(r"Welsh[^<>\n]*(old|young)|(old|young)[^<>\n]*Welsh", text)
            assert not crossed and ",8," not in text, name


VIEWS = (
    "by=" + "x" * 3_000,
    "&".join(f"where=accent%3D{n}" for n in range(300)),
    "&".join(f"x{n}=1" for n in range(1_500)),
    "by=%00&system=%00&metric=%00",
    "where=%3D",
    "where=%3D%3D%3D",
    "where=accent%3D%00",
    "versus=baseline",
    "versus=baseline&by=accent&baseline=%F0%9F%98%80",
    "aggregation=cluster_mean&versus=best&by=accent",
    "page=-1&order=file&errors=zzz&q=%00",
    "page=99999999999999999999999999",
    "by=%ED%A0%80&where=%ED%A0%80",
    "first=%00&second=%00",
    "condition=%00",
    "system=theirs&first=theirs&second=theirs&by=accent",
)


@pytest.mark.parametrize("query", VIEWS)
def test_no_address_breaks_a_page(callers, shared, query):
    Audit.objects.update(visibility="public")
    for who in ("stranger", "owner"):
        for name in (*SHARED, *GUARDED):
            answer = callers[who].get(f"{address(name, shared)}?{query}")
            assert answer.status_code in (200, 400, 404), (name, answer.status_code)
    for path in ("/audits/", "/audits/compare/", "/api/v1/audits/", "/audits/series/owner/x/"):
        assert callers["owner"].get(f"{path}?{query}&a=%00&q=%00").status_code in (200, 400, 404)
    assert callers["owner"].get("/audits/series/%00/x/").status_code == 404


def test_nobody_but_the_owner_learns_of_files_and_faults(callers, shared):
    Audit.objects.update(visibility="public", log="Traceback secret")
    for name in SHARED:
        answer = callers["stranger"].get(address(name, shared))
        if answer.status_code == 200:
            content = b"".join(answer.streaming_content) if answer.streaming else answer.content
            for secret in (b"speech.csv", b"Traceback", b"speaker-0", b"quick brown", b"private/audit"):
                assert secret not in content, (name, secret)


def test_it_is_gone_for_others_while_it_is_computed_again(callers, cast, shared):
    Audit.objects.update(visibility="public")
    make(cast.owner)
    assert run_audits() == 1
    callers["owner"].post(
        reverse("audits:settings", args=[shared.key]), {"do": "visibility", "visibility": "private"}
    )
    assert callers["stranger"].get(address("report", shared)).status_code == 404

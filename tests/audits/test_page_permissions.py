"""Every page of an audit by a stranger, an outsider, a named reader, the owner and staff; and what a public
report never shows.
"""

import pytest
from django.test import Client
from django.urls import reverse

from audits.models import Audit
from tests.audits.conftest import make, speech_table
from tests.audits.pages import HTMX, TABS, html, page, text

CALLERS = ("stranger", "outsider", "viewer", "owner", "staff")
FOR_THOSE_WHO_READ_ALL = ("speakers", "utterances")
NOBODY = (404, 404, 404, 404, 404)


@pytest.fixture
def callers(cast):
    people = (cast.outsider, cast.participant, cast.owner, cast.staff)
    found = {"stranger": Client()}
    for name, person in zip(CALLERS[1:], people, strict=True):
        found[name] = Client()
        found[name].force_login(person)
    return found


@pytest.fixture
def shared(cast, done):
    done.viewers.add(cast.participant)
    return done


def statuses(callers, call) -> tuple[int, ...]:
    return tuple(call(callers[name]).status_code for name in CALLERS)


def publish(visibility: str = "public") -> None:
    Audit.objects.update(visibility=visibility)


# Who opens what


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize("name", TABS)
def test_a_private_report_is_its_readers_alone(callers, shared, name, headers):
    address = page(name, shared.key)
    found = statuses(callers, lambda client: client.get(address, headers=headers))
    assert found == (404, 404, 200, 200, 200)


@pytest.mark.parametrize("visibility", ["unlisted", "public"])
@pytest.mark.parametrize("name", TABS)
def test_a_shared_report_is_everybodys_but_for_people_and_texts(callers, shared, name, visibility):
    publish(visibility)
    others = 404 if name in FOR_THOSE_WHO_READ_ALL else 200
    if name == "intersections" and not shared.result["disclosure"]["pairs"]:
        others = 404
    if name == "conditions" and "noise" not in shared.result["disclosure"]["columns"]:
        others = 404
    found = statuses(callers, lambda client: client.get(page(name, shared.key)))
    assert found == (others, others, 200, 200, 200)


@pytest.mark.parametrize("name", ["setup", "settings"])
def test_an_audit_is_changed_by_its_owner_and_staff(callers, shared, name):
    publish()
    found = statuses(callers, lambda client: client.get(page(name, shared.key)))
    assert found == (302, 404, 404, 200, 200)


@pytest.mark.parametrize("name", ["setup", "settings", "delete"])
@pytest.mark.parametrize("who", ["stranger", "outsider", "viewer"])
def test_nobody_else_changes_or_deletes_it(callers, shared, name, who):
    publish()
    sent = {"do": "visibility", "visibility": "private", "title": "Taken"}
    answer = callers[who].post(page(name, shared.key), sent)
    assert answer.status_code == (302 if who == "stranger" else 404)
    shared.refresh_from_db()
    assert (shared.title, shared.visibility, shared.is_done) == ("Dictation by accent", "public", True)


def test_it_is_deleted_by_posting_alone(callers, shared):
    assert callers["owner"].get(page("delete", shared.key)).status_code == 405


def test_a_new_audit_needs_an_account(callers):
    found = statuses(callers, lambda client: client.get(page("new")))
    assert found == (302, 200, 200, 200, 200)
    address = page("new")
    assert callers["stranger"].get(address).url == f"{reverse('account_login')}?next={address}"


def test_a_draft_or_unfinished_audit_is_its_owners(callers, made):
    publish()
    address = page("report", made.key)
    assert statuses(callers, lambda client: client.get(address)) == (404, 404, 404, 200, 200)


@pytest.mark.parametrize("name", [*TABS, "setup", "settings"])
def test_an_audit_that_never_was_is_not_found(callers, name):
    found = statuses(callers, lambda client: client.get(page(name, "nothing")))
    assert found == ((302, 404, 404, 404, 404) if name in ("setup", "settings") else NOBODY)


# Lists, series, comparisons


@pytest.mark.parametrize(
    ("visibility", "expected"),
    [
        ("private", (False, False, True, True, True)),
        ("unlisted", (False, False, True, True, True)),
        ("public", (True,) * 5),
    ],
)
def test_who_finds_it_in_the_list_and_its_series(callers, shared, visibility, expected):
    Audit.objects.update(visibility=visibility, series="year")
    shown = tuple("Dictation by accent" in html(callers[name].get(page("list"))) for name in CALLERS)
    assert shown == expected
    found = tuple(callers[name].get(page("series", "owner", "year")).status_code == 200 for name in CALLERS)
    assert found == expected


def test_an_unfinished_audit_is_in_no_list_but_its_owners(callers, made):
    publish()
    shown = tuple("Dictation by accent" in html(callers[name].get(page("list"))) for name in CALLERS)
    assert shown == (False, False, False, True, False)


def test_only_what_may_be_seen_is_compared(callers, cast, shared):
    other = make(cast.owner, speech_table(seed=4), title="Waiting")
    query = {"a": shared.key, "b": other.key}
    assert statuses(callers, lambda client: client.get(page("compare"), query)) == NOBODY
    query["b"] = shared.key
    found = statuses(callers, lambda client: client.get(page("compare"), query))
    assert found == (404, 404, 200, 200, 200)
    choices = text(callers["stranger"].get(page("compare")))
    assert "Dictation by accent" not in choices


# What a public report never shows


def pages_for(client: Client, audit: Audit) -> str:
    """Everything that a caller can open of a public audit, and every view that is offered there."""
    columns = audit.result["disclosure"]["columns"]
    found = []
    for name in TABS:
        for query in ({}, *({"by": column} for column in columns)):
            answer = client.get(page(name, audit.key), query)
            if answer.status_code == 200:
                found.append(html(answer))
    return "\n".join(found)


@pytest.mark.parametrize("who", ["stranger", "outsider"])
def test_a_public_report_shows_no_speaker_and_no_text(callers, shared, who):
    publish()
    shown = pages_for(callers[who], shared)
    assert "Word error rate" in shown
    assert "speaker-0" not in shown and "quick brown fox" not in shown and "blah blah" not in shown
    for name in FOR_THOSE_WHO_READ_ALL:
        assert page(name, shared.key) not in shown


def test_those_who_are_named_see_them(callers, shared):
    shown = pages_for(callers["viewer"], shared)
    assert "speaker-0" in shown and "lazy" in shown


@pytest.fixture
def guarded(shared):
    """Of the shared audit only accent and gender, each by itself, are offered to everybody."""
    result = shared.result | {"disclosure": {"columns": ["accent", "gender"], "pairs": []}}
    Audit.objects.filter(pk=shared.pk).update(result=result, visibility="public")
    shared.refresh_from_db()
    return shared


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("rates", {"by": ["accent", "gender"]}),
        ("rates", {"by": ["accent", "noise"]}),
        *(
            (name, query)
            for name in ("rates", "systems", "errors")
            for query in (
                {"by": "accent", "where": "gender=man"},
                {"by": "age"},
                {"where": "age=old"},
                {"by": "accent", "where": ["gender=man", "noise=quiet"]},
            )
        ),
    ],
)
def test_no_column_or_pair_is_shown_that_is_not_offered(callers, guarded, name, query):
    for who in ("stranger", "outsider"):
        answer = callers[who].get(page(name, guarded.key), query)
        assert "This cannot be shown" in text(answer, 400)
    assert callers["viewer"].get(page(name, guarded.key), query).status_code == 200


def test_nor_is_it_offered_or_told_anywhere(callers, guarded):
    shown = pages_for(callers["stranger"], guarded)
    assert "accent" in shown and "gender" in shown
    found = [word for word in ("age (origin", "noise", "street", "middle", 'name="where"') if word in shown]
    assert found == [], [shown[shown.index(word) - 300 :][:400] for word in found]
    for name in ("intersections", "conditions"):
        assert callers["stranger"].get(page(name, guarded.key)).status_code == 404


def test_an_address_with_the_key_alone_opens_an_unlisted_one(callers, shared):
    publish("unlisted")
    assert len(shared.key) == 14
    assert callers["stranger"].get(page("report", shared.key)).status_code == 200
    assert callers["stranger"].get(page("report", shared.key[:-1])).status_code == 404


def test_a_forged_form_is_refused(cast, done):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.owner)
    assert client.post(page("delete", done.key)).status_code == 403
    assert Audit.objects.filter(pk=done.pk).exists()

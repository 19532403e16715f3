"""Who finds and opens an audit, and what the database itself refuses."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction

from audits.models import KEY_ALPHABET, Audit, Visibility, new_key
from tests.audits.conftest import make

NOBODY = AnonymousUser()


def seen(user) -> tuple[set, set]:
    listed, opened = Audit.objects.listed_to(user), Audit.objects.visible_to(user)
    return set(listed.values_list("title", flat=True)), set(opened.values_list("title", flat=True))


def test_a_key_cannot_be_guessed():
    keys = {new_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert all(len(key) == 14 and set(key) <= set(KEY_ALPHABET) for key in keys)
    assert len(set(KEY_ALPHABET)) == 32 and not set("lo01") & set(KEY_ALPHABET)


def test_a_private_audit_is_its_owners_its_viewers_and_the_staffs(cast, done):
    done.viewers.add(cast.participant)
    here, nothing = ({done.title}, {done.title}), (set(), set())
    assert [seen(user) for user in (cast.owner, cast.participant, cast.staff)] == [here] * 3
    assert [seen(user) for user in (NOBODY, cast.outsider)] == [nothing] * 2
    assert [done.shows_texts_to(user) for user in (cast.owner, cast.participant, cast.staff)] == [True] * 3
    assert [done.shows_texts_to(user) for user in (NOBODY, cast.outsider)] == [False] * 2
    assert [done.is_owned_by(user) for user in (cast.owner, cast.staff, cast.participant, NOBODY)] == [
        *(True, True),
        *(False, False),
    ]


def test_an_unlisted_audit_opens_by_its_address_and_stands_in_no_list(cast, done):
    Audit.objects.update(visibility=Visibility.UNLISTED)
    for user in (NOBODY, cast.outsider):
        assert seen(user) == (set(), {done.title})


def test_a_public_audit_is_for_all_once_it_has_its_result(cast, made):
    made.viewers.add(cast.participant)
    Audit.objects.update(visibility=Visibility.PUBLIC)
    assert [seen(user)[1] for user in (NOBODY, cast.outsider, cast.participant)] == [set()] * 3
    assert seen(cast.owner)[0] == seen(cast.staff)[0] == {made.title}


def test_a_viewer_named_twice_over_sees_an_audit_once(cast, done):
    done.viewers.add(cast.participant, cast.rival, cast.owner)
    assert list(Audit.objects.visible_to(cast.participant)) == [done]
    assert list(Audit.objects.listed_to(cast.owner)) == [done]


def test_lists_leave_the_long_fields_in_the_database(done, django_assert_num_queries):
    with django_assert_num_queries(1):
        (listed,) = Audit.objects.for_lists()
        assert listed.owner.username == "owner" and listed.card["metric"] == "Word error rate"
    assert {"result", "look", "log"} <= listed.get_deferred_fields()


@pytest.mark.parametrize(
    ("text", "found"),
    [("", 2), ("ACCENT", 1), ("dictation-4", 1), ("weekly", 1), ("2026", 1), ("nothing", 0)],
)
def test_it_searches_title_system_series_and_release(cast, text, found):
    make(cast.owner, title="By accent", system="dictation-4")
    make(cast.owner, title="By age", series="weekly", release="2026-03")
    assert Audit.objects.matching(text).count() == found


@pytest.mark.parametrize(
    "change", [{"status": "scored"}, {"status": "running", "result": {"a": 1}}, {"cells": "somewhere"}]
)
def test_an_audit_has_a_result_exactly_when_it_is_done(made, change):
    with pytest.raises(IntegrityError), transaction.atomic():
        Audit.objects.update(**change)


def test_two_audits_cannot_run_at_once(cast, made):
    make(cast.owner)
    with pytest.raises(IntegrityError), transaction.atomic():
        Audit.objects.update(status="running")

"""Several accounts that act as one: what is kept, what organisers are shown, and that nobody else sees it."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from bounty import alike, intake
from bounty.alike import origin_of, teams_alike
from bounty.intake import Group
from bounty.models import Submission, Team
from tests.conftest import draft

RULE = "age < 30 AND home = 'rent'"
SAME_ROWS = "home = 'rent' AND NOT age >= 30"
HOME, OFFICE = "198.51.100.7", "203.0.113.9"
PAGE, CALL = "/bounties/lending/manage/alike/", "/api/v1/bounties/lending/alike/"


def sent_by_page(user, rule: str, address: str) -> Submission:
    client = Client(REMOTE_ADDR=address)
    client.force_login(user)
    fields = {"group_format": "rule", "group_rule": rule}
    assert client.post("/bounties/lending/submit/", fields).status_code == 302
    return Submission.objects.latest("id")


def sent_by_call(user, rule: str, address: str) -> Submission:
    client = Client(REMOTE_ADDR=address)
    client.force_login(user)
    fields = {"kind": "find", "group_format": "rule", "group_rule": rule}
    assert client.post("/api/v1/bounties/lending/submissions/", fields).status_code == 202
    return Submission.objects.latest("id")


def test_both_doors_keep_the_same_of_an_address(cast, open_bounty):
    one = sent_by_page(cast.participant, RULE, HOME)
    other = sent_by_call(cast.rival, "age < 25", HOME)
    assert one.origin == other.origin == origin_of(open_bounty, HOME)
    assert sent_by_call(cast.rival, "age < 26", OFFICE).origin != one.origin


def test_what_is_kept_is_no_address_and_compares_within_one_bounty(cast, open_bounty, settings):
    elsewhere = draft(cast.owner, "elsewhere")
    kept = origin_of(open_bounty, HOME)
    assert HOME not in kept and len(kept) == 64
    assert origin_of(elsewhere, HOME) != kept
    settings.SECRET_KEY = "another key " * 6
    assert origin_of(open_bounty, HOME) != kept


def test_an_ipv6_customer_is_one_address(open_bounty):
    assert origin_of(open_bounty, "2001:db8:1:2::1") == origin_of(open_bounty, "2001:db8:1:2:ffff::9")
    assert origin_of(open_bounty, "2001:db8:1:3::1") != origin_of(open_bounty, "2001:db8:1:2::1")
    assert origin_of(open_bounty, "") == ""


def test_pairs_share_addresses_rows_and_rules(cast, open_bounty, run_worker):
    sent_by_page(cast.participant, RULE, HOME)
    sent_by_page(cast.rival, SAME_ROWS, HOME)
    sent_by_page(cast.rival, "sex = 'male'", HOME)
    second = sent_by_page(cast.outsider, RULE, OFFICE)
    run_worker()
    found = teams_alike(open_bounty)
    shown = {pair.teams: (pair.same_address, pair.same_rows, pair.same_request) for pair in found.pairs}
    assert shown == {
        ("participant", "rival"): (3, 1, 0),
        ("participant", "outsider"): (0, 1, 1),
        ("rival", "outsider"): (0, 1, 0),
    }
    assert found.total == 3 and found.crowds == []
    assert found.pairs[-1].teams == ("rival", "outsider")
    by_teams = {pair.teams: pair for pair in found.pairs}
    assert by_teams["participant", "outsider"].first_seen == second.created


def test_house_teams_and_command_lines_share_nothing(cast, open_bounty):
    for name in ("participant", "rival"):
        intake.submit(getattr(cast, name), open_bounty, Group("rule", f"age < {len(name)}"))
    assert teams_alike(open_bounty).pairs == []
    sent_by_page(cast.outsider, "age < 6", HOME)
    Team.objects.filter(name="outsider").update(is_house=True)
    sent_by_page(cast.rival, "age < 7", HOME)
    assert teams_alike(open_bounty).pairs == []


def test_a_crowd_is_counted_and_not_paired(cast, open_bounty, monkeypatch):
    monkeypatch.setattr(alike, "CROWD", 3)
    for number in range(4):
        user = get_user_model().objects.create_user(f"pupil{number}")
        sent_by_page(user, f"age < {number + 20}", HOME)
    assert teams_alike(open_bounty) == alike.Alike([], 0, [4])
    client = Client()
    client.force_login(cast.owner)
    assert "something of 4 teams" in client.get(PAGE).content.decode()


def test_only_so_many_pairs_are_listed(cast, open_bounty, monkeypatch):
    monkeypatch.setattr(alike, "MOST_PAIRS", 2)
    for name in ("participant", "rival", "outsider"):
        sent_by_page(getattr(cast, name), f"age < {len(name)}", HOME)
    found = teams_alike(open_bounty)
    assert (len(found.pairs), found.total) == (2, 3)


def test_the_page_and_the_call_say_the_same(cast, open_bounty):
    sent_by_page(cast.participant, RULE, HOME)
    sent_by_page(cast.rival, "age < 31", HOME)
    client = Client()
    client.force_login(cast.owner)
    page = client.get(PAGE).content.decode()
    assert "participant" in page and "rival" in page and "school, an office" in page
    [row] = client.get(CALL).json()["rows"]
    assert row.pop("first_seen")
    assert row == {
        "teams": ["participant", "rival"],
        "same_address": 2,
        "same_rows": 0,
        "same_request": 0,
    }
    assert PAGE in client.get(reverse("bounty:manage", args=["lending"])).content.decode()


@pytest.mark.parametrize(
    ("name", "page", "call"),
    [
        (None, 302, 401),
        ("participant", 404, 404),
        ("rival", 404, 404),
        ("outsider", 404, 404),
        ("owner", 200, 200),
        ("staff", 200, 200),
    ],
)
def test_it_is_there_for_the_bountys_organisers_alone(cast, open_bounty, name, page, call):
    draft(cast.outsider, "elsewhere")
    client = Client()
    if name:
        client.force_login(getattr(cast, name))
    assert (client.get(PAGE).status_code, client.get(CALL).status_code) == (page, call)


def test_what_is_kept_appears_nowhere(cast, open_bounty, run_worker):
    submission = sent_by_page(cast.participant, RULE, HOME)
    assert submission.origin
    run_worker()
    for person in (cast.participant, cast.owner, cast.staff):
        client = Client()
        client.force_login(person)
        for path in (
            f"/submissions/{submission.pk}/",
            f"/api/v1/submissions/{submission.pk}/",
            "/api/v1/bounties/lending/submissions/",
            "/bounties/lending/manage/submissions.csv",
            f"/admin/bounty/submission/{submission.pk}/change/",
            PAGE,
            CALL,
        ):
            answer = client.get(path)
            text = b"".join(answer) if answer.streaming else answer.content
            assert submission.origin.encode() not in text and HOME.encode() not in text

"""Every public and participant's page by a stranger, the participant, another one, another organiser, the
organiser and staff; and what is nobody else's to see before the close."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bounty import intake
from bounty.intake import Group
from bounty.models import Bounty, Check, Submission
from tests.conftest import draft
from tests.onnx_models import below

CALLERS = ("stranger", "participant", "rival", "other_organiser", "organiser", "staff")
RULE = "age < 30 AND home = 'rent'"
OPEN_TO_ALL = ("overview", "data", "leaderboard", "submit", "model", "groups", "guard")
HTMX = {"HX-Request": "true"}


@pytest.fixture
def callers(cast):
    draft(cast.outsider, "elsewhere")
    people = (cast.participant, cast.rival, cast.outsider, cast.owner, cast.staff)
    found = {"stranger": Client()}
    for name, person in zip(CALLERS[1:], people, strict=True):
        found[name] = Client()
        found[name].force_login(person)
    return found


def statuses(callers, call) -> tuple[int, ...]:
    return tuple(call(callers[name]).status_code for name in CALLERS)


def page(name: str, *args) -> str:
    return reverse(f"bounty:{name}", args=args)


# Bounties


@pytest.mark.parametrize(
    "path", ["/", "/bounties/", *(f"/bounties/lending/{name}" for name in ("", "data/"))]
)
def test_pages_without_an_account(callers, open_bounty, path):
    assert statuses(callers, lambda client: client.get(path)) == (200,) * 6


@pytest.mark.parametrize("name", OPEN_TO_ALL)
def test_an_opened_bounty_is_everybodys_to_read(callers, open_bounty, name):
    assert statuses(callers, lambda client: client.get(page(name, "lending"))) == (200,) * 6


@pytest.mark.parametrize("name", OPEN_TO_ALL)
def test_a_draft_is_there_for_its_organisers_and_staff_alone(callers, draft_bounty, name):
    answers = statuses(callers, lambda client: client.get(page(name, "lending")))
    assert answers == (404, 404, 404, 404, 200, 200)


@pytest.mark.parametrize("name", OPEN_TO_ALL)
def test_a_bounty_that_never_was_is_not_found(callers, db, name):
    assert statuses(callers, lambda client: client.get(page(name, "nothing"))) == (404,) * 6


@pytest.mark.parametrize("path", ["/", "/bounties/"])
def test_drafts_are_listed_for_their_organisers_alone(callers, draft_bounty, path):
    shows = {name: "Lending decisions" in callers[name].get(path).content.decode() for name in CALLERS}
    assert shows == {name: path != "/" and name == "organiser" for name in CALLERS} | {
        # Another organiser has a draft of the same title, and sees that one.
        "other_organiser": path != "/"
    }


def test_ones_own_submissions_need_an_account(callers, open_bounty):
    address = page("mine", "lending")
    assert statuses(callers, lambda client: client.get(address)) == (302, 200, 200, 200, 200, 200)
    assert callers["stranger"].get(address).url == f"{reverse('account_login')}?next={address}"


def test_a_drafts_list_of_submissions_is_not_found(callers, draft_bounty):
    answers = statuses(callers, lambda client: client.get(page("mine", "lending")))
    assert answers == (302, 404, 404, 404, 200, 200)


# Sending


def sent(client: Client, slug: str = "lending", name: str = "submit", **extra):
    return client.post(page(name, slug), {"group_format": "rule", "group_rule": RULE} | extra)


def test_who_may_submit(callers, open_bounty):
    assert statuses(callers, sent) == (200, 302, 302, 302, 200, 200)
    teams = set(Submission.objects.values_list("team__name", flat=True))
    assert teams == {"participant", "rival", "outsider"}


def test_a_draft_takes_nothing_and_tells_outsiders_nothing(callers, draft_bounty):
    assert statuses(callers, sent) == (404, 404, 404, 404, 200, 200)
    answers = statuses(callers, lambda client: sent(client, name="check_group"))
    assert answers == (302, 404, 404, 404, 200, 200)
    assert not Submission.objects.exists() and not Check.objects.exists()


def test_who_may_try_a_rule(callers, open_bounty):
    answers = statuses(callers, lambda client: sent(client, name="check_group"))
    assert answers == (302, 200, 200, 200, 200, 200)
    assert statuses(callers, lambda client: client.get(page("check_group", "lending"))) == (302, *(405,) * 5)
    assert not Submission.objects.exists()


def test_who_may_try_a_model(callers, open_bounty):
    def try_model(client):
        return sent(client, name="check_group", group_format="onnx", group_file=below(open_bounty, "age", 30))

    assert statuses(callers, try_model) == (302, 302, 302, 302, 200, 200)
    assert set(Check.objects.values_list("team__name", flat=True)) == {"participant", "rival", "outsider"}


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_check_is_its_teams_alone(callers, cast, open_bounty, headers):
    group = Group("onnx", file=below(open_bounty, "age", 30))
    check = intake.check_model(cast.participant, open_bounty, group)
    answers = statuses(callers, lambda client: client.get(page("check", check.pk), headers=headers))
    assert answers == (302, 200, 404, 404, 404, 404)


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_submission_is_its_teams_and_the_organisers(callers, cast, open_bounty, headers):
    submission, _ = intake.submit(cast.participant, open_bounty, Group("rule", RULE))
    answers = statuses(callers, lambda client: client.get(page("submission", submission.pk), headers=headers))
    assert answers == (302, 200, 404, 404, 200, 200)


def test_ones_own_submissions_are_those_of_ones_team(callers, cast, open_bounty):
    for person in (cast.participant, cast.rival):
        intake.submit(person, open_bounty, Group("rule", f"{RULE} OR home = '{person.username}'"))
    for name in ("participant", "rival"):
        other = {"participant": "rival", "rival": "participant"}[name]
        shown = callers[name].get(page("mine", "lending")).content.decode()
        assert f"&#x27;{name}&#x27;" in shown and f"&#x27;{other}&#x27;" not in shown


# What a team may know of its verdict


NUMBERS = {
    "rows": 86_421,
    "exposure": 86_421.0,
    "errors": 35_000.0,
    "rate": 0.41357,
    "rest_rate": 0.11246,
    "gap": 0.30111,
    "group_weight": 0.2468,
    "points": 7.65432,
    "jaccard": 0.77313,
    "duplicate_of": 0,
    "accepted": True,
    "code": "accepted",
    "parts": [
        {
            "name": "new",
            "rows": 54_321,
            "exposure": 54_321.0,
            "errors": 20_000.0,
            "rest_rows": 9_753,
            "rest_exposure": 9_753.0,
            "rest_errors": 864.0,
            "clusters": None,
            "rest_clusters": None,
            "gap": 0.27159,
            "lower": 0.18263,
            "p_value": 3.21e-9,
            "weight": 0.1357,
            "points": 5.43219,
            "test": "fisher",
        }
    ],
}
# As the page would write them, and as the database has them.
SHOWN = ("86,421", "41.4", "11.2", "30.1", "7.654", "54,321", "27.2", "18.3", "3.2", "5.432", "77\xa0%")
UNIQUE = ("86,421", "7.654", "54,321", "5.432")
RAW = ("0.41357", "0.11246", "0.30111", "7.65432", "0.77313", "0.18263", "5.43219", "0.1357", "0.2468")
LOG = "printed by the submitted code"


@pytest.fixture
def planted(cast, open_bounty, run_worker) -> Submission:
    """The participant's find with numbers that stand nowhere else, said to duplicate the rival's."""
    first, _ = intake.submit(cast.rival, open_bounty, Group("rule", RULE))
    find, _ = intake.submit(cast.participant, open_bounty, Group("rule", "home = 'rent' AND age < 29"))
    run_worker()
    Submission.objects.filter(pk=find.pk).update(
        accepted=True,
        code="accepted",
        points=NUMBERS["points"],
        numbers=NUMBERS,
        duplicate_of=first,
        log=LOG,
        sample_share=0.5,
        finished=datetime(2026, 3, 4, 5, 6, 7, 250_000, UTC),
    )
    find.refresh_from_db()
    return find


def pages_of(client: Client, find: Submission) -> str:
    """The HTML of every page on which the find could stand."""
    own, mine = page("submission", find.pk), page("mine", "lending")
    answers = [client.get(path) for path in ("/", "/bounties/", own, mine)]
    answers += [client.get(page(name, "lending")) for name in OPEN_TO_ALL]
    answers += [client.get(path, headers=HTMX) for path in (own, mine)]
    assert {answer.status_code for answer in answers} == {200}
    return "\n".join(answer.content.decode() for answer in answers)


def verdict_of(client: Client, find: Submission) -> str:
    return client.get(page("submission", find.pk), headers=HTMX).content.decode()


def close(bounty: Bounty) -> None:
    Bounty.objects.filter(pk=bounty.pk).update(closed_at=timezone.now() - timedelta(minutes=1))


def test_exact_numbers_are_not_their_teams_before_the_close(callers, planted):
    verdict = verdict_of(callers["participant"], planted)
    assert "Accepted" in verdict and "50.0" in verdict
    found = pages_of(callers["participant"], planted)
    assert [number for number in (*RAW, *UNIQUE, LOG, "uplicate", "accard") if number in found] == []
    assert [number for number in SHOWN if number in verdict] == []
    assert f"find {planted.duplicate_of_id}" not in found


def test_nor_is_the_moment_of_the_verdict_to_the_microsecond(callers, planted):
    found = pages_of(callers["participant"], planted)
    assert "2026-03-04T05:06:08" in found and "05:06:07" not in found


@pytest.mark.parametrize("name", ["organiser", "staff"])
def test_organisers_see_all_at_any_time(callers, planted, name):
    for _ in range(2):
        verdict = verdict_of(callers[name], planted)
        assert [number for number in SHOWN if number not in verdict] == []
        assert page("submission", planted.duplicate_of_id) in verdict
        assert LOG in callers[name].get(page("submission", planted.pk)).content.decode()
        close(planted.bounty)


def test_after_the_close_the_team_sees_its_numbers_but_never_the_log(callers, planted):
    close(planted.bounty)
    verdict = verdict_of(callers["participant"], planted)
    assert [number for number in SHOWN if number not in verdict] == []
    assert f"find {planted.duplicate_of_id}" in verdict
    assert page("submission", planted.duplicate_of_id) not in verdict
    assert LOG not in pages_of(callers["participant"], planted)
    assert callers["rival"].get(page("submission", planted.pk)).status_code == 404


def test_a_closing_date_that_has_passed_is_a_close(callers, planted):
    yesterday = timezone.now() - timedelta(days=1)
    Bounty.objects.filter(pk=planted.bounty_id).update(closes_at=yesterday)
    assert "7.654" in verdict_of(callers["participant"], planted)


def test_everyone_reads_totals_rounded_down(callers, planted):
    for name in CALLERS:
        rows = callers[name].get(page("leaderboard", "lending")).context["page"].object_list
        assert {row.team: row.points for row in rows}["participant"] == 7.6
        shown = callers[name].get(page("leaderboard", "lending")).content.decode()
        assert "7.6" in shown and "7.65" not in shown

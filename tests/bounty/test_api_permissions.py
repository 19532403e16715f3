"""Every call by a stranger, the participant, another one, another organiser, the organiser and staff."""

import pytest

from bounty.models import Check, Submission
from tests.api_caller import RULE, Caller
from tests.conftest import draft
from tests.onnx_models import below

CALLERS = ("stranger", "participant", "rival", "other_organiser", "organiser", "staff")


@pytest.fixture
def callers(cast, open_bounty):
    draft(cast.outsider, "elsewhere")
    return {
        "stranger": Caller(),
        "participant": Caller(cast.participant),
        "rival": Caller(cast.rival),
        "other_organiser": Caller(cast.outsider),
        "organiser": Caller(cast.owner),
        "staff": Caller(cast.staff),
    }


def statuses(callers, call) -> tuple[int, ...]:
    return tuple(call(callers[name]).status_code for name in CALLERS)


@pytest.mark.parametrize(
    "path",
    [
        "bounties/",
        "bounties/lending/",
        "bounties/lending/sample/",
        "bounties/lending/leaderboard/",
        "bounties/lending/leaderboard/?track=fix&list=solo",
        "bounties/lending/model/",
        "bounties/lending/groups/",
        "bounties/lending/guard/",
    ],
)
def test_an_opened_bounty_is_everybodys_to_read(callers, path):
    assert statuses(callers, lambda caller: caller.get(path)) == (200,) * 6


@pytest.mark.parametrize("path", ["", "leaderboard/", "guard/"])
def test_a_draft_is_there_for_its_organisers_and_staff_alone(callers, cast, path):
    draft(cast.owner, "secret")
    expected = (404, 404, 404, 404, 200, 200)
    assert statuses(callers, lambda caller: caller.get(f"bounties/secret/{path}")) == expected
    for name, status in zip(CALLERS, expected, strict=True):
        listed = {row["slug"] for row in callers[name].get("bounties/").json()["results"]}
        assert ("secret" in listed) == (status == 200)


def test_a_draft_takes_nothing_and_tells_outsiders_nothing(callers, cast):
    draft(cast.owner, "secret")
    expected = (404, 404, 404, 404, 409, 409)
    for name in ("sample", "model", "groups"):
        assert statuses(callers, lambda caller, name=name: caller.get(f"bounties/secret/{name}/")) == expected
    assert statuses(callers, lambda caller: caller.get("bounties/secret/final/")) == (404,) * 6
    assert statuses(callers, lambda caller: caller.get("bounties/secret/submissions/")) == (
        *(401, 404, 404, 404),
        *(200, 200),
    )
    signed = (401, 404, 404, 404)
    assert statuses(callers, lambda caller: caller.submit("secret")) == (*signed, 403, 403)
    check = {"group_format": "rule", "group_rule": "age < 30"}
    answers = statuses(callers, lambda caller: caller.post("bounties/secret/check/", check))
    assert answers == (*signed, 409, 409)
    assert not Submission.objects.exists()


def test_who_may_submit(callers):
    assert statuses(callers, lambda caller: caller.submit("lending")) == (401, 202, 202, 202, 403, 403)


def test_who_may_check_a_rule(callers):
    body = {"group_format": "rule", "group_rule": "age < 30"}
    answers = statuses(callers, lambda caller: caller.post("bounties/lending/check/", body))
    assert answers == (401, 200, 200, 200, 200, 200)


def test_who_may_check_a_model(callers, open_bounty):
    def check(caller):
        data = {"group_format": "onnx", "group_file": below(open_bounty, "age", 30)}
        return caller.post("bounties/lending/check/", data=data)

    assert statuses(callers, check) == (401, 202, 202, 202, 403, 403)
    assert Check.objects.count() == 3


def test_a_check_is_its_teams_alone(callers, open_bounty):
    data = {"group_format": "onnx", "group_file": below(open_bounty, "age", 30)}
    made = callers["participant"].post("bounties/lending/check/", data=data).json()
    path = made["url"].split("/api/v1/")[1]
    assert statuses(callers, lambda caller: caller.get(path)) == (401, 200, 404, 404, 404, 404)


def test_a_submission_is_its_teams_and_the_organisers(callers):
    made = callers["participant"].submit("lending").json()
    path = made["url"].split("/api/v1/")[1]
    assert statuses(callers, lambda caller: caller.get(path)) == (401, 200, 404, 404, 200, 200)


def test_the_list_of_submissions_holds_ones_own_and_the_organisers_all(callers):
    for name in ("participant", "rival"):
        assert callers[name].submit("lending").status_code == 202
    path = "bounties/lending/submissions/"
    assert callers["stranger"].get(path).status_code == 401
    seen = {name: callers[name].get(path).json()["results"] for name in CALLERS[1:]}
    assert {name: [row["team"] for row in rows] for name, rows in seen.items()} == {
        "participant": ["participant"],
        "rival": ["rival"],
        "other_organiser": [],
        "organiser": ["rival", "participant"],
        "staff": ["rival", "participant"],
    }


TEAM_SEES = {
    "id",
    "bounty",
    "team",
    "kind",
    "status",
    "queue_position",
    "starts_in_seconds",
    "verdict",
    "error",
    "created",
    "finished",
}
ORGANISERS_SEE = {
    *("group_format", "group_rule", "group_file_name"),
    *("predictor_format", "predictor_rule", "predictor_value", "predictor_file_name"),
    *("note", "duplicate_of", "log"),
}


def test_numbers_are_the_organisers_until_the_bounty_closes(callers, run_worker, open_bounty):
    path = callers["participant"].submit("lending").json()["url"].split("/api/v1/")[1]
    run_worker()
    mine, theirs = callers["participant"].get(path).json(), callers["organiser"].get(path).json()
    assert set(mine) == TEAM_SEES
    assert set(mine["verdict"]) == {"accepted", "code", "sample_share"}
    assert set(theirs) == TEAM_SEES | ORGANISERS_SEE
    assert theirs["group_rule"] == RULE["group_rule"]
    assert theirs["verdict"]["points"] > 0
    assert theirs["verdict"]["numbers"]["gap"] > 0.05
    listed = callers["participant"].get("bounties/lending/submissions/").json()["results"][0]
    assert listed == mine

    type(open_bounty).objects.filter(pk=open_bounty.pk).update(closed_at=open_bounty.opened_at)
    after = callers["participant"].get(path).json()
    assert set(after) == TEAM_SEES
    assert after["verdict"] == theirs["verdict"]
    assert callers["rival"].get(path).status_code == 404

"""House teams: they enter by the same door, once, and nobody can be taken for them."""

import pytest

from bounty import entry, evaluation, house
from bounty.models import HouseTurn, Submission, Team
from common.jobs import Status
from tests.bounty.fixes import open_repairable


@pytest.fixture
def bounty(cast, run_worker):
    return open_repairable(cast.owner, run_worker, house_teams=True)


def play(run_worker) -> None:
    """The reaper makes the turns, one after the other, and the worker takes them."""
    for _ in range(3):
        evaluation.reap()
        run_worker()


def test_both_take_a_turn_and_are_judged_like_anybody(bounty, run_worker):
    play(run_worker)
    teams = Team.objects.filter(bounty=bounty, is_house=True)
    assert sorted(teams.values_list("name", flat=True)) == [
        "House: cost-sensitive search",
        "House: slices and trees",
    ]
    assert set(HouseTurn.objects.values_list("status", flat=True)) == {Status.SCORED}
    sent = Submission.objects.filter(team__is_house=True)
    assert 2 <= sent.count() <= 4
    assert {one.kind for one in sent} == {"fix"}
    assert {one.status for one in sent} == {Status.SCORED}
    assert sent.filter(accepted=True).exists(), "the planted groups are there to be found"


def test_a_turn_played_again_sends_nothing_twice(bounty, run_worker):
    play(run_worker)
    before = list(Submission.objects.values_list("id", flat=True))
    for turn in HouseTurn.objects.all():
        house.play(turn)
    evaluation.reap()
    assert list(Submission.objects.values_list("id", flat=True)) == before
    assert HouseTurn.objects.count() == 2


@pytest.mark.parametrize("values", [{"house_teams": False}, {"house_teams": True, "takes_fixes": False}])
def test_they_play_only_where_fixes_are_taken_and_they_are_switched_on(cast, run_worker, values):
    open_repairable(cast.owner, run_worker, **values)
    play(run_worker)
    assert not HouseTurn.objects.exists()
    assert not Submission.objects.exists()


def test_their_quota_is_everybodys(bounty, run_worker):
    """A bounty without verdicts left takes nothing from them, and their turn ends all the same."""
    bounty.verdict_cap = bounty.team_cap = 1
    bounty.save()
    play(run_worker)
    assert Submission.objects.count() == 1
    assert set(HouseTurn.objects.values_list("status", flat=True)) == {Status.SCORED}


def test_nobody_can_sign_up_under_their_names(client, bounty, run_worker):
    play(run_worker)
    for user in ("house:slices", "house:costs"):
        answer = client.post(
            "/accounts/signup/",
            {
                "username": user,
                "email": "h@example.org",
                "password1": "correct horse battery staple",
                "password2": "correct horse battery staple",
            },
        )
        assert answer.status_code == 200
        assert not client.login(username=user, password="")
    assert not any(team.user.has_usable_password() for team in Team.objects.filter(is_house=True))


def test_what_they_know_is_the_public_sample(bounty, monkeypatch):
    """No other part is read while proposals are made."""
    read = []
    original = house.sample_part
    monkeypatch.setattr(house, "sample_part", lambda one: read.append("sample") or original(one))
    monkeypatch.setattr("bounty.parts.leaderboard_evidence", lambda one: read.append("leaderboard"))
    for method in HouseTurn.Method:
        house.proposals_of(HouseTurn(bounty=bounty, method=method))
    assert set(read) == {"sample"}
    assert entry.quota_of(bounty, None).bounty_left == bounty.verdict_cap

"""Fixes and the repaired model in the API: what is taken, what is refused, and who sees what."""

from datetime import datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from bounty import closing, credit, drafts
from bounty.models import Bounty, Check, Submission
from tests.api_caller import Caller, error_of
from tests.bounty.fixes import open_repairable, send_find, send_fix
from tests.onnx_models import below

YOUNG = "age < 30 AND home = 'rent'"
BOTH = "(age < 24 AND home = 'rent') OR age >= 60"
FIX = {
    "kind": "fix",
    "group_format": "rule",
    "group_rule": YOUNG,
    "predictor_format": "constant",
    "predictor_value": "1",
}
READS = ("", "model/", "groups/", "guard/", "final/", "leaderboard/?track=fix")


@pytest.fixture
def bounty(cast, run_worker):
    return open_repairable(cast.owner, run_worker)


@pytest.fixture
def callers(cast):
    users = {"organiser": cast.owner, **{name: getattr(cast, name) for name in ("participant", "rival")}}
    return {"stranger": Caller(), "staff": Caller(cast.staff)} | {
        name: Caller(user) for name, user in users.items()
    }


@pytest.fixture
def repaired(cast, bounty, run_worker):
    """Two rounds, the second with a repair of the first, a find, and a fix that proved nothing."""
    send_fix(cast.participant, bounty, YOUNG, "1")
    send_find(cast.participant, bounty, YOUNG)
    run_worker()
    send_fix(cast.rival, bounty, BOTH, "0")
    send_fix(cast.rival, bounty, "age BETWEEN 35 AND 50", "1")
    run_worker()
    return bounty


def close(bounty: Bounty, **values) -> None:
    Bounty.objects.filter(pk=bounty.pk).update(**values)
    drafts.close_bounty(bounty)
    assert closing.finalise(bounty.pk) and credit.add_credit(bounty.pk)


def get(caller: Caller, path: str) -> dict:
    answer = caller.get(f"bounties/repairs/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def path_of(answer) -> str:
    assert answer.status_code == 202, answer.content
    return answer.json()["url"].split("/api/v1/")[1]


# Submitting


@pytest.mark.parametrize(
    ("way", "predictor"),
    [
        ("json", {"predictor_format": "constant", "predictor_value": 1}),
        ("multipart", {"predictor_format": "constant", "predictor_value": "1"}),
        ("json", {"predictor_format": "rule", "predictor_rule": "age > 0"}),
    ],
)
def test_a_fix_becomes_a_submission_and_then_a_verdict(bounty, callers, run_worker, way, predictor):
    body = {
        "kind": "fix",
        "group_format": "rule",
        "group_rule": YOUNG,
        "note": "yes to the young",
        **predictor,
    }
    participant, organiser = callers["participant"], callers["organiser"]
    send = participant.submit if way == "json" else participant.submit_form
    path = path_of(send("repairs", body))
    run_worker()
    mine, theirs = participant.get(path).json(), organiser.get(path).json()
    assert (mine["kind"], mine["status"], mine["error"]) == ("fix", "scored", None)
    assert mine["verdict"] == {
        "accepted": True,
        "code": "accepted",
        "sample_share": pytest.approx(0.1, abs=0.03),
    }
    assert theirs["verdict"]["points"] == Submission.objects.get().points > 0
    numbers = theirs["verdict"]["numbers"]
    assert numbers["group_after"] < numbers["group_before"]
    assert numbers["solo"]["p_value"] == numbers["p_value"]
    assert {name: theirs[name] for name in predictor} == {name: str(sent) for name, sent in predictor.items()}


def test_a_fix_by_a_model_is_tried_and_submitted(bounty, callers, run_worker):
    """The same answers as a rule's and as a model's are the same fix."""
    participant = callers["participant"]
    group = {"kind": "fix", "group_format": "rule", "group_rule": YOUNG}
    by_rule = group | {"predictor_format": "rule", "predictor_rule": "age < 29"}

    def by_model() -> dict:
        return group | {"predictor_format": "onnx", "predictor_file": below(bounty, "age", 29)}

    at_once = participant.post("bounties/repairs/check/", by_rule)
    assert at_once.status_code == 200
    path = path_of(participant.post("bounties/repairs/check/", data=by_model()))
    run_worker()
    assert participant.get(path).json()["result"] == at_once.json()
    assert at_once.json()["gain"] > 0
    paths = [path_of(participant.submit_form("repairs", sent)) for sent in (by_rule, by_model())]
    run_worker()
    codes = [participant.get(path).json()["verdict"]["code"] for path in paths]
    assert codes == ["accepted", "nothing_new"]
    assert Submission.objects.order_by("id").last().predictor_file_name == "below.onnx"


def test_a_dry_run_says_what_is_gained_on_the_sample(bounty, callers):
    found = callers["participant"].post("bounties/repairs/check/", FIX).json()
    assert set(found) == {
        *("sample_rows", "sample_share", "changed", "better", "worse", "group_before", "group_after"),
        *("constant", "constant_error", "gain", "low", "high"),
    }
    assert found["constant"] == "1" and found["group_after"] == found["constant_error"]
    assert found["low"] < found["gain"] < found["high"]
    rows = get(callers["stranger"], "")["parts"]["sample"]["rows"]
    assert found["gain"] == pytest.approx((found["better"] - found["worse"]) / rows)
    assert not Submission.objects.exists() and not Check.objects.exists()


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"predictor_format": None}, "null", "predictor_format"),
        ({"predictor_format": ""}, "blank", "predictor_format"),
        ({"predictor_format": "pickle"}, "unknown_format", "predictor_format"),
        ({"predictor_format": "python"}, "unknown_format", "predictor_format"),
        ({"predictor_value": "2"}, "unknown_label", "predictor_value"),
        ({"predictor_value": ""}, "unknown_label", "predictor_value"),
        ({"predictor_value": ["1"]}, "invalid", "predictor_value"),
        ({"predictor_rule": "age < 3"}, "value_and_model", "predictor_value"),
        ({"predictor_format": "rule"}, "value_and_model", "predictor_value"),
        ({"predictor_format": "rule", "predictor_value": ""}, "rule_missing", "predictor_rule"),
        (
            {"predictor_format": "rule", "predictor_value": "", "predictor_rule": "agee < 3"},
            "rule_error",
            "predictor_rule",
        ),
        ({"predictor_format": "onnx", "predictor_value": ""}, "file_missing", "predictor_file"),
        (
            {"predictor_format": "onnx", "predictor_value": "", "predictor_file": "eA=="},
            "invalid",
            "predictor_file",
        ),
        ({"group_rule": ""}, "rule_missing", "group_rule"),
        ({"kind": "find"}, "predictor_not_taken", "predictor_format"),
    ],
)
def test_a_fix_that_cannot_be_taken(bounty, callers, changes, code, field):
    body = FIX | changes
    assert error_of(callers["participant"].submit("repairs", body)) == (400, code, field)
    assert error_of(callers["participant"].post("bounties/repairs/check/", body)) == (400, code, field)
    assert not Submission.objects.exists()


def test_a_fix_without_a_predictor_and_files_where_none_belong(bounty, callers, settings):
    participant = callers["participant"]
    bare = {name: sent for name, sent in FIX.items() if not name.startswith("predictor")}
    assert error_of(participant.submit("repairs", bare)) == (400, "predictor_missing", "predictor_format")

    def with_file(content: bytes, **changes) -> tuple:
        data = FIX | {"predictor_file": SimpleUploadedFile("m.onnx", content)} | changes
        return error_of(participant.submit_form("repairs", data))

    assert with_file(b"x") == (400, "value_and_model", "predictor_value")
    model = {"predictor_format": "onnx", "predictor_value": ""}
    assert with_file(b"", **model) == (400, "file_empty", "predictor_file")
    assert with_file(b"x", **model, predictor_rule="age < 3") == (400, "rule_and_file", "predictor_rule")
    settings.MODEL_MAX_BYTES = 1000
    assert with_file(b"x" * 1001, **model) == (413, "file_too_big", "predictor_file")
    assert not Submission.objects.exists()


def test_the_same_key_for_another_predictor_is_refused(bounty, callers):
    key = {"Idempotency-Key": "one"}
    first = callers["participant"].submit("repairs", FIX, headers=key).json()
    assert callers["participant"].submit("repairs", FIX, headers=key).json()["id"] == first["id"]
    other = callers["participant"].submit("repairs", FIX | {"predictor_value": "0"}, headers=key)
    assert error_of(other) == (409, "idempotency_key_reused", None)


def test_a_bounty_of_finds_alone_says_so(bounty, callers):
    Bounty.objects.update(takes_fixes=False)
    facts = get(callers["participant"], "")
    assert (facts["takes_fixes"], facts["predictor_formats"]) == (False, [])
    assert error_of(callers["participant"].submit("repairs", FIX)) == (409, "fixes_not_taken", "kind")
    answer = callers["participant"].post("bounties/repairs/check/", FIX)
    assert error_of(answer) == (409, "fixes_not_taken", "kind")
    assert error_of(callers["stranger"].get("bounties/repairs/model/")) == (409, "fixes_not_taken", None)
    assert get(callers["stranger"], "groups/")["uses"] == []


def test_submissions_are_listed_by_kind(repaired, callers):
    def kinds(query: str) -> list[str]:
        found = get(callers["participant"], f"submissions/?{query}")["results"]
        return [one["kind"] for one in found]

    assert kinds("") == ["find", "fix"]
    assert kinds("kind=fix") == ["fix"] and kinds("kind=find&status=scored") == ["find"]


def test_a_bounty_says_which_fixes_it_takes(bounty, callers):
    Bounty.objects.update(min_gain=0.001)
    facts = get(callers["stranger"], "")
    assert (facts["takes_fixes"], facts["predicts"]) == (True, "label")
    assert facts["predictor_formats"] == ["rule", "constant", "onnx", "skops"]
    assert (facts["positive_label"], facts["min_gain"], facts["finalised_at"]) == ("1", 0.001, None)
    assert (facts["house_teams"], facts["publish_groups"]) == (False, True)


# The repaired model


def test_the_model_is_everybodys_and_its_numbers_the_organisers(repaired, callers):
    models = {name: get(caller, "model/") for name, caller in callers.items()}
    for model in models.values():
        assert model["half"] == "leaderboard"
        assert model["nodes"] == [
            {"version": 1, "group": 1, "points_to": None},
            {"version": 2, "group": 2, "points_to": None},
            {"version": 3, "group": 1, "points_to": 1},
        ]
        first, second = model["rounds"]
        assert (first["number"], first["team"], first["version"], first["repairs"]) == (
            1,
            "participant",
            1,
            [],
        )
        assert (second["team"], second["version"], second["repairs"]) == ("rival", 3, model["nodes"][2:])
        assert 0 < first["drop"] <= second["drop"] == round(second["drop"], 1)
        assert 0 < first["sample_share"] < second["sample_share"]
        assert first["uses"]["age"] > 0 == first["uses"]["sex"]
        assert datetime.fromisoformat(first["accepted_at"]).microsecond == 0
    for name in ("stranger", "participant", "rival"):
        assert models[name]["life"] is None
        assert {(one["points"], one["numbers"]) for one in models[name]["rounds"]} == {(None, None)}
    for name in ("organiser", "staff"):
        fixes = Submission.objects.filter(kind="fix", accepted=True).order_by("id")
        rounds = models[name]["rounds"]
        assert [one["points"] for one in rounds] == [fix.points for fix in fixes]
        assert rounds[1]["numbers"]["repairs"] == [[1, 1]] and "solo" in rounds[1]["numbers"]
        life = models[name]["life"]
        assert life["overall"] == sorted(life["overall"], reverse=True) and len(life["overall"]) == 3
        assert [errors[0] for errors in life["groups"]] == [None, None]
        assert life["overall"][-1] == rounds[1]["numbers"]["after"]


def test_what_was_sent_is_its_teams_and_the_organisers(repaired, callers):
    def rules(name: str) -> list:
        rounds = get(callers[name], "model/")["rounds"]
        return [one["sent"] and one["sent"]["group_rule"] for one in rounds]

    assert {name: rules(name) for name in callers} == {
        "stranger": [None, None],
        "participant": [YOUNG, None],
        "rival": [None, BOTH],
        "organiser": [YOUNG, BOTH],
        "staff": [YOUNG, BOTH],
    }
    sent = get(callers["organiser"], "model/")["rounds"][0]["sent"]
    assert (sent["predictor_format"], sent["predictor_value"]) == ("constant", "1")


@pytest.mark.parametrize("publish", [True, False])
def test_after_the_close_numbers_are_everybodys_and_groups_if_said_so(repaired, callers, publish):
    organisers = get(callers["organiser"], "model/")
    close(repaired, publish_groups=publish)
    for name in ("stranger", "participant", "rival"):
        model = get(callers[name], "model/")
        assert model["life"] == organisers["life"]
        assert [one["numbers"] for one in model["rounds"]] == [one["numbers"] for one in organisers["rounds"]]
    rules = [
        one["sent"] and one["sent"]["group_rule"] for one in get(callers["stranger"], "model/")["rounds"]
    ]
    assert rules == ([YOUNG, BOTH] if publish else [None, None])
    final = get(callers["stranger"], "final/")
    sent = [one["sent"] and one["sent"]["group_rule"] for one in (*final["finds"], *final["fixes"])]
    assert sent == ([YOUNG, YOUNG, BOTH] if publish else [None] * 3)


def test_accepted_groups_are_shown_by_use_and_in_whole_percent(repaired, callers):
    groups = get(callers["stranger"], "groups/")
    assert [(row["team"], row["groups"], row["is_house"]) for row in groups["uses"]] == [
        ("participant", 2, False),
        ("rival", 1, False),
    ]
    assert set(groups["uses"][0]["uses"]) == {"age", "home", "sex", "income"}
    everyone, *declared = groups["coverage"]
    assert (everyone["column"], everyone["value"]) == (None, "")
    assert {row["column"] for row in declared} == {"sex", "home"}
    for row in groups["coverage"]:
        for kind in ("find", "fix"):
            assert all(isinstance(share, int) and 0 <= share <= 100 for share in row[kind].values())
    assert everyone["find"]["more"] == 0 < everyone["fix"]["more"] < everyone["fix"]["once"]


def test_the_guard_says_who_used_what(repaired, callers):
    repaired.teams.filter(name="rival").update(is_house=True)
    guard = get(callers["stranger"], "guard/")
    first = guard.pop("first_accepted")
    assert datetime.fromisoformat(first).microsecond == 0
    assert guard == {
        "verdict_cap": 200,
        "used": 4,
        "left": 196,
        "alpha": 0.05,
        "level": 0.05 / 200,
        "accepted": 3,
        "pages": 1,
        "teams": [
            {"team": "participant", "is_house": False, "used": 2},
            {"team": "rival", "is_house": True, "used": 2},
        ],
    }


def test_the_leaderboards_of_fixes(repaired, callers):
    repaired.teams.filter(name="rival").update(is_house=True)
    boards = {
        name: get(callers["stranger"], f"leaderboard/?track=fix&list={name}")["rows"]
        for name in ("shared", "solo")
    }
    for rows in boards.values():
        assert {row["team"]: (row["is_house"], row["accepted"]) for row in rows} == {
            "participant": (False, 1),
            "rival": (True, 1),
        }
        assert all(row["points"] == round(row["points"], 1) > 0 for row in rows)
    finds = get(callers["stranger"], "leaderboard/")["rows"]
    assert [(row["team"], row["accepted"]) for row in finds] == [("participant", 1)]


# The close


def test_before_the_close_there_is_no_final_ranking(repaired, callers):
    for step in (lambda: None, lambda: drafts.close_bounty(repaired)):
        step()
        for caller in callers.values():
            assert error_of(caller.get("bounties/repairs/final/")) == (404, "not_final", None)


def test_the_final_ranking_is_everybodys(repaired, callers):
    close(repaired)
    final = get(callers["stranger"], "final/")
    assert set(final) == {
        *("finalised_at", "rows", "accepted", "level"),
        *("finds", "fixes", "model", "tracks", "credit"),
    }
    repaired.refresh_from_db()
    assert {name: final[name] for name in ("model", "tracks", "credit")} == {
        name: repaired.final[name] for name in ("model", "tracks", "credit")
    }
    for kind in ("finds", "fixes"):
        shown = [{name: one[name] for name in one if name != "sent"} for one in final[kind]]
        assert shown == repaired.final[kind]
    assert get(callers["stranger"], "")["finalised_at"] == final["finalised_at"]


def test_credit_may_follow_later(repaired, callers):
    drafts.close_bounty(repaired)
    closing.finalise(repaired.pk)
    assert get(callers["stranger"], "final/")["credit"] is None


# Who may, and what it costs


@pytest.mark.parametrize("closed", [False, True])
def test_nobody_learns_an_address_or_what_was_refused(repaired, callers, closed):
    if closed:
        close(repaired)
    for name in ("stranger", "participant"):
        for path in READS:
            text = callers[name].get(f"bounties/repairs/{path}").content.decode()
            assert "example.org" not in text and "BETWEEN" not in text


def test_reading_the_model_asks_the_same_questions_for_more_rounds(
    bounty, cast, callers, run_worker, django_assert_max_num_queries
):
    def counts() -> list[int]:
        found = []
        for path in ("model/", "groups/", "guard/", "leaderboard/?track=fix&list=solo"):
            get(callers["stranger"], path)
            with django_assert_max_num_queries(12) as queries:
                get(callers["stranger"], path)
            found.append(len(queries))
        return found

    send_fix(cast.participant, bounty, YOUNG, "1")
    run_worker()
    few = counts()
    send_fix(cast.rival, bounty, BOTH, "0")
    run_worker()
    assert counts() == few

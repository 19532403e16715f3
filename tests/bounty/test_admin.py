"""The operator's view: everything is found, what was judged stays as it is, no file can be fetched."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import ProtectedError
from django.urls import reverse

from bounty import intake
from bounty.models import (
    Answers,
    Bounty,
    Check,
    Credit,
    HouseTurn,
    Masks,
    Status,
    Submission,
    TableUpload,
    Team,
)
from tests.conftest import as_upload, draft, lending_table

MODELS = (Bounty, TableUpload, Team, Submission, Check, Masks, Answers, HouseTurn, Credit)


@pytest.fixture
def staff(client, cast):
    client.force_login(cast.staff)
    return client


@pytest.fixture
def things(open_bounty, cast, run_worker):
    """One of each model, on an opened bounty."""
    group, predictor = intake.Group("rule", "age < 30"), intake.Predictor("rule", rule="income > 25000")
    submission, _ = intake.submit(cast.participant, open_bounty, group, predictor)
    run_worker()
    submission.refresh_from_db()
    check = Check.objects.create(team=submission.team, group_format="rule", group_rule="age < 30")
    return {
        Bounty: open_bounty,
        TableUpload: open_bounty.uploads.get(),
        Team: submission.team,
        Submission: submission,
        Check: check,
        Masks: submission.masks,
        Answers: submission.answers,
        HouseTurn: HouseTurn.objects.create(bounty=open_bounty, method="slices"),
        Credit: Credit.objects.create(bounty=open_bounty),
    }


def address(model, page: str, *args) -> str:
    return reverse(f"admin:bounty_{model._meta.model_name}_{page}", args=args)


def test_every_model_is_listed_searched_and_shown(staff, things):
    for model, thing in things.items():
        assert staff.get(address(model, "changelist")).status_code == 200
        assert staff.get(address(model, "changelist"), {"q": "1"}).status_code == 200
        assert staff.get(address(model, "change", thing.pk)).status_code == 200


def test_no_page_tells_where_a_file_lies(staff, things):
    stored = [
        record[kind]["path"] for record in things[Bounty].parts.values() for kind in ("features", "truth")
    ]
    for model, thing in things.items():
        for shown in (address(model, "changelist"), address(model, "change", thing.pk)):
            text = staff.get(shown).content.decode()
            assert not any(path in text for path in stored)


def test_a_fix_is_shown_with_its_predictor_and_both_verdicts(staff, things):
    text = staff.get(address(Submission, "change", things[Submission].pk)).content.decode()
    assert "income &gt; 25000" in text
    assert all(f"field-{name}" in text for name in ("kind", "solo_accepted", "solo_points", "uses"))
    team = staff.get(address(Team, "change", things[Team].pk)).content.decode()
    assert "field-is_house" in team
    bounty = staff.get(address(Bounty, "change", things[Bounty].pk)).content.decode()
    assert all(
        f"field-{name}" in bounty
        for name in ("takes_fixes", "min_gain", "house_teams", "publish_groups", "finalised_at")
    )


@pytest.mark.parametrize("model", [TableUpload, Submission, Check, Masks, Answers, HouseTurn, Credit])
def test_what_was_judged_cannot_be_changed(staff, things, model):
    thing = things[model]
    body = {"status": Status.FAILED, "accepted": "true", "points": "99", "code": "accepted"}
    assert staff.post(address(model, "change", thing.pk), body).status_code == 403
    before = {name: value for name, value in vars(thing).items() if not name.startswith("_")}
    after = vars(model.objects.get(pk=thing.pk))
    assert all(after[name] == value for name, value in before.items())


def test_of_a_bounty_only_texts_and_organisers_can_be_changed(staff, things, cast):
    bounty = Bounty.objects.get(pk=things[Bounty].pk)
    body = {"title": "Renamed", "organisers": [cast.owner.pk, cast.rival.pk], "alpha": "0.2", "parts": "{}"}
    assert staff.post(address(Bounty, "change", bounty.pk), body).status_code == 302
    after = Bounty.objects.get(pk=bounty.pk)
    assert after.title == "Renamed" and set(after.organisers.all()) == {cast.owner, cast.rival}
    assert (after.alpha, after.parts, after.opened_at) == (bounty.alpha, bounty.parts, bounty.opened_at)


@pytest.mark.parametrize("model", MODELS)
def test_nothing_that_verdicts_rest_on_is_deleted_here(staff, things, model):
    assert staff.post(address(model, "delete", things[model].pk), {"post": "yes"}).status_code == 403
    assert model.objects.filter(pk=things[model].pk).exists()


def test_nor_with_the_user_who_submitted(staff, things, cast):
    user = things[Team].user
    staff.post(reverse("admin:auth_user_delete", args=[user.pk]), {"post": "yes"})
    assert Team.objects.filter(user=user).exists()
    with pytest.raises(ProtectedError):
        user.delete()


def test_a_table_is_uploaded_through_the_same_door(staff, cast, run_worker):
    bounty = draft(cast.owner)
    answer = staff.post(
        address(TableUpload, "add"), {"bounty": bounty.pk, "table": as_upload(lending_table())}
    )
    assert answer.status_code == 302
    run_worker()
    bounty.refresh_from_db()
    assert bounty.is_prepared and bounty.uploads.get().table_name == "table.csv"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"table": SimpleUploadedFile("t.csv", b"age,age\n1,2\n")}, "both called"),
        ({"table": SimpleUploadedFile("t.csv", b"a,b\n1,2\n"), "bounty": ""}, "required"),
        ({}, "required"),
    ],
)
def test_a_refused_table_stands_on_the_form(staff, cast, body, says):
    bounty = draft(cast.owner)
    answer = staff.post(address(TableUpload, "add"), {"bounty": bounty.pk} | body)
    assert answer.status_code == 200 and says in answer.content.decode()
    assert not TableUpload.objects.exists()


def test_an_opened_bounty_takes_no_table_here_either(staff, open_bounty):
    body = {"bounty": open_bounty.pk, "table": as_upload(lending_table())}
    answer = staff.post(address(TableUpload, "add"), body)
    assert answer.status_code == 200 and open_bounty.uploads.count() == 1


@pytest.mark.parametrize("who", ["owner", "participant", "outsider", None])
def test_the_administration_is_for_operators(client, cast, open_bounty, who):
    if who:
        client.force_login(getattr(cast, who))
    for model in MODELS:
        assert client.get(address(model, "changelist")).status_code == 302
    assert client.get(address(Bounty, "change", open_bounty.pk)).status_code == 302

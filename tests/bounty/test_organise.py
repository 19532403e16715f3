"""The organiser's pages: a draft step by step, its changes, every submission, and who may see them."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from bounty import drafts, entry
from bounty.models import Bounty, Status, Submission, TableUpload
from common.spreadsheet import safe
from tests.conftest import as_upload, draft, lending_table

DETAILS = {"title": "Loans in Boston", "slug": "", "summary": "Who is turned down?", "description": "*Hello*"}
ORGANISER_PAGES = ("manage", "edit", "upload", "all_submissions", "all_submissions_csv")
ORGANISER_ACTIONS = ("open", "close", "delete", "edit", "upload")


def settings_of(bounty: Bounty, **changes) -> dict:
    return {
        "title": bounty.title,
        "slug": bounty.slug,
        "measure": "error",
        "label_column": "approve",
        "prediction_column": "predicted",
        "visible_columns": ["age", "income", "home", "sex"],
        "group_columns": ["sex", "home"],
        "sample_share": "20",
        "leaderboard_share": "40",
        "min_rows": "30",
        "verdict_cap": "200",
        "alpha": "0.05",
        "team_cap": "50",
        "daily_cap": "20",
        "rejected_daily_cap": "30",
        "wall_seconds": "10",
        "takes_fixes": "on",
        "min_gain": "0",
        "publish_groups": "on",
    } | changes


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    return client


@pytest.fixture
def uploaded(cast):
    """A draft whose columns nobody has named yet."""
    values = {"title": "Loans", "slug": "loans"}
    return drafts.create_bounty(cast.owner, values, as_upload(lending_table()))


@pytest.fixture
def prepared(cast, run_worker):
    bounty = draft(cast.owner)
    drafts.upload_table(bounty, as_upload(lending_table()))
    run_worker()
    bounty.refresh_from_db()
    return bounty


def page(bounty: Bounty, name: str) -> str:
    return reverse(f"bounty:{name}", args=[bounty.slug])


# Making a bounty


def test_a_bounty_is_made_in_two_steps_prepared_and_opened(owner, cast, run_worker):
    answer = owner.post(reverse("bounty:new"), DETAILS | {"table": as_upload(lending_table())})
    bounty = Bounty.objects.get()
    assert bounty.slug == "loans-in-boston" and list(bounty.organisers.all()) == [cast.owner]
    assert answer.url == page(bounty, "edit")
    settings_page = owner.get(answer.url)
    names = [row["name"] for row in settings_page.context["form"].column_rows()]
    assert names == ["age", "income", "home", "sex", "approve", "predicted"]
    assert settings_page.context["form"]["prediction_column"].value() == "predicted"
    assert settings_page.context["form"]["group_columns"].value() == ["sex"]

    answer = owner.post(page(bounty, "edit"), settings_of(bounty))
    assert answer.url == page(bounty, "manage")
    assert "Waiting for a worker" in owner.get(answer.url).content.decode()
    run_worker()
    ready = owner.get(answer.url).content.decode()
    assert "Ready to open" in ready and "Leaderboard half" in ready

    owner.post(page(bounty, "open"))
    bounty.refresh_from_db()
    assert bounty.phase == "open"
    assert bounty.visible_columns == ["age", "income", "home", "sex"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"slug": "new"}, "slug"),
        ({"slug": "lending"}, "slug"),
        ({"slug": "two words"}, "slug"),
        ({"table": SimpleUploadedFile("t.csv", b"")}, "table"),
        ({"table": SimpleUploadedFile("t.csv", b"age,age\n1,2\n")}, "table"),
        ({"table": SimpleUploadedFile("t.csv", b"age,b\n1\n")}, "table"),
        ({"table": ""}, "table"),
        ({"model_file": SimpleUploadedFile("m.onnx", b"")}, "model_file"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_lost(owner, draft_bounty, change, field):
    answer = owner.post(reverse("bounty:new"), DETAILS | {"table": as_upload(lending_table())} | change)
    form = answer.context["form"]
    assert answer.status_code == 200 and list(form.errors) == [field]
    assert form["description"].value() == "*Hello*"
    assert Bounty.objects.count() == 1 and not TableUpload.objects.exists()


def test_a_second_bounty_of_the_same_title_gets_an_address_of_its_own(owner):
    for _ in range(3):
        owner.post(reverse("bounty:new"), DETAILS | {"table": as_upload(lending_table())})
    owner.post(reverse("bounty:new"), DETAILS | {"title": "New", "table": as_upload(lending_table())})
    slugs = sorted(Bounty.objects.values_list("slug", flat=True))
    assert slugs == ["loans-in-boston", "loans-in-boston-2", "loans-in-boston-3", "new-2"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"label_column": ""}, "label_column"),
        ({"label_column": "predicted"}, "prediction_column"),
        ({"cluster_column": "approve"}, "cluster_column"),
        ({"weight_column": "salary"}, "weight_column"),
        ({"measure": "false_rejection"}, "favourable_label"),
        ({"visible_columns": []}, "visible_columns"),
        ({"visible_columns": ["approve"], "group_columns": []}, "visible_columns"),
        ({"group_columns": ["approve"]}, "group_columns"),
        ({"visible_columns": ["age"]}, "group_columns"),
        ({"sample_share": "60"}, "leaderboard_share"),
        ({"sample_share": "0"}, "sample_share"),
        ({"team_cap": "201"}, "team_cap"),
        ({"alpha": "0.5"}, "alpha"),
        ({"min_gain": ""}, "min_gain"),
        ({"min_gain": "-1"}, "min_gain"),
        ({"min_gain": "51"}, "min_gain"),
        ({"opens_at": "2030-02-01T10:00", "closes_at": "2030-01-01T10:00"}, "closes_at"),
    ],
)
def test_settings_that_cannot_be_are_refused_at_their_field(owner, uploaded, change, field):
    answer = owner.post(page(uploaded, "edit"), settings_of(uploaded, **change))
    assert answer.status_code == 200 and list(answer.context["form"].errors) == [field]
    uploaded.refresh_from_db()
    assert uploaded.label_column == ""


def test_percent_on_the_page_are_shares_in_the_bounty(owner, uploaded):
    owner.post(page(uploaded, "edit"), settings_of(uploaded, sample_share="12.5", leaderboard_share="57"))
    uploaded.refresh_from_db()
    assert (uploaded.sample_share, uploaded.leaderboard_share) == (0.125, 0.57)
    form = owner.get(page(uploaded, "edit")).context["form"]
    assert (form["sample_share"].value(), form["leaderboard_share"].value()) == ("12.5", "57")


def test_the_refusal_of_a_table_stands_on_the_manage_page_until_it_is_mended(owner, cast, run_worker):
    bounty = draft(cast.owner)
    table = lending_table().with_columns(predicted=9)
    owner.post(page(bounty, "upload"), {"table": as_upload(table)})
    run_worker()
    shown = owner.get(page(bounty, "manage")).content.decode()
    assert "The table cannot be used yet" in shown and "not among the labels" in shown
    bounty.refresh_from_db()
    assert bounty.title == "Lending decisions" and bounty.label_column == "approve"
    owner.post(page(bounty, "upload"), {"table": as_upload(lending_table())})
    run_worker()
    assert "Ready to open" in owner.get(page(bounty, "manage")).content.decode()


def test_our_failure_can_be_tried_again(owner, cast, run_worker):
    bounty = draft(cast.owner)
    drafts.upload_table(bounty, as_upload(lending_table()))
    bounty.uploads.update(status=Status.FAILED, tries=3)
    assert "This failed on our side" in owner.get(page(bounty, "manage")).content.decode()
    owner.post(page(bounty, "upload"))
    run_worker()
    assert "Ready to open" in owner.get(page(bounty, "manage")).content.decode()


def test_the_page_asks_again_only_while_the_data_is_being_prepared(owner, cast, run_worker):
    bounty = draft(cast.owner)
    drafts.upload_table(bounty, as_upload(lending_table()))
    part = owner.get(page(bounty, "manage"), headers={"HX-Request": "true"}).content.decode()
    assert 'hx-trigger="every 2s"' in part and "<html" not in part
    run_worker()
    part = owner.get(page(bounty, "manage"), headers={"HX-Request": "true"}).content.decode()
    assert "hx-trigger" not in part and "Ready to open" in part


def test_an_upload_can_be_refused_at_the_door(owner, prepared):
    answer = owner.post(page(prepared, "upload"), {"table": SimpleUploadedFile("t.csv", b"a,b\n1\n")})
    assert "Row 2 has 1 values" in answer.content.decode()
    prepared.refresh_from_db()
    assert prepared.is_prepared


def test_organisers_see_the_facts_of_every_part(owner, prepared):
    shown = owner.get(page(prepared, "manage")).content.decode()
    for part in prepared.parts.values():
        assert part["features"]["sha256"] in shown and part["truth"]["sha256"] in shown
        assert part["features"]["path"] not in shown and part["truth"]["path"] not in shown
    assert str(prepared.random_state) in shown
    assert "female" in shown and "rent" in shown


# Opening and after


def test_a_draft_without_data_does_not_open(owner, uploaded):
    answer = owner.post(page(uploaded, "open"), follow=True)
    assert "when its data is prepared" in answer.content.decode()
    uploaded.refresh_from_db()
    assert uploaded.opened_at is None


def test_after_the_opening_only_texts_can_change(owner, open_bounty):
    before = Bounty.objects.get(pk=open_bounty.pk)
    change = settings_of(open_bounty, summary="Changed", alpha="0.2", title="Other", sample_share="5")
    owner.post(page(open_bounty, "edit"), change)
    after = Bounty.objects.get(pk=open_bounty.pk)
    assert after.summary == "Changed"
    assert (after.alpha, after.title, after.parts) == (before.alpha, before.title, before.parts)
    for name in ("upload", "delete", "open"):
        answer = owner.post(page(open_bounty, name), {"table": as_upload(lending_table())}, follow=True)
        assert "data and rules are frozen" in answer.content.decode()


def test_closing_ends_it(owner, open_bounty):
    owner.post(page(open_bounty, "close"))
    open_bounty.refresh_from_db()
    assert open_bounty.phase == "closed"


def test_a_draft_can_be_deleted(owner, prepared):
    answer = owner.post(page(prepared, "delete"))
    assert answer.url == reverse("bounty:list") and not Bounty.objects.exists()


# Every submission


@pytest.fixture
def submissions(open_bounty, cast):
    teams = [entry.team_of(user, open_bounty) for user in (cast.participant, cast.rival)]
    now = timezone.now()
    numbers = {
        "group_weight": 0.125,
        "rows": 200,
        "exposure": 200.0,
        "errors": 80.0,
        "rate": 0.4,
        "rest_rate": 0.0875,
        "gap": 0.3125,
        "parts": [{"name": "new", "p_value": 1.5e-9}],
        "jaccard": 0.0,
    }
    make = Submission.objects.create
    accepted = make(
        bounty=open_bounty,
        team=teams[0],
        group_format="rule",
        group_rule="age < 30",
        note="=HYPERLINK(1)",
        status=Status.SCORED,
        accepted=True,
        code="accepted",
        points=1.2345,
        numbers=numbers,
        finished=now,
    )
    return [
        accepted,
        make(
            bounty=open_bounty,
            team=teams[1],
            group_format="rule",
            group_rule="age < 31",
            status=Status.SCORED,
            accepted=False,
            code="nothing_new",
            numbers=numbers | {"parts": []},
            duplicate_of=accepted,
            finished=now,
        ),
        make(
            bounty=open_bounty,
            team=teams[1],
            group_format="onnx",
            group_file_name="model.onnx",
            status=Status.REJECTED,
            error="wrong_inputs",
            log="secret trace",
        ),
        make(bounty=open_bounty, team=teams[1], group_format="rule", group_rule="sex = 'male'"),
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [3, 2, 1, 0]),
        ({"status": "scored"}, [1, 0]),
        ({"code": "accepted"}, [0]),
        ({"code": "not_accepted"}, [1]),
        ({"code": "nothing_new"}, [1]),
        ({"group_format": "onnx"}, [2]),
        ({"text": "AGE <"}, [1, 0]),
        ({"text": "trace"}, [2]),
        ({"text": "rival"}, [3, 2, 1]),
        ({"text": "rival", "status": "queued"}, [3]),
        ({"text": "nowhere"}, []),
        ({"status": "unheard-of"}, [3, 2, 1, 0]),
        ({"page": "99"}, [3, 2, 1, 0]),
    ],
)
def test_submissions_are_filtered(owner, open_bounty, submissions, query, found):
    shown = owner.get(page(open_bounty, "all_submissions"), query).context["page"].object_list
    assert [submissions.index(submission) for submission in shown] == found


def test_submissions_are_filtered_by_team(owner, open_bounty, submissions):
    team = submissions[0].team
    shown = owner.get(page(open_bounty, "all_submissions"), {"team": team.name[1:].upper()})
    assert list(shown.context["page"]) == [submissions[0]]


def test_organisers_see_exact_numbers(owner, open_bounty, submissions):
    shown = owner.get(page(open_bounty, "all_submissions")).content.decode()
    for number in ("1.234", "12.5", "+31.2", "1.5", "wrong_inputs", "model.onnx"):
        assert number in shown
    for submission in submissions:
        assert reverse("bounty:submission", args=[submission.pk]) in shown


def test_pages_of_submissions_keep_the_filter(owner, open_bounty, submissions, monkeypatch):
    monkeypatch.setattr("bounty.views.organise.PAGE_SIZE", 2)
    first = owner.get(page(open_bounty, "all_submissions"), {"text": "rival"}).content.decode()
    assert "text=rival&amp;page=2" in first
    second = owner.get(page(open_bounty, "all_submissions"), {"text": "rival", "page": 2})
    assert list(second.context["page"]) == [submissions[1]]


def test_the_csv_holds_what_the_filter_shows(owner, open_bounty, submissions):
    answer = owner.get(page(open_bounty, "all_submissions_csv"), {"status": "scored"})
    assert answer["Content-Type"] == "text/csv"
    assert 'filename="lending-submissions.csv"' in answer["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [row["id"] for row in rows] == [str(submissions[1].pk), str(submissions[0].pk)]
    assert rows[1]["points"] == "1.2345" and rows[1]["p_new"] == "1.5e-09" and rows[1]["gap"] == "0.3125"
    assert rows[1]["note"] == "'=HYPERLINK(1)"
    assert rows[0]["duplicate_of"] == str(submissions[0].pk) and rows[0]["p_known"] == ""


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd", "'+cmd"),
        ("-cmd", "'-cmd"),
        ("@sum", "'@sum"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("-1.5", "-1.5"),
        (-1.5, "-1.5"),
        ("+1e-9", "+1e-9"),
        ("\t1", "'\t1"),
        ("age < 30", "age < 30"),
        (None, ""),
        (0, "0"),
    ],
)
def test_no_cell_starts_a_formula(value, cell):
    assert safe(value) == cell


# Who may


@pytest.mark.parametrize("name", [*ORGANISER_PAGES, "open", "close", "delete"])
@pytest.mark.parametrize("who", ["participant", "outsider"])
def test_others_find_no_organiser_page(client, cast, open_bounty, name, who):
    draft(cast.outsider, "another")
    client.force_login(getattr(cast, who))
    send = client.get if name in ORGANISER_PAGES else client.post
    assert send(page(open_bounty, name)).status_code == 404


@pytest.mark.parametrize("name", ORGANISER_ACTIONS)
@pytest.mark.parametrize("who", ["participant", "outsider"])
def test_others_change_nothing(client, cast, prepared, name, who):
    client.force_login(getattr(cast, who))
    body = settings_of(prepared, title="Taken over") | {"table": as_upload(lending_table(seed=1))}
    assert client.post(page(prepared, name), body).status_code == 404
    after = Bounty.objects.get(pk=prepared.pk)
    assert (after.title, after.opened_at, after.parts) == (prepared.title, None, prepared.parts)


@pytest.mark.parametrize("name", [*ORGANISER_PAGES, "open", "close", "delete"])
def test_strangers_are_sent_to_sign_in(client, open_bounty, name):
    for send in (client.get, client.post):
        answer = send(page(open_bounty, name))
        assert answer.status_code == 302 and answer.url.startswith(reverse("account_login"))
    assert client.get(reverse("bounty:new")).status_code == 302


@pytest.mark.parametrize("name", ORGANISER_PAGES)
@pytest.mark.parametrize("who", ["owner", "staff"])
def test_organisers_and_operators_see_them(client, cast, prepared, name, who):
    client.force_login(getattr(cast, who))
    assert client.get(page(prepared, name)).status_code == 200


@pytest.mark.parametrize("name", ["open", "close", "delete"])
def test_what_changes_something_is_never_a_get(owner, prepared, name):
    assert owner.get(page(prepared, name)).status_code == 405


def test_a_missing_bounty_is_not_found(owner):
    assert owner.get(reverse("bounty:manage", args=["nowhere"])).status_code == 404


def test_no_organiser_page_queries_more_with_more_submissions(
    owner, open_bounty, submissions, django_assert_max_num_queries
):
    for submission in list(submissions):
        submission.pk, submission.duplicate_of_id = None, submissions[0].pk
        submission.save()
    with django_assert_max_num_queries(9):
        owner.get(page(open_bounty, "all_submissions"))

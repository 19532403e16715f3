"""The HTTP API of audits: what it takes, what it shows, and what its refusals say."""

import csv
import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from audits import analysis
from audits.models import Audit
from audits.serializers import (
    AuditColumnSerializer,
    MetricSerializer,
    ResultSerializer,
    TableRowSerializer,
    TableSerializer,
)
from tests.api_caller import Caller, error_of
from tests.audits.conftest import SPEECH_ROLES, make, run_audits, speech_table, stored_files, upload


@pytest.fixture
def owner(cast):
    return Caller(cast.owner)


def body(**values) -> dict:
    return {
        "kind": "speech",
        "title": "Dictation by accent",
        "file": upload(speech_table()),
        "roles": json.dumps(SPEECH_ROLES),
    } | values


def path_of(url: str) -> str:
    return url.split("/api/v1/")[1]


def test_a_file_becomes_an_audit_with_its_result(owner):
    answer = owner.post(
        "audits/", data=body(smallest="12", marks='{"accent": "annotated"}', system="dictation-4")
    )
    assert answer.status_code == 202
    made = answer.json()
    audit = Audit.objects.get()
    assert made == {
        "id": audit.key,
        "status": "queued",
        "url": f"http://testserver/api/v1/audits/{audit.key}/",
    }
    assert answer["Location"] == made["url"]

    waiting = owner.get(path_of(made["url"])).json()
    assert (waiting["status"], waiting["progress"], waiting["headline"], waiting["error"]) == (
        "queued",
        0,
        None,
        None,
    )
    assert waiting["settings"]["smallest"] == 12 and waiting["roles"] == SPEECH_ROLES
    assert waiting["data"]["file_name"] == "speech.csv" and waiting["data"]["rows"] is None
    assert error_of(owner.get(path_of(waiting["urls"]["result"]))) == (409, "not_done", None)
    assert error_of(owner.get(path_of(waiting["urls"]["export"]))) == (409, "not_done", None)

    run_audits()
    done = owner.get(path_of(made["url"])).json()
    assert done["status"] == "scored" and done["headline"]["metric"] == "Word error rate"
    assert done["headline"]["groups"][0] == {"name": "accent", "mark": "annotated"}
    assert done["data"]["rows"] == done["data"]["kept"] == 384 and done["data"]["people"] == 96
    assert done["urls"]["page"] == f"http://testserver/audits/{audit.key}/"
    audit.refresh_from_db()
    assert owner.get(path_of(done["urls"]["result"])).json() == audit.result


def test_all_settings_are_taken(owner):
    settings = {
        "normalise": "none",
        "smallest": 5,
        "exclude": [["sentence", "^uh$"]],
        "marks": {"accent": "perceived"},
        "baselines": {"accent": "Midlands"},
        "tolerances": [{"metric": "wer", "column": "accent", "within": 0.02}],
    }
    plain = {name: value if isinstance(value, str) else json.dumps(value) for name, value in settings.items()}
    details = {"series": "weekly", "release": "4.2", "visibility": "unlisted", "description": "*Voices*"}
    made = owner.post("audits/", data=body(**plain, **details)).json()
    run_audits()
    shown = owner.get(f"audits/{made['id']}/").json()
    assert {name: shown["settings"][name] for name in settings} == settings
    assert {name: shown[name] for name in details} == details


def test_a_classification_takes_its_own_settings(owner, loans):
    shown = owner.get(f"audits/{loans.key}/").json()
    assert (shown["kind"], shown["settings"]["favourable"]) == ("classification", "yes")
    answer = owner.post("audits/", data=body(threshold="0.5"))
    assert error_of(answer) == (400, "bad_settings", "threshold")


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"kind": "video"}, 400, "invalid_choice", "kind"),
        ({"title": ""}, 400, "blank", "title"),
        ({"title": "t" * 121}, 400, "max_length", "title"),
        ({"title": "a\0b"}, 400, "null_characters_not_allowed", "title"),
        ({"system": "my system"}, 400, "invalid", "system"),
        ({"visibility": "secret"}, 400, "invalid_choice", "visibility"),
        ({"roles": "{"}, 400, "invalid", "roles"),
        ({"roles": "[" * 100_000}, 400, "invalid", "roles"),
        ({"roles": "null"}, 400, "null", "roles"),
        ({"roles": "[1]"}, 400, "bad_roles", "roles"),
        ({"roles": '{"sentense": "reference"}'}, 400, "bad_roles", "roles"),
        ({"roles": '{"\\ud800": "reference"}'}, 400, "bad_roles", "roles"),
        ({"exclude": '[["sentence", "("]]'}, 400, "bad_settings", "exclude"),
        ({"exclude": "sentence"}, 400, "invalid", "exclude"),
        (
            {"tolerances": '[{"metric": "wer", "column": "acent", "within": 0.1}]'},
            400,
            "bad_settings",
            "tolerances",
        ),
        (
            {"tolerances": '[{"metric": "wer", "column": "accent", "within": NaN}]'},
            400,
            "invalid",
            "tolerances",
        ),
        ({"baselines": '{"accent": "\\ud800"}'}, 400, "bad_settings", "baselines"),
        ({"marks": '{"accent": {}}'}, 400, "bad_settings", "marks"),
        ({"smallest": "none"}, 400, "invalid", "smallest"),
        ({"smallest": "1"}, 400, "bad_settings", "smallest"),
        ({"threshold": "nan"}, 400, "invalid", "threshold"),
        ({"normalise": "german"}, 400, "invalid_choice", "normalise"),
        ({"owner": "staff"}, 400, "unknown_field", "owner"),
        ({"file": "a text"}, 400, "invalid", "file"),
        ({"file": SimpleUploadedFile("t.csv", b"")}, 400, "file_empty", "file"),
        ({"file": SimpleUploadedFile("t.csv", b"a,a\n1,2\n")}, 400, "bad_table", "file"),
        ({"file": SimpleUploadedFile("t.csv", b"\0\1\2\3" * 100)}, 400, "bad_table", "file"),
    ],
)
def test_what_is_wrong_is_refused_at_once(owner, change, status, code, field):
    assert error_of(owner.post("audits/", data=body(**change))) == (status, code, field)
    assert not Audit.objects.exists() and not stored_files()


@pytest.mark.parametrize(
    "line",
    [
        '{"sentence": "\\ud800", "ours": "a"}',
        '{"sentence": "\\u0000", "ours": "a"}',
        '{"sent\\u0000ence": "a", "ours": "a"}',
        '{"\\ud800": "a", "ours": "a"}',
    ],
)
def test_characters_that_no_database_holds_are_the_authors_to_mend(owner, line):
    file = SimpleUploadedFile("t.jsonl", f"{line}\n".encode() * 3)
    answer = owner.post(
        "audits/", data=body(file=file, roles='{"sentence": "reference", "ours": "hypothesis"}')
    )
    assert answer.status_code == 400 and error_of(answer)[1] in ("bad_table", "bad_roles"), answer.content


@pytest.mark.parametrize("missing", ["kind", "title", "file", "roles"])
def test_what_is_missing_is_named(owner, missing):
    sent = body()
    del sent[missing]
    assert error_of(owner.post("audits/", data=sent)) == (400, "required", missing)


def test_what_only_the_rows_show_is_a_rejection_with_its_sentence(owner):
    made = owner.post("audits/", data=body(baselines='{"accent": "Wels"}')).json()
    run_audits()
    shown = owner.get(path_of(made["url"])).json()
    assert shown["status"] == "rejected" and shown["headline"] is None
    assert shown["error"]["code"] == "bad_table" and "“" not in shown["error"]["detail"]
    assert 'Did you mean "Welsh"?' in shown["error"]["detail"]
    assert error_of(owner.get(f"audits/{made['id']}/result/")) == (409, "not_done", None)


def test_our_failure_is_told_without_its_traceback(owner, made, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("secret path")

    monkeypatch.setattr(analysis, "run_audit", fail)
    run_audits()
    answer = owner.get(f"audits/{made.key}/")
    assert answer.json()["error"]["code"] == "failed" and "secret" not in answer.content.decode()


def test_the_same_key_gives_the_first_audit_back(owner):
    headers = {"Idempotency-Key": "abc"}
    first = owner.post("audits/", data=body(), headers=headers)
    again = owner.post("audits/", data=body(), headers=headers)
    assert first.status_code == again.status_code == 202 and first.json() == again.json()
    other = owner.post("audits/", data=body(title="Other"), headers=headers)
    assert error_of(other) == (409, "idempotency_key_reused", None)
    assert Audit.objects.count() == 1
    long = owner.post("audits/", data=body(), headers={"Idempotency-Key": "a" * 101})
    assert error_of(long)[:2] == (400, "idempotency_key_too_long")


def test_quotas_end_in_sentences(owner, settings):
    for _ in range(3):
        assert owner.post("audits/", data=body()).status_code == 202
    assert error_of(owner.post("audits/", data=body())) == (429, "too_many_unfinished", None)
    run_audits()
    settings.AUDIT_BYTES_PER_USER = 1000
    assert error_of(owner.post("audits/", data=body())) == (413, "storage_full", "file")


def test_the_description_names_every_part_of_a_result(owner, done):
    assert set(done.result) == set(ResultSerializer().fields)
    for name, serializer in (
        ("tables", TableSerializer),
        ("metrics", MetricSerializer),
        ("columns", AuditColumnSerializer),
    ):
        assert set(done.result[name][0]) == set(serializer().fields)
    assert set(done.result["tables"][0]["rows"][0]) == set(TableRowSerializer().fields)
    shown = owner.get(f"audits/{done.key}/").json()
    assert set(shown["data"]) == set(done.result["data"]) | {"file_name"}


# How much is taken


def test_a_file_larger_than_a_model_is_taken_for_an_audit_alone(owner, settings, open_bounty, cast):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = settings.MODEL_MAX_BYTES = settings.TABLE_MAX_BYTES = 1000
    assert upload(speech_table()).size > 4000
    assert owner.post("audits/", data=body()).status_code == 202
    sent = {"kind": "find", "group_format": "onnx", "group_file": upload(speech_table(), "group.onnx")}
    assert error_of(Caller(cast.rival).submit_form("lending", sent))[:2] == (413, "body_too_big")


def test_a_file_over_the_cap_is_refused_unread(owner, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = settings.MODEL_MAX_BYTES = settings.AUDIT_MAX_BYTES = 1000
    assert error_of(owner.post("audits/", data=body()))[:2] == (413, "body_too_big")
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
    assert error_of(owner.post("audits/", data=body())) == (413, "file_too_big", "file")


def test_strangers_upload_nothing(db, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert error_of(Caller().post("audits/", data=body()))[0] == 401


def test_a_browser_session_needs_its_csrf_token(cast):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.owner)
    assert browser.post("/api/v1/audits/", body()).status_code == 403
    assert not Audit.objects.exists()


# One table of it


def test_a_view_gives_one_table_of_the_same_schema(owner, done):
    asked = {"by": ["accent"], "where": ["noise=street"], "metric": "deletion_rate", "system": "theirs"}
    found = owner.get(f"audits/{done.key}/result/", data=asked).json()
    assert set(found) < set(done.result) and found["schema_version"] == done.result["schema_version"]
    (table,) = found["tables"]
    assert set(table) == set(done.result["tables"][0])
    assert (table["system"], table["metric"], table["columns"]) == ("theirs", "deletion_rate", ["accent"])
    assert table["where"] == [["noise", "street"]]
    assert [row["group"].get("accent") for row in table["rows"]] == [
        None,
        "Irish",
        "Midlands",
        "Scots",
        "Welsh",
    ]


def test_a_view_of_the_headline_is_the_stored_table(owner, done):
    (table,) = owner.get(f"audits/{done.key}/result/?by=gender").json()["tables"]
    assert table in done.result["tables"]


def test_a_baseline_is_what_others_are_compared_with(owner, done):
    query = {"by": "accent", "versus": "baseline", "baseline": "Scots"}
    (table,) = owner.get(f"audits/{done.key}/result/", data=query).json()["tables"]
    assert table["baseline"] == "Scots"
    gaps = {row["group"].get("accent"): row["gap"] for row in table["rows"]}
    assert gaps["Scots"] is None and gaps["Welsh"] > 0.1


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("metric=wr", "There is no metric"),
        ("system=thiers", 'Did you mean "theirs"?'),
        ("by=acent", "There is no group column"),
        ("by=sentence", "There is no group column"),
        ("by=accent&by=gender&by=age", "at most two"),
        ("where=accent", "COLUMN=GROUP"),
        ("where=accent=Wels", 'Did you mean "Welsh"?'),
        ("aggregation=median", "There is no aggregation"),
        ("versus=all", "There is no comparison"),
        ("versus=baseline&by=accent", "Choose the baseline group among"),
    ],
)
@pytest.mark.parametrize("call", ["result/", "export.csv"])
def test_a_view_that_cannot_be_says_why(owner, done, query, says, call):
    answer = owner.get(f"audits/{done.key}/{call}?{query}")
    assert error_of(answer) == (400, "bad_view", None) and says in answer.json()["detail"]


@pytest.mark.parametrize("call", ["result/", "export.csv"])
def test_an_unknown_parameter_is_refused(owner, done, call):
    assert error_of(owner.get(f"audits/{done.key}/{call}?colum=accent")) == (400, "unknown_field", "colum")


def lines(answer) -> list[dict]:
    assert answer.status_code == 200 and answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_the_export_holds_every_row_of_every_table(owner, done):
    answer = owner.get(f"audits/{done.key}/export.csv")
    assert f"audit-{done.key}.csv" in answer["Content-Disposition"]
    exported = lines(answer)
    assert len(exported) == sum(len(table["rows"]) for table in done.result["tables"])
    table = next(table for table in done.result["tables"] if table["columns"] == ["accent", "gender"])
    row = next(row for row in table["rows"] if row["group"] == {"accent": "Welsh", "gender": "man"})
    (line,) = [
        line
        for line in exported
        if (line["system"], line["group_1"], line["group_2"]) == (table["system"], "Welsh", "man")
        and line["metric"] == table["metric"]
    ]
    assert float(line["value"]) == row["value"] and int(line["clusters"]) == row["clusters"] == 12
    assert (line["column_1"], line["column_2"], line["audit"]) == ("accent", "gender", done.key)


def test_the_export_of_a_view_is_its_table(owner, done):
    exported = lines(owner.get(f"audits/{done.key}/export.csv?by=accent&where=noise=street"))
    assert [line["group_1"] for line in exported] == ["", "Irish", "Midlands", "Scots", "Welsh"]
    assert {line["where"] for line in exported} == {"noise=street"}


def test_a_group_named_like_a_formula_is_no_formula_in_the_export(owner, cast):
    frame = speech_table()
    frame = frame.with_columns(frame["accent"].replace({"Welsh": "=1+1"}))
    audit = make(cast.owner, frame)
    run_audits()
    groups = {line["group_1"] for line in lines(owner.get(f"audits/{audit.key}/export.csv?by=accent"))}
    assert "'=1+1" in groups and "=1+1" not in groups


def test_a_damaged_file_is_our_fault_and_no_wrong_number(owner, done):
    Audit.objects.update(cells_sha256="0" * 64)
    assert error_of(owner.get(f"audits/{done.key}/result/?by=accent")) == (500, "our_fault", None)
    assert owner.get(f"audits/{done.key}/result/").status_code == 200


# Changing and listing


def test_the_owner_changes_what_it_says_of_itself(owner, done):
    change = {
        "title": "Other",
        "description": "*Voices*",
        "visibility": "public",
        "system": "dictation-4",
        "series": "weekly",
        "release": "4.2",
    }
    answer = owner.client.patch(f"/api/v1/audits/{done.key}/", change, "application/json")
    assert answer.status_code == 200 and {name: answer.json()[name] for name in change} == change
    done.refresh_from_db()
    assert {name: getattr(done, name) for name in change} == change and done.is_done


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"title": ""}, "blank", "title"),
        ({"title": "\ud800"}, "surrogate_characters_not_allowed", "title"),
        ({"description": "d" * 20_001}, "max_length", "description"),
        ({"visibility": "open"}, "invalid_choice", "visibility"),
        ({"system": "a b"}, "invalid", "system"),
        ({"kind": "classification"}, "unknown_field", "kind"),
        ({"roles": {}}, "unknown_field", "roles"),
    ],
)
def test_a_change_that_cannot_be_changes_nothing(owner, done, change, code, field):
    answer = owner.client.patch(f"/api/v1/audits/{done.key}/", {"release": "9"} | change, "application/json")
    assert error_of(answer) == (400, code, field)
    done.refresh_from_db()
    assert done.release == "" and done.visibility == "private"


def test_a_deleted_audit_is_gone_with_its_files(owner, done, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        assert owner.client.delete(f"/api/v1/audits/{done.key}/").status_code == 204
    assert error_of(owner.get(f"audits/{done.key}/"))[0] == 404 and not stored_files()


def titles(answer) -> list[str]:
    return [row["title"] for row in answer.json()["results"]]


def test_the_list_is_filtered_and_paged(owner, cast, loans):
    make(cast.owner, title="Dictation", system="dictation-4", series="weekly", visibility="public")
    make(cast.rival, title="Captions", system="captions", visibility="public")
    run_audits()
    make(cast.owner, title="Draft", roles=None)
    assert titles(owner.get("audits/")) == ["Draft", "Captions", "Dictation", "Loans by region"]
    assert titles(owner.get("audits/?mine=true")) == ["Draft", "Dictation", "Loans by region"]
    assert titles(owner.get("audits/?kind=classification")) == ["Loans by region"]
    assert titles(owner.get("audits/?system=dictation-4")) == ["Dictation"]
    assert titles(owner.get("audits/?q=WEEK")) == ["Dictation"]
    assert titles(Caller().get("audits/?mine=true")) == []
    page = owner.get("audits/?page_size=3")
    assert titles(page) == ["Draft", "Captions", "Dictation"]
    assert titles(owner.get(path_of(page.json()["next"]))) == ["Loans by region"]
    assert error_of(owner.get("audits/?kind=video")) == (400, "invalid_choice", "kind")
    assert error_of(owner.get("audits/?cursor=nonsense")) == (400, "invalid_cursor", "cursor")
    assert error_of(owner.get("audits/?status=done")) == (400, "unknown_field", "status")


def test_a_list_takes_few_queries(owner, cast, done, django_assert_max_num_queries):
    for _ in range(2):
        make(cast.owner)
    with django_assert_max_num_queries(6):
        assert len(owner.get("audits/").json()["results"]) == 3


def test_paths_that_are_none_are_json(owner, made):
    for path in ("audits/nokeyatall/", f"audits/{made.key}/nothing/", f"audits/{made.key}/export.csv/"):
        assert error_of(owner.get(path))[:2] == (404, "not_found")
    assert error_of(owner.post(f"audits/{made.key}/", {}))[0] == 405

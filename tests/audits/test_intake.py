"""What becomes an audit and what is refused: nothing that is refused leaves anything behind."""

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from audits import intake
from audits.models import Audit
from common.intake import IntakeError
from tests.audits.conftest import SPEECH_ROLES, make, run_audits, speech_table, stored_files, upload

REFUSED = [
    (
        {"kind": "video"},
        "no_such_kind",
        "kind",
        'There is no kind "video". Choose one of: speech, classification.',
    ),
    (
        {"visibility": "secret"},
        "no_such_visibility",
        "visibility",
        "Choose one of: private, unlisted, public.",
    ),
    ({"roles": {"sentense": "reference"}}, "bad_roles", "roles", 'Did you mean "sentence"?'),
    ({"roles": {"sentence": "accent"}}, "bad_roles", "roles", 'cannot be "accent"'),
    ({"roles": ["sentence"]}, "bad_roles", "roles", "a JSON object"),
    ({"roles": {"sentence": 3}}, "bad_roles", "roles", "a JSON object"),
    (
        {"roles": {"ours": "reference", "sentence": "reference"}},
        *("bad_roles", "roles", "choose at most 1"),
    ),
]


def refused(owner, **values) -> IntakeError:
    with pytest.raises(IntakeError) as refusal:
        make(owner, **values)
    assert not Audit.objects.exists() and not stored_files()
    return refusal.value


@pytest.mark.parametrize(("values", "code", "field", "says"), REFUSED)
def test_it_refuses_with_a_sentence(cast, values, code, field, says):
    error = refused(cast.owner, **values)
    assert (error.code, error.field) == (code, field) and says in error.detail


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("normalise", "german", "Choose one of: none, basic, "),
        ("normalise", ["basic"], "Choose one of"),
        ("threshold", 0.5, 'no setting "threshold"'),
        ("favourable", "yes", 'no setting "favourable"'),
        ("smallest", 1, "a whole number from 2 to 10000"),
        ("smallest", 2.5, "a whole number"),
        ("smallest", True, "a whole number"),
        ("exclude", [["sentence", "("]], "is no regular expression: unclosed group."),
        ("exclude", [["sentence", "(?<=a)b"]], "look-around"),
        ("exclude", [["sentence", "a{9999999}"]], "is no regular expression: it is too large."),
        ("exclude", [["sentense", "a"]], 'There is no column "sentense". Did you mean "sentence"?'),
        ("exclude", [["sentence", ""]], "a list of at most 50 pairs"),
        ("exclude", [["sentence"]], "a list of at most 50 pairs"),
        ("exclude", {"sentence": "a"}, "a list of at most 50 pairs"),
        ("exclude", [["sentence", "a"]] * 51, "a list of at most 50 pairs"),
        ("exclude", [["sentence", "\ud800"]], "a list of at most 50 pairs"),
        ("marks", {"accent": "guessed"}, "one of: self-reported, annotated, perceived"),
        ("marks", {"accent": []}, "one of: self-reported"),
        ("marks", {"speaker": "perceived"}, "no group or condition column, so it has no mark"),
        ("marks", [], "an object of column"),
        ("baselines", {"speaker": "speaker-01"}, "so it has no baseline"),
        ("baselines", {"accent": 4}, "an object of column and group"),
        ("tolerances", [{"metric": "wer", "column": "accent"}], "each with metric, column and within"),
        ("tolerances", [{"metric": "wr", "column": "accent", "within": 0.1}], 'Did you mean "wer"?'),
        ("tolerances", [{"metric": "wer", "column": "acent", "within": 0.1}], "so it has no tolerance"),
        ("tolerances", [{"metric": "wer", "column": "accent", "within": float("nan")}], "a share"),
        ("tolerances", [{"metric": "wer", "column": "accent", "within": 5}], "a share"),
        ("tolerances", "wer", "each with metric"),
        ("tolerance", [], 'no setting "tolerance"'),
    ],
)
def test_it_refuses_settings_that_cannot_be(cast, setting, value, says):
    error = refused(cast.owner, values={setting: value})
    assert (error.code, error.field) == ("bad_settings", setting) and says in error.detail


@pytest.mark.parametrize("value", [-0.1, 1.1, "half", True, float("inf")])
def test_a_threshold_is_a_number_from_0_to_1(cast, value):
    error = refused(
        cast.owner, kind="classification", roles={"sentence": "y_true"}, values={"threshold": value}
    )
    assert error.detail == "The threshold is a number from 0 to 1."


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"", "file_empty", "empty"),
        (b"a,a\n1,2\n", "bad_table", "both called"),
        (b"a,b\n1,2\n3\n", "bad_table", "Row 3"),
        (b"PAR1 and then nothing", "bad_table", "Parquet"),
        (b'{"a": {"b": 1}}\n', "bad_table", "Row 1 of column"),
    ],
)
def test_it_refuses_a_file_whose_head_is_wrong(cast, content, code, says):
    with pytest.raises(IntakeError, match=says) as refusal:
        intake.create_audit(cast.owner, kind="speech", title="T", file=SimpleUploadedFile("t.csv", content))
    assert (refusal.value.code, refusal.value.field) == (code, "file")
    assert not Audit.objects.exists()


def test_it_refuses_a_file_that_is_too_big(cast, settings):
    settings.AUDIT_MAX_BYTES = 1000
    assert refused(cast.owner).code == "file_too_big"


@pytest.mark.parametrize(
    ("details", "field"),
    [({"title": ""}, "title"), ({"system": "my system"}, "system"), ({"release": "r" * 61}, "release")],
)
def test_details_that_no_audit_may_have_are_named(cast, details, field):
    with pytest.raises(ValidationError) as refusal:
        make(cast.owner, **details)
    assert list(refusal.value.message_dict) == [field] and not Audit.objects.exists()


def test_without_roles_it_is_a_draft_with_roles_to_confirm(cast, made):
    draft = make(cast.owner, roles=None)
    assert draft.is_draft and not draft.is_unfinished
    assert draft.roles == {name: role for name, role in SPEECH_ROLES.items() if role != "hypothesis"}
    assert [column["name"] for column in draft.look["columns"]] == list(speech_table().columns)
    assert draft.look["rows"] == 384 and draft.look["exact"]
    assert run_audits() == 1, "only the one whose roles are confirmed"
    confirmed = intake.confirm(draft, SPEECH_ROLES, {"smallest": 5})
    assert confirmed.status == "queued" and confirmed.settings["smallest"] == 5
    assert run_audits() == 1


def test_settings_are_kept_whole_with_the_defaults_of_those_left_out(cast):
    audit = make(
        cast.owner,
        values={
            "normalise": None,
            "marks": {"accent": "perceived", "noise": "not said"},
            "exclude": [["sentence", "^$"]],
            "tolerances": [{"metric": "wer", "column": "accent", "within": 0.05}],
        },
    )
    audit.refresh_from_db()
    assert audit.settings == {
        "normalise": "basic",
        "favourable": None,
        "threshold": 0.5,
        "exclude": [["sentence", "^$"]],
        "marks": {"accent": "perceived"},
        "baselines": {},
        "tolerances": [{"metric": "wer", "column": "accent", "within": 0.05}],
        "smallest": 10,
        "not_stated": ["NA", "N/A", "n/a", "NULL", "null"],
        "replicates": 1000,
        "random_state": 0,
    }
    assert audit.settings_of().tolerances[0].within == 0.05


def test_three_unfinished_audits_are_the_cap(cast):
    audits = [make(cast.owner) for _ in range(3)]
    with pytest.raises(IntakeError, match="3 unfinished audits") as refusal:
        make(cast.owner)
    assert refusal.value.code == "too_many_unfinished"
    make(cast.rival)
    assert intake.confirm(audits[0], SPEECH_ROLES, {}).status == "queued", "it is one of the three itself"
    draft = make(cast.owner, roles=None)
    with pytest.raises(IntakeError, match="3 unfinished"):
        intake.confirm(draft, SPEECH_ROLES, {})


def test_drafts_have_a_cap(cast, monkeypatch):
    monkeypatch.setattr(intake, "DRAFTS_PER_USER", 2)
    drafts = [make(cast.owner, roles=None) for _ in range(2)]
    with pytest.raises(IntakeError, match="2 drafts"):
        make(cast.owner, roles=None)
    assert intake.replace_file(drafts[0], upload(speech_table())).is_draft


def test_an_account_may_store_so_much(cast, settings, done):
    stored = Audit.objects.stored_bytes()
    assert stored == done.file_bytes + done.cells.size + done.rows.size
    settings.AUDIT_BYTES_PER_USER = stored + done.file_bytes - 1
    with pytest.raises(IntakeError, match=f"hold {stored:,} bytes") as refusal:
        make(cast.owner)
    assert refusal.value.code == "storage_full"
    make(cast.rival)
    settings.AUDIT_BYTES_PER_USER += 1
    make(cast.owner)


def test_the_same_key_gives_the_first_audit_back(cast):
    def send(**values):
        return intake.create_audit(
            cast.owner,
            kind="speech",
            title=values.pop("title", "T"),
            file=upload(values.pop("frame", speech_table())),
            roles=SPEECH_ROLES,
            idempotency_key="mine",
            **values,
        )

    first, new = send()
    assert new and send() == (first, False)
    for other in (
        {"title": "U"},
        {"frame": speech_table(seed=4)},
        {"values": {"smallest": 5}},
        {"release": "2"},
    ):
        with pytest.raises(IntakeError, match="Send a new key"):
            send(**other)
    assert Audit.objects.count() == 1
    assert intake.create_audit(
        cast.rival,
        kind="speech",
        title="T",
        file=upload(speech_table()),
        roles=SPEECH_ROLES,
        idempotency_key="mine",
    )[1]


def test_another_file_keeps_the_roles_of_columns_of_the_same_name(done):
    before = [done.file.name, done.cells.name, done.rows.name]
    replaced = intake.replace_file(done, upload(speech_table(seed=9).rename({"age": "years"}), "new.csv"))
    assert (
        replaced.is_draft and replaced.result == {} and not replaced.cells and replaced.file_name == "new.csv"
    )
    assert replaced.roles == {column: role for column, role in SPEECH_ROLES.items() if column != "age"}
    assert default_storage.exists(replaced.file.name)
    assert replaced.file.name not in before


def test_details_and_visibility_change_and_nothing_is_computed_again(done):
    changed = intake.set_details(done, title="Other", system="dictation-4", visibility="public")
    assert changed.is_done and changed.result == done.result
    done.refresh_from_db()
    assert (done.title, done.system, done.visibility) == ("Other", "dictation-4", "public")
    with pytest.raises(ValidationError):
        intake.set_details(done, title="")
    with pytest.raises(IntakeError, match="Choose one of"):
        intake.set_visibility(done, "open")
    intake.set_visibility(done, "unlisted")
    done.refresh_from_db()
    assert (done.title, done.visibility) == ("Other", "unlisted")


def test_viewers_are_named_and_taken_off_again(cast, done):
    intake.add_viewer(done, "participant")
    assert list(done.viewers.all()) == [cast.participant]
    for name, says in (("nobody", "There is no user"), ("owner", "yours")):
        with pytest.raises(IntakeError, match=says):
            intake.add_viewer(done, name)
    intake.remove_viewer(done, "participant")
    assert not done.viewers.exists()


def test_a_deleted_audit_is_gone_for_every_other_call(done):
    other = Audit.objects.get(pk=done.pk)
    intake.delete_audit(done)
    for call in (
        lambda: intake.confirm(other, SPEECH_ROLES, {}),
        lambda: intake.set_details(other, title="T"),
        lambda: intake.delete_audit(other),
    ):
        with pytest.raises(IntakeError, match="deleted"):
            call()


@pytest.mark.parametrize("value", ["NA", [1], ["x"] * 51, [""], {"a": 1}])
def test_what_means_not_stated_is_a_list_of_texts(cast, value):
    with pytest.raises(IntakeError, match="list of at most 50 texts"):
        make(cast.owner, values={"not_stated": value})

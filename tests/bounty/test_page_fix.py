"""The pages of a fix: the form, the dry run, and the way to its verdict."""

import re

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils.html import escape

from bounty import closing, drafts, entry, forms_submit, intake, parts, words
from bounty.entry import Group, Predictor
from bounty.models import Check, Submission
from bounty.sandbox import REJECTIONS
from tests.bounty.fixes import open_repairable, send_find, send_fix
from tests.bounty.pages import HTMX, change, html, page, text
from tests.bounty.test_fixes import BOTH, OLD, YOUNG
from tests.bounty.test_losses import table_of_probabilities
from tests.onnx_models import below

LENDING = {"group_format": "rule", "group_rule": YOUNG}
FIX = LENDING | {"kind": "fix", "predictor_format": "constant", "predictor_value": "1", "note": "from a tree"}


@pytest.fixture
def bounty(cast, run_worker):
    return open_repairable(cast.owner, run_worker)


@pytest.fixture
def participant(client, cast):
    client.force_login(cast.participant)
    return client


def fill(client, name: str = "submit", headers=None, **fields):
    return client.post(page(name, "repairs"), FIX | fields, headers=headers)


def file(content: bytes = b"model", name: str = "model.onnx") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def beside(shown: str, field: str) -> str:
    """The errors that stand beside a field."""
    return re.search(rf'<div id="id_{field}_error">(.*?)</div>', shown, re.DOTALL)[1]


# The form


def test_both_kinds_are_offered_and_a_link_may_ask_for_a_fix(participant, bounty):
    shown = html(participant.get(page("submit", "repairs")))
    assert "<title>Submit a find: " in shown
    assert re.search(r'name="kind" value="find"[^>]* checked', shown)
    assert "A better predictor for it" in shown
    shown = html(participant.get(page("submit", "repairs") + "?kind=fix"))
    assert "<title>Submit a fix: " in shown and "Submit the fix for a verdict</span>" in shown
    assert re.search(r'name="kind" value="fix"[^>]* checked', shown)


def test_a_bounty_of_finds_alone_has_the_form_of_finds(participant, bounty):
    change(bounty, takes_fixes=False)
    answer = participant.get(page("submit", "repairs") + "?kind=fix")
    assert "Name a group" in text(answer) and "<title>Submit a find: " in html(answer)
    assert 'name="kind"' not in html(answer) and "predictor" not in text(answer).lower()
    answer = fill(participant)
    assert forms_submit.FINDS_ONLY in beside(html(answer), "kind")
    assert forms_submit.FINDS_ONLY in text(fill(participant, "check_group", HTMX))
    assert not Submission.objects.exists()


def test_a_fix_is_sent_with_both_its_models(participant, bounty):
    rule = "income > 20000"
    answer = fill(participant, predictor_format="rule", predictor_rule=rule)
    fix = Submission.objects.get()
    assert answer.url == page("submission", fix.pk)
    assert (fix.kind, fix.group_rule, fix.note) == ("fix", YOUNG, "from a tree")
    assert (fix.predictor_format, fix.predictor_rule, fix.predictor_value) == ("rule", rule, "")


def test_without_scripts_only_what_is_chosen_counts(participant, bounty):
    """Every field is there then, and what does not apply may hold anything."""
    aside = {"predictor_rule": "half a r\0", "group_file": file(), "predictor_file": file()}
    fill(participant, **aside)
    fill(participant, **aside, kind="find", predictor_format="pickle", predictor_value="maybe")
    find, fix = Submission.objects.all()
    assert (fix.kind, fix.predictor_format, fix.predictor_value) == ("fix", "constant", "1")
    assert (fix.predictor_rule, fix.predictor_file_name, fix.group_file_name) == ("", "", "")
    assert (find.kind, find.predictor_format, find.predictor_value) == ("find", "", "")


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"kind": "cure"}, "kind", forms_submit.NO_SUCH_KIND),
        ({"group_rule": "agee < 30"}, "group_rule", "agee"),
        ({"predictor_format": ""}, "predictor_format", forms_submit.PREDICTOR_MISSING),
        ({"predictor_format": "pickle"}, "predictor_format", forms_submit.NO_SUCH_FORMAT),
        ({"predictor_format": "python", "predictor_file": b"x"}, "predictor_format", "does not take"),
        ({"predictor_value": ""}, "predictor_value", entry.UNKNOWN_LABEL.format(labels="0, 1")),
        ({"predictor_value": "maybe"}, "predictor_value", forms_submit.NO_SUCH_LABEL),
        ({"predictor_format": "rule", "predictor_rule": " "}, "predictor_rule", entry.RULE_MISSING),
        ({"predictor_format": "rule", "predictor_rule": "approve = 1"}, "predictor_rule", "approve"),
        ({"predictor_format": "onnx"}, "predictor_file", entry.FILE_MISSING),
        ({"predictor_format": "skops", "predictor_file": b""}, "predictor_file", "empty"),
        ({"predictor_format": "onnx", "predictor_file": b"x" * 1001}, "predictor_file", "at most 1,000"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    participant, bounty, settings, fields, field, sentence
):
    settings.MODEL_MAX_BYTES = 1000
    fields = {name: file(value) if isinstance(value, bytes) else value for name, value in fields.items()}
    answer = fill(participant, **fields)
    form, shown = answer.context["form"], html(answer)
    assert list(form.errors) == [field]
    assert escape(sentence) in beside(shown, field)
    sent = FIX | fields
    for name in ("group_rule", "predictor_rule", "predictor_value", "note"):
        assert form[name].value() == sent.get(name)
    assert escape(sent["group_rule"]) in shown and "from a tree" in shown
    if sent["predictor_format"] in ("constant", "rule", "onnx", "skops"):
        value = f'name="predictor_format" value="{sent["predictor_format"]}"'
        assert re.search(rf"{value}[^>]* checked", shown)
    assert not Submission.objects.exists()


def test_a_second_click_is_the_same_fix_and_another_predictor_is_another(participant, bounty):
    key = participant.get(page("submit", "repairs")).context["form"]["form_key"].value()
    first = fill(participant, form_key=key)
    assert fill(participant, form_key=key).url == first.url
    assert fill(participant, form_key=key, predictor_value="0").url != first.url
    assert Submission.objects.count() == 2


def test_where_probabilities_are_predicted_the_answer_is_written(participant, cast, run_worker):
    open_repairable(
        cast.owner,
        run_worker,
        table=table_of_probabilities(1000),
        measure="log_loss",
        favourable_label="yes",
        group_columns=["sex"],
    )
    shown = text(participant.get(page("submit", "repairs")))
    assert "the probability of “yes”" in shown and "Rule of the predictor" not in shown
    answer = fill(participant, group_rule="age < 30", predictor_value="1.2")
    assert entry.NOT_A_PROBABILITY in beside(html(answer), "predictor_value")
    assert 'value="1.2"' in html(answer)
    assert fill(participant, group_rule="age < 30", predictor_value="0.9").status_code == 302


# Trying it


def test_a_fix_is_tried_against_the_audited_model(participant, cast, bounty, run_worker):
    send_fix(cast.rival, bounty, YOUNG, "1")
    run_worker()
    found = intake.check_rules(bounty, Group("rule", YOUNG), Predictor("constant", value="1"))
    shown = text(fill(participant, "check_group", HTMX)).replace("\xa0", " ")
    assert f"Audited model {100 * found['group_before']:.1f} % error rate in the group" in shown
    assert f"Your predictor {100 * found['group_after']:.1f} % error rate in the group" in shown
    assert f"Best constant {100 * found['constant_error']:.1f} % always 1" in shown
    assert f"on {found['better']} it is better, on {found['worse']} worse" in shown
    assert f"+{100 * found['gain']:.2f} pp, 95 % interval +{100 * found['low']:.2f} to" in shown
    assert "The sample speaks for the predictor." in shown
    assert "not with the model as it stands" in shown and "not the verdict" in shown
    assert Submission.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"predictor_value": "0"}, "the predictor does worse than the model"),
        ({"group_rule": "age BETWEEN 35 AND 50"}, "does worse than the model"),
        ({"group_rule": "age > 99"}, "No row of the public sample is in the group"),
        ({"group_rule": "age > 0"}, "A fix is for a part of the rows"),
        ({"predictor_format": "rule", "predictor_rule": "age > 99"}, "The best constant does better"),
    ],
)
def test_a_dry_run_says_what_it_means(participant, bounty, fields, sentence):
    assert sentence in text(fill(participant, "check_group", HTMX, **fields))


def test_a_dry_run_speaks_for_nothing_where_the_interval_holds_zero(participant, bounty):
    one = Predictor("constant", value="1")
    tried = {
        rule: intake.check_rules(bounty, Group("rule", rule), one)
        for rule in (f"age = {n}" for n in range(30, 60))
    }
    rule = next(rule for rule, found in tried.items() if found["low"] < 0 < found["high"])
    shown = text(fill(participant, "check_group", HTMX, group_rule=rule))
    assert "does not tell whether the predictor is better" in shown


@pytest.mark.parametrize(
    ("fields", "part", "field"),
    [
        ({"group_rule": "agee < 30"}, "group", "group_rule"),
        ({"predictor_format": "rule", "predictor_rule": "agee < 30"}, "predictor", "predictor_rule"),
        ({"predictor_value": "maybe"}, "predictor", "predictor_value"),
    ],
)
def test_a_dry_run_names_the_model_that_cannot_be_used(participant, bounty, fields, part, field):
    assert f"Not tried, because of the {part}" in text(fill(participant, "check_group", HTMX, **fields))
    without_scripts = fill(participant, "check_group", **fields)
    assert f"Not tried, because of the {part}" in text(without_scripts)
    assert beside(html(without_scripts), field)
    assert "from a tree" in html(without_scripts)


def test_a_model_is_tried_by_the_worker(participant, bounty, run_worker):
    model = below(bounty, "age", 25)
    answer = fill(participant, "check_group", HTMX, predictor_format="onnx", predictor_file=model)
    check = Check.objects.get()
    assert f'hx-get="{page("check", check.pk)}' in html(answer)
    run_worker()
    done = text(participant.get(page("check", check.pk)))
    assert "Your predictor" in done and "Best constant" in done


@pytest.mark.parametrize("part", ["group", "predictor"])
def test_a_model_that_cannot_be_used_is_told_which_of_the_two_it_is(participant, bounty, run_worker, part):
    models = {
        name: {f"{name}_format": "onnx", f"{name}_file": below(bounty, "age", 30)}
        for name in ("group", "predictor")
    }
    models[part][f"{part}_file"] = file(b"no model")
    fill(participant, "check_group", HTMX, **models["group"], **models["predictor"])
    run_worker()
    shown = text(participant.get(page("check", Check.objects.get().pk), headers=HTMX))
    assert f"because of the {part} {REJECTIONS['unreadable_model']}" in shown


# Its verdict


def verdict(client, fix: Submission) -> str:
    return text(client.get(page("submission", fix.pk))).replace("\xa0", " ")


def test_an_accepted_fix(participant, cast, bounty, run_worker):
    fix = send_fix(cast.participant, bounty, YOUNG, "1")
    assert f"Fix {fix.pk}" in verdict(participant, fix)
    run_worker()
    shown = verdict(participant, fix)
    assert all(sentence in shown for sentence in words.FIX_VERDICTS["accepted"])
    assert "Format of the predictor Constant Its answer always 1" in shown
    assert "A gain counts as proven" in shown
    address = reverse("bounty:round", args=["repairs", 1])
    assert f'href="{address}"' in html(participant.get(page("submission", fix.pk)))
    assert participant.get(address).status_code == 200


@pytest.mark.parametrize(
    ("rule", "value", "code"),
    [
        ("age BETWEEN 35 AND 50", "1", "not_proven"),
        (f"{YOUNG} AND age < 27", "1", "nothing_new"),
        ("age = 79 AND home = 'rent'", "0", "too_little_exposure"),
    ],
)
def test_a_fix_that_is_not_accepted_is_told_what_to_do(
    participant, cast, bounty, run_worker, rule, value, code
):
    send_fix(cast.rival, bounty, YOUNG, "1")
    fix = send_fix(cast.participant, bounty, rule, value)
    run_worker()
    shown = verdict(participant, fix)
    assert "Not accepted" in shown
    assert all(sentence in shown for sentence in words.FIX_VERDICTS[code])


def test_exact_numbers_are_the_organisers_until_the_close(client, cast, bounty, run_worker):
    fix = send_fix(cast.participant, bounty, YOUNG, "1")
    run_worker()
    fix.refresh_from_db()
    numbers = fix.numbers
    exact = [
        f"Points {fix.points:.3f} {fix.solo_points:.3f}",
        f"Better {numbers['better']} {numbers['solo']['better']}",
        f"Worse {numbers['worse']} {numbers['solo']['worse']}",
        f"Before {100 * numbers['group_before']:.1f} % {100 * numbers['solo']['group_before']:.1f} %",
        f"After {100 * numbers['after']:.3f} % {100 * numbers['solo']['after']:.3f} %",
        "McNemar's exact test",
    ]
    client.force_login(cast.participant)
    shown = verdict(client, fix)
    assert not [one for one in exact if one in shown]
    assert "Exact numbers stay with the organiser" in shown
    client.force_login(cast.owner)
    assert [one for one in exact if one not in verdict(client, fix)] == []
    drafts.close_bounty(bounty)
    client.force_login(cast.participant)
    assert [one for one in exact if one not in verdict(client, fix)] == []


def test_repairs_are_told_of_both_lists(client, cast, bounty, run_worker):
    """The model's fix 1 is the rival's; on the own list the same repair protects the team's own fix."""
    send_fix(cast.rival, bounty, YOUNG, "1")
    own = send_fix(cast.participant, bounty, YOUNG, "1")
    second = send_fix(cast.participant, bounty, BOTH, "0")
    run_worker()
    client.force_login(cast.owner)
    shown = verdict(client, second)
    assert "Repair of the model: a pointer answers the rows in the group of fix 1 of the model" in shown
    assert f"Repair of the own list: a pointer answers the rows in the group of fix {own.pk} as" in shown
    second.refresh_from_db()
    assert (second.numbers["repairs"], second.numbers["solo"]["repairs"]) == ([[1, 1]], [[1, 1]])


def test_a_refused_fix_shows_what_its_predictor_would_have_done(client, cast, bounty, run_worker):
    fix = send_fix(cast.participant, bounty, "age BETWEEN 35 AND 50", "1")
    run_worker()
    fix.refresh_from_db()
    numbers = fix.numbers
    alone = numbers["group_before"] - numbers["gain"] * 1600 / numbers["rows"]
    client.force_login(cast.owner)
    assert f"With the predictor {100 * alone:.1f} %" in verdict(client, fix)


@pytest.mark.parametrize("name", ["rival", "outsider"])
def test_it_is_not_there_for_others(client, cast, bounty, run_worker, name):
    fix = send_fix(cast.participant, bounty, YOUNG, "1")
    run_worker()
    client.force_login(getattr(cast, name))
    assert client.get(page("submission", fix.pk)).status_code == 404
    client.logout()
    assert client.get(page("submission", fix.pk)).status_code == 302
    drafts.close_bounty(bounty)
    closing.finalise(bounty.pk)
    client.force_login(getattr(cast, name))
    assert client.get(page("submission", fix.pk)).status_code == 404


def test_a_rejection_says_which_of_the_two_models_is_meant(participant, cast, bounty, run_worker):
    group = send_fix(cast.participant, bounty, "age > 0", "1")
    run_worker()
    shown = verdict(participant, group)
    assert f"Change the group and submit again {REJECTIONS['group_is_everything']}" in shown
    model = Predictor("onnx", file=file(b"no model"))
    predictor = send_fix(cast.participant, bounty, YOUNG, predictor=model)
    run_worker()
    shown = verdict(participant, predictor)
    assert f"Change the predictor and submit again {REJECTIONS['unreadable_model']}" in shown
    assert "about the predictor" not in shown and "It used no verdict" in shown


def test_of_hidden_rows_it_is_not_told_which_one(participant, cast, bounty, run_worker):
    change(bounty, allow_python=True)
    bounty.refresh_from_db()
    rows = int(bounty.parts["sample"]["rows"])
    code = f"def predict(frame):\n    assert len(frame) < {rows}\n    return [1] * len(frame)"
    model = Predictor("python", file=file(code.encode(), "model.py"))
    fix = send_fix(cast.participant, bounty, "age > 20", predictor=model)
    run_worker()
    shown = verdict(participant, fix)
    assert "Change this and submit again" in shown and "is not told of hidden rows" in shown
    assert "it used one verdict" in shown


def test_both_files_stand_there_with_name_and_size(participant, cast, bounty):
    group, predictor = below(bounty, "age", 30), below(bounty, "age", 25)
    predictor.name = "<b>better.onnx"
    sent = (Group("onnx", file=group), Predictor("onnx", file=predictor))
    fix, _ = intake.submit(cast.participant, bounty, *sent)
    shown = html(participant.get(page("submission", fix.pk)))
    assert f"below.onnx, {group.size}" in shown
    assert f"&lt;b&gt;better.onnx, {predictor.size}" in shown
    rule = "income < 5000 AND sex = '<i>'"
    fix = send_fix(cast.participant, bounty, OLD, predictor=Predictor("rule", rule=rule))
    shown = html(participant.get(page("submission", fix.pk)))
    assert escape(OLD) in shown and escape(rule) in shown


def test_the_models_of_the_guide_are_taken(cast, bounty, run_worker, tmp_path, monkeypatch):
    guide = (settings.BASE_DIR / "docs/participate.md").read_text()
    [example] = re.findall(r"```\n([^`]*predictor\.skops[^`]*)```", guide)
    sample = parts.sample_part(bounty)
    columns = sample.features.with_columns(label=sample.truth["label"].cast(int))
    columns.write_csv(tmp_path / "sample.csv")
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    for name in ("skops", "onnx"):
        model = file((tmp_path / f"predictor.{name}").read_bytes(), f"predictor.{name}")
        fix = send_fix(cast.participant, bounty, YOUNG, predictor=Predictor(name, file=model))
        run_worker()
        fix.refresh_from_db()
        assert (fix.status, fix.error) == ("scored", "")


# The list of one's own


def test_ones_own_list_tells_finds_from_fixes(participant, cast, bounty):
    find = send_find(cast.participant, bounty, YOUNG)
    fix = send_fix(cast.participant, bounty, OLD, "0")
    rows = re.findall(r"<tr>.*?</tr>", html(participant.get(page("mine", "repairs"))), re.DOTALL)
    assert "Predictor" in rows[0]
    assert f"Fix {fix.pk}" in rows[1] and "always <code>0</code>" in rows[1]
    assert f"Find {find.pk}" in rows[2] and "none, a find" in rows[2]


def test_a_bounty_of_finds_alone_has_no_column_of_predictors(participant, cast, bounty):
    change(bounty, takes_fixes=False)
    bounty.refresh_from_db()
    assert "Submit a find" in text(participant.get(page("mine", "repairs")))
    send_find(cast.participant, bounty, YOUNG)
    shown = text(participant.get(page("mine", "repairs")))
    assert "Predictor" not in shown and "or a fix" not in shown

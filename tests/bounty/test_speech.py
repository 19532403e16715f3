"""A bounty on word errors, from its table to its verdict."""

import csv
import io
import json

import numpy as np
import polars as pl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.urls import reverse

from bounty import drafts, intake, parts, sample
from bounty.intake import Group, IntakeError
from bounty.models import Bounty, Status
from fairness.cli import main
from tests.bounty.pages import html, page, text
from tests.bounty.speech import speech_draft, speech_table
from tests.bounty.test_organise import settings_of
from tests.conftest import as_upload

BY_ACCENT = "accent = 'Cork'"
PARTS = ("sample", "leaderboard", "final")


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    return client


def prepare(bounty: Bounty, run_worker, table: pl.DataFrame, model=None) -> Bounty:
    drafts.upload_table(bounty, as_upload(table), model)
    run_worker()
    bounty.refresh_from_db()
    return bounty


def refusal(bounty: Bounty) -> str:
    upload = bounty.uploads.get()
    assert upload.status == Status.REJECTED and not bounty.is_prepared
    return upload.error_detail


@pytest.fixture
def prepared(cast, run_worker):
    return prepare(speech_draft(cast.owner), run_worker, speech_table())


@pytest.fixture
def opened(prepared):
    drafts.open_bounty(prepared)
    prepared.refresh_from_db()
    return prepared


def judged(cast, bounty: Bounty, run_worker, rule: str = BY_ACCENT):
    submission = intake.submit(cast.participant, bounty, Group("rule", rule))[0]
    run_worker()
    submission.refresh_from_db()
    return submission


# Setting it up


def test_an_organiser_sets_it_up_by_page(owner, run_worker):
    table = speech_table().rename({"said": "reference", "written": "hypothesis"})
    owner.post(reverse("bounty:new"), {"title": "A recogniser", "table": as_upload(table)})
    bounty = Bounty.objects.get()
    form = owner.get(page("edit", bounty.slug)).context["form"]
    chosen = {name: form[name].value() for name in ("measure", "label_column", "prediction_column")}
    assert chosen == {"measure": "wer", "label_column": "reference", "prediction_column": "hypothesis"}
    assert form["cluster_column"].value() == "speaker" and form["normaliser"].value() == "basic"
    assert form["group_columns"].value() == ["accent", "noise"]
    assert form["visible_columns"].value() == ["accent", "noise", "seconds"]
    shown = text(owner.get(page("edit", bounty.slug)))
    assert "Reference: what was said" in shown and "Hypothesis: what the system wrote" in shown

    values = settings_of(
        bounty,
        **chosen,
        normaliser="none",
        cluster_column="speaker",
        visible_columns=["accent", "noise", "seconds"],
        group_columns=["accent"],
    )
    assert owner.post(page("edit", bounty.slug), values).url == page("manage", bounty.slug)
    run_worker()
    bounty.refresh_from_db()
    assert bounty.normaliser == "none" and bounty.normaliser_version
    plain = bounty.parts["sample"]["rate"]
    owner.post(page("edit", bounty.slug), values | {"normaliser": "basic"})
    run_worker()
    bounty.refresh_from_db()
    assert bounty.parts["sample"]["rate"] < plain
    owner.post(page("open", bounty.slug))
    bounty.refresh_from_db()
    assert bounty.phase == "open"


def test_the_form_calls_the_columns_by_the_words_of_the_measure(owner, prepared):
    values = settings_of(prepared, measure="wer", label_column="said", prediction_column="said")
    form = owner.post(page("edit", "speech"), values).context["form"]
    assert "already the reference" in form.errors["prediction_column"][0]
    assert form["cluster_column"].label == "Speaker"
    form = owner.post(page("edit", "speech"), values | {"measure": "error"}).context["form"]
    assert "already the label" in form.errors["prediction_column"][0]
    assert form["label_column"].label == "Label column"


def test_what_the_sample_carries_cannot_be_a_visible_column(owner, cast):
    table = speech_table(4).with_columns(errors=1)
    bounty = drafts.create_bounty(cast.owner, {"title": "S", "slug": "s"}, as_upload(table))
    values = settings_of(
        bounty,
        measure="wer",
        label_column="said",
        prediction_column="written",
        visible_columns=["accent", "errors"],
        group_columns=[],
    )
    form = owner.post(page("edit", "s"), values).context["form"]
    assert "a column “errors” of its own" in form.errors["visible_columns"][0]
    assert list(form.errors) == ["visible_columns"]


def test_the_command_sets_it_up_too(cast, tmp_path, run_worker):
    speech_table().write_csv(tmp_path / "speech.csv")
    roles = ["--label", "said", "--prediction", "written", "--cluster", "speaker", "--measure", "wer"]
    call_command(
        *("create_bounty", str(tmp_path / "speech.csv"), "--title", "Speech", "--organiser", "owner"),
        *(*roles, "--normaliser", "none", "--visible", "accent", "noise", "--here", "--open"),
        stdout=io.StringIO(),
    )
    bounty = Bounty.objects.get()
    assert (bounty.phase, bounty.measure, bounty.normaliser) == ("open", "wer", "none")


def test_a_changed_normaliser_prepares_the_data_again(prepared, run_worker):
    before = prepared.normaliser_version
    drafts.save_settings(prepared, {"normaliser": "none"})
    prepared.refresh_from_db()
    assert not prepared.is_prepared and prepared.normaliser_version == ""
    run_worker()
    prepared.refresh_from_db()
    assert prepared.normaliser_version not in ("", before)


# The prepared data


def test_no_speaker_straddles_the_parts_and_every_row_is_in_one(prepared):
    stored = [parts.part(prepared, name) for name in PARTS]
    people = [set(part.truth["cluster"].to_list()) for part in stored]
    assert sum(map(len, people)) == len(set.union(*people)) == 240
    rows = pl.concat([part.truth.select("reference", "hypothesis") for part in stored])
    wanted = speech_table().select(reference="said", hypothesis="written")
    assert rows.sort(rows.columns).equals(wanted.sort(wanted.columns))
    for part in stored:
        assert not {"speaker", "said", "written", "reference"} & set(part.features.columns)
        assert {"Cork", "Leeds"} <= set(part.features["accent"])


def test_word_errors_are_counted_once_texts_are_normalised(prepared):
    truth = parts.part(prepared, "leaderboard").truth
    misheard = truth["hypothesis"].str.count_matches("mumble")
    assert truth["errors"].to_list() == misheard.to_list()
    assert truth["exposure"].to_list() == truth["reference"].str.split(" ").list.len().to_list()
    rates = [parts.part(prepared, name).truth for name in PARTS]
    rates = [truth["errors"].sum() / truth["exposure"].sum() for truth in rates]
    assert max(rates) - min(rates) < 0.02


def test_the_public_sample_holds_texts_and_counts(client, opened):
    answer = client.get(reverse("api:bounty-sample", args=["speech"]))
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    columns = ["accent", "noise", "seconds", "reference", "hypothesis", "errors", "exposure"]
    assert list(rows[0]) == columns
    assert len(rows) == opened.parts["sample"]["rows"]
    one = rows[0]
    assert int(one["errors"]) == one["hypothesis"].split().count("mumble")
    assert int(one["exposure"]) == len(one["reference"].split())
    answer = client.get(reverse("api:bounty-sample", args=["speech"]), {"as": "parquet"})
    assert pl.read_parquet(io.BytesIO(answer.content)).columns == columns


def test_rows_without_words_take_no_part_and_the_organiser_is_told_how_many(owner, cast, run_worker):
    empty = pl.int_range(pl.len()) % 10 == 0
    table = speech_table().with_columns(
        said=pl.when(empty).then(pl.lit("…")).otherwise("said"),
        written=pl.when(empty).then(pl.lit("words out of nowhere")).otherwise("written"),
    )
    bounty = prepare(speech_draft(cast.owner), run_worker, table)
    truth = parts.part(bounty, "leaderboard").truth
    silent = truth.filter(pl.col("reference") == "…")
    assert silent.height == bounty.parts["leaderboard"]["uncounted"] > 50
    assert silent["errors"].sum() == silent["exposure"].sum() == 0
    assert truth.filter(pl.col("errors") > 0)["exposure"].min() > 0
    assert sum(bounty.parts[name]["uncounted"] for name in PARTS) == 240
    shown = text(owner.get(page("manage", "speech")))
    assert "Rows without words" in shown and f" {silent.height} " in shown


def test_texts_that_look_like_numbers_stay_texts(cast, run_worker):
    table = speech_table().with_columns(said=pl.lit("007"), written=pl.lit("7"))
    bounty = prepare(speech_draft(cast.owner, normaliser="none"), run_worker, table)
    assert bounty.parts["sample"]["rate"] == 1.0


def test_without_speakers_repeated_rows_stay_together_and_count_once(cast, run_worker):
    table = speech_table(60)
    table = pl.concat([table, table]).drop("speaker")
    bounty = prepare(speech_draft(cast.owner, cluster_column=""), run_worker, table)
    stored = [parts.part(bounty, name) for name in PARTS]
    texts = [set(part.features.hstack(part.truth["reference", "hypothesis"]).rows()) for part in stored]
    assert sum(map(len, texts)) == len(set.union(*texts))
    assert len(np.unique(stored[1].evidence.clusters)) == len(texts[1]) < stored[1].truth.height


# What is refused


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"said": pl.lit("...")}, 'reference column "said" holds no words'),
        ({"written": pl.lit(None, pl.String)}, 'hypothesis column "written" is empty in every row'),
        (
            {"speaker": pl.when(pl.col("accent") == "Cork").then("speaker")},
            'cluster column "speaker" is empty',
        ),
        ({"speaker": pl.col("accent").replace_strict({"Cork": "b"}, default="a")}, "rows in 2 blocks"),
    ],
)
def test_a_table_that_cannot_be_counted_ends_in_a_sentence(cast, run_worker, change, says):
    table = speech_table(40).with_columns(**change)
    assert says in refusal(prepare(speech_draft(cast.owner), run_worker, table))


def test_a_missing_column_is_named_by_its_role(cast, run_worker):
    bounty = prepare(speech_draft(cast.owner), run_worker, speech_table(40).drop("written"))
    assert 'There is no column "written"' in refusal(bounty)
    bounty = speech_draft(cast.owner, "second", prediction_column="said")
    assert "both as reference and as hypothesis" in refusal(prepare(bounty, run_worker, speech_table(40)))


def test_without_a_hypothesis_it_waits_for_one(cast):
    values = {"title": "Speech", "slug": "speech", "measure": "wer", "label_column": "said"}
    bounty = drafts.create_bounty(cast.owner, values, as_upload(speech_table(40)))
    assert "for speech the reference and the hypothesis" in refusal(bounty)


def test_a_recogniser_is_not_taken(cast, run_worker):
    bounty = prepare(
        speech_draft(cast.owner), run_worker, speech_table(40), SimpleUploadedFile("m.onnx", b"model")
    )
    assert "takes no model" in refusal(bounty)


def test_too_few_speakers_do_not_open(cast, run_worker):
    bounty = prepare(speech_draft(cast.owner), run_worker, speech_table(40, utterances=60))
    assert bounty.is_prepared
    with pytest.raises(IntakeError, match=r"rows of 1[0-9] speakers .*“speaker”.* need 20 each"):
        drafts.open_bounty(bounty)


def test_few_or_unnamed_speakers_are_warned_about(owner, cast, run_worker):
    prepare(speech_draft(cast.owner), run_worker, speech_table(80))
    assert "no accent, dialect or other group of speakers can be proven" in text(
        owner.get(page("manage", "speech"))
    )
    prepare(speech_draft(cast.owner, "alone", cluster_column=""), run_worker, speech_table(80))
    assert "No speaker column" in text(owner.get(page("manage", "alone")))


def test_groups_of_few_speakers_are_named(owner, cast, run_worker):
    rare = pl.when(pl.col("speaker") < "s030").then(pl.lit("Rare")).otherwise("accent")
    bounty = prepare(speech_draft(cast.owner), run_worker, speech_table().with_columns(accent=rare))
    (small,) = bounty.parts["leaderboard"]["small_groups"]
    assert (small["column"], small["value"]) == ("accent", "Rare") and 5 < small["speakers"] < 20
    shown = text(owner.get(page("manage", "speech")))
    assert "Groups of few speakers" in shown and f"Rare: {small['speakers']} speakers" in shown


# Finds


def test_a_much_worse_accent_is_proven(client, cast, opened, run_worker):
    submission = judged(cast, opened, run_worker)
    assert submission.accepted and submission.points > 3
    (part,) = submission.numbers["parts"]
    assert part["test"] == "cluster_score" and min(part["clusters"], part["rest_clusters"]) >= 20
    truth = parts.part(opened, "leaderboard")
    cork = truth.truth.filter(truth.features["accent"] == "Cork")
    assert submission.numbers["errors"] == cork["errors"].sum()
    assert submission.numbers["exposure"] == cork["exposure"].sum()
    client.force_login(cast.owner)
    shown = text(client.get(page("submission", submission.pk)))
    assert "Word error rate" in shown and "Words WER Others" in shown and "Accepted" in shown


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("accent = 'Leeds'", "not_proven"),
        ("noise = 'noisy'", "not_proven"),
        ("seconds < 1.65", "too_little_exposure"),
    ],
)
def test_what_is_no_worse_or_too_small_is_not(cast, opened, run_worker, rule, code):
    assert judged(cast, opened, run_worker, rule).code == code


def test_a_group_of_few_speakers_is_too_small_however_many_rows_it_has(cast, run_worker):
    table = speech_table().with_columns(
        accent=pl.when(pl.col("speaker") < "s020").then(pl.lit("Rare")).otherwise("accent")
    )
    bounty = prepare(speech_draft(cast.owner), run_worker, table)
    drafts.open_bounty(bounty)
    submission = judged(cast, bounty, run_worker, "accent = 'Rare'")
    assert submission.code == "too_little_exposure" and submission.numbers["rows"] >= 30


def test_its_verdict_is_given_again_from_files(cast, opened, run_worker, tmp_path, monkeypatch, capsys):
    submission = judged(cast, opened, run_worker)
    folder = tmp_path / "find"
    call_command("export_find", str(submission.pk), "--to", str(folder), stdout=io.StringIO())
    assert pl.read_parquet(folder / "truth.parquet").columns == ["errors", "exposure", "cluster"]
    monkeypatch.chdir(folder)
    level = ["--level", repr(opened.level), "--min-rows", str(opened.min_rows)]
    assert main(["rescore", "--truth", "truth.parquet", "--mask", "mask.npy", *level]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((folder / "verdict.json").read_text())


def test_a_dry_run_compares_the_words_of_the_sample(client, cast, opened):
    client.force_login(cast.participant)
    shown = sample.describe(opened, (parts.sample_part(opened).features["accent"] == "Cork").to_numpy())
    assert shown["rate"] == pytest.approx(0.33, abs=0.05) and shown["rest_rate"] == pytest.approx(
        0.08, abs=0.02
    )
    answer = client.post(
        reverse("api:bounty-check", args=["speech"]), {"group_format": "rule", "group_rule": BY_ACCENT}
    )
    assert answer.json() == shown
    answer = client.post(page("check_group", "speech"), {"group_format": "rule", "group_rule": BY_ACCENT})
    assert "from at least 20 speakers" in text(answer)


# What pages and API show


def test_the_api_says_what_is_counted_and_leaves_out_what_means_nothing(client, opened):
    bounty = client.get(reverse("api:bounty-detail", args=["speech"])).json()
    assert (bounty["measure"], bounty["labels"], bounty["favourable_label"]) == ("wer", [], "")
    assert bounty["min_clusters"] == 20
    assert bounty["normaliser"] == "basic" and bounty["normaliser_version"] == opened.normaliser_version != ""
    facts = bounty["sample"]
    assert facts["rate"] > 0 and facts["model_error"] is None and facts["constant_error"] is None


def test_a_bounty_on_labels_has_no_normaliser_in_the_api(client, open_bounty):
    bounty = client.get(reverse("api:bounty-detail", args=["lending"])).json()
    assert [bounty[name] for name in ("min_clusters", "normaliser", "normaliser_version")] == [None] * 3


def test_pages_speak_of_words_and_of_no_constant(client, cast, opened):
    overview, data = (text(client.get(page(name, "speech"))) for name in ("overview", "data"))
    for shown in (overview, data):
        assert "Word error rate of the model" in shown and "references and hypotheses" in shown
        assert "constant" not in shown and "labels and predictions" not in shown
    assert "Words in the public sample" in overview and "Finds only" in overview
    assert "Normaliser" in overview and opened.normaliser_version in overview
    assert "Speakers" in data and "can exceed 100 %" in data
    client.force_login(cast.owner)
    manage = text(client.get(page("manage", "speech")))
    assert "Words said" in manage and "constant" not in manage
    assert opened.normaliser_version in manage


def test_rates_above_100_percent_are_shown_as_they_are(client, cast, run_worker):
    babble = pl.when(pl.col("accent") == "Cork").then(pl.lit("oh " * 20)).otherwise("written")
    bounty = prepare(speech_draft(cast.owner), run_worker, speech_table().with_columns(written=babble))
    drafts.open_bounty(bounty)
    worst = sample.rates_by_group(bounty, "accent").table[0]
    assert worst.label == "Cork" and worst.low > 1 and worst.low < worst.rate < worst.high
    assert f"{100 * worst.rate:.1f}" in html(client.get(page("data", "speech")))
    client.force_login(cast.participant)
    assert judged(cast, bounty, run_worker).points > 50


def test_the_sample_feeds_the_slice_search(client, opened, tmp_path, capsys):
    path = tmp_path / "sample.csv"
    path.write_bytes(client.get(reverse("api:bounty-sample", args=["speech"])).content)
    roles = ["--label", "reference", "--prediction", "hypothesis", "--measure", "wer"]
    assert main(["slices", str(path), *roles, "--normaliser", "basic", "--json", "--top", "1"]) == 0
    (best,) = json.loads(capsys.readouterr().out)
    assert best["rule"] == BY_ACCENT
    shown = sample.describe(opened, (parts.sample_part(opened).features["accent"] == "Cork").to_numpy())
    assert (best["errors"], best["exposure"]) == (shown["errors"], shown["exposure"])


def test_outsiders_see_no_draft(client, cast, prepared):
    addresses = [page(name, "speech") for name in ("overview", "data", "manage", "leaderboard")]
    addresses += [reverse(f"api:bounty-{name}", args=["speech"]) for name in ("detail", "sample")]
    client.force_login(cast.outsider)
    assert [client.get(address).status_code for address in addresses] == [404] * len(addresses)

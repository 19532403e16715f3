"""What a service card says, and what it never says."""

import json
import re
import shlex

import polars as pl
import pytest
from django.test import Client
from django.utils.html import escape

from audits import card
from audits.access import Reader
from audits.method import command, plain
from fairness.cli import main
from tests.audits.conftest import make, scored, speech_table, upload

ADDRESS = "https://faultline.example/audits/k/"
NEVER = re.compile(r"\b(unbiased|fair|bias-free|guaranteed)\b", re.IGNORECASE)


def card_of(audit, user, system: str = "") -> card.Card:
    reader = Reader(audit, user)
    return card.build(reader, system or reader.result["systems"][0], ADDRESS)


def all_texts(one: card.Card) -> str:
    return repr(one)


def measured(owner, frame=None, **values):
    return scored(make(owner, frame, **values))


def test_it_names_the_group_that_is_proven_worse(cast, done):
    gaps = card_of(done, cast.owner).gaps[0]
    assert gaps.metric == "Word error rate"
    assert gaps.worse[0].startswith("accent (origin not said)\u00a0=\u00a0Welsh: ")
    welsh = next(
        row for table in done.result["tables"] if table["columns"] == ["accent"] and table["system"] == "ours"
        for row in table["rows"] if row["group"].get("accent") == "Welsh"
    )  # fmt: skip
    assert f"{100 * welsh['value']:.1f}\u00a0%" in gaps.worse[0]
    assert f"{100 * (welsh['value'] - welsh['gap']):.1f}\u00a0% for everyone else" in gaps.worse[0]


def test_every_comparison_is_proven_or_cannot_be_told_and_none_is_lost(cast, done):
    one = card_of(done, cast.owner)
    gaps = one.gaps[0]
    tables = [t for t in done.result["tables"] if t["system"] == "ours" and len(t["columns"]) == 1]
    rows = [row for table in tables for row in table["rows"] if row["gap"] is not None]
    assert len(rows) == len(gaps.worse) + len(gaps.better) + len(gaps.unknown)
    proven = [row for row in rows if row["p_adjusted"] <= 0.05]
    assert len(proven) == len(gaps.worse) + len(gaps.better)
    assert f"Of {len(rows)} comparisons" in one.summary[-1]


def test_it_says_so_when_nothing_is_proven(cast):
    table = speech_table().with_columns(ours=pl.col("sentence"))
    one = card_of(measured(cast.owner, table), cast.owner)
    assert one.summary[-1] == card.NOTHING_PROVEN
    assert not one.gaps[0].worse and not one.gaps[0].better


def test_what_is_better_when_higher_turns_the_order(cast, loans):
    reader = Reader(loans, cast.owner)
    precision = next(metric for metric in reader.metrics if metric.key == "precision")
    table = reader.table(card.View("lent", "precision", by=("region",)))
    values = [row.value for row in card.worst_first(table, precision)]
    assert values == sorted(values)


def test_a_classification_shows_who_is_wrongly_denied_and_wrongly_given(cast, loans):
    one = card_of(loans, cast.owner)
    titles = {rates.title for rates in one.rates}
    assert {
        "Error rate by region",
        "False rejection rate by region",
        "False acceptance rate by region",
    } <= titles
    assert "Selection rate by region" not in titles
    assert "denied" in one.gaps[1].meaning


def test_marks_stand_beside_their_columns(cast):
    values = {"marks": {"accent": "self-reported", "gender": "perceived"}}
    one = card_of(measured(cast.owner, values=values), cast.owner)
    marks = {covered.column: covered.mark for covered in one.covered}
    assert marks == {"accent": "self-reported", "gender": "perceived", "age": "origin not said", "noise": ""}
    assert {rates.column: rates.mark for rates in one.rates} == marks
    assert any("as others perceived" in text for text in one.limits)
    assert any("not said" in text and "age" in text for text in one.limits)


def test_synthetic_voices_are_said_first(cast):
    audit = measured(cast.owner, description="Read by **synthetic** voices of eSpeak NG.")
    assert "synthetic" in card_of(audit, cast.owner).limits[0]


def test_rows_without_people_are_a_limit(cast, loans):
    assert any("independent" in text for text in card_of(loans, cast.owner).limits)


def test_few_people_merged_groups_and_exclusions_are_limits(cast):
    table = speech_table().with_columns(
        accent=pl.when(pl.col("speaker").is_in(["speaker-00", "speaker-01"])).then(pl.lit("Manx"))
        .when(pl.col("speaker").str.ends_with("2")).then(pl.lit("Ulster")).otherwise("accent")
    )  # fmt: skip
    audit = measured(cast.owner, table, values={"exclude": [["sentence", "^she"]]})
    limits = " ".join(card_of(audit, cast.owner).limits)
    assert "counted together as “smaller groups”" in limits
    assert "fewer than 30 speakers" in limits
    assert "sentence matches ^she" in limits and "25.0\u00a0%" in limits


def test_promises_are_judged(cast):
    values = {"tolerances": [{"metric": "wer", "column": "accent", "within": 0.01}]}
    promises = card_of(measured(cast.owner, values=values), cast.owner).promises
    assert len(promises) == 1
    assert promises[0].startswith(
        "Word error rate within 1.0\u00a0pp across the groups of accent (origin not said): not met."
    )
    assert "Welsh" in promises[0]


def test_the_card_of_another_system(cast, done):
    one = card_of(done, cast.owner, "theirs")
    assert one.system == "theirs" and one.others == ("ours",)
    theirs = next(t for t in done.result["tables"] if t["system"] == "theirs" and t["metric"] == "wer")
    assert one.measured[0].rate == f"{100 * theirs['rows'][0]['value']:.1f}\u00a0%"
    with pytest.raises(ValueError, match="Choose among ours, theirs"):
        card_of(done, cast.owner, "nobody's")


def test_it_never_calls_a_system_fair(cast, done, loans):
    for audit in (done, loans):
        assert not NEVER.search(all_texts(card_of(audit, cast.owner)))


def test_a_strangers_card_has_no_hidden_column(cast, done):
    hidden = {"age", "gender", "accent", "noise"} - set(done.result["disclosure"]["columns"])
    one = card_of(done, cast.outsider)
    assert {rates.column for rates in one.rates} == set(done.result["disclosure"]["columns"])
    assert not hidden & {covered.column for covered in one.covered}


def test_columns_beyond_a_dozen_are_left_to_the_report(cast):
    number = pl.col("speaker").str.slice(8).cast(pl.Int32)
    more = {f"half_{place}": (number // (place + 1) % 2).cast(pl.String) for place in range(13)}
    roles = {"sentence": "reference", "ours": "hypothesis", "speaker": "speaker"} | dict.fromkeys(
        more, "group"
    )
    one = card_of(measured(cast.owner, speech_table().with_columns(**more), roles=roles), cast.owner)
    assert len(one.covered) == 12 and len(one.rates) == card.MOST_TABLES
    assert one.limits[0] == "Columns that this card leaves to the report: half_12."
    assert one.limits[1] == "4 more tables by group are in the report."


def test_the_command_gives_the_same_numbers(cast, tmp_path, monkeypatch, capsys):
    values = {
        "normalise": "none",
        "exclude": [["sentence", "^she .*"]],
        "marks": {"accent": "annotated"},
        "baselines": {"accent": "Scots"},
        "tolerances": [{"metric": "cer", "column": "gender", "within": 0.02}],
        "smallest": 5,
    }
    audit = measured(cast.owner, values=values)
    file = tmp_path / "with spaces.csv"
    file.write_bytes(upload(speech_table()).read())
    words = shlex.split(command(audit.result))
    assert words[:4] == ["python", "-m", "fairness", "audit"]
    arguments = [str(file) if word == "FILE" else word for word in words[3:]]
    assert main([*arguments, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["tables"] == audit.result["tables"]
    assert printed["tolerances"] == audit.result["tolerances"]


def test_descriptions_become_plain_text():
    assert (
        plain("# A\n\n- **bold** and [a link](https://x.org)\n- `code` snake_case")
        == "A bold and a link code snake_case"
    )
    assert plain("word " * 500).endswith(" …") and len(plain("word " * 500)) <= 602


# The page


def test_the_page_shows_what_the_card_says(cast, done):
    client = Client()
    client.force_login(cast.owner)
    page = client.get(f"/audits/{done.key}/card/").content.decode()
    one = card_of(done, cast.owner)
    for text in (
        one.summary[-1],
        one.rates[0].title,
        one.gaps[0].worse[0],
        *one.limits,
        done.result["data"]["sha256"],
    ):
        assert escape(text) in page
    assert page.count('class="whisker"') == sum(1 + len(rates.lines) for rates in one.rates)


def test_the_page_of_a_system_that_is_not_there(cast, done):
    client = Client()
    client.force_login(cast.owner)
    answer = client.get(f"/audits/{done.key}/card/?system=nobody")
    assert answer.status_code == 400 and "Choose among" in answer.content.decode()


def test_an_audit_without_groups_has_a_card(cast):
    audit = measured(cast.owner, roles={"sentence": "reference", "ours": "hypothesis"})
    one = card_of(audit, cast.owner)
    assert one.rates == () and one.gaps == ()
    assert one.summary[-1] == card.NO_COLUMNS

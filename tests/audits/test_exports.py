"""What leaves the site as data: who gets it, and that it says what the result says."""

import csv
import hashlib
import io
import json

import polars as pl
import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from audits import offline, store
from audits.access import Reader
from audits.exports import PARTS, row_headers, view_query
from audits.models import Audit
from common.spreadsheet import STARTS_A_FORMULA, is_number
from fairness.cells import Cells
from fairness.disaggregate import View, tabulate
from tests.audits.conftest import SENTENCES, make, run_audits, speech_table

OPEN = ("result_json", "tables_csv", "comparisons_csv", "offline", "card", "card_pdf")
FOR_READERS = ("speakers_csv", "utterances_csv", "cells_parquet")


def get(audit: Audit, name: str, user=None, part: str = "", **query):
    client = Client()
    if user:
        client.force_login(user)
    return client.get(reverse(f"audits:{name}", args=[audit.key, part] if part else [audit.key]), query)


def body(response) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def lines(response) -> list[dict[str, str]]:
    assert response.status_code == 200, response.content
    return list(csv.DictReader(io.StringIO(body(response).decode(), newline="")))


@pytest.fixture
def shared(cast, done):
    done.viewers.add(cast.participant)
    return done


@pytest.mark.parametrize("name", OPEN)
@pytest.mark.parametrize(("visibility", "status"), [("private", 404), ("unlisted", 200), ("public", 200)])
def test_outsiders_get_what_is_shared_and_nothing_else(cast, shared, name, visibility, status):
    Audit.objects.update(visibility=visibility)
    assert get(shared, name).status_code == status
    assert get(shared, name, cast.outsider).status_code == status
    assert get(shared, name, cast.participant).status_code == 200


@pytest.mark.parametrize("name", FOR_READERS)
def test_rows_and_cells_are_for_those_who_may_read_texts(cast, shared, name):
    Audit.objects.update(visibility="public")
    assert get(shared, name).status_code == get(shared, name, cast.outsider).status_code == 404
    for user in (cast.participant, cast.owner, cast.staff):
        assert get(shared, name, user).status_code == 200


@pytest.mark.parametrize("part", PARTS)
def test_parts_follow_the_audits_visibility(cast, done, part):
    assert get(done, "part_csv", part=part).status_code == 404
    Audit.objects.update(visibility="public")
    assert get(done, "part_csv", part=part).status_code == 200


def test_an_audit_without_a_result_has_no_exports(cast, made):
    for name in (*OPEN, *FOR_READERS):
        assert get(made, name, cast.owner).status_code == 404


def test_there_is_no_other_part(cast, done):
    assert get(done, "part_csv", cast.owner, part="secrets").status_code == 404


# The result


def test_the_result_comes_as_it_is_stored_and_alike_each_time(cast, done):
    first, second = (body(get(done, "result_json", cast.owner)) for _ in range(2))
    assert first == second
    found = json.loads(first)
    about = found.pop("audit")
    assert found == done.result
    assert about["title"] == done.title and about["owner"] == "owner"
    assert about["address"] == f"http://testserver/audits/{done.key}/"


def test_a_stranger_gets_the_result_that_the_api_gives(cast, done):
    Audit.objects.update(visibility="public")
    found = json.loads(body(get(done, "result_json")))
    del found["audit"]
    assert found == Client().get(f"/api/v1/audits/{done.key}/result/").json()
    assert found != done.result


# Tables


def test_every_row_of_every_table_is_in_the_csv_with_all_its_digits(cast, done):
    rows = lines(get(done, "tables_csv", cast.owner))
    stored = [(table, row) for table in done.result["tables"] for row in table["rows"]]
    assert len(rows) == len(stored)
    for written, (table, row) in zip(rows, stored, strict=True):
        assert (written["system"], written["metric"]) == (table["system"], table["metric"])
        pairs = [f"{column}={row['group'][column]}" for column in table["columns"] if row["group"]]
        assert written["group"] == "; ".join(pairs)
        for name in ("value", "low", "gap_high", "p_adjusted", "exposure"):
            assert written[name] == ("" if row[name] is None else str(row[name]))


def test_the_parameters_of_a_view_give_that_table_alone(cast, done):
    rows = lines(
        get(
            done,
            "tables_csv",
            cast.owner,
            system="theirs",
            metric="cer",
            by=["gender", "accent"],
            versus="best",
        )
    )
    table = Reader(done, cast.owner).table(View("theirs", "cer", by=("gender", "accent"), versus="best"))
    assert [row["value"] for row in rows] == [
        "" if row.value is None else str(row.value) for row in table.rows
    ]
    assert {row["column_1"] for row in rows[1:]} == {"gender"}
    assert {row["group_2"] for row in rows[1:]} == {"Scots", "Irish", "Welsh", "Midlands"}


@pytest.mark.parametrize(
    "view",
    [
        View(
            "theirs", "wil", by=("accent",), where=(("noise", "street"),), versus="baseline", baseline="Scots"
        ),
        View("ours", "wer", by=("noise", "gender"), aggregation="cluster_mean"),
        View("ours", "wer"),
    ],
)
def test_the_link_of_a_table_gives_that_table(cast, done, view):
    table = Reader(done, cast.owner).table(view)
    rows = lines(get(done, "tables_csv", cast.owner, **dict(QueryDict(view_query(table)).lists())))
    assert [row["value"] for row in rows] == [
        "" if row.value is None else str(row.value) for row in table.rows
    ]
    assert [row["gap"] for row in rows] == ["" if row.gap is None else str(row.gap) for row in table.rows]


def test_it_refuses_a_table_that_is_not_there(cast, done):
    response = get(done, "tables_csv", cast.owner, by="height")
    assert response.status_code == 400
    assert "height" in response.content.decode()


def test_a_stranger_may_not_ask_for_pairs_that_are_not_offered(cast, done):
    Audit.objects.update(visibility="public")
    offered = {frozenset(pair) for pair in done.result["disclosure"]["pairs"]}
    assert frozenset(("accent", "age")) not in offered
    assert get(done, "tables_csv", by=["accent", "age"]).status_code == 400
    assert get(done, "tables_csv", by=["accent", "age"], user=cast.owner).status_code == 200
    shown = {
        frozenset(filter(None, (row["column_1"], row["column_2"]))) for row in lines(get(done, "tables_csv"))
    }
    assert {columns for columns in shown if len(columns) == 2} <= offered


# Parts


def test_coverage_sums_to_everyone(cast, done):
    everyone, *groups = lines(get(done, "part_csv", cast.owner, part="coverage"))
    assert everyone["column"] == "" and everyone["rows"] == str(done.result["data"]["kept"])
    accents = [row for row in groups if row["column"] == "accent"]
    assert sum(int(row["rows"]) for row in accents) == int(everyone["rows"])
    assert {row["people"] for row in accents} == {"24"}


def test_words_are_those_of_the_result(cast, done):
    rows = lines(get(done, "part_csv", cast.owner, part="words"))
    groups = [group for part in done.result["words"] for group in part["groups"]]
    assert sum(row["kind"] == "missed" for row in rows) == sum(len(group["missed"]) for group in groups)
    confused = [row for row in rows if row["kind"] == "confused"]
    assert confused and all(row["word"] == row["reference"] for row in confused)
    assert {row["hypothesis"] for row in confused} == {"blah"}


def test_sensitivity_has_a_line_for_each_variant(cast, done):
    rows = lines(get(done, "part_csv", cast.owner, part="sensitivity"))
    variants = done.result["sensitivity"]["variants"]
    assert {row["variant"] for row in rows} == set(variants) >= {"none", "basic", "english"}
    assert len(rows) == len(variants) * len(done.result["sensitivity"]["rows"])


def test_stored_comparisons_and_one_that_is_asked_for(cast, done):
    stored = lines(get(done, "comparisons_csv", cast.owner))
    assert {(row["first_system"], row["second_system"]) for row in stored} == {("ours", "theirs")}
    asked = lines(get(done, "comparisons_csv", cast.owner, first="theirs", second="ours", by="accent"))
    turned = {row["group"]: row["difference"] for row in stored if row["column_1"] in ("", "accent")}
    for row in asked:
        assert float(row["difference"]) == pytest.approx(-float(turned[row["group"]]))
    assert get(done, "comparisons_csv", cast.owner, first="ours", second="nobody").status_code == 400
    assert (
        get(done, "comparisons_csv", cast.owner, first="ours", second="theirs", metric="wil").status_code
        == 400
    )


def test_worst_groups_name_their_conditions(cast, done):
    rows = lines(get(done, "part_csv", cast.owner, part="worst"))
    found = [group for part in done.result["worst"] for group in part["groups"]]
    assert [row["group"] for row in rows] == [
        "; ".join(f"{c}={g}" for c, g in one["conditions"]) for one in found
    ]
    assert "accent=Welsh" in {row["group"] for row in rows}


def test_calibration_has_a_line_for_each_bin(cast):
    random = pl.Series([((7 * row) % 100) / 100 for row in range(400)])
    frame = pl.DataFrame(
        {
            "good": [("no", "yes")[score > 0.4] for score in random],
            "score": random,
            "sex": ["female", "male"] * 200,
        }
    )
    roles = {"good": "y_true", "score": "score", "sex": "group"}
    audit = make(cast.owner, frame, kind="classification", roles=roles, values={"favourable": "yes"})
    assert run_audits() == 1
    audit.refresh_from_db()
    rows = lines(get(audit, "part_csv", cast.owner, part="calibration"))
    stored = [
        one for part in audit.result["calibration"] for group in part["groups"] for one in group["bins"]
    ]
    assert [row["score"] for row in rows] == [str(one["score"]) for one in stored]
    assert {row["group"] for row in rows} == {"everyone", "female", "male"}


# Rows


def test_utterances_come_with_their_groups_and_texts(cast, done):
    rows = lines(get(done, "utterances_csv", cast.owner))
    table = speech_table()
    assert [row["ours"] for row in rows] == table["ours"].to_list()
    assert [row["accent"] for row in rows] == table["accent"].to_list()
    assert [row["person"] for row in rows] == table["speaker"].to_list()
    wrong = sum(word == "blah" for text in table["ours"] for word in text.split())
    assert sum(int(row["ours: substitutions"]) for row in rows) == wrong


def test_texts_that_look_like_formulas_are_made_harmless(cast):
    table = speech_table().with_columns(
        ours=pl.lit('=HYPERLINK("http://evil","here")'),
        accent=pl.col("accent").replace("Welsh", "@SUM(A1:A9)"),
    )
    audit = make(cast.owner, table, roles={"sentence": "reference", "ours": "hypothesis", "accent": "group"})
    assert run_audits() == 1
    for name, part in (
        ("utterances_csv", ""),
        ("tables_csv", ""),
        ("part_csv", "coverage"),
        ("part_csv", "words"),
    ):
        rows = lines(get(audit, name, cast.owner, part=part))
        cells = [cell for row in rows for cell in row.values()]
        assert not [cell for cell in cells if cell.startswith(STARTS_A_FORMULA) and not is_number(cell)]
    assert "'@SUM(A1:A9)" in {row["accent"] for row in lines(get(audit, "utterances_csv", cast.owner))}


def test_headers_of_rows_are_never_alike():
    columns = ["row", "id", "g:row", "g:ours", "hypothesis:0", "0:words"]
    headers = row_headers(columns, ["ours"])
    assert headers == ["row", "id", "g:row (row)", "ours", "hypothesis:0 (ours)", "ours: words"]
    assert len(set(headers)) == len(headers)


def test_speakers_have_their_own_rates(cast, done):
    rows = lines(get(done, "speakers_csv", cast.owner, by="accent"))
    assert len(rows) == 96
    total, said = (sum(float(row[name]) for row in rows) for name in ("errors", "exposure"))
    assert total / said == pytest.approx(done.card["value"])
    assert get(done, "speakers_csv", cast.owner, by="height").status_code == 400
    assert get(done, "speakers_csv", cast.owner, metric="wil").status_code == 400


# Cells


def test_cells_leave_byte_for_byte_and_give_the_tables_again(cast, done):
    data = body(get(done, "cells_parquet", cast.owner))
    assert hashlib.sha256(data).hexdigest() == done.cells_sha256
    reader = Reader(done, cast.owner)
    for stored in done.result["tables"][:4]:
        view = View(stored["system"], stored["metric"], by=tuple(stored["columns"]))
        table = tabulate(Cells.from_parquet(data), reader.kind, reader.metrics, view, reader.settings)
        assert json.loads(json.dumps(table.as_dict())) == stored


def test_damaged_cells_do_not_leave(cast, done):
    done.cells.storage.delete(done.cells.name)
    done.cells.storage.save(done.cells.name, io.BytesIO(b"PAR1"))
    with pytest.raises(store.DamagedFile):
        get(done, "cells_parquet", cast.owner)


# The report in one file


def test_the_offline_report_asks_nobody_for_anything(cast, done):
    page = body(get(done, "offline", cast.owner)).decode()
    address = f"http://testserver/audits/{done.key}/"
    assert page.count("http") == page.count(address) + page.count("http-equiv")
    for asks in ("src=", "<script", "<link", "url(", "@import", "<img", "<iframe", "<object"):
        assert asks not in page
    assert "default-src 'none'" in page


def test_the_offline_report_holds_no_text_of_an_utterance(cast, done):
    page = body(get(done, "offline", cast.owner)).decode()
    for sentence in SENTENCES:
        assert sentence not in page
    assert "speaker-0" not in page


def test_the_offline_report_has_every_part(cast, done):
    page = body(get(done, "offline", cast.owner)).decode()
    for part in (
        "Coverage", "Word error rate by accent", "Errors by type", "Words", "Systems compared",
        "Worst groups", "Limits", "How it was computed", done.result["data"]["sha256"],
    ):  # fmt: skip
        assert part in page
    welsh = next(row for table in done.result["tables"] if table["columns"] == ["accent"]
                 for row in table["rows"] if row["group"].get("accent") == "Welsh")  # fmt: skip
    assert f"{100 * welsh['value']:.1f}\u00a0%" in page


def test_a_stranger_finds_only_offered_pairs_in_the_offline_report(cast):
    table = speech_table()
    welsh_men = table.filter((pl.col("accent") == "Welsh") & (pl.col("gender") == "man"))
    gone = welsh_men["speaker"].unique(maintain_order=True).head(8)
    audit = make(cast.owner, table.filter(~pl.col("speaker").is_in(gone.implode())))
    assert run_audits() == 1
    Audit.objects.update(visibility="public")
    pages = [words_of(body(get(audit, "offline", user)).decode()) for user in (cast.owner, None)]
    assert "Word error rate by accent and gender" in pages[0]
    assert "Word error rate by accent and gender" not in pages[1]
    assert "Word error rate by accent and noise" in pages[1]


def words_of(page: str) -> str:
    return " ".join(page.replace("<small>(origin not said)</small>", "").split())


def test_the_offline_report_stays_readable_with_many_pairs(cast, monkeypatch):
    monkeypatch.setattr(offline, "MOST_PAIRS", 4)
    monkeypatch.setattr(offline, "ALL_ROWS", 20)
    audit = make(cast.owner)
    assert run_audits() == 1
    page = words_of(body(get(audit, "offline", cast.owner)).decode())
    assert page.count("more tables by two columns are in the CSV") == 2
    assert "are in the CSV of the tables. </p>" in page.replace("</p>", " </p>")
    assert page.count("Word error rate by accent and gender") == 4  # a heading and a region, for each system


def test_names_are_escaped_in_the_offline_report(cast):
    table = speech_table().with_columns(accent=pl.col("accent").replace("Welsh", "<script>alert(1)</script>"))
    audit = make(cast.owner, table, title="<b>Bold</b>")
    assert run_audits() == 1
    page = body(get(audit, "offline", cast.owner)).decode()
    assert "<script" not in page and "&lt;script&gt;" in page and "<b>Bold" not in page

"""Attacks on what is shared and on the site: subtraction, quotas, other people's keys, long lists."""

import csv
import io
import itertools
import json
import threading
import time

import numpy as np
import polars as pl
import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audits import analysis, intake
from audits.access import NOT_SHOWN, Reader
from audits.models import Audit
from common.intake import IntakeError
from common.jobs import Status
from fairness.disaggregate import View
from fairness.worst import split_people
from tests.api_caller import Caller
from tests.audits.conftest import SPEECH_ROLES, make, run_audits, scored, speech_table, stored_files, upload

LEAST = 4
ROLES = {
    "true": "y_true",
    "score": "score",
    "person": "cluster",
    "accent": "group",
    "sex": "group",
    "age": "group",
    "noise": "condition",
}
COLUMNS = ("accent", "sex", "age", "noise")


def lopsided(seed: int) -> pl.DataFrame:
    """120 people with two rows each, in groups that nearly coincide: what subtraction lives on."""
    draw = np.random.default_rng(seed)
    people = 120
    accent = draw.choice(["Irish", "Scots", "Welsh"], people, p=[0.5, 0.4, 0.1])
    sex = np.where(
        draw.random(people) < 0.9, np.where(accent == "Irish", "f", "m"), draw.choice(["f", "m"], people)
    )
    age = draw.choice(["young", "old"], people)
    rows = np.repeat(np.arange(people), 2)
    noise = np.where(draw.random(2 * people) < 0.04, "street", np.tile(["quiet", "street"], people))
    score = draw.beta(0.6, 0.6, 2 * people)
    return pl.DataFrame(
        {
            "person": [f"person {code}" for code in rows],
            "accent": accent[rows],
            "sex": sex[rows],
            "age": age[rows],
            "noise": noise,
            "score": score,
            "true": np.where(
                draw.random(2 * people) < np.where(accent[rows] == "Welsh", 0.5, score), "yes", "no"
            ),
        }
    )


@pytest.fixture(params=[1, 2, 3])
def attacked(cast, request):
    """A public audit, its rows as they were grouped, and who is who in them."""
    frame = lopsided(request.param)
    audit = scored(
        make(
            cast.owner,
            frame,
            kind="classification",
            roles=ROLES,
            values={"favourable": "yes", "smallest": LEAST},
            visibility="public",
        )
    )
    merged = Reader(audit, audit.owner).cells.columns
    for column in merged:
        values = pl.col(column.name)
        frame = frame.with_columns(
            pl.when(values.is_in(column.groups)).then(values).otherwise(pl.lit(column.groups[-1]))
        )
    return audit, frame


def in_set(frame: pl.DataFrame, conditions) -> np.ndarray:
    """Which rows are in all of these (column, group) pairs."""
    inside = np.ones(frame.height, np.bool_)
    for column, group in conditions:
        inside &= (frame[column] == group).to_numpy()
    return inside


def tables_of(reader: Reader):
    """The (column, group) pairs of every row that any table gives to a reader."""
    filters = [()]
    filters += [((column.name, group),) for column in reader.cells.columns for group in column.groups]
    filters += [a + b for a, b in itertools.combinations(filters[1:], 2)]
    for where in filters:
        for by in [(), *((name,) for name in COLUMNS), *itertools.combinations(COLUMNS, 2)]:
            try:
                table = reader.table(View(reader.result["systems"][0], "error", by=by, where=where))
            except ValueError:
                continue
            for row in table.rows:
                if row.n:
                    assert where == () or row.clusters >= LEAST
                    yield (*where, *row.group.items())


def singled_out(frame: pl.DataFrame, sets: list[np.ndarray]) -> int | None:
    """The fewest people, below LEAST, that sums and differences of sets of rows are about; None for nobody.

    Rows that no set tells apart are one atom. A sum over sets that is about the atoms S alone exists where
    the rows of S of the sets' null space depend on each other.
    """
    table = np.stack(sets).astype(np.float64)
    atoms, of_row = np.unique(table, axis=1, return_inverse=True)
    person = frame["person"].rank("dense").to_numpy().astype(np.int64) - 1
    who = np.zeros((atoms.shape[1], person.max() + 1), np.bool_)
    who[of_row.ravel(), person] = True
    _, strength, directions = np.linalg.svd(atoms, full_matrices=True)
    rank = int((strength > 1e-9).sum())
    null = directions[rank:].T
    light = np.flatnonzero(who.sum(1) < LEAST)
    fewest = None
    for size in range(1, LEAST):
        for some in itertools.combinations(light.tolist(), size):
            people = int(who[list(some)].any(0).sum())
            if people >= LEAST or (fewest is not None and people >= fewest):
                continue
            if not null.shape[1] or np.linalg.matrix_rank(null[list(some)], tol=1e-7) < size:
                fewest = people
    return fewest


def test_the_search_finds_what_subtraction_gives():
    frame = pl.DataFrame({"person": [str(n) for n in range(20)]})
    all_rows, most = np.ones(20, np.bool_), np.arange(20) < 18
    assert singled_out(frame, [all_rows]) is None
    assert singled_out(frame, [all_rows, most]) == 2
    assert singled_out(frame, [all_rows, np.arange(20) < 10]) is None


def test_no_sum_of_all_that_is_public_is_about_few_people(attacked):
    audit, frame = attacked
    reader = Reader(audit, AnonymousUser())
    sets = [in_set(frame, conditions) for conditions in set(tables_of(reader))]
    for column in reader.result["coverage"]["columns"]:
        sets += [in_set(frame, [(column["name"], group["group"])]) for group in column["groups"]]
    assert singled_out(frame, sets) is None
    full = Reader(audit, audit.owner)
    everything = [in_set(frame, conditions) for conditions in set(tables_of(full))]
    assert len(everything) > len(sets)


def test_nor_with_the_tenths_of_a_score_and_the_halves_of_the_worst_groups(attacked):
    audit, frame = attacked
    reader = Reader(audit, AnonymousUser())
    sets = [in_set(frame, conditions) for conditions in set(tables_of(reader))]
    tenth = (frame["score"] * 10).floor().clip(0, 9)
    for part in reader.result["calibration"]:
        for group in part["groups"]:
            inside = in_set(frame, [(part["column"], group["group"])] if part["column"] else ())
            sets += [inside & (tenth == round(10 * one["low"])).to_numpy() for one in group["bins"]]
    people = frame["person"].rank("dense").to_numpy().astype(np.int64) - 1
    confirming = ~split_people(people, np.ones(frame.height, np.bool_), 0)
    for found in reader.result["worst"]:
        sets += [in_set(frame, group["conditions"]) & confirming for group in found["groups"]]
        sets += [confirming] if found["groups"] else []
    assert singled_out(frame, sets) is None


def test_one_group_left_over_in_a_half_hides_the_others(cast):
    """A and B are worse than C: what both leave of the confirming half would be C's, which is small."""
    n = 3_000
    draw = np.random.default_rng(8)
    group = np.array(["A", "B"])[np.arange(n) % 2]
    group[:11] = "C"
    wrong = draw.random(n) < np.where(group == "C", 0, np.where(np.arange(n) % 4 < 2, 0.3, 0.1))
    true = draw.random(n) < 0.5
    frame = pl.DataFrame(
        {
            "true": np.where(true, "y", "n"),
            "given": np.where(true ^ wrong, "y", "n"),
            "group": group,
            "site": np.where(np.arange(n) % 4 < 2, "one", "two"),
        }
    )
    roles = {"true": "y_true", "given": "y_pred", "group": "group", "site": "group"}
    audit = make(cast.owner, frame, kind="classification", roles=roles, visibility="public")
    run_audits()
    audit.refresh_from_db()
    (owners,), (others,) = audit.result["worst"], Reader(audit, AnonymousUser()).result["worst"]
    assert ["site"] in owners["even"] and ["group"] not in owners["even"]
    assert any("site" in dict(group["conditions"]) for group in others["groups"])
    assert not any("group" in dict(group["conditions"]) for group in others["groups"])


def test_the_tenth_that_one_group_hardly_has_is_no_groups_for_others(cast):
    n = 3_000
    draw = np.random.default_rng(0)
    group = np.array(["A"] * 1_500 + ["B"] * 1_300 + ["C"] * 200)
    score = np.where(group == "C", 0.9 * draw.random(n), draw.random(n))
    score[-3:] = 0.95
    frame = pl.DataFrame(
        {
            "true": np.where(draw.random(n) < score, "y", "n"),
            "score": score,
            "group": group,
            "person": [f"p{row}" for row in range(n)],
        }
    )
    roles = {"true": "y_true", "score": "score", "group": "group", "person": "cluster"}
    values = {"favourable": "y"}
    audit = make(cast.owner, frame, kind="classification", roles=roles, values=values, visibility="public")
    run_audits()
    audit.refresh_from_db()
    assert [len(group["bins"]) for group in audit.result["calibration"][1]["groups"]] == [10, 10, 9]
    shown = Caller().get(f"audits/{audit.key}/result/").json()["calibration"]
    assert len(shown[0]["groups"][0]["bins"]) == 10
    assert [group["bins"] for group in shown[1]["groups"]] == [[], [], []]
    assert [group["error"] for group in shown[1]["groups"]] == [None] * 3
    for address in ("calibration", "offline", "card"):
        assert (
            Client().get(reverse(f"audits:{address}", args=[audit.key]), {"by": "group"}).status_code == 200
        )
    lines = b"".join(
        Client().get(reverse("audits:part_csv", args=[audit.key, "calibration"])).streaming_content
    )
    rows = list(csv.DictReader(io.StringIO(lines.decode())))
    assert not [row for row in rows if row["column"] == "group" and row["n"]]


def test_tenths_of_one_persons_many_rows_are_too_small(cast):
    n = 600
    frame = pl.DataFrame(
        {
            "true": ["y", "n"] * 300,
            "score": [0.55 if row < 30 else 0.25 for row in range(n)],
            "group": [("A", "B")[row % 2] for row in range(n)],
            "person": ["one" if row < 30 else f"p{row % 60}" for row in range(n)],
        }
    )
    roles = {"true": "y_true", "score": "score", "group": "group", "person": "cluster"}
    audit = make(cast.owner, frame, kind="classification", roles=roles, values={"favourable": "y"})
    run_audits()
    audit.refresh_from_db()
    (everyone,) = audit.result["calibration"][0]["groups"]
    assert [one["low"] for one in everyone["bins"]] == [0.2] and everyone["hidden"] == 1


@pytest.mark.parametrize("query", [{"where": "accent=Welsh"}, {"where": ["accent=Welsh", "age=old"]}])
def test_a_filter_down_to_few_people_shows_nothing_but_that(cast, done, query):
    owner = Client()
    owner.force_login(cast.owner)
    for address in ("rates", "systems"):
        assert owner.get(reverse(f"audits:{address}", args=[done.key]), query).status_code == 200
    result = Caller(cast.owner).get(f"audits/{done.key}/result/", data=query).json()
    everyone = result["tables"][0]["rows"][0]
    few = len(query["where"]) == 2
    assert (everyone["n"] is None) == few and ("too small" in everyone["note"]) == few


def test_a_sample_of_texts_says_nothing_of_groups_it_hardly_holds(monkeypatch, cast):
    monkeypatch.setattr("fairness.report.VARIANT_ROWS", 40)
    audit = make(cast.owner)
    run_audits()
    audit.refresh_from_db()
    sensitivity = audit.result["sensitivity"]
    assert sensitivity["sampled"] and sensitivity["n"] == 20
    accents = [row for row in sensitivity["rows"] if row["column"] == "accent"]
    assert accents and all(set(row["values"].values()) == {None} for row in accents)
    assert sensitivity["rows"][0]["values"]["basic"] is not None


def test_a_pattern_that_names_a_speaker_or_quotes_a_text_is_not_for_all(cast):
    patterns = [["speaker", "speaker-00"], ["sentence", "kitchen"], ["accent", "^Manx$"]]
    audit = make(cast.owner, values={"exclude": patterns}, visibility="public")
    run_audits()
    stranger = Client()
    for name in ("report", "method", "card", "offline", "result_json", "card_pdf"):
        content = stranger.get(reverse(f"audits:{name}", args=[audit.key])).content
        assert b"speaker-00" not in content and b"kitchen" not in content, name
    shown = Caller().get(f"audits/{audit.key}/").json()["settings"]["exclude"]
    assert ["speaker", NOT_SHOWN] in shown and ["sentence", NOT_SHOWN] in shown
    assert Caller(cast.owner).get(f"audits/{audit.key}/").json()["settings"]["exclude"] == patterns


def test_of_a_few_rows_left_out_no_group_is_told(cast):
    audit = make(cast.owner, values={"exclude": [["speaker", "^speaker-00$"]]}, visibility="public")
    run_audits()
    audit.refresh_from_db()
    assert audit.result["coverage"]["overall"]["excluded"] == 4
    shown = Reader(audit, AnonymousUser()).result["coverage"]
    counts = {group["excluded"] for column in shown["columns"] for group in column["groups"]}
    assert shown["overall"]["excluded"] == 4 and counts == {None}
    for name in ("report", "offline", "card"):
        assert Client().get(reverse(f"audits:{name}", args=[audit.key])).status_code == 200
    mine = Reader(audit, cast.owner).result["coverage"]["columns"][0]["groups"]
    assert sorted(group["excluded"] for group in mine)[-1] == 4


# Other people's


def sent(**values) -> dict:
    fields = {"kind": "speech", "title": "T", "roles": json.dumps(SPEECH_ROLES)} | values
    return fields | {"file": upload(speech_table(12))}


def test_an_idempotency_key_is_its_users_own(cast):
    key = {"Idempotency-Key": "k"}
    first = Caller(cast.owner).post("audits/", data=sent(title="Mine"), headers=key).json()
    again = Caller(cast.owner).post("audits/", data=sent(title="Mine"), headers=key).json()
    other = Caller(cast.outsider).post("audits/", data=sent(title="Mine"), headers=key).json()
    assert first["id"] == again["id"] != other["id"]
    assert set(Audit.objects.values_list("owner__username", flat=True)) == {"owner", "outsider"}
    changed = Caller(cast.outsider).post("audits/", data=sent(title="Else"), headers=key)
    assert changed.status_code == 409 and "Mine" not in changed.content.decode()


@pytest.mark.parametrize("name", ["setup", "settings", "delete", "new"])
def test_every_form_needs_its_csrf_token(cast, done, name):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.owner)
    address = reverse(f"audits:{name}", args=[] if name == "new" else [done.key])
    assert client.post(address, {"do": "visibility", "visibility": "public", "title": "x"}).status_code == 403
    done.refresh_from_db()
    assert done.visibility == "private"


def test_a_name_with_characters_that_no_database_holds_is_nobodys(cast, done):
    client = Client()
    client.force_login(cast.owner)
    address = reverse("audits:settings", args=[done.key])
    for do in ("viewer", "remove"):
        assert client.post(address, {"do": do, "user_name": "a\0b"}).status_code in (200, 302)
    with pytest.raises(IntakeError):
        intake.add_viewer(done, "a\0b")


DEEP = "[" * 200_000 + "]" * 200_000
BOMBS = (
    {"roles": DEEP},
    {"roles": json.dumps({f"c{n}": "group" for n in range(100_000)})},
    {"roles": json.dumps({"sentence": DEEP})},
    {"roles": '{"sentence": 1' + "0" * 10_000 + "}"},
    {"roles": "null"},
    {"roles": '{"sentence": NaN}'},
    {"roles": '{"sentence": "\\ud800"}'},
    {"exclude": json.dumps([["sentence", "a"]] * 10_000)},
    {"exclude": json.dumps([["sentence", "(((a{200}){200}){200})"]])},
    {"exclude": json.dumps([["sentence", "\\"]])},
    {"exclude": '[["sentence", "\\u0000"]]'},
    {"exclude": DEEP},
    {"baselines": json.dumps({"accent": "x" * 100_000})},
    {"baselines": '{"accent": "\\ud800"}'},
    {"marks": json.dumps({"accent": ["perceived"]})},
    {
        "tolerances": json.dumps([{"metric": "wer", "column": "accent", "within": 1e400}]).replace(
            "Infinity", "1e400"
        )
    },
    {"tolerances": json.dumps([{"metric": [], "column": {}, "within": True}])},
    {"smallest": "9" * 5_000},
    {"threshold": "nan"},
    {"favourable": "a\0b"},
    {"title": "\0"},
    {"title": "x" * 121},
    {"description": "x" * 20_001},
    {"system": "../x"},
    {"visibility": "everyone"},
    {"kind": "\0"},
    {"normalise": "english\0"},
    {"unknown": "1"},
)


@pytest.mark.parametrize("place", range(len(BOMBS)))
def test_no_field_of_the_api_breaks_it(cast, place):
    answer = Caller(cast.owner).post("audits/", data=sent(**BOMBS[place]))
    assert answer.status_code == 400, answer.content[:200]
    assert not Audit.objects.exists() and not stored_files()


@pytest.mark.parametrize(
    "body", [DEEP, "{" * 10_000, '{"title": "\\ud800"}', '{"title": [1e999]}', "\0", "[]", "1"]
)
def test_no_body_of_a_change_breaks_it(cast, done, body):
    caller = Caller(cast.owner)
    answer = caller.client.patch(f"/api/v1/audits/{done.key}/", body, "application/json")
    assert answer.status_code == 400, answer.content[:200]


# Quotas


@pytest.mark.django_db(transaction=True)
def test_many_at_once_do_not_pass_the_caps(cast, settings):
    """Ten requests at once: three may wait, as one after the other."""
    outcomes = []

    def start() -> None:
        try:
            make(cast.owner, speech_table(12))
            outcomes.append("made")
        except IntakeError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=start) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made"] * 3 + ["too_many_unfinished"] * 7
    assert len(stored_files()) == Audit.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_confirming_many_times_at_once_queues_it_once(cast):
    audit = make(cast.owner, speech_table(12))
    assert run_audits() == 1
    before = stored_files()
    audit.refresh_from_db()

    def confirm() -> None:
        try:
            intake.confirm(Audit.objects.get(pk=audit.pk), SPEECH_ROLES, {"smallest": 5})
        finally:
            connection.close()

    threads = [threading.Thread(target=confirm) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    audit.refresh_from_db()
    assert (audit.status, audit.result, audit.tries) == (Status.QUEUED, {}, 0)
    assert run_audits() == 1
    audit.refresh_from_db()
    assert audit.settings["smallest"] == 5 and len(stored_files()) == len(before)


def test_replacing_its_file_does_not_pass_the_storage_cap(cast, settings, done):
    settings.AUDIT_BYTES_PER_USER = done.file_bytes + done.result_bytes + 10
    with pytest.raises(IntakeError) as refused:
        intake.replace_file(done, SimpleUploadedFile("big.csv", b"sentence,ours\n" + b"a,b\n" * 60_000))
    assert refused.value.code == "storage_full"
    done.refresh_from_db()
    assert done.is_done and len(stored_files()) == 3


def test_a_file_is_replaced_while_it_is_computed(cast, monkeypatch):
    audit, computed = make(cast.owner), analysis.run_audit

    def replaced(*args, **options):
        found = computed(*args, **options)
        intake.replace_file(Audit.objects.get(pk=audit.pk), upload(speech_table(12)))
        return found

    monkeypatch.setattr(analysis, "run_audit", replaced)
    run_audits()
    audit.refresh_from_db()
    assert audit.is_draft and audit.result == {} and audit.cells.name == ""


# Long lists


@pytest.fixture
def many(cast, done):
    """5,000 public audits beside one with its result."""
    copies = [
        Audit(
            owner=cast.owner,
            kind="speech",
            title=f"Audit {number}",
            system="many",
            series="long" if number < 70 else "",
            release=str(number),
            visibility="public",
            status=Status.SCORED,
            result=done.result if number < 70 else {"x": 1},
            card=done.card,
            cells=done.cells.name,
            cells_sha256=done.cells_sha256,
            rows=done.rows.name,
            rows_sha256=done.rows_sha256,
            finished=done.finished,
            file=done.file.name,
        )
        for number in range(5_000)
    ]
    Audit.objects.bulk_create(copies)


LISTS = (
    "/audits/",
    "/audits/?q=audit&kind=speech",
    "/audits/?page=250",
    "/api/v1/audits/",
    "/audits/compare/",
)


def test_long_lists_take_few_queries_and_little_time(cast, many):
    client = Client()
    client.force_login(cast.outsider)
    for path in (*LISTS, "/api/v1/audits/?page_size=200&q=Audit", "/systems/many/"):
        client.get(path)
        start = time.perf_counter()
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(path)
        assert answer.status_code == 200, path
        assert len(queries) <= 12, (path, [query["sql"][:120] for query in queries])
        assert time.perf_counter() - start < 5, path
        assert len(answer.content) < 1_000_000, path


def test_a_page_of_a_list_is_bounded(cast, many):
    caller = Caller()
    assert caller.get("audits/?page_size=201").status_code == 400
    assert len(caller.get("audits/?page_size=200").json()["results"]) == 200
    assert caller.get("audits/?cursor=zzz").status_code in (400, 404)
    assert Client().get("/audits/?page=-1").status_code == 200


def test_a_long_series_shows_its_newest_releases(cast, many):
    answer = Client().get("/audits/series/owner/long/")
    assert answer.status_code == 200
    assert [one.release for one in answer.context["audits"]] == [str(number) for number in range(10, 70)]

"""Files made to break: whatever is in one, an audit ends with a result or with a sentence for its author."""

import csv
import io
import json
import random
import time

import numpy as np
import polars as pl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pypdf import PdfReader

from audits import intake
from audits.models import Audit
from common.intake import IntakeError
from common.spreadsheet import csv_lines
from fairness.audit import run_audit
from fairness.cli import main
from fairness.columns import TableError
from fairness.kinds import KINDS
from fairness.kinds.base import Settings
from fairness.normalise import normalise
from tests.audits.conftest import make, run_audits, speech_table
from tests.audits.test_matrix import GETS, address

ROLES = {"said": "reference", "heard": "hypothesis", "who": "speaker", "accent": "group"}
DECIDED = {"true": "y_true", "given": "y_pred", "sex": "group"}
BOM = b"\xef\xbb\xbf"


def spoken(rows: int = 80, **columns) -> dict[str, list]:
    return {
        "said": ["the cat sat on the mat"] * rows,
        "heard": ["the cat sat on a mat"] * rows,
        "who": [f"s{row % 40}" for row in range(rows)],
        "accent": [("north", "south")[row % 2] for row in range(rows)],
    } | columns


def decided(rows: int = 80, **columns) -> dict[str, list]:
    return {
        "true": [("yes", "no")[row // 2 % 2] for row in range(rows)],
        "given": [("yes", "no")[row // 3 % 2] for row in range(rows)],
        "sex": [("f", "m")[row % 2] for row in range(rows)],
    } | columns


def as_csv(columns: dict[str, list]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def audited(path, data: bytes | dict, roles=ROLES, kind="speech", **settings):
    path.write_bytes(data if isinstance(data, bytes) else as_csv(data))
    return run_audit(path, KINDS[kind], roles, Settings(**settings))


# What is refused, with a sentence

ONE_GROUP = spoken(accent=["north"] * 80)
NAMES = spoken(400, accent=[f"a{row}" for row in range(400)])
COUNTS = {"n": "words", "s": "substitutions", "d": "deletions", "i": "insertions"}
COUNTED = {"n": [9] * 80, "s": [1] * 80, "d": [0] * 80, "i": [0] * 80}
LABELS = decided(true=[f"label {row}" for row in range(80)])
BAD = {
    "one group": (ONE_GROUP, ROLES, "speech", {}, "tells no groups apart"),
    "a name as a group": (NAMES, ROLES, "speech", {}, "400 different groups"),
    "nothing said": (spoken(said=[""] * 80), ROLES, "speech", {}, "holds no words"),
    "a long cell": (spoken(said=["a " * 5_001] * 80), ROLES, "speech", {}, "more than 10,000 characters"),
    "a cell of 10 MB": (spoken(heard=["a" * 10_000_000] * 2 + ["b"] * 78), ROLES, "speech", {}, "10,000"),
    "nobody's rows": (spoken(who=[""] * 80), ROLES, "speech", {}, "every row needs a value"),
    "all left out": (spoken(), ROLES, "speech", {"exclude": (("said", "."),)}, "none is left"),
    "no pattern": (spoken(), ROLES, "speech", {"exclude": (("said", "("),)}, "no regular expression"),
    "a large pattern": (spoken(), ROLES, "speech", {"exclude": (("said", "(a{999}){999}"),)}, "no regular"),
    "weights of 0": (spoken(w=[0] * 80), ROLES | {"w": "sample_weight"}, "speech", {}, "Every weight is 0"),
    "weights below 0": (spoken(w=[-1] * 80), ROLES | {"w": "sample_weight"}, "speech", {}, "negative"),
    "weights of text": (spoken(w=["x"] * 80), ROLES | {"w": "sample_weight"}, "speech", {}, "numbers only"),
    "weights without end": (spoken(w=["inf"] * 80), ROLES | {"w": "sample_weight"}, "speech", {}, "infinite"),
    "names twice": (spoken(u=["x"] * 80), ROLES | {"u": "utterance_id"}, "speech", {}, "Rows 2 and 3"),
    "negative counts": (COUNTED | {"s": [-1] * 80}, COUNTS, "speech", {}, "not negative"),
    "half a count": (COUNTED | {"s": [0.5] * 80}, COUNTS, "speech", {}, "whole"),
    "more errors than words": (COUNTED | {"s": [10] * 80}, COUNTS, "speech", {}, "more substitutions"),
    "counts of nothing": (COUNTED | {"n": [0] * 80, "s": [0] * 80}, COUNTS, "speech", {}, "every row are 0"),
    "counts that overflow": (COUNTED | {"n": [1e300] * 80}, COUNTS, "speech", {}, "too large|whole"),
    "one label": (decided(true=["yes"] * 80), DECIDED, "classification", {}, "two labels are needed"),
    "labels without end": (LABELS, DECIDED, "classification", {}, "at most 50"),
    "another label": (decided(given=["maybe"] * 80), DECIDED, "classification", {}, "not among the labels"),
    "no label": (decided(true=[""] + ["yes", "no"] * 39 + ["no"]), DECIDED, "classification", {}, "Row 2"),
    "a strange favourable": (decided(), DECIDED, "classification", {"favourable": "x"}, "favourable"),
    "scores above 1": (
        decided(score=[2] * 80),
        {"true": "y_true", "score": "score", "sex": "group"},
        "classification",
        {"favourable": "yes"},
        "outside 0 to 1",
    ),
}  # fmt: skip
BROKEN = {
    "empty": b"",
    "a header alone": b"said,heard,who,accent\n",
    "short rows": b"said,heard,who,accent\na,b\n",
    "broken quoting": b'said,heard,who,accent\n"a,b,c,d\na,b,c,e\n',
    "a quote in a value": b'said,heard,who,accent\na"b,b,c,d\n',
    "NUL": b"said,heard,who,accent\na\0,b,c,d\na,b,c,e\n",
    "UTF-16 cut short": "said,heard,who,accent\na,b,c,d\n".encode("utf-16")[:-1],
    "bytes of no encoding": b"said,heard,who,accent\n\xff\xfe\xfd,b,c,d\n",
    "Parquet at the start alone": b"PAR1" + bytes(100),
    "Parquet at both ends": b"PAR1" + bytes(100) + b"PAR1",
    "a ZIP": b"PK\x03\x04" + bytes(200),
    "a PDF": b"%PDF-1.7\n" + bytes(200),
    "GIF and CSV": b"GIF89a,heard,who,accent\na,b,c,d\na,b,c,e\n",
    "JSON, an array": b'[{"said": "a"}]',
    "JSON, nested": b'{"said": {"a": 1}}\n',
    "JSON, deep": b'{"said": ' + b"[" * 5_000 + b"]" * 5_000 + b"}\n",
    "JSON, surrogates": b'{"said": "\\ud800", "heard": "a", "who": "b", "accent": "c"}\n',
    "JSON, NaN": b'{"said": NaN}\n',
    "JSON, a number without end": b'{"said": 1' + b"0" * 5_000 + b"}\n",
    "many columns": ",".join(f"c{n}" for n in range(501)).encode() + b"\n" + b",".join([b"1"] * 501) + b"\n",
    "names twice": b"said,said,who,accent\na,b,c,d\n",
    "hidden names": "sa\u202eid,heard,who,accent\na,b,c,d\n".encode(),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_counted_is_a_sentence(tmp_path, name):
    columns, roles, kind, settings, said = BAD[name]
    with pytest.raises(TableError, match=said) as refused:
        audited(tmp_path / "table.csv", columns, roles, kind, **settings)
    assert str(refused.value).endswith((".", "?", '"')) and len(str(refused.value)) < 600


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_no_table_is_a_sentence(tmp_path, name):
    with pytest.raises(TableError) as refused:
        audited(tmp_path / "table.csv", BROKEN[name])
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize("name", [*BAD, *BROKEN])
def test_the_command_line_says_it_in_one_sentence_and_ends_with_2(tmp_path, capsys, name):
    path, options = tmp_path / "table.csv", []
    data, roles, kind, settings, _ = BAD.get(name) or (BROKEN[name], ROLES, "speech", {}, "")
    path.write_bytes(data if isinstance(data, bytes) else as_csv(data))
    for column, pattern in settings.get("exclude", ()):
        options += ["--exclude", f"{column}={pattern}"]
    if "favourable" in settings:
        options += ["--favourable", settings["favourable"]]
    for column, role in roles.items():
        options += ["--role", f"{column}={role}"]
    assert main(["audit", str(path), "--kind", kind, *options]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("audit: ") and said.err.count("\n") == 1 and not said.out


@pytest.mark.parametrize(
    "options",
    [
        ["--role", "said"],
        ["--role", "=reference"],
        ["--tolerance", "wer=0.1"],
        ["--tolerance", "wer:accent=x"],
        ["--exclude", "said"],
        ["--smallest", "0"],
        ["--replicates", "0"],
        ["--random-state", "-1"],
        ["--by", "accent", "--by", "who"],
        ["--by", "accent", "--by", "accent"],
        ["--where", "accent=east"],
        ["--metric", "wear"],
        ["--system", "nobody"],
        ["--baseline", "accent=east"],
        ["--mark", "said=perceived"],
        ["--out", "/nowhere/at/all.json"],
        ["--out", "/"],
    ],
)
def test_so_does_it_with_options_that_cannot_be(tmp_path, capsys, options):
    path = tmp_path / "table.csv"
    path.write_bytes(as_csv(spoken()))
    roles = [part for column, role in ROLES.items() for part in ("--role", f"{column}={role}")]
    assert main(["audit", str(path), "--kind", "speech", *roles, *options]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("audit: ") and "Traceback" not in said.err


@pytest.mark.parametrize("file", ["nothing.csv", "."])
def test_so_does_it_with_a_file_that_is_not_there(tmp_path, capsys, file):
    assert main(["audit", str(tmp_path / file), "--kind", "speech", "--role", "a=reference"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


# What is strange and can be counted

STRANGE = {
    "a number that no integer of Python holds": "9" * 5_000,
    "the same with commas": "1," * 4_900,
    "digits of other scripts": "٣" * 5_000,
    "brackets that never close": "[" * 9_999,
    "combining marks": "e" + "\u0301" * 9_000,
    "emoji of many parts": "👩🏽‍🚀" * 2_000,
    "right to left": "\u202eשלום عليكم\u202c",
    "zero width": "ca\u200bt\ufeff do\u00adg",
    "no words": "?! ...",
    "one word without end": "a" * 10_000,
    "as many words as fit": "a " * 5_000,
}


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("how", ["none", "basic", "ascii", "english"])
def test_any_text_can_be_counted(tmp_path, name, how):
    texts = spoken()
    texts["said"][0], texts["heard"][1] = STRANGE[name], STRANGE[name]
    result = audited(tmp_path / "table.csv", texts, normalise=how, replicates=200).result
    assert result["data"]["kept"] == 80
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_the_english_normaliser_reads_numbers_of_any_length():
    assert normalise(pl.Series(["9" * 5_000]), "english")[0].replace(" ", "") == "9" * 5_000


@pytest.mark.parametrize(
    "text", ["[" * 9_999, "(" * 9_999, "a] <" + "[ " * 4_990, "( a" * 3_333, "a" + " " * 9_999]
)
def test_brackets_that_never_close_and_long_spaces_take_little_more_time_than_words(text):
    def seconds(text: str) -> float:
        start = time.process_time()
        assert len(normalise(pl.Series([text]), "english")) == 1
        return time.process_time() - start

    assert set(normalise(pl.Series([text]), "english")[0]) <= {"a", " "}
    words = min(seconds("word " * 2_000) for _ in range(3))
    assert min(seconds(text) for _ in range(3)) < 5 * words


def test_the_longest_row_that_is_taken_is_aligned_at_once(tmp_path):
    draw = random.Random(1)
    texts = spoken()
    texts["said"][0] = " ".join(draw.choice("abc") for _ in range(5_000))
    texts["heard"][0] = " ".join(draw.choice("abc") for _ in range(5_000))
    start = time.perf_counter()
    audited(tmp_path / "table.csv", texts, replicates=200)
    assert time.perf_counter() - start < 30


def test_nobody_wrote_anything(tmp_path):
    result = audited(tmp_path / "table.csv", spoken(heard=[""] * 80)).result
    assert result["tables"][0]["rows"][0]["value"] == 1


def test_one_speaker_alone_has_a_rate_and_no_interval(tmp_path):
    result = audited(tmp_path / "table.csv", spoken(who=["s1"] * 80)).result
    row = result["tables"][0]["rows"][0]
    assert row["value"] is not None and row["low"] is None and "no interval" in row["note"]
    (column,) = result["columns"]
    assert column["groups"] == ["smaller groups"]


def test_huge_weights_stay_numbers(tmp_path):
    texts = spoken(w=[10.0**300 if row % 3 else 1 for row in range(80)])
    with pytest.raises(TableError, match="too large"):
        audited(tmp_path / "table.csv", texts, ROLES | {"w": "sample_weight"})
    texts["w"] = [10.0**30 if row % 3 else 1e-30 for row in range(80)]
    result = audited(tmp_path / "table.csv", texts, ROLES | {"w": "sample_weight"}).result
    assert json.loads(json.dumps(result, allow_nan=False)) == result


# Tables that would grow without end


def test_many_group_columns_are_a_sentence(tmp_path):
    columns = {f"g{n}": [("a", "b")[row % 2] for row in range(80)] for n in range(60)}
    with pytest.raises(TableError, match=r"61 columns are all given as group; choose at most 40\."):
        audited(tmp_path / "table.csv", spoken() | columns, ROLES | dict.fromkeys(columns, "group"))


def test_many_systems_are_a_sentence(tmp_path):
    columns = {f"h{n}": ["the cat"] * 80 for n in range(60)}
    with pytest.raises(TableError, match=r"61 columns are all given as hypothesis; choose at most 30\."):
        audited(tmp_path / "table.csv", spoken() | columns, ROLES | dict.fromkeys(columns, "hypothesis"))


def test_two_columns_of_two_hundred_groups_make_no_table(tmp_path):
    draw = np.random.default_rng(2)
    n = 8_000
    columns = {
        "said": ["the cat"] * n,
        "heard": ["a cat"] * n,
        "who": [f"s{row}" for row in range(n)],
        "one": [f"one {code}" for code in draw.integers(0, 200, n)],
        "two": [f"two {code}" for code in draw.integers(0, 200, n)],
    }
    roles = {"said": "reference", "heard": "hypothesis", "who": "speaker", "one": "group", "two": "group"}
    done = audited(tmp_path / "table.csv", columns, roles, replicates=200)
    assert ["one", "two"] not in [table["columns"] for table in done.result["tables"]]
    assert len(json.dumps(done.result)) < 1_000_000


def test_that_table_is_a_sentence_on_its_page_too(cast):
    draw = np.random.default_rng(2)
    frame = speech_table(400).with_columns(
        pl.Series("one", [f"one {code}" for code in draw.integers(0, 100, 1_600)]),
        pl.Series("two", [f"two {code}" for code in draw.integers(0, 100, 1_600)]),
    )
    roles = {
        "sentence": "reference",
        "ours": "hypothesis",
        "speaker": "speaker",
        "one": "group",
        "two": "group",
    }
    audit = make(cast.owner, frame, roles=roles, values={"smallest": 2})
    assert run_audits() == 1
    client = Client()
    client.force_login(cast.owner)
    answer = client.get(reverse("audits:rates", args=[audit.key]), {"by": ["one", "two"]})
    assert answer.status_code == 400 and "a table shows at most 1,000" in answer.content.decode()


# Names and texts that are read as something else

SCRIPT = "<script>alert(1)</script>"
NAMES_OF_GROUPS = (
    SCRIPT,
    "=HYPERLINK(1)",
    "\u202eevil\u202c",
    "👩🏽‍🚀 é",
    "{{ 7*7 }}{% x %}",
    "a=b&c=d;e",
    "../../etc",
    '"><img src=x onerror=alert(1)>',
)
COLUMN, SYSTEM = "=cmd|' /C calc'!A0", "<b>ours</b>"


@pytest.fixture
def hostile(cast):
    """An audit whose every name and text was written to do harm."""
    draw = np.random.default_rng(4)
    n = len(NAMES_OF_GROUPS) * 48
    table = {
        "said": [(SCRIPT, "=1+1 the cat", "@SUM the cat", "\u202ethe cat")[row % 4] for row in range(n)],
        SYSTEM: [("the cat", "-1+1 cat", SCRIPT)[code] for code in draw.integers(0, 3, n)],
        "-2+3": [("the cat", "+1 cat")[code] for code in draw.integers(0, 2, n)],
        "who": [f"={NAMES_OF_GROUPS[row % 8]}{row // 16}" for row in range(n)],
        COLUMN: [NAMES_OF_GROUPS[row % 8] for row in range(n)],
        "<i>noise</i>": [("<u>loud</u>", "@quiet")[row // 8 % 2] for row in range(n)],
        "id": [f"{SCRIPT}{row}" for row in range(n)],
    }
    roles = {
        "said": "reference",
        SYSTEM: "hypothesis",
        "-2+3": "hypothesis",
        "who": "speaker",
        COLUMN: "group",
        "<i>noise</i>": "condition",
        "id": "utterance_id",
    }
    audit = intake.create_audit(
        cast.owner,
        kind="speech",
        file=SimpleUploadedFile("../=a\u202e<b>.csv", as_csv(table)),
        title="👩🏽‍🚀" * 30,
        description=f"{SCRIPT} [x](javascript:alert(1)) ![y](http://evil/z.png) <iframe src=x> \u202e",
        system="s",
        series="t",
        release=SCRIPT,
        roles=roles,
        values={
            "smallest": 2,
            "exclude": [["id", r"<script>.*0$"]],
            "baselines": {COLUMN: SCRIPT},
            "tolerances": [{"metric": "wer", "column": COLUMN, "within": 0.01}],
        },
    )[0]
    assert run_audits() == 1
    Audit.objects.update(visibility="public")
    audit.refresh_from_db()
    assert audit.status == "scored", audit.error_detail or audit.log
    return audit


def body(answer) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_names_and_texts_that_are_code_are_shown_and_never_run(cast, hostile):
    owner, stranger = Client(), Client()
    owner.force_login(cast.owner)
    for client in (owner, stranger):
        for name, query in GETS:
            answer = client.get(address(name, hostile), query)
            assert answer.status_code in ((200,) if client is owner else (200, 404)), name
            kind, content = answer.headers["Content-Type"], body(answer)
            if kind.startswith("text/html"):
                page = content.decode()
                assert SCRIPT not in page and "<b>ours</b>" not in page and "onerror=alert(1)>" not in page
                assert 'href="javascript' not in page and "<iframe" not in page and "http://evil" not in page
                assert "<i>noise" not in page and "<u>loud" not in page
            elif kind.startswith("text/csv"):
                for row in csv.reader(io.StringIO(content.decode())):
                    assert not [cell for cell in row if cell[:1] in "=@" and cell], name
                    assert not [cell for cell in row if cell[:1] in ("+", "-") and not is_number(cell)]
            elif kind == "application/json":
                json.loads(content)
            elif kind == "application/pdf":
                assert "Word error rate" in "".join(
                    page.extract_text() for page in PdfReader(io.BytesIO(content)).pages
                )


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_a_header_that_is_a_formula_is_made_harmless():
    assert list(csv_lines(("=1+1", "＝1+1", "n"), [])) == ["'=1+1,'＝1+1,n\r\n"]


# Intake


@pytest.mark.parametrize(
    "name", ["a\0b.csv", "\u202e.csv", "x" * 5_000 + ".csv", "../../../etc/passwd", "\ud800.csv"]
)
def test_a_file_name_is_only_a_text(cast, name):
    client = Client()
    client.force_login(cast.owner)
    file = io.BytesIO(as_csv(spoken()))
    file.name = name.encode("utf-8", "surrogatepass").decode("latin-1")
    sent = {"kind": "speech", "title": "T", "file": file}
    answer = client.post(reverse("audits:new"), sent)
    assert answer.status_code in (200, 302, 400)
    for audit in Audit.objects.all():
        assert "/" not in audit.file_name and "\0" not in audit.file_name and len(audit.file_name) <= 200


@pytest.mark.parametrize("name", [name for name in BROKEN if name not in ("short rows", "GIF and CSV")])
def test_a_broken_file_is_refused_at_the_door_or_rejected_by_the_worker(cast, name):
    file = SimpleUploadedFile("table.csv", BROKEN[name])
    try:
        audit, _ = intake.create_audit(cast.owner, kind="speech", file=file, title="T", roles=ROLES)
    except IntakeError as error:
        assert error.code in ("bad_table", "file_empty", "bad_roles") and error.detail.endswith((".", "?"))
        return
    run_audits()
    audit.refresh_from_db()
    assert (audit.status, audit.error) == ("rejected", "bad_table")


@pytest.mark.parametrize("name", BAD)
def test_a_table_that_cannot_be_counted_is_rejected_with_the_sentence(cast, name):
    columns, roles, kind, settings, _ = BAD[name]
    values = {
        key: [list(pair) for pair in value] if key == "exclude" else value for key, value in settings.items()
    }
    file = SimpleUploadedFile("table.csv", as_csv(columns))
    try:
        audit, _ = intake.create_audit(
            cast.owner, kind=kind, file=file, title="T", roles=roles, values=values
        )
    except IntakeError as error:
        assert error.code in ("bad_table", "bad_settings")
        return
    run_audits()
    audit.refresh_from_db()
    assert (audit.status, audit.error) == ("rejected", "bad_table")
    assert audit.error_detail and audit.log == ""

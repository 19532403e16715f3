"""A kind that nobody thought of: its module and its entry are all it takes, from upload to export."""

import json

import numpy as np
import polars as pl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from audits.models import Audit
from common.jobs import Status
from fairness.audit import run_audit
from fairness.kinds import KINDS
from fairness.kinds.base import GROUP, Counted, Kind, Metric, Role, Settings

from .conftest import run_audits, upload


def count(frame, roles, settings, progress) -> Counted:
    systems = roles.columns("answer")
    counts = tuple(
        pl.DataFrame({"refused": frame[name].str.starts_with("I cannot").cast(pl.Int32)}) for name in systems
    )
    return Counted(systems, REFUSALS.metrics, counts)


REFUSALS = Kind(
    key="refusals",
    name="Refusals",
    summary="Whose harmless questions an assistant refuses to answer.",
    roles=(
        Role(
            "answer", "Answer", "What the assistant wrote.", least=1, most=None, text=True, usual=("answer",)
        ),
        Role("asker", "Asker", "Who asked.", usual=("asker",)),
        GROUP,
    ),
    metrics=(
        Metric(
            "refusal_rate",
            "Refusal rate",
            "Refusals",
            "refused / asked",
            "How often a harmless question is refused.",
            "questions",
            pl.col("refused"),
            pl.lit(1),
            binary=True,
        ),
    ),
    cluster_role="asker",
    row_word=("question", "questions"),
    cluster_word=("asker", "askers"),
    aggregations=("pooled", "cluster_mean"),
    settings=(),
    parts=frozenset(),
    count=count,
)
ROLES = {"answer": "answer", "asker": "asker", "dialect": "group"}


def answers(rows: int = 400) -> pl.DataFrame:
    random = np.random.default_rng(1)
    dialect = np.arange(rows) // 10 % 2
    refused = random.random(rows) < np.where(dialect == 1, 0.5, 0.1)
    return pl.DataFrame(
        {
            "answer": np.where(refused, "I cannot help with that.", "Of course."),
            "asker": [f"asker-{row // 10:02}" for row in range(rows)],
            "dialect": np.where(dialect == 1, "B", "A"),
        }
    )


@pytest.fixture(autouse=True)
def third_kind(monkeypatch):
    monkeypatch.setitem(KINDS, "refusals", REFUSALS)


def test_the_core_audits_it(tmp_path):
    path = tmp_path / "answers.csv"
    answers().write_csv(path)
    result = run_audit(path, REFUSALS, ROLES, Settings()).result
    table = next(table for table in result["tables"] if table["columns"] == ["dialect"])
    rows = {row["group"]["dialect"]: row for row in table["rows"][1:]}
    assert rows["B"]["value"] > rows["A"]["value"]
    assert rows["B"]["p_adjusted"] < 0.001


def test_a_person_uploads_reads_and_exports_it(cast, client):
    client.force_login(cast.owner)
    answer = client.post("/audits/new/", {"kind": "refusals", "title": "Refusals", "file": upload(answers())})
    audit = Audit.objects.get()
    assert answer.status_code == 302
    assert audit.roles == ROLES
    page = client.get(f"/audits/{audit.key}/setup/")
    assert "Answer" in page.content.decode()

    caller = APIClient()
    caller.force_authenticate(cast.owner)
    data = answers().write_csv().encode()
    sent = caller.post(
        "/api/v1/audits/",
        {
            "kind": "refusals",
            "title": "By API",
            "roles": json.dumps(ROLES),
            "file": SimpleUploadedFile("answers.csv", data),
        },
    )
    assert sent.status_code == 202, sent.content
    run_audits()
    done = Audit.objects.get(key=sent.json()["id"])
    assert done.status == Status.SCORED, done.error_detail
    for path in ("", "rates/?by=dialect&aggregation=cluster_mean", "speakers/", "worst/", "method/", "card/"):
        page = client.get(f"/audits/{done.key}/{path}")
        assert page.status_code == 200, path
        assert "Refusal" in page.content.decode(), path
    for path in ("errors/", "utterances/", "calibration/", "conditions/"):
        assert client.get(f"/audits/{done.key}/{path}").status_code == 404, path
    csv = b"".join(client.get(f"/audits/{done.key}/tables.csv").streaming_content).decode()
    assert "refusal_rate" in csv
    assert client.get(f"/audits/{done.key}/report.html").status_code == 200
    assert client.get(f"/audits/{done.key}/card.pdf").content.startswith(b"%PDF")

"""Broken and hostile files, names and rules through the doors people use, then the real worker and sandbox.

Each ends in a sentence for whoever sent it, or is taken and does no harm; nothing of it runs.
"""

import json
import re
import tempfile
from pathlib import Path

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse

from audits.models import Audit
from bounty.models import Submission, TableUpload
from tests.audits.conftest import run_audits

from . import hostile_files
from .hostile_files import FILE_NAMES, MODELS, RULES, TABLES, WITNESS
from .world import World, undone, work

REFUSED = (400, 403, 404, 409, 413, 415)
ROLES = {"approve": "y_true", "predicted": "y_pred", "home": "group", "sex": "group"}
BOUNDARY = b"hostile-boundary"
# What a refusal never says: how we are made, where our files lie.
INNARDS = re.compile(
    rf"Traceback|File \"|{re.escape(str(settings.BASE_DIR))}|{re.escape(tempfile.gettempdir())}/|"
    r"site-packages|0x[0-9a-f]{6}|<class|polars|psycopg|private/"
)


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    return tmp_path / "witness"


def multipart(fields: dict[str, str], name: str, file_name: bytes, data: bytes) -> bytes:
    """As a program would write it that checks nothing."""
    parts = [
        b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        % (BOUNDARY, key.encode(), value.encode())
        for key, value in fields.items()
    ]
    parts.append(
        b'--%s\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n%s\r\n--%s--\r\n"
        % (BOUNDARY, name.encode(), file_name, data, BOUNDARY)
    )
    return b"".join(parts)


def send(world: World, role: str, path: str, fields: dict, name: str, file_name: bytes, data: bytes):
    content_type = f"multipart/form-data; boundary={BOUNDARY.decode()}"
    headers = world.headers(role) if path.startswith("/api/") else {}
    return world.browser(role).generic(
        "POST", path, multipart(fields, name, file_name, data), content_type, headers=headers
    )


def is_sentence(text: str, longest: int = 900) -> bool:
    return bool(text) and len(text) < longest and text.rstrip().endswith((".", "?", "!", '"', "”", ")"))


def refusal(answer: HttpResponse) -> str:
    """The code of an answer that refuses, which has to be a sentence without our innards."""
    assert answer.status_code in REFUSED, (answer.status_code, answer.content[:300])
    body = answer.json()
    assert is_sentence(body["detail"]), body
    assert not INNARDS.search(body["detail"]), body
    return f"refused: {body['code']}"


def ended(job) -> str:
    job.refresh_from_db()
    assert job.status in ("scored", "rejected"), (job.status, job.error, job.log[-2000:])
    if job.status == "scored":
        return "taken"
    assert job.error and len(job.error_detail) < 900 and not INNARDS.search(job.error_detail), (
        job.error_detail
    )
    return f"rejected: {job.error}"


def submit(world: World, kind: str, file_name: bytes, data: bytes) -> HttpResponse:
    fields = {"kind": "find", "group_format": kind}
    return send(
        world, "rival", "/api/v1/bounties/open-one/submissions/", fields, "group_file", file_name, data
    )


def add_table(world: World, file_name: bytes, data: bytes) -> HttpResponse:
    path = reverse("bounty:upload", args=[world.things["draft"]])
    return send(world, "organiser", path, {}, "table", file_name, data)


def audit(world: World, file_name: bytes, data: bytes) -> HttpResponse:
    fields = {"kind": "classification", "title": "T", "roles": json.dumps(ROLES), "favourable": "1"}
    return send(world, "auditor", "/api/v1/audits/", fields, "file", file_name, data)


def outcome_of_model(answer: HttpResponse, sandbox) -> str:
    if answer.status_code != 202:
        return refusal(answer)
    work(sandbox)
    return ended(Submission.objects.get(pk=answer.json()["id"]))


def outcome_of_table(answer: HttpResponse, sandbox) -> str:
    upload = TableUpload.objects.filter(bounty__slug="draft-one").last()
    if answer.status_code == 200:
        (errors,) = [text for texts in answer.context["form"].errors.values() for text in texts]
        assert is_sentence(errors) and not INNARDS.search(errors), errors
        assert upload is None
        return "refused on the page"
    if answer.status_code == 400:
        # A header longer than any browser's: the request cannot be read.
        assert upload is None
        return "refused unread"
    assert answer.status_code == 302, answer.status_code
    work(sandbox)
    return ended(upload)


def outcome_of_audit(answer: HttpResponse) -> str:
    if answer.status_code != 202:
        return refusal(answer)
    run_audits()
    return ended(Audit.objects.get(key=answer.json()["id"]))


def marked(data: bytes, witness: Path) -> bytes:
    """What would run makes this file."""
    return data.replace(WITNESS, str(witness).encode())


@pytest.mark.parametrize("name", MODELS)
def test_a_hostile_model(here: World, note, sandbox, witness: Path, name: str):
    kind, made = MODELS[name]
    with undone():
        outcome = outcome_of_model(submit(here, kind, b"model", marked(made(), witness)), sandbox)
    assert not witness.exists()
    note("models", outcome)


@pytest.mark.parametrize("name", TABLES)
def test_a_hostile_table_of_a_bounty(here: World, note, sandbox, witness: Path, name: str):
    with undone():
        outcome = outcome_of_table(add_table(here, b"table", marked(TABLES[name](), witness)), sandbox)
    assert not witness.exists()
    note("tables of bounties", outcome)


@pytest.mark.parametrize("name", TABLES)
def test_a_hostile_table_of_an_audit(here: World, note, witness: Path, name: str):
    with undone():
        outcome = outcome_of_audit(audit(here, b"table", marked(TABLES[name](), witness)))
    assert not witness.exists()
    note("tables of audits", outcome)


def is_only_a_text(name: str) -> bool:
    """No part of a path, nothing that ends a line, nothing no database holds."""
    return "/" not in name and "\\" not in name and name.isprintable() and len(name) <= 200


@pytest.mark.parametrize("name", FILE_NAMES)
def test_a_hostile_name_of_a_file(here: World, note, sandbox, name: str):
    file_name, table = FILE_NAMES[name], hostile_files.csv()
    with undone():
        answer = submit(here, "onnx", file_name, hostile_files.onnx_model())
        if answer.status_code == 202:
            find = Submission.objects.get(pk=answer.json()["id"])
            assert is_only_a_text(find.group_file_name), find.group_file_name
            assert re.fullmatch(r"submission/[0-9a-f]{32}", find.group_file.name)
        note("names of models", outcome_of_model(answer, sandbox))
        answer = add_table(here, file_name, table)
        if answer.status_code == 302:
            upload = TableUpload.objects.get(bounty__slug="draft-one")
            assert is_only_a_text(upload.table_name), upload.table_name
            page = here.browser("organiser").get(reverse("bounty:manage", args=["draft-one"]))
            assert b"<script>alert" not in page.content and b"<img src=x" not in page.content
        note("names of tables", outcome_of_table(answer, sandbox))
        answer = audit(here, file_name, table)
        if answer.status_code == 202:
            made = Audit.objects.get(key=answer.json()["id"])
            assert is_only_a_text(made.file_name), made.file_name
        note("names of audits' files", outcome_of_audit(answer))


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("call", ["check", "submissions"])
def test_a_hostile_rule(here: World, note, sandbox, call: str, name: str):
    body = {"group_format": "rule", "group_rule": RULES[name]} | ({"kind": "find"} if call != "check" else {})
    with undone():
        answer = here.browser("stranger").post(
            f"/api/v1/bounties/open-one/{call}/",
            json.dumps(body),
            "application/json",
            headers=here.headers("rival"),
        )
        if answer.status_code == 200:
            outcome = "answered"
        else:
            outcome = outcome_of_model(answer, sandbox)
    note("rules", outcome)


def test_at_least_two_hundred_files_are_tried():
    assert len(MODELS) + len(TABLES) >= 200 and len(MODELS) >= 100
    assert len(MODELS) + 2 * len(TABLES) + 3 * len(FILE_NAMES) + 2 * len(RULES) > 400

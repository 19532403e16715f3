"""What the documentation shows is so: the example program, the calls of docs/api.md, the OpenAPI text."""

import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.urls import resolve

from bounty import drafts
from bounty.models import Submission
from config.api_errors import no_such_call
from config.models import ApiToken
from tests.bounty.speech import speech_draft, speech_table
from tests.conftest import as_upload, draft, lending_table

DOCS = settings.BASE_DIR / "docs"


@pytest.fixture
def failing_bounty(cast, run_worker):
    """Young renters are always decided wrongly: every split into parts shows it."""
    table = lending_table()
    failed = (table["age"] < 30) & (table["home"] == "rent")
    table = table.with_columns(predicted=pl.when(failed).then(1 - pl.col("approve")).otherwise("predicted"))
    bounty = draft(cast.owner)
    drafts.upload_table(bounty, as_upload(table))
    run_worker()
    drafts.open_bounty(bounty)
    return bounty


def run_example(url: str, token: str, meanwhile) -> tuple[int, str]:
    """With the standard library alone: -I and -S leave nothing else to import."""
    command = [sys.executable, "-I", "-S", str(DOCS / "examples" / "submit.py"), "--url", url]
    env = {"FAULTLINE_TOKEN": token, "no_proxy": "*", "PATH": os.environ["PATH"]}
    with subprocess.Popen(
        command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        while True:
            try:
                return process.wait(timeout=0.2), process.stdout.read()
            except subprocess.TimeoutExpired:
                meanwhile()


@pytest.mark.django_db(transaction=True)
def test_the_example_sends_a_find_and_a_fix_and_follows_them_to_their_verdicts(
    live_server, failing_bounty, cast, run_worker
):
    token = ApiToken.objects.create(cast.participant, name="example")[1]
    code, output = run_example(live_server.url, token, run_worker)
    assert code == 0, output
    assert output.count("Verdict: accepted") == 2
    assert len(re.findall(r"1 +\d+\.\d  participant", output)) == 2
    find, fix = Submission.objects.order_by("id")
    assert (find.kind, fix.kind, fix.predictor_format, fix.predictor_value) == (
        "find",
        "fix",
        "constant",
        "1",
    )
    for sent in (find, fix):
        assert f"Group: {sent.group_rule}" in output
        assert '"age"' in sent.group_rule or '"home"' in sent.group_rule
    before, after = re.search(r"error in the group ([\d.]+)%, then ([\d.]+)%", output).groups()
    assert float(after) < float(before) / 2

    code, again = run_example(live_server.url, token, run_worker)
    assert code == 0, again
    assert Submission.objects.count() == 2

    code, output = run_example(live_server.url, "nonsense", run_worker)
    assert code == 1
    assert "401" in output and "wrong_token" in output


@pytest.mark.django_db(transaction=True)
def test_the_example_finds_a_misheard_accent(live_server, cast, run_worker):
    bounty = speech_draft(cast.owner)
    drafts.upload_table(bounty, as_upload(speech_table()))
    run_worker()
    drafts.open_bounty(bounty)
    token = ApiToken.objects.create(cast.participant, name="example")[1]
    code, output = run_example(live_server.url, token, run_worker)
    assert code == 0, output
    assert "Verdict: accepted" in output and "Cork" in Submission.objects.get().group_rule


@pytest.fixture(scope="module")
def schema(tmp_path_factory) -> dict:
    """The OpenAPI description; any warning while it is made is an error."""
    path: Path = tmp_path_factory.mktemp("schema") / "schema.yml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(path))
    return yaml.safe_load(path.read_text())


def operations(schema: dict) -> dict[tuple[str, str], dict]:
    return {
        (method, path): operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }


def test_every_call_is_described_with_its_errors(schema):
    found = operations(schema)
    assert len(found) == 24
    for (method, path), operation in found.items():
        assert operation["summary"], path
        statuses = {"401", "429"} | ({"404"} if "{" in path else set())
        if method == "post":
            statuses |= {"400", "403", "409", "413", "415"}
        assert statuses <= set(operation["responses"]), path
        for status in statuses:
            answer = operation["responses"][status]["content"]["application/json"]
            assert answer["schema"] == {"$ref": "#/components/schemas/Error"}
            assert set(answer["example"]) == {"code", "detail", "field"}
    assert schema["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}


def test_only_public_calls_may_go_without_a_token(schema):
    open_to_all = {
        operation["operationId"]
        for operation in operations(schema).values()
        if {} in operation.get("security", [{}])
    }
    assert open_to_all == {
        *("bounties", "bounty", "sample", "leaderboard", "model", "groups", "guard", "final", "status"),
        *("audits", "audit", "audit_result", "audit_export"),
    }


def test_the_site_serves_the_same_description(schema, db):
    answer = Client().get("/api/v1/schema/")
    assert answer.status_code == 200
    assert yaml.safe_load(answer.content)["paths"].keys() == schema["paths"].keys()


def test_the_documents_calls_exist_and_none_is_left_out(schema):
    text = (DOCS / "api.md").read_text().replace("\\\n", " ")
    calls = set()
    for line in text.splitlines():
        if line.startswith("curl"):
            path = re.search(r"\$SITE(/api/v1/[^\s\"?]*)", line)[1]
            assert resolve(path).func is not no_such_call, line
            named = re.search(r" -X ([A-Z]+) ", line)
            method = "post" if re.search(r" -[Fd] ", line) else "get"
            path = path.replace("income-pilot", "census-income")
            for example, name in (("census-income", "slug"), ("k7f3q9xw2mbt4h", "key"), ("/1/", "id")):
                path = path.replace(example, f"/{{{name}}}/" if name == "id" else f"{{{name}}}")
            calls.add((named[1].lower() if named else method, path))
    assert calls == set(operations(schema))


def test_the_page_of_calls_keeps_to_the_content_security_policy(db):
    answer = Client().get("/api/docs/")
    page = answer.content.decode()
    assert 'id="api-docs"' in page and 'data-schema="/api/v1/schema/"' in page
    assert "'unsafe-inline'" not in answer["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", page)

"""The repaired model leaves the platform, for its organisers alone, and answers as the site does."""

import errno
import io
import re
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import polars as pl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse
from onnx import TensorProto, helper

from bounty import bundle, drafts, parts
from bounty.entry import Predictor
from bounty.verdicts import Referee, accepted_of
from fairness.bundle_file import write_bundle
from fairness.cli import main
from tests.bounty.fixes import open_repairable, repairable_table, send_fix
from tests.conftest import as_upload, draft

YOUNG = "age < 30 AND home = 'rent'"
BOTH = "(age < 24 AND home = 'rent') OR age >= 60"
CALLS = ["/api/v1/bounties/repairs/bundle/", "/api/v1/bounties/repairs/bundle.onnx/"]
PAGES = ["/bounties/repairs/manage/repaired.zip", "/bounties/repairs/manage/repaired.onnx"]


def base_model() -> bytes:
    """Approves who earns more than 22,000: with an input for every column, of which it uses one."""
    inputs = [
        helper.make_tensor_value_info(name, kind, [None, 1])
        for name, kind in (
            ("age", TensorProto.FLOAT),
            ("home", TensorProto.STRING),
            ("sex", TensorProto.STRING),
            ("income", TensorProto.FLOAT),
        )
    ]
    graph = helper.make_graph(
        [
            helper.make_node("Greater", ["income", "limit"], ["rich"]),
            helper.make_node("Cast", ["rich"], ["approved"], to=TensorProto.INT64),
        ],
        "base",
        inputs,
        [helper.make_tensor_value_info("approved", TensorProto.INT64, [None, 1])],
        [helper.make_tensor("limit", TensorProto.FLOAT, [1], [22000.0])],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    ).SerializeToString()


@pytest.fixture
def bounty(cast, run_worker):
    """Repaired twice, the second time with a pointer."""
    bounty = open_repairable(cast.owner, run_worker)
    send_fix(cast.participant, bounty, YOUNG, "1")
    send_fix(cast.rival, bounty, BOTH, "0")
    run_worker()
    return bounty


@pytest.fixture
def with_model(cast, run_worker):
    table = repairable_table()
    young, old = (table["age"] < 30) & (table["home"] == "rent"), table["age"] >= 60
    random = np.random.default_rng(1)
    rich = (table["income"].to_numpy() > 22000).astype(int)
    right = random.random(table.height) < np.select([young, old], [0.2, 0.5], 0.9)
    table = table.with_columns(predicted=rich, approve=np.where(right, rich, 1 - rich))
    table = table.with_columns(approve=pl.when(young).then(1).when(old).then(0).otherwise(pl.col("approve")))
    bounty = draft(cast.owner, slug="repairs", title="Repairs")
    drafts.upload_table(bounty, as_upload(table), SimpleUploadedFile("base.onnx", base_model()))
    run_worker()
    bounty.refresh_from_db()
    drafts.open_bounty(bounty)
    send_fix(cast.participant, bounty, YOUNG, "1")
    send_fix(cast.rival, bounty, "age >= 60", predictor=Predictor("rule", rule="age < 20"))
    run_worker()
    return bounty


def half_with_predictions(bounty) -> pd.DataFrame:
    """The leaderboard half as a file of rows, and what the site answers for them."""
    part, model = parts.part(bounty, "leaderboard"), Referee(bounty, accepted_of(bounty)).model()
    rows = {name: part.features[name].to_list() for name in part.features.columns}
    answers = model.list.choose(model.answered.y_base, model.given)
    return pd.DataFrame(rows | {"predicted": part.truth["prediction"].to_list()}), answers


def test_the_bundle_answers_every_row_as_the_site_does(cast, client, bounty, tmp_path):
    client.force_login(cast.owner)
    answer = client.get(CALLS[0])
    assert answer.status_code == 200
    content = answer.getvalue()
    (tmp_path / "repaired.zip").write_bytes(content)
    rows, expected = half_with_predictions(bounty)
    rows.to_csv(tmp_path / "rows.csv", index=False)
    out = tmp_path / "out.csv"
    assert (
        main(["predict", str(tmp_path / "repaired.zip"), str(tmp_path / "rows.csv"), "--out", str(out)]) == 0
    )
    predicted = pd.read_csv(out)
    assert predicted["prediction"].tolist() == expected.tolist()
    assert set(predicted["answered_by"].astype(str)) == {"base", "1", "2"}
    assert client.get(CALLS[0]).getvalue() == content, "the same each time"
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert "manifest.json" in names


def test_without_the_base_model_there_is_no_single_file(cast, client, bounty):
    client.force_login(cast.owner)
    answer = client.get(CALLS[1])
    assert (answer.status_code, answer.json()["code"]) == (409, "not_mergeable")
    assert "base model" in answer.json()["detail"]
    page = client.get(PAGES[1], follow=True)
    assert "base model" in page.content.decode()


def test_the_single_file_answers_every_row_as_the_site_does(cast, client, with_model):
    client.force_login(cast.owner)
    data = client.get(CALLS[1]).getvalue()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    rows, expected = half_with_predictions(with_model)
    feed = {
        node.name: rows[node.name].to_numpy(dtype=object if "string" in node.type else np.float64)[:, None]
        for node in session.get_inputs()
    }
    labels, answered_by = session.run(None, feed)
    assert labels.astype(int).tolist() == expected.tolist()
    assert set(answered_by.tolist()) == {0, 1, 2}
    assert (expected != rows["predicted"].astype(int)).any()


@pytest.mark.parametrize("path", [*CALLS, *PAGES])
@pytest.mark.parametrize("who", ["participant", "outsider", None])
def test_only_organisers_take_it_away(cast, client, bounty, path, who):
    if who:
        client.force_login(getattr(cast, who))
    answer = client.get(path)
    assert answer.status_code in ({404} if who else {302, 401})


def test_a_draft_has_none(cast, client, db):
    draft(cast.owner, slug="repairs", title="Repairs")
    client.force_login(cast.owner)
    assert [client.get(path).status_code for path in PAGES] == [404, 404]


def test_the_command_wants_a_name_that_says_which(bounty):
    with pytest.raises(CommandError, match="ends in"):
        call_command("export_bundle", "repairs", "--to", "model.pkl")


def test_the_command_writes_the_bundle(bounty, tmp_path):
    call_command("export_bundle", "repairs", "--to", str(tmp_path / "a.zip"))
    assert zipfile.is_zipfile(tmp_path / "a.zip")
    with pytest.raises(CommandError, match="exists already"):
        call_command("export_bundle", "repairs", "--to", str(tmp_path / "a.zip"))
    with pytest.raises(CommandError, match="base model"):
        call_command("export_bundle", "repairs", "--to", str(tmp_path / "a.onnx"))


def test_the_organisers_page_offers_it(cast, client, bounty):
    client.force_login(cast.owner)
    page = client.get(reverse("bounty:manage", args=["repairs"])).content.decode()
    assert PAGES[0] in page
    assert PAGES[1] not in page


def refused(client, place: int) -> list[str]:
    """What call and page say, which is the same."""
    answer, page = client.get(CALLS[place]), client.get(PAGES[place], follow=True)
    assert answer.status_code == 409 and page.status_code == 200
    said = [str(message) for message in page.context["messages"]]
    assert said == [answer.json()["detail"]]
    return [answer.json()["code"], *said]


def test_more_than_a_bundle_may_hold_is_a_sentence(cast, client, bounty, monkeypatch):
    monkeypatch.setattr(bundle, "write_bundle", partial(write_bundle, max_unpacked=60))
    client.force_login(cast.owner)
    code, said = refused(client, 0)
    assert code == "not_bundled" and "a bundle may not hold more" in said
    assert refused(client, 1)[0] == "not_mergeable"
    with pytest.raises(CommandError, match="a bundle may not hold more"):
        call_command("export_bundle", "repairs", "--to", "repaired.zip")
    assert not Path("repaired.zip").exists()


@pytest.mark.parametrize(
    ("limit", "value", "says"),
    [("MERGE_SECONDS", 0, "took longer than 0 s"), ("MERGE_MEMORY_MB", 0, "memory|needed more than 0 MB")],
)
def test_too_much_work_is_a_sentence(cast, client, with_model, monkeypatch, limit, value, says):
    monkeypatch.setattr(bundle, limit, value)
    client.force_login(cast.owner)
    code, said = refused(client, 1)
    assert code == "not_mergeable" and re.search(says, said)


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Another program in the place of Python."""

    def take(script: str) -> None:
        path = tmp_path / "program"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o700)
        monkeypatch.setattr(bundle.sys, "executable", str(path))

    return take


@pytest.mark.parametrize("script", ["kill -SEGV $$", "echo Traceback >&2; exit 1", "kill -ABRT $$"])
def test_a_program_that_breaks_is_a_sentence(cast, client, with_model, program, script):
    program(script)
    client.force_login(cast.owner)
    code, said = refused(client, 1)
    assert code == "not_mergeable" and "could not be put together" in said and "Traceback" not in said


def test_a_program_that_hangs_is_ended(cast, client, with_model, program, monkeypatch):
    program("exec sleep 600")
    monkeypatch.setattr(bundle, "MERGE_SECONDS", 0.1)
    client.force_login(cast.owner)
    assert "took longer than" in refused(client, 1)[1]


def test_the_program_knows_nothing_of_the_site(with_model, program):
    program("env > repaired.onnx; ls -A >> repaired.onnx")
    with bundle.onnx_file(with_model) as file:
        lines = file.read().decode().split()
    assert "bundle.zip" in lines
    known = {line.partition("=")[0] for line in lines if "=" in line} - {"PWD", "OLDPWD", "_", "SHLVL"}
    assert known == {"PATH", "PYTHONPATH", "LANG", "OMP_NUM_THREADS", "POLARS_MAX_THREADS"}


def test_no_room_on_the_disk_is_a_sentence(cast, client, bounty, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(bundle, "write_bundle", full)
    client.force_login(cast.owner)
    assert "does not fit" in refused(client, 0)[1]

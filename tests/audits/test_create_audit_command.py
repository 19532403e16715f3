"""An audit from the command line, through the same door as from the pages."""

import io
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from audits import analysis
from audits.models import Audit
from tests.audits.conftest import LOAN_ROLES, SPEECH_ROLES, loan_table, speech_table, stored_files


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "speech.csv"
    speech_table().write_csv(path)
    return path


def roles(of: dict) -> list[str]:
    return [text for column, role in of.items() for text in ("--role", f"{column}={role}")]


ARGUMENTS = ("--owner", "owner", "--kind", "speech", "--title", "Dictation", *roles(SPEECH_ROLES))


def create(*arguments) -> str:
    out = io.StringIO()
    call_command("create_audit", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_it_audits_a_file_in_this_process(cast, file, tmp_path):
    (tmp_path / "text.md").write_text("*Hello*")
    said = create(
        file,
        *ARGUMENTS,
        "--here",
        *("--description", f"@{tmp_path / 'text.md'}"),
        *("--system", "dictation-4", "--series", "weekly", "--release", "4.2", "--visibility", "public"),
        *("--normalise", "none", "--smallest", 12),
        *("--exclude", "sentence=^a=b$", "--mark", "accent=self-reported", "--baseline", "accent=Scots"),
        *("--tolerance", "wer:accent=0.05"),
    )
    audit = Audit.objects.get()
    assert f"Done: /audits/{audit.key}/ (384 rows, Word error rate {audit.card['value']:.4f})" in said
    assert (audit.owner, audit.visibility, audit.system, audit.series) == (
        cast.owner,
        "public",
        "dictation-4",
        "weekly",
    )
    assert (audit.release, audit.description, audit.file_name) == ("4.2", "*Hello*", "speech.csv")
    settings = audit.result["settings"]
    assert (settings["normalise"], settings["smallest"]) == ("none", 12)
    assert settings["exclude"] == [["sentence", "^a=b$"]] and settings["baselines"] == {"accent": "Scots"}
    assert settings["marks"] == {"accent": "self-reported"}
    assert settings["tolerances"] == [{"metric": "wer", "column": "accent", "within": 0.05}]


def test_a_classification_takes_its_favourable_label(cast, tmp_path):
    loan_table().write_parquet(tmp_path / "loans.parquet")
    said = create(
        tmp_path / "loans.parquet",
        *(
            "--owner",
            "owner",
            "--kind",
            "classification",
            "--title",
            "Loans",
            "--favourable",
            "yes",
            "--here",
        ),
        *roles(LOAN_ROLES),
    )
    assert "600 rows, Error rate" in said


def test_without_here_it_waits_for_the_worker(transactional_db, cast, file):
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.05):
            analysis.work()
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        said = create(file, *ARGUMENTS, "--wait", 60)
    finally:
        done.set()
        worker.join()
    assert "queued" in said and "Done: /audits/" in said


def test_without_a_worker_it_says_so_and_keeps_the_audit(cast, file):
    with pytest.raises(CommandError, match=r"Is a worker running\? It is kept: /audits/"):
        create(file, *ARGUMENTS, "--wait", 0)
    assert Audit.objects.get().is_unfinished


def test_a_refused_file_ends_with_its_sentence(cast, file):
    with pytest.raises(CommandError, match='Did you mean "Welsh"') as refusal:
        create(file, *ARGUMENTS, "--baseline", "accent=Wels", "--here")
    assert f"It is kept: /audits/{Audit.objects.get().key}/" in str(refusal.value).replace("The audit", "It")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--owner", "nobody"), "There is no user nobody"),
        (("--title", ""), "--title: "),
        (("--system", "my system"), "--system: "),
        (("--role", "sentense=id"), "Did you mean"),
        (("--role", "sentence"), "--role is written COLUMN=ROLE"),
        (("--exclude", "sentence=("), "no regular expression"),
        (("--mark", "accent=guessed"), "Marks are"),
        (("--tolerance", "wer=0.1"), "--tolerance is written METRIC:COLUMN=SHARE"),
        (("--tolerance", "wer:accent=some"), "--tolerance is written"),
        (("--smallest", "1"), "from 2 to"),
        (("--threshold", "0.5"), "no setting"),
        (("--description", "@/nowhere.md"), "There is no file"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_nothing_is_saved(cast, file, arguments, says):
    with pytest.raises(CommandError, match=says):
        create(file, *ARGUMENTS, *arguments, "--here")
    assert not Audit.objects.exists() and not stored_files()


def test_a_missing_or_broken_file_is_one_sentence(cast, tmp_path):
    with pytest.raises(CommandError, match="There is no file"):
        create(tmp_path / "nowhere.csv", *ARGUMENTS)
    (tmp_path / "bad.csv").write_bytes(b"age,age\n1,2\n")
    with pytest.raises(CommandError, match="both called"):
        create(tmp_path / "bad.csv", *ARGUMENTS)
    assert not Audit.objects.exists()

"""The repaired model as files for its organiser to take away, made on disk.

Models of strangers are put together by a program of its own with limits: whatever they do to it, the site
goes on and the organiser reads a sentence.
"""

import errno
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db.models.fields.files import FieldFile

from fairness.bundle import Bundle, BundleError, Fix, NotMergeable, Part, Task, check_mergeable
from fairness.bundle_file import write_bundle
from fairness.pointer_list import Node

from .models import Bounty, Submission
from .parts import schema_of
from .repaired import fixes_in, live_of

logger = logging.getLogger(__name__)

ZIP, ONNX = "application/zip", "application/octet-stream"
MERGE_SECONDS, MERGE_MEMORY_MB = 60, 1024
SAID_BYTES = 4000
BAD_INPUT = 2  # how `python -m fairness` ends after a sentence
NOT_REPAIRED = "This bounty takes finds only, so its model is not repaired."
TOLD = "merge: "  # before the sentence
NO_ROOM = "The file does not fit on this server's disk. The operator can write it: manage.py export_bundle."
TOO_SLOW = (
    "Putting the parts together took longer than {seconds} s. Take the bundle, and merge it on a machine of "
    "your own: python -m fairness merge."
)
ENDED = (
    "The parts could not be put together: one of them ended the program, or needed more than {memory} MB. "
    "Take the bundle instead."
)
# A web process merges one model at a time.
merging = threading.Lock()


class NotWritten(Exception):
    """The file cannot be made: the message says why."""


class StoredPart(Part):
    """A model that stays in storage until it is asked for."""

    def __init__(self, format: str, file: FieldFile | File) -> None:  # noqa: A002
        object.__setattr__(self, "format", format)
        object.__setattr__(self, "file", file)

    @property
    def data(self) -> bytes:
        with self.file.open() as file:
            return file.read()


def zip_file(bounty: Bounty) -> IO[bytes]:
    """Raises NotWritten."""
    with new_folder() as folder:
        return zip_in(folder, bounty).open("rb")


def onnx_file(bounty: Bounty) -> IO[bytes]:
    """Raises NotWritten."""
    with new_folder() as folder, merging:
        zip_in(folder, bounty, to_merge=True)
        merge(folder)
        return (folder / "repaired.onnx").open("rb")


@contextmanager
def new_folder() -> Iterator[Path]:
    """A folder for as long as the block runs; a file that is open then goes on until it is closed."""
    with tempfile.TemporaryDirectory() as name:
        try:
            yield Path(name)
        except (BundleError, NotMergeable) as error:
            raise NotWritten(str(error)) from error
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise NotWritten(NO_ROOM) from error


def zip_in(folder: Path, bounty: Bounty, *, to_merge: bool = False) -> Path:
    bundle, path = bundle_of(bounty), folder / "bundle.zip"
    if to_merge:
        check_mergeable(bundle)
    with path.open("wb") as file:
        write_bundle(bundle, file)
    return path


def merge(folder: Path) -> None:
    """From bundle.zip to repaired.onnx, in a process that knows nothing of the site."""
    limits = [f"--seconds={MERGE_SECONDS}", f"--memory-mb={MERGE_MEMORY_MB}"]
    command = [sys.executable, "-m", "fairness", "merge", "bundle.zip", "repaired.onnx", *limits]
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(settings.BASE_DIR),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "POLARS_MAX_THREADS": "1",
    }
    with (folder / "said").open("wb") as stderr:
        try:
            ended = subprocess.run(  # noqa: S603 -- our own program and arguments, no shell
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                timeout=2 * MERGE_SECONDS,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired as error:
            raise NotWritten(TOO_SLOW.format(seconds=MERGE_SECONDS)) from error
    if ended == 0:
        return
    with (folder / "said").open("rb") as file:
        said = file.read(SAID_BYTES).decode(errors="replace")
    if ended == BAD_INPUT:
        # Libraries write there, too.
        told = [line for line in said.splitlines() if line.startswith(TOLD)]
        raise NotWritten(told[-1].removeprefix(TOLD) if told else said)
    if ended in (-signal.SIGXCPU, -signal.SIGKILL):
        raise NotWritten(TOO_SLOW.format(seconds=MERGE_SECONDS))
    logger.warning("merging a bundle ended with %s: %s", ended, said)
    raise NotWritten(ENDED.format(memory=MERGE_MEMORY_MB))


def bundle_of(bounty: Bounty) -> Bundle:
    """The shared list and its parts. It is dated by the last acceptance, so that it is the same each time."""
    live = live_of(bounty)
    fixes, overall = fixes_in(live), live.life["overall"]
    last = fixes[-1].finished if fixes else bounty.opened_at
    return Bundle(
        bounty=bounty.slug,
        title=bounty.title,
        made=last.isoformat(timespec="seconds"),
        licence=bounty.licence,
        schema=schema_of(bounty),
        task=Task(
            kind=bounty.predicts,
            loss=bounty.loss,
            labels=tuple(bounty.labels),
            positive=bounty.positive_label,
            label_column=bounty.label_column,
            prediction_column=bounty.prediction_column,
        ),
        base=base_model(bounty),
        fixes=tuple(fix_of(number, fix) for number, fix in enumerate(fixes, start=1)),
        nodes=tuple(Node(node["group"], node["points_to"]) for node in live.nodes),
        errors={
            "leaderboard_half": {"before": overall[0], "after": overall[-1]},
            "final_half": bounty.final.get("model"),
        },
    )


def base_model(bounty: Bounty) -> Part | None:
    """The organiser's own model, where it was uploaded."""
    if "path" not in bounty.base_model:
        return None
    return StoredPart("onnx", default_storage.open(bounty.base_model["path"]))


def fix_of(number: int, fix: Submission) -> Fix:
    group = written(fix.group_format, fix.group_rule) or StoredPart(fix.group_format, fix.group_file)
    text = fix.predictor_value if fix.predictor_format == "constant" else fix.predictor_rule
    predictor = written(fix.predictor_format, text) or StoredPart(fix.predictor_format, fix.predictor_file)
    return Fix(number=number, team=fix.team.name, submission=fix.pk, group=group, predictor=predictor)


def written(format: str, text: str) -> Part | None:  # noqa: A002
    """A part that is a text and no file."""
    return Part(format, text.encode()) if format in ("rule", "constant") else None

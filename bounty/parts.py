"""The prepared data of a bounty as arrays, read from private storage and kept for the next job.

Row order is the stored order, and the hidden rows are the leaderboard half followed by the final half.
"""

import hashlib
import io
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import PurePosixPath

import numpy as np
import polars as pl
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from fairness.losses import LOSSES, best_constant, scale_of, scaled, worst_case
from fairness.pointer_list import PointerList
from fairness.tables import Column
from fairness.verdict import Evidence

from .models import Bounty, Discarded
from .sandbox import FeatureTable

FEATURES, TRUTH = "features", "truth"
OPEN, HIDDEN = "default", "hidden"  # storages: of what pages show, and of what only workers read
STORAGES = {"sample": OPEN, "leaderboard": HIDDEN, "final": HIDDEN}
MOST = 1e100
DELETED_AT_ONCE = 100


class DamagedPart(Exception):
    """A stored file is not the one that was recorded when it was prepared, or not of this part."""


@dataclass(frozen=True)
class Part:
    """One part of a bounty's rows: what models see, and what they are judged by."""

    features: pl.DataFrame
    truth: pl.DataFrame

    @cached_property
    def evidence(self) -> Evidence:
        return evidence_of(self.truth)


def evidence_of(truth: pl.DataFrame) -> Evidence:
    columns = set(truth.columns)
    return Evidence(
        errors=truth["errors"].to_numpy(),
        exposure=truth["exposure"].to_numpy(),
        clusters=truth["cluster"].to_numpy() if "cluster" in columns else None,
        weights=truth["weight"].to_numpy() if "weight" in columns else None,
    )


def store(frame: pl.DataFrame, bounty: Bounty, name: str, kind: str) -> dict:
    """Write a frame to the storage of its part; the record to find it by and to check it with."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    data = buffer.getvalue()
    path = f"{folder_of(bounty, name, kind)}/{uuid.uuid4().hex}.parquet"
    path = storages[STORAGES[name]].save(path, ContentFile(data))
    # Releases of before read the storage's name here; this one goes by the part's.
    return {
        "storage": STORAGES[name],
        "path": path,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
    }


def folder_of(bounty: Bounty, name: str, kind: str) -> str:
    """Where a file's name says what it is for: whoever can write the record can then not have truth read as
    features, or as another bounty's.
    """
    return f"parts/{bounty.pk}/{name}/{kind}"


@dataclass(frozen=True)
class Record:
    """A stored file and the hash it had: the key under which its content is kept."""

    storage: str
    path: str
    sha256: str


def record_of(bounty: Bounty, name: str, kind: str) -> Record:
    stored = bounty.parts[name][kind]
    if str(PurePosixPath(stored["path"]).parent) != folder_of(bounty, name, kind):
        raise DamagedPart(f"{stored['path']} is not {kind} of the {name} part of bounty {bounty.pk}")
    return Record(STORAGES[name], stored["path"], stored["sha256"])


def fetch(record: Record) -> pl.DataFrame:
    with storages[record.storage].open(record.path) as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != record.sha256:
        raise DamagedPart(f"{record.path} has another hash than it had when it was prepared")
    return pl.read_parquet(io.BytesIO(data))


def stored_files(stored: dict) -> Iterator[tuple[str, str]]:
    """The files of a bounty's parts, by storage and path."""
    for name, part in stored.items():
        yield from ((STORAGES[name], part[kind]["path"]) for kind in (FEATURES, TRUTH))


def discard_files(files: Iterable[tuple[str, str]]) -> None:
    """Have files deleted, by storage and path, once the transaction they go with is through."""
    Discarded.objects.bulk_create(Discarded(storage=storage, path=path) for storage, path in files if path)


def delete_discarded() -> None:
    """Delete what was discarded, in any order: one that cannot be deleted must not be the first for ever."""
    for file in Discarded.objects.order_by("?")[:DELETED_AT_ONCE]:
        storages[file.storage].delete(file.path)
        file.delete()


def schema_of(bounty: Bounty) -> tuple[Column, ...]:
    return tuple(Column(column["name"], column["dtype"]) for column in bounty.schema)


def part(bounty: Bounty, name: str) -> Part:
    return read_part(*records(bounty, name))


def sample_part(bounty: Bounty) -> Part:
    return part(bounty, "sample")


def sample_table(bounty: Bounty) -> FeatureTable:
    return _feature_table(schema_of(bounty), (record_of(bounty, "sample", FEATURES),))


def hidden_table(bounty: Bounty) -> FeatureTable:
    """Both hidden halves' features at once: what the sandbox is given."""
    halves = (record_of(bounty, "leaderboard", FEATURES), record_of(bounty, "final", FEATURES))
    return _feature_table(schema_of(bounty), halves)


def leaderboard_evidence(bounty: Bounty) -> Evidence:
    return part(bounty, "leaderboard").evidence


def leaderboard_rows(bounty: Bounty) -> int:
    return bounty.parts["leaderboard"]["rows"]


def pack(mask: np.ndarray) -> bytes:
    return np.packbits(mask).tobytes()


def unpack(bits: bytes, rows: int) -> np.ndarray:
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=rows).astype(bool)


def records(bounty: Bounty, name: str) -> tuple[Record, Record]:
    return record_of(bounty, name, FEATURES), record_of(bounty, name, TRUTH)


@lru_cache(maxsize=8)
def read_part(features: Record, truth: Record) -> Part:
    return Part(fetch(features), fetch(truth))


@lru_cache(maxsize=8)
def _feature_table(schema: tuple[Column, ...], records: tuple[Record, ...]) -> FeatureTable:
    return FeatureTable(pl.concat([fetch(record) for record in records]), schema)


# Fixes: what they answer, and what their answers cost


@dataclass(frozen=True)
class Answered:
    """What is true of a part's rows and what the base model answers, and who rows belong to.

    Labels are codes, numbers are numbers (of a probability, 1 for the positive label) and `facts` is
    Bounty.loss_facts.
    """

    y_true: np.ndarray
    y_base: np.ndarray
    clusters: np.ndarray | None
    loss: str
    facts: dict

    @cached_property
    def base_losses(self) -> np.ndarray:
        return self.losses(self.y_base)

    def losses(self, answers: np.ndarray, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """What answers cost on these rows, numbers in units of the best constant's loss on the sample."""
        return self._in_units(LOSSES[self.loss](self.y_true[rows], answers))

    def constant(self, rows: np.ndarray) -> float | int:
        """The best constant answer on these rows: a code or a number."""
        y_true = self.y_true[rows]
        return (
            int(np.bincount(y_true).argmax()) if self.loss == "zero_one" else best_constant(self.loss, y_true)
        )

    def worst(self, now: np.ndarray, then: np.ndarray) -> np.ndarray | None:
        """How much more than now each answer could cost; None of 0/1 losses, where that is known."""
        if self.loss == "zero_one":
            return None
        return self._in_units(worst_case(self.loss, now, then, self.facts["low"], self.facts["high"]))

    def _in_units(self, losses: np.ndarray) -> np.ndarray:
        # One answer far beyond all others must not make a sum infinite.
        return np.minimum(losses / self.facts.get("unit", 1.0), MOST)

    @cached_property
    def scale(self) -> float:
        return scale_of(self.loss, self.base_losses)

    def costs(self, answers: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """What these answers cost on these rows, in whole units of 1 / scale."""
        return scaled(self.losses(answers, rows), self.scale)

    def start(self) -> PointerList:
        return PointerList.start(scaled(self.base_losses, self.scale))


def answered(bounty: Bounty, name: str) -> Answered:
    facts = tuple(bounty.loss_facts.items())
    return _answered(records(bounty, name), tuple(bounty.labels), bounty.loss, bounty.favourable_label, facts)


@lru_cache(maxsize=8)
def _answered(
    key: tuple[Record, Record],
    labels: tuple[str, ...],
    loss: str,
    favourable: str,
    facts: tuple[tuple[str, float], ...],
) -> Answered:
    truth = read_part(*key).truth
    clusters = truth["cluster"].to_numpy() if "cluster" in truth.columns else None
    if loss == "zero_one":
        codes = pl.Series(np.arange(len(labels), dtype=np.uint16))
        y_true, y_base = (
            truth[name].replace_strict(pl.Series(labels), codes).to_numpy()
            for name in ("label", "prediction")
        )
    else:
        y_true = label_numbers(truth["label"].to_numpy(), favourable if loss == "log" else None)
        y_base = truth["prediction"].cast(pl.Float64).to_numpy()
    return Answered(y_true, y_base, clusters, loss, dict(facts))


def label_numbers(labels: np.ndarray, favourable: str | None) -> np.ndarray:
    """Labels as numbers: 1 for the favourable one of two, else the numbers that they are."""
    return (labels == favourable).astype(np.float64) if favourable else labels.astype(np.float64)


def rule_answers(bounty: Bounty, positive: np.ndarray) -> np.ndarray:
    """Codes of what a rule predicts: the positive label where it is true, else the other one."""
    yes = bounty.labels.index(bounty.positive_label)
    return np.where(positive, yes, 1 - yes).astype(np.uint16)


def constant_answers(bounty: Bounty, label: str, rows: int) -> np.ndarray:
    if bounty.predicts != "label":
        return np.full(rows, float(label))
    return np.full(rows, bounty.labels.index(label), dtype=np.uint16)


def pack_answers(bounty: Bounty, answers: np.ndarray) -> bytes:
    return answers.astype(answer_type(bounty)).tobytes()


def unpack_answers(bounty: Bounty, data: bytes) -> np.ndarray:
    answers = np.frombuffer(data, answer_type(bounty))
    return answers.astype(np.uint16) if bounty.predicts == "label" else answers.astype(np.float64)


def answer_type(bounty: Bounty) -> str:
    if bounty.predicts != "label":
        return "<f8"
    return "u1" if len(bounty.labels) <= 256 else "<u2"

"""The counts and the rows of an audit in private storage, checked by their hashes and kept at hand."""

import hashlib
import io
from collections.abc import Sequence
from functools import lru_cache

import polars as pl
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from fairness.cells import Cells

from .models import Audit, private_path

KEPT_CELLS = 16
KEPT_ROWS = 4


class DamagedFile(Exception):
    """A stored file no longer has the hash that was recorded when it was written."""


def read_cells(audit: Audit) -> Cells:
    return _cells(audit.cells.name, audit.cells_sha256)


def read_rows(audit: Audit, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """The rows to read, or some of their columns."""
    return _rows(audit.rows.name, audit.rows_sha256, None if columns is None else tuple(columns))


def write(audit: Audit, cells: Cells, rows: pl.DataFrame) -> dict:
    """Store both; the facts to write on the audit, or to give to `discard`."""
    buffer = io.BytesIO()
    rows.write_parquet(buffer)
    facts: dict = {"result_bytes": 0}
    for name, data in (("cells", cells.to_parquet()), ("rows", buffer.getvalue())):
        facts[name] = default_storage.save(private_path(audit, name), ContentFile(data))
        facts[f"{name}_sha256"] = hashlib.sha256(data).hexdigest()
        facts["result_bytes"] += len(data)
    return facts


def discard(*names: str) -> None:
    for name in names:
        if name:
            default_storage.delete(name)


# By path and hash: a file is never written twice under one path, so what is kept is never stale.
@lru_cache(maxsize=KEPT_CELLS)
def _cells(path: str, sha256: str) -> Cells:
    return Cells.from_parquet(_checked(path, sha256))


@lru_cache(maxsize=KEPT_ROWS)
def _rows(path: str, sha256: str, columns: tuple[str, ...] | None) -> pl.DataFrame:
    return pl.read_parquet(_checked(path, sha256), columns=columns and list(columns))


def _checked(path: str, sha256: str) -> bytes:
    with default_storage.open(path) as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DamagedFile(path)
    return data

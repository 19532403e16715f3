"""A whole audit: from a file and what its columns are to one result, the cells behind it, and rows to
read.
"""

import hashlib
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fairness.beside import mark_public
from fairness.cells import Cells, sum_cells
from fairness.columns import TableError, rows_from
from fairness.coverage import coverage
from fairness.disclosure import offered
from fairness.encodings import detect
from fairness.kept import KeptRows, keep_rows
from fairness.kinds.base import NOT_STATED_TEXTS, Counted, Kind, Metric, Roles, Settings, Tolerance
from fairness.parquet import MAGIC
from fairness.report import Report, Told
from fairness.tables import first_row_number, read_table

SCHEMA_VERSION = 1
MAX_ROWS = 5_000_000
HASHED_ROWS = 100_000
LIBRARIES = ("numpy", "scipy", "polars", "rapidfuzz", "whisper-normalizer")


def quiet(stage: str, share: float) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class AuditRun:
    """What an audit gives: its result (ready for JSON), the cells for any other table, and the rows to read.

    rows: "row" (the file's row), "id", "person", each group column's label as "g:NAME", the texts where there
    are any, and what was counted for each system as "0:NAME", "1:NAME", ...
    """

    result: dict[str, Any]
    cells: Cells
    rows: pl.DataFrame


def run_audit(
    path: Path,
    kind: Kind,
    roles: Mapping[str, str],
    settings: Settings,
    progress: Told = quiet,
    *,
    max_bytes: int = 2 << 30,
) -> AuditRun:
    """Audit a file. roles: column -> role; columns without one are passed over.

    Raises TableError with a sentence for whatever the file's author must mend.
    """
    progress("Reading the file", 0.0)
    text = [column for column, key in roles.items() if (role := kind.role(key)) is not None and role.text]
    frame = read_table(path, max_bytes=max_bytes, max_rows=MAX_ROWS, as_text=text)
    checked = kind.check_roles(roles, tuple(frame.columns))
    data = {
        "sha256": file_hash(path),
        "rows": frame.height,
        "bytes": path.stat().st_size,
        "encoding": encoding_of(path),
    }
    progress("Grouping the rows", 0.05)
    first_row = first_row_number(path)
    with rows_from(first_row):
        kept = keep_rows(frame, kind, checked, settings)
        counted = _counted(kept, kind, checked, settings, progress)
    progress("Summing by group", 0.55)
    cells = sum_cells(
        counted,
        kept.grouping,
        clusters=kept.clusters,
        weights=kept.weights,
        duration=kept.duration,
        aggregations=kind.aggregations,
    )
    report = Report(kind, checked, settings, kept, counted, cells, progress)
    report.check_tolerances()
    test_set = [column for column, role in checked.of.items() if role not in kind.output_roles]
    data["test_set_sha256"] = table_hash(frame.select(sorted(test_set)))
    data |= {"kept": len(kept.places), "excluded": int(kept.excluded.sum()), "people": kept.people}
    found = _result(report) | {"data": data}
    mark_public(found, kept, counted, cells, settings)
    result = _plain(found)
    progress("Done", 1.0)
    return AuditRun(result, cells, report.to_read(first_row))


def _counted(kept: KeptRows, kind: Kind, roles: Roles, settings: Settings, progress: Told) -> Counted:
    try:
        return kind.count(kept.frame, roles, settings, partial(_share, progress))
    except TableError as error:
        if not kept.excluded.any():
            raise
        left_out = int(kept.excluded.sum())
        rows = "1 row" if left_out == 1 else f"{left_out:,} rows"
        raise TableError(
            f"{error.text} (Looked at without the {rows} that a pattern leaves out.)",
            *(int(kept.places[row]) for row in error.rows),
        ) from error


def _share(progress: Told, share: float) -> None:
    progress("Counting errors", 0.1 + 0.45 * share)


def _result(report: Report) -> dict[str, Any]:
    kind, settings, counted, cells = report.kind, report.settings, report.counted, report.cells
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": kind.key,
        "settings": asdict(settings),
        "roles": dict(report.roles.of),
        "data": {},
        "systems": list(counted.systems),
        "columns": [asdict(column) for column in cells.columns],
        "metrics": [_described(metric) for metric in counted.metrics],
        "headline": counted.metrics[0].key,
        "tables": report.tables(),
        "coverage": coverage(cells, kind, report.kept.excluded_by_group(), settings.smallest),
        "sensitivity": report.sensitivity(),
        "comparisons": report.comparisons(),
        "worst": report.worst(),
        "words": report.words(),
        "tolerances": report.tolerances(),
        "calibration": report.calibration(),
        "disclosure": offered(cells, settings.smallest).as_dict(),
        "method": {
            "facts": dict(counted.facts),
            "clustered": report.kept.clusters is not None,
            "weighted": report.kept.weights is not None,
            "python": platform.python_version(),
            "versions": {name: version(name) for name in LIBRARIES},
        },
    }


def encoding_of(path: Path) -> str | None:
    """How a text file was read; None for Parquet."""
    with path.open("rb") as file:
        return None if file.read(len(MAGIC)) == MAGIC else detect(path)


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def table_hash(frame: pl.DataFrame) -> str:
    """SHA-256 of a table's columns: their names, and the texts of their values in order, whatever the file's
    format.

    >>> table_hash(pl.DataFrame({"a": ["x", None]})) == table_hash(pl.DataFrame({"a": ["x", ""]}))
    False
    """
    digest = hashlib.sha256()
    for name in frame.columns:
        digest.update(f"{len(name)}:{name}".encode())
        texts = frame.get_column(name).cast(pl.String)
        lengths = texts.str.len_bytes().fill_null(-1).cast(pl.Int64).to_numpy()
        digest.update(lengths.tobytes())
        for start in range(0, texts.len(), HASHED_ROWS):
            digest.update("".join(texts.slice(start, HASHED_ROWS).drop_nulls()).encode())
    return digest.hexdigest()


def metrics_of(kind: Kind, result: Mapping[str, Any]) -> tuple[Metric, ...]:
    """The metrics of a stored result, for `tabulate`."""
    stored = [metric["key"] for metric in result["metrics"]]
    return tuple(metric for key in stored for metric in kind.metrics if metric.key == key)


def settings_from(stored: Mapping[str, Any]) -> Settings:
    """The settings of a stored result."""
    values = dict(stored)
    values["exclude"] = tuple((column, pattern) for column, pattern in values.get("exclude", ()))
    values["not_stated"] = tuple(values.get("not_stated", NOT_STATED_TEXTS))
    values["tolerances"] = tuple(Tolerance(**one) for one in values.get("tolerances", ()))
    return Settings(**values)


def _described(metric: Metric) -> dict[str, Any]:
    names = (
        "key",
        "name",
        "short",
        "formula",
        "meaning",
        "exposure_name",
        "binary",
        "higher_is_better",
        "neutral",
    )
    return {name: getattr(metric, name) for name in names}


def _plain(value: Any) -> Any:
    """Ready for JSON: tuples as lists, NumPy numbers as numbers, NaN and infinity as None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value

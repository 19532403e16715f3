"""A whole audit: from a file and what its columns are to one result, the cells behind it, and rows to
read.
"""

import hashlib
import math
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairness.calibration import calibrate
from fairness.cells import Cells, Grouping, Ints, group_rows, sum_cells
from fairness.columns import TableError, file_row, first_row, nearest, shown
from fairness.compare import compare_systems
from fairness.coverage import coverage
from fairness.disaggregate import View, tabulate
from fairness.disclosure import offered
from fairness.encodings import detect
from fairness.kinds.base import Counted, Kind, Metric, Roles, Settings, Tolerance
from fairness.parquet import MAGIC
from fairness.rates import Floats
from fairness.tables import canonical_labels, read_table
from fairness.tolerances import judge_tolerance
from fairness.words import word_tables
from fairness.worst import worst_groups

SCHEMA_VERSION = 1
VARIANT_ROWS = 25_000  # texts of systems tried under each normalisation: the slowest takes 0.12 ms a text
WORST_ROWS = 2_000_000
MAX_ROWS = 5_000_000
BLOCK = 1 << 20

Told = Callable[[str, float], None]


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
    return _Audit(frame, kind, checked, settings, progress).run(data)


def encoding_of(path: Path) -> str | None:
    """How a text file was read; None for Parquet."""
    with path.open("rb") as file:
        return None if file.read(len(MAGIC)) == MAGIC else detect(path)


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def metrics_of(kind: Kind, result: Mapping[str, Any]) -> tuple[Metric, ...]:
    """The metrics of a stored result, for `tabulate`."""
    stored = [metric["key"] for metric in result["metrics"]]
    return tuple(metric for key in stored for metric in kind.metrics if metric.key == key)


def settings_from(stored: Mapping[str, Any]) -> Settings:
    """The settings of a stored result."""
    values = dict(stored)
    values["exclude"] = tuple((column, pattern) for column, pattern in values.get("exclude", ()))
    values["tolerances"] = tuple(Tolerance(**one) for one in values.get("tolerances", ()))
    return Settings(**values)


class _Audit:
    """One audit in the making: the checked columns, the rows that are kept, what was counted."""

    def __init__(
        self, frame: pl.DataFrame, kind: Kind, roles: Roles, settings: Settings, progress: Told
    ) -> None:
        self.kind, self.roles, self.progress = kind, roles, progress
        self.settings = settings
        _check_settings(settings, roles)
        refuse_repeated(frame, roles.one(kind.id_role) if kind.id_role else None)
        self.excluded = excluded_rows(frame, settings.exclude)
        self.kept = ~self.excluded
        if not self.kept.any():
            raise TableError("Every row matches an exclusion pattern, so none is left to audit.")
        clusters = self.codes_of(frame, roles.one(kind.cluster_role))
        progress("Grouping the rows", 0.05)
        self.grouping = group_rows(frame, roles, settings, clusters, self.kept)
        self.check_baselines()
        self.clusters = None if clusters is None else clusters[self.kept]
        self.weights = self.numbers_of(frame, kind.weight_role, "weight")
        if self.weights is not None and not self.weights.sum():
            raise TableError("Every weight is 0, so no row counts.")
        self.duration = self.numbers_of(frame, kind.duration_role, "duration")
        rows = np.flatnonzero(self.kept)
        self.frame = frame if len(rows) == frame.height else frame[rows]
        self.rows = rows

    def codes_of(self, frame: pl.DataFrame, column: str | None) -> Ints | None:
        if column is None:
            return None
        values = frame.get_column(column)
        row = first_row(values.is_null())
        if row is not None:
            raise TableError(f"Row {row} of column {shown(column)} is empty; every row needs a value there.")
        return (values.rank("dense").cast(pl.Int64) - 1).to_numpy()

    def numbers_of(self, frame: pl.DataFrame, role: str | None, word: str) -> Floats | None:
        """The kept rows' numbers in the column of a role, none missing or negative."""
        column = self.roles.one(role) if role else None
        if column is None:
            return None
        values = frame.get_column(column)
        if not values.dtype.is_numeric():
            row = first_row(values.cast(pl.Float64, strict=False).is_null() & values.is_not_null())
            raise TableError(f"The {word} column {shown(column)} must hold numbers only; row {row} does not.")
        row = first_row(values.is_null() | (values < 0))
        if row is not None:
            raise TableError(f"Row {row} of the {word} column {shown(column)} is empty or negative.")
        return values.to_numpy().astype(np.float64)[self.kept]

    def check_baselines(self) -> None:
        for name, group in self.settings.baselines.items():
            found = next((column for column in self.grouping.columns if column.name == name), None)
            if found is None:
                raise TableError(f"Column {shown(name)} has a baseline group and is no group column.")
            if group not in found.groups:
                near = nearest(group, found.groups)
                hint = " It is among the smaller groups that were merged." if found.merged else ""
                raise TableError(
                    f"Column {shown(name)} has no group {shown(group)} to be the baseline.{near}{hint}"
                )

    def run(self, data: dict[str, Any]) -> AuditRun:
        counted = self.kind.count(
            self.frame, self.roles, self.settings, partial(self.at, "Counting errors", 0.1, 0.5)
        )
        self.at("Summing by group", 0.55)
        grouping = Grouping(self.grouping.columns, tuple(codes[self.kept] for codes in self.grouping.codes))
        cells = sum_cells(
            counted,
            grouping,
            clusters=self.clusters,
            weights=self.weights,
            duration=self.duration,
            aggregations=self.kind.aggregations,
        )
        self.check_tolerances(counted)
        features = pl.DataFrame([grouping.labels(place) for place in range(len(grouping.columns))])
        people = None if self.clusters is None else int(np.unique(self.clusters).size)
        result = {
            "schema_version": SCHEMA_VERSION,
            "kind": self.kind.key,
            "settings": _plain(asdict(self.settings)),
            "roles": dict(self.roles.of),
            "data": data | {"kept": len(self.rows), "excluded": int(self.excluded.sum()), "people": people},
            "systems": list(counted.systems),
            "columns": [asdict(column) | {"groups": list(column.groups)} for column in cells.columns],
            "metrics": [_described(metric) for metric in counted.metrics],
            "headline": counted.metrics[0].key,
            "tables": self.tables(cells, counted),
            "coverage": coverage(cells, self.kind, self.excluded_by_group(), self.settings.smallest),
            "sensitivity": self.sensitivity(grouping, counted),
            "comparisons": self.comparisons(cells, counted),
            "worst": self.worst(features, counted),
            "words": self.words(grouping, counted),
            "tolerances": self.tolerances(cells, counted),
            "calibration": self.calibration(grouping, counted),
            "disclosure": offered(cells, self.settings.smallest).as_dict(),
            "method": self.method(counted),
        }
        self.at("Done", 1.0)
        return AuditRun(_plain(result), cells, self.to_read(features, counted))

    def at(self, stage: str, start: float, end: float | None = None, share: float = 0.0) -> None:
        self.progress(stage, start if end is None else start + (end - start) * share)

    # Parts of the result

    def tables(self, cells: Cells, counted: Counted) -> list[dict[str, Any]]:
        """Every metric over everyone; the headline by each column and by each pair of columns."""
        headline, names = counted.metrics[0].key, [column.name for column in cells.columns]
        views = [View(system, metric.key) for system in counted.systems for metric in counted.metrics]
        pairs = [(a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
        views += [
            View(system, headline, by=by)
            for system in counted.systems
            for by in [*((name,) for name in names), *pairs]
        ]
        made = []
        for place, view in enumerate(views):
            self.at("Making the tables", 0.6 + 0.1 * place / len(views))
            made.append(tabulate(cells, self.kind, counted.metrics, view, self.settings).as_dict())
        return made

    def excluded_by_group(self) -> dict[str, dict[str, int]]:
        return {
            column.name: dict(
                zip(
                    column.groups,
                    np.bincount(codes[self.excluded], minlength=len(column.groups)).tolist(),
                    strict=True,
                )
            )
            for column, codes in zip(self.grouping.columns, self.grouping.codes, strict=True)
        }

    def sensitivity(self, grouping: Grouping, counted: Counted) -> dict[str, Any] | None:
        """The headline of every group under each value of the setting that the kind shows side by side."""
        if self.kind.variants is None or counted.texts is None:
            return None
        name, values = self.kind.variants
        picked = np.arange(self.frame.height)
        most = max(1, VARIANT_ROWS // len(counted.systems))
        if len(picked) > most:
            picked = np.sort(
                np.random.default_rng(self.settings.random_state).choice(picked, most, replace=False)
            )
        sample, headline = self.frame[picked], counted.metrics[0]
        found: dict[tuple[str, str, str], dict[str, float | None]] = {}
        for place, value in enumerate(values):
            self.at("Trying other normalisations", 0.7 + 0.08 * place / len(values))
            changed: dict[str, Any] = {name: value}
            settings = replace(self.settings, **changed)
            other = self.kind.count(sample, self.roles, settings, lambda share: None)
            for system, counts in zip(other.systems, other.counts, strict=True):
                sums = counts.select(headline.errors.alias("e"), headline.exposure.alias("x"))
                for column, group, rate in self._rates(grouping, picked, sums):
                    found.setdefault((system, column, group), {})[value] = rate
        return {
            "setting": name,
            "variants": list(values),
            "n": len(picked),
            "sampled": len(picked) < self.frame.height,
            "rows": [
                {"system": system, "column": column, "group": group, "values": values}
                for (system, column, group), values in found.items()
            ],
        }

    def _rates(
        self, grouping: Grouping, picked: NDArray[np.intp], sums: pl.DataFrame
    ) -> list[tuple[str, str, float | None]]:
        """(column, group, rate) of everyone ("" and "") and of every group."""
        e, x = (sums.get_column(name).to_numpy().astype(np.float64) for name in ("e", "x"))
        weight = 1.0 if self.weights is None else self.weights[picked]
        e, x = e * weight, x * weight
        found = [("", "", float(e.sum() / x.sum()) if x.sum() else None)]
        for column, codes in zip(grouping.columns, grouping.codes, strict=True):
            wrong = np.bincount(codes[picked], e, len(column.groups))
            exposed = np.bincount(codes[picked], x, len(column.groups))
            found += [
                (column.name, group, float(wrong[i] / exposed[i]) if exposed[i] else None)
                for i, group in enumerate(column.groups)
            ]
        return found

    def comparisons(self, cells: Cells, counted: Counted) -> list[dict[str, Any]]:
        """The first system against each other one, over everyone and by each column."""
        first, *others = counted.systems
        return [
            compare_systems(
                cells, self.kind, counted.metrics[0], (first, other), self.settings, by=by
            ).as_dict()
            for other in others
            for by in [(), *((column.name,) for column in cells.columns)]
        ]

    def worst(self, features: pl.DataFrame, counted: Counted) -> list[dict[str, Any]]:
        metric, found = counted.metrics[0], []
        if not features.width:
            return []
        some = np.arange(self.frame.height)
        if len(some) > WORST_ROWS:
            some = np.sort(
                np.random.default_rng(self.settings.random_state).choice(some, WORST_ROWS, replace=False)
            )
        for place, (system, counts) in enumerate(zip(counted.systems, counted.counts, strict=True)):
            self.at("Searching the worst groups", 0.78 + 0.1 * place / len(counted.systems))
            sums = counts.select(
                metric.errors.cast(pl.Float64).alias("e"), metric.exposure.cast(pl.Float64).alias("x")
            )
            errors, exposure = (sums.get_column(name).to_numpy()[some] for name in ("e", "x"))
            groups = worst_groups(
                features[some],
                np.where(exposure > 0, errors, 0.0),
                exposure,
                None if self.clusters is None else self.clusters[some],
                None if self.weights is None else self.weights[some],
                smallest=self.settings.smallest,
                random_state=self.settings.random_state,
            )
            found.append({"system": system, "metric": metric.key, "n": len(some), **groups.as_dict()})
        return found

    def words(self, grouping: Grouping, counted: Counted) -> list[dict[str, Any]]:
        if "words" not in self.kind.parts or counted.words is None:
            return []
        self.at("Looking at single words", 0.9)
        found: list[dict[str, Any]] = word_tables(
            counted.words,
            counted.systems,
            [
                (column.name, column.groups, codes)
                for column, codes in zip(grouping.columns, grouping.codes, strict=True)
            ],
            self.clusters,
            least_speakers=self.settings.smallest,
        )
        return found

    def tolerances(self, cells: Cells, counted: Counted) -> list[dict[str, Any]]:
        return [
            judge_tolerance(cells, self.kind, counted.metrics, system, tolerance, self.settings).as_dict()
            for tolerance in self.settings.tolerances
            for system in counted.systems
        ]

    def check_tolerances(self, counted: Counted) -> None:
        keys = [metric.key for metric in counted.metrics]
        columns = [column.name for column in self.grouping.columns]
        for tolerance in self.settings.tolerances:
            if tolerance.metric not in keys:
                near = nearest(tolerance.metric, keys)
                raise TableError(f"A tolerance names the metric {shown(tolerance.metric)}.{near}")
            if tolerance.column not in columns:
                raise TableError(f"A tolerance names {shown(tolerance.column)}, which is no group column.")

    def calibration(self, grouping: Grouping, counted: Counted) -> list[dict[str, Any]]:
        if "calibration" not in self.kind.parts:
            return []
        found = []
        for system, counts in zip(counted.systems, counted.counts, strict=True):
            if "score" not in counts.columns:
                continue
            score, deserved = counts.get_column("score").to_numpy(), counts.get_column("deserved").to_numpy()
            everyone = ("", ("everyone",), np.zeros(len(score), np.int64))
            by = [
                (c.name, c.groups, codes.astype(np.int64))
                for c, codes in zip(grouping.columns, grouping.codes, strict=True)
            ]
            found += [
                {
                    "system": system,
                    "column": name,
                    "groups": [
                        one.as_dict()
                        for one in calibrate(score, deserved, codes, groups, least=self.settings.smallest)
                    ],
                }
                for name, groups, codes in [everyone, *by]
            ]
        return found

    def method(self, counted: Counted) -> dict[str, Any]:
        libraries = ("numpy", "scipy", "polars", "rapidfuzz", "whisper-normalizer")
        return {
            "facts": dict(counted.facts),
            "clustered": self.clusters is not None,
            "weighted": self.weights is not None,
            "python": platform.python_version(),
            "versions": {name: version(name) for name in libraries},
        }

    def to_read(self, features: pl.DataFrame, counted: Counted) -> pl.DataFrame:
        """The rows as a reader finds them."""
        columns = [pl.Series("row", self.rows + file_row(0), dtype=pl.Int32)]
        for role, name in ((self.kind.id_role, "id"), (self.kind.cluster_role, "person")):
            column = self.roles.one(role) if role else None
            if column is not None:
                columns.append(_texts(self.frame.get_column(column)).alias(name))
        columns += [
            features.get_column(name).cast(pl.Categorical).alias(f"g:{name}") for name in features.columns
        ]
        if counted.texts is not None:
            columns += counted.texts.get_columns()
        columns += [
            column.alias(f"{place}:{column.name}")
            for place, counts in enumerate(counted.counts)
            for column in counts.get_columns()
        ]
        return pl.DataFrame(columns)


def _texts(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String or column.null_count():
        return column.cast(pl.String)
    return pl.Series(column.name, canonical_labels(column, column.name).tolist(), dtype=pl.String)


def _check_settings(settings: Settings, roles: Roles) -> None:
    if settings.smallest < 1:
        raise TableError("The smallest group shown has at least 1 person.")
    for column in settings.marks:
        if column not in roles.columns("group", "condition"):
            raise TableError(f"Column {shown(column)} is marked and is no group column.")


def refuse_repeated(frame: pl.DataFrame, column: str | None) -> None:
    """Refuse a name that stands in two rows."""
    if column is None:
        return
    values = frame.get_column(column)
    double = values.is_duplicated() & values.is_not_null()
    if double.any():
        first = double.arg_true()[0]
        rows = (values == values[first]).arg_true().head(2)
        raise TableError(
            f"Rows {file_row(int(rows[0]))} and {file_row(int(rows[1]))} of column {shown(column)} are both "
            f"{shown(values[first])}; every row needs a name of its own."
        )


def excluded_rows(frame: pl.DataFrame, exclude: Sequence[tuple[str, str]]) -> NDArray[np.bool_]:
    """Which rows match any (column, regular expression); regular expressions are those of Rust's regex, which
    always end. Raises TableError for a column or an expression that is none.
    """
    out = np.zeros(frame.height, np.bool_)
    for column, pattern in exclude:
        if column not in frame.columns:
            raise TableError(f"An exclusion names {shown(column)}.{nearest(column, frame.columns)}")
        try:
            found = _texts(frame.get_column(column)).str.contains(pattern, strict=True)
        except pl.exceptions.PolarsError as error:
            raise TableError(f"The exclusion pattern {shown(pattern)} is no regular expression.") from error
        out |= found.fill_null(False).to_numpy()
    return out


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

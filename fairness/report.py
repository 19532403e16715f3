"""The parts of an audit's result beyond its coverage: each from what was counted, ready for JSON."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairness.calibration import calibrate
from fairness.cells import MOST_CELLS, Cells, Ints
from fairness.columns import TableError, nearest, shown
from fairness.compare import compare_systems
from fairness.disaggregate import View, groups_of, tabulate
from fairness.kept import KeptRows, texts_of
from fairness.kinds.base import Counted, Kind, Roles, Settings
from fairness.tolerances import judge_tolerance
from fairness.words import word_tables
from fairness.worst import worst_groups

VARIANT_ROWS = 25_000  # texts of systems tried under each normalisation: the slowest takes 0.12 ms a text
WORST_ROWS = 2_000_000
MOST_STORED = 20_000  # of rows of pairs: whoever opens a report loads them all

Told = Callable[[str, float], None]


@dataclass(frozen=True)
class Report:
    """One audit, counted: what every part of its result is made from."""

    kind: Kind
    roles: Roles
    settings: Settings
    kept: KeptRows
    counted: Counted
    cells: Cells
    progress: Told

    def tables(self) -> list[dict[str, Any]]:
        """Every metric over everyone; the headline by each column and by each pair of columns that makes a
        table, as far as those have at most MOST_STORED rows together.
        """
        headline, names = self.counted.metrics[0].key, [column.name for column in self.cells.columns]
        views = [
            View(system, metric.key) for system in self.counted.systems for metric in self.counted.metrics
        ]
        columns = [*((name,) for name in names), *self.pairs(names)]
        views += [View(system, headline, by=by) for system in self.counted.systems for by in columns]
        made = []
        for place, view in enumerate(views):
            self.progress("Making the tables", 0.6 + 0.1 * place / len(views))
            made.append(tabulate(self.cells, self.kind, self.counted.metrics, view, self.settings).as_dict())
        return made

    def pairs(self, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        everyone, left = np.ones(self.cells.frame.height, np.bool_), MOST_STORED // len(self.counted.systems)
        for pair in combinations(names, 2):
            size = len(groups_of(self.cells, pair, everyone)[0])
            if size <= min(MOST_CELLS, left):
                left -= size
                yield pair

    def sensitivity(self) -> dict[str, Any] | None:
        """The headline of every group under each value of the setting that the kind shows side by side."""
        if self.kind.variants is None or self.counted.texts is None:
            return None
        name, values = self.kind.variants
        picked = np.arange(self.kept.frame.height)
        most = max(1, VARIANT_ROWS // len(self.counted.systems))
        if len(picked) > most:
            picked = np.sort(
                np.random.default_rng(self.settings.random_state).choice(picked, most, replace=False)
            )
        sample, headline = self.kept.frame[picked], self.counted.metrics[0]
        found: dict[tuple[str, str, str], dict[str, float | None]] = {}
        for place, value in enumerate(values):
            self.progress("Trying other normalisations", 0.7 + 0.08 * place / len(values))
            changed: dict[str, Any] = {name: value}
            settings = replace(self.settings, **changed)
            other = self.kind.count(sample, self.roles, settings, lambda share: None)
            for system, counts in zip(other.systems, other.counts, strict=True):
                sums = counts.select(headline.errors.alias("e"), headline.exposure.alias("x"))
                for column, group, rate in self._rates(picked, sums):
                    found.setdefault((system, column, group), {})[value] = rate
        return {
            "setting": name,
            "variants": list(values),
            "n": len(picked),
            "sampled": len(picked) < self.kept.frame.height,
            "rows": [
                {"system": system, "column": column, "group": group, "values": values}
                for (system, column, group), values in found.items()
            ],
        }

    def _rates(self, picked: NDArray[np.intp], sums: pl.DataFrame) -> list[tuple[str, str, float | None]]:
        """(column, group, rate) of everyone ("" and "") and of groups with enough people in the sample."""
        e, x = (sums.get_column(name).to_numpy().astype(np.float64) for name in ("e", "x"))
        weight = 1.0 if self.kept.weights is None else self.kept.weights[picked]
        e, x = e * weight, x * weight
        found = [("", "", float(e.sum() / x.sum()) if x.sum() else None)]
        for column, codes in zip(self.kept.grouping.columns, self.kept.grouping.codes, strict=True):
            wrong = np.bincount(codes[picked], e, len(column.groups))
            exposed = np.bincount(codes[picked], x, len(column.groups))
            exposed[self._people(codes, picked, len(column.groups)) < self.settings.smallest] = 0
            found += [
                (column.name, group, float(wrong[i] / exposed[i]) if exposed[i] else None)
                for i, group in enumerate(column.groups)
            ]
        return found

    def _people(self, codes: NDArray[np.int16], picked: NDArray[np.intp], n_groups: int) -> Ints:
        """The people of each group among the picked rows."""
        of_row = codes[picked].astype(np.int64)
        if self.kept.clusters is None:
            return np.bincount(of_row, minlength=n_groups)
        return np.bincount(
            np.unique(self.kept.clusters[picked] * n_groups + of_row) % n_groups, minlength=n_groups
        )

    def comparisons(self) -> list[dict[str, Any]]:
        """The first system against each other one, over everyone and by each column."""
        first, *others = self.counted.systems
        return [
            compare_systems(
                self.cells, self.kind, self.counted.metrics[0], (first, other), self.settings, by=by
            ).as_dict()
            for other in others
            for by in [(), *((column.name,) for column in self.cells.columns)]
        ]

    def worst(self) -> list[dict[str, Any]]:
        metric, found = self.counted.metrics[0], []
        features = self.kept.labels()
        if not features.width:
            return []
        some = np.arange(self.kept.frame.height)
        if len(some) > WORST_ROWS:
            some = np.sort(
                np.random.default_rng(self.settings.random_state).choice(some, WORST_ROWS, replace=False)
            )
        for place, (system, counts) in enumerate(zip(self.counted.systems, self.counted.counts, strict=True)):
            self.progress("Searching the worst groups", 0.78 + 0.1 * place / len(self.counted.systems))
            sums = counts.select(
                metric.errors.cast(pl.Float64).alias("e"), metric.exposure.cast(pl.Float64).alias("x")
            )
            errors, exposure = (sums.get_column(name).to_numpy()[some] for name in ("e", "x"))
            groups = worst_groups(
                features[some],
                np.where(exposure > 0, errors, 0.0),
                exposure,
                None if self.kept.clusters is None else self.kept.clusters[some],
                None if self.kept.weights is None else self.kept.weights[some],
                smallest=self.settings.smallest,
                random_state=self.settings.random_state,
            )
            found.append({"system": system, "metric": metric.key, "n": len(some), **groups.as_dict()})
        return found

    def words(self) -> list[dict[str, Any]]:
        if "words" not in self.kind.parts or self.counted.words is None:
            return []
        self.progress("Looking at single words", 0.9)
        found: list[dict[str, Any]] = word_tables(
            self.counted.words,
            self.counted.systems,
            [
                (column.name, column.groups, codes)
                for column, codes in zip(self.kept.grouping.columns, self.kept.grouping.codes, strict=True)
            ],
            self.kept.clusters,
            least_speakers=self.settings.smallest,
        )
        return found

    def tolerances(self) -> list[dict[str, Any]]:
        return [
            judge_tolerance(
                self.cells, self.kind, self.counted.metrics, system, tolerance, self.settings
            ).as_dict()
            for tolerance in self.settings.tolerances
            for system in self.counted.systems
        ]

    def check_tolerances(self) -> None:
        keys = [metric.key for metric in self.counted.metrics]
        columns = [column.name for column in self.kept.grouping.columns]
        for tolerance in self.settings.tolerances:
            if tolerance.metric not in keys:
                near = nearest(tolerance.metric, keys)
                raise TableError(f"A tolerance names the metric {shown(tolerance.metric)}.{near}")
            if tolerance.column not in columns:
                raise TableError(f"A tolerance names {shown(tolerance.column)}, which is no group column.")

    def calibration(self) -> list[dict[str, Any]]:
        if "calibration" not in self.kind.parts:
            return []
        found = []
        for system, counts in zip(self.counted.systems, self.counted.counts, strict=True):
            if "score" not in counts.columns:
                continue
            score, deserved = counts.get_column("score").to_numpy(), counts.get_column("deserved").to_numpy()
            everyone = ("", ("everyone",), np.zeros(len(score), np.int64))
            by = [
                (c.name, c.groups, codes.astype(np.int64))
                for c, codes in zip(self.kept.grouping.columns, self.kept.grouping.codes, strict=True)
            ]
            found += [
                {
                    "system": system,
                    "column": name,
                    "groups": [
                        one.as_dict()
                        for one in calibrate(
                            score,
                            deserved,
                            codes,
                            groups,
                            least=self.settings.smallest,
                            clusters=self.kept.clusters,
                        )
                    ],
                }
                for name, groups, codes in [everyone, *by]
            ]
        return found

    def to_read(self, first_row: int) -> pl.DataFrame:
        """The rows as a reader finds them, the file's first one numbered `first_row`."""
        columns = [pl.Series("row", self.kept.places + first_row, dtype=pl.Int32)]
        for role, name in ((self.kind.id_role, "id"), (self.kind.cluster_role, "person")):
            column = self.roles.one(role) if role else None
            if column is not None:
                columns.append(texts_of(self.kept.frame.get_column(column)).alias(name))
        columns += [
            labels.cast(pl.Categorical).alias(f"g:{labels.name}")
            for labels in self.kept.labels().get_columns()
        ]
        if self.counted.texts is not None:
            columns += self.counted.texts.get_columns()
        columns += [
            column.alias(f"{place}:{column.name}")
            for place, counts in enumerate(self.counted.counts)
            for column in counts.get_columns()
        ]
        return pl.DataFrame(columns)

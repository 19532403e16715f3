"""The rows that an audit keeps, with their people, weights and groups; or a sentence on what is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairness.cells import Grouping, Ints, group_rows
from fairness.columns import ROW, TableError, first_row, nearest, shown
from fairness.kinds.base import Kind, Roles, Settings
from fairness.rates import Floats
from fairness.tables import canonical_labels, not_numbers


@dataclass(frozen=True)
class KeptRows:
    """The n rows of a file that count. all_groups: the grouping of all rows of the file, of which `excluded`
    says which are left out; places: where the kept ones stand in the file, from 0; grouping, clusters
    (codes), weights and duration (seconds): of the kept ones.
    """

    frame: pl.DataFrame
    all_groups: Grouping
    excluded: NDArray[np.bool_]
    places: NDArray[np.intp]
    grouping: Grouping
    clusters: Ints | None
    weights: Floats | None
    duration: Floats | None

    @property
    def people(self) -> int | None:
        return None if self.clusters is None else int(np.unique(self.clusters).size)

    def labels(self) -> pl.DataFrame:
        """The merged label of every kept row in every group and condition column."""
        return pl.DataFrame([self.grouping.labels(place) for place in range(len(self.grouping.columns))])

    def excluded_by_group(self) -> dict[str, dict[str, int]]:
        """By column and group, how many rows are left out."""
        return {
            column.name: dict(
                zip(
                    column.groups,
                    np.bincount(codes[self.excluded], minlength=len(column.groups)).tolist(),
                    strict=True,
                )
            )
            for column, codes in zip(self.all_groups.columns, self.all_groups.codes, strict=True)
        }


def keep_rows(frame: pl.DataFrame, kind: Kind, roles: Roles, settings: Settings) -> KeptRows:
    """Check what does not depend on the kind, group the rows and leave out those that a pattern matches.

    Raises TableError with a sentence that names row and column where there is one.
    """
    _check_settings(settings, roles)
    _refuse_repeated(frame, roles.one(kind.id_role) if kind.id_role else None)
    excluded = _excluded_rows(frame, settings.exclude)
    kept = ~excluded
    if not kept.any():
        raise TableError("Every row matches an exclusion pattern, so none is left to audit.")
    clusters = _codes(frame, roles.one(kind.cluster_role))
    all_groups = group_rows(frame, roles, settings, clusters, kept)
    _check_baselines(all_groups, settings)
    weights = _numbers(frame, roles.one(kind.weight_role) if kind.weight_role else None, "weight")
    duration = _numbers(frame, roles.one(kind.duration_role) if kind.duration_role else None, "duration")
    if weights is not None and not weights[kept].sum():
        raise TableError("Every weight is 0, so no row counts.")
    places = np.flatnonzero(kept)
    return KeptRows(
        frame=frame if len(places) == frame.height else frame[places],
        all_groups=all_groups,
        excluded=excluded,
        places=places,
        grouping=Grouping(all_groups.columns, tuple(codes[kept] for codes in all_groups.codes)),
        clusters=None if clusters is None else clusters[kept],
        weights=None if weights is None else weights[kept],
        duration=None if duration is None else duration[kept],
    )


def _codes(frame: pl.DataFrame, column: str | None) -> Ints | None:
    if column is None:
        return None
    values = frame.get_column(column)
    row = first_row(values.is_null())
    if row is not None:
        raise TableError(f"Row {ROW} of column {shown(column)} is empty; every row needs a value there.", row)
    return (values.rank("dense").cast(pl.Int64) - 1).to_numpy()


def _numbers(frame: pl.DataFrame, column: str | None, word: str) -> Floats | None:
    """The numbers of a column, none missing or negative."""
    if column is None:
        return None
    values = frame.get_column(column)
    if not values.dtype.is_numeric():
        raise not_numbers(word, values)
    row = first_row(values.is_null() | (values < 0))
    if row is not None:
        raise TableError(f"Row {ROW} of the {word} column {shown(column)} is empty or negative.", row)
    return values.to_numpy().astype(np.float64)


def _check_baselines(grouping: Grouping, settings: Settings) -> None:
    for name, group in settings.baselines.items():
        found = next((column for column in grouping.columns if column.name == name), None)
        if found is None:
            raise TableError(f"Column {shown(name)} has a baseline group and is no group column.")
        if group not in found.groups:
            near = nearest(group, found.groups)
            hint = (
                " It may be among the smaller groups that were merged." if found.merged and not near else ""
            )
            raise TableError(
                f"Column {shown(name)} has no group {shown(group)} to be the baseline.{near}{hint}"
            )


def _check_settings(settings: Settings, roles: Roles) -> None:
    if settings.smallest < 1:
        raise TableError("The smallest group shown has at least 1 person.")
    for column in settings.marks:
        if column not in roles.columns("group", "condition"):
            raise TableError(f"Column {shown(column)} is marked and is no group column.")


def _refuse_repeated(frame: pl.DataFrame, column: str | None) -> None:
    """Refuse a name that stands in two rows."""
    if column is None:
        return
    values = frame.get_column(column)
    double = values.is_duplicated() & values.is_not_null()
    if double.any():
        first = double.arg_true()[0]
        rows = (values == values[first]).arg_true().head(2)
        raise TableError(
            f"Rows {ROW} and {ROW} of column {shown(column)} are both "
            f"{shown(values[first])}; every row needs a name of its own.",
            *rows.to_list(),
        )


def _excluded_rows(frame: pl.DataFrame, exclude: Sequence[tuple[str, str]]) -> NDArray[np.bool_]:
    """Which rows match any (column, regular expression); regular expressions are those of Rust's regex, which
    always end. Raises TableError for a column or an expression that is none.
    """
    out = np.zeros(frame.height, np.bool_)
    for column, pattern in exclude:
        if column not in frame.columns:
            raise TableError(f"An exclusion names {shown(column)}.{nearest(column, frame.columns)}")
        try:
            found = texts_of(frame.get_column(column)).str.contains(pattern, strict=True)
        except pl.exceptions.PolarsError as error:
            raise TableError(f"The exclusion pattern {shown(pattern)} is no regular expression.") from error
        out |= found.fill_null(False).to_numpy()
    return out


def texts_of(column: pl.Series) -> pl.Series:
    """A column as texts, a number in its shortest form."""
    if column.dtype == pl.String or column.null_count():
        return column.cast(pl.String)
    return pl.Series(column.name, canonical_labels(column, column.name).tolist(), dtype=pl.String)

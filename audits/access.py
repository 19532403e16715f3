"""What one reader may see of an audit's result. Pages, API and exports all go through here.

The owner, the people they named and staff see all. Everybody else sees the tables of those columns and pairs
of columns from which no small group can be worked out by subtraction, and no texts and no single people.
"""

from collections.abc import Iterable
from functools import cached_property
from itertools import combinations
from typing import Any

from fairness.audit import metrics_of, settings_from
from fairness.cells import Cells
from fairness.disaggregate import Table, View, tabulate
from fairness.kinds import Kind
from fairness.kinds.base import Metric, Settings

from . import store
from .models import Audit

NOT_SHOWN = "(not shown to all)"
NOT_OFFERED = (
    "This report does not show that combination of columns, so that nobody can be singled out by subtraction."
)


class Reader:
    """An audit with its result, as a user may see it."""

    def __init__(self, audit: Audit, user) -> None:
        self.audit, self.user = audit, user

    @cached_property
    def may_read_texts(self) -> bool:
        return self.audit.shows_texts_to(self.user)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The group and condition columns that this reader may see."""
        if self.may_read_texts:
            return tuple(column["name"] for column in self.audit.result["columns"])
        return tuple(self.audit.result["disclosure"]["columns"])

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The pairs of columns that may stand in one table."""
        if self.may_read_texts:
            return tuple(combinations(self.columns, 2))
        return tuple((one, other) for one, other in self.audit.result["disclosure"]["pairs"])

    def shows(self, columns: Iterable[str]) -> bool:
        """Whether these columns may stand in one table, as its rows or its filters."""
        asked = frozenset(columns)
        if not asked <= set(self.columns):
            return False
        if self.may_read_texts or len(asked) < 2:
            return True
        return asked in map(frozenset, self.pairs)

    def allows(self, view: View) -> bool:
        return self.shows([*view.by, *(column for column, _ in view.where)])

    # Computed

    @cached_property
    def kind(self) -> Kind:
        return self.audit.get_kind()

    @cached_property
    def settings(self) -> Settings:
        return settings_from(self.audit.result["settings"])

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        return metrics_of(self.kind, self.audit.result)

    @cached_property
    def cells(self) -> Cells:
        return store.read_cells(self.audit)

    def table(self, view: View) -> Table:
        """Raises ValueError with a sentence for what is not there, or not this reader's to see."""
        if not self.allows(view):
            known = [column["name"] for column in self.audit.result["columns"]]
            if all(name in known for name in (*view.by, *(column for column, _ in view.where))):
                raise ValueError(NOT_OFFERED)
        return tabulate(self.cells, self.kind, self.metrics, view, self.settings)

    # Stored

    @cached_property
    def result(self) -> dict[str, Any]:
        """The stored result, or what of it is for everybody."""
        result = self.audit.result
        return result if self.may_read_texts else self._for_everybody(result)

    def _for_everybody(self, result: dict[str, Any]) -> dict[str, Any]:
        by_column = {
            name: [part for part in result[name] if not part["column"] or self.shows([part["column"]])]
            for name in ("words", "tolerances", "calibration")
        }
        by_column["calibration"] = [self._calibration(part) for part in by_column["calibration"]]
        by_columns = {
            name: [table for table in result[name] if self.shows([*table["columns"], *dict(table["where"])])]
            for name in ("tables", "comparisons")
        }
        return (
            result
            | by_column
            | by_columns
            | {
                "settings": self._settings(result),
                "roles": {name: role for name, role in result["roles"].items() if name not in self._hidden},
                "columns": [column for column in result["columns"] if column["name"] in self.columns],
                "coverage": self._coverage(result["coverage"]),
                "sensitivity": self._sensitivity(result["sensitivity"]),
                "worst": [self._worst(found) for found in result["worst"]],
            }
        )

    @cached_property
    def _hidden(self) -> frozenset[str]:
        """Group and condition columns of which this reader sees nothing."""
        return frozenset(column["name"] for column in self.audit.result["columns"]) - set(self.columns)

    def _settings(self, result: dict[str, Any]) -> dict[str, Any]:
        settings, hidden = result["settings"], self._hidden
        return settings | {
            "exclude": [self._pattern(*pair) for pair in settings["exclude"] if pair[0] not in hidden],
            "tolerances": [one for one in settings["tolerances"] if one["column"] not in hidden],
            **{
                name: {column: value for column, value in settings[name].items() if column not in hidden}
                for name in ("marks", "baselines")
            },
        }

    def _pattern(self, column: str, pattern: str) -> list[str]:
        """A pattern may quote a text or name somebody."""
        return [column, pattern if column in self.columns else NOT_SHOWN]

    def _coverage(self, coverage: dict[str, Any]) -> dict[str, Any]:
        """Which intersections hold only a few people, or none, is not for everybody."""
        return coverage | {
            "columns": [
                self._left_out(column) for column in coverage["columns"] if column["name"] in self.columns
            ],
            **{
                name: coverage[name]
                | {"cells": [c for c in coverage[name]["cells"] if self.shows(c["columns"])]}
                for name in ("thin", "unseen")
            },
        }

    def _left_out(self, column: dict[str, Any]) -> dict[str, Any]:
        """Rows left out are in no table; of a few, their groups would tell who they were."""
        least = self.settings.smallest
        if not any(0 < group["excluded"] < least for group in column["groups"]):
            return column
        return column | {"groups": [group | {"excluded": None} for group in column["groups"]]}

    def _sensitivity(self, sensitivity: dict[str, Any] | None) -> dict[str, Any] | None:
        if sensitivity is None:
            return None
        rows = [row for row in sensitivity["rows"] if not row["column"] or self.shows([row["column"]])]
        return sensitivity | {"rows": rows}

    def _calibration(self, part: dict[str, Any]) -> dict[str, Any]:
        """Where one bin is too small, everyone's bins less those of other groups would give it."""
        if part.get("public"):
            return part
        return part | {"groups": [group | {"error": None, "bins": []} for group in part["groups"]]}

    def _worst(self, found: dict[str, Any]) -> dict[str, Any]:
        even = set(map(frozenset, found.get("even", ())))
        groups = [
            group
            for group in found["groups"]
            if self.shows(dict(group["conditions"])) and frozenset(dict(group["conditions"])) in even
        ]
        return found | {
            "columns": [column for column in found["columns"] if column in self.columns],
            "even": [sorted(names) for names in even if self.shows(names)],
            "groups": groups,
        }

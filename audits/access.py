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
        return result if self.may_read_texts else result | self._for_everybody(result)

    def _for_everybody(self, result: dict[str, Any]) -> dict[str, Any]:
        return {}

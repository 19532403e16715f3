"""What a kind of audit is: the roles its columns play, what it counts in a row, and the rates that follow.

A kind is one small module. Reading, statistics, pages, API and exports know these types alone, so a further
kind needs a module and an entry in `fairness.kinds.KINDS`, and no change elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from fairness.columns import TableError, nearest, shown

MARKS = ("self-reported", "annotated", "perceived")
NOT_MARKED = "not said"
NOT_STATED_TEXTS = ("NA", "N/A", "n/a", "NULL", "null")
Progress = Callable[[float], None]  # told the share that is done, 0 to 1
# Every two columns make a table, and every system all of them.
MOST_COLUMNS = 40
MOST_SYSTEMS = 30
MOST_NAMED = 5


@dataclass(frozen=True)
class Role:
    """What a column can be. `most` is None where any number of columns can; `text` is read as it is written.

    `usual`: column names, in lower case, that give the role away; a name that begins with one of `prefixes`
    does too.
    """

    key: str
    name: str
    help: str
    least: int = 0
    most: int | None = 1
    text: bool = False
    usual: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()


GROUP = Role(
    "group",
    "Group of people",
    "Who was speaking or decided about: accent, first language, gender, age.",
    most=MOST_COLUMNS,
    usual=(
        "accent", "dialect", "first_language", "native_language", "l1", "gender", "sex", "age", "age_group",
        "race", "ethnicity", "nationality", "religion", "disability", "region", "marital_status",
    ),
)  # fmt: skip
CONDITION = Role(
    "condition",
    "Condition",
    "Under what circumstances: noise, device, domain, channel.",
    most=MOST_COLUMNS,
    usual=("noise", "condition", "device", "domain", "channel", "microphone", "environment", "snr", "codec"),
)


@dataclass(frozen=True)
class Metric:
    """A ratio of sums over rows, as expressions over the columns that the kind counts.

    `exposure_name` says what the denominator counts. `binary`: errors and exposure are 0 or 1 in every row,
    so Wilson, Newcombe and Fisher apply where rows are independent. `product_of` names two metrics r and p of
    which this one is 1 - r * p (as word information lost is): it has no rows of its own, and no test.
    """

    key: str
    name: str
    short: str
    formula: str
    meaning: str
    exposure_name: str
    errors: pl.Expr = field(compare=False, repr=False)
    exposure: pl.Expr = field(compare=False, repr=False)
    binary: bool = False
    higher_is_better: bool = False
    product_of: tuple[str, str] | None = None
    # Says how often something is so, not how often it goes wrong: neither end is better.
    neutral: bool = False


@dataclass(frozen=True)
class Tolerance:
    """What the organiser promises: the metric differs by at most `within` across the groups of a column."""

    metric: str
    column: str
    within: float


@dataclass(frozen=True)
class Settings:
    """How an audit is computed; recorded whole in its result.

    exclude: (column, regular expression) pairs; a row that matches one is left out. marks: how each group
    column came about, one of MARKS. baselines: by column, the group that others are compared with. smallest:
    people (clusters, or rows where none are named) that a group needs to be shown. not_stated: texts of group
    columns that mean that nothing is stated. replicates and random_state: of the bootstrap and of every
    split.
    """

    normalise: str = "basic"
    favourable: str | None = None
    threshold: float = 0.5
    exclude: tuple[tuple[str, str], ...] = ()
    marks: Mapping[str, str] = field(default_factory=dict)
    baselines: Mapping[str, str] = field(default_factory=dict)
    tolerances: tuple[Tolerance, ...] = ()
    smallest: int = 10
    not_stated: tuple[str, ...] = NOT_STATED_TEXTS
    replicates: int = 1000
    random_state: int = 0


@dataclass(frozen=True)
class Roles:
    """Column -> role, in the order of the file's columns."""

    of: Mapping[str, str]

    def columns(self, *roles: str) -> tuple[str, ...]:
        return tuple(column for column, role in self.of.items() if role in roles)

    def one(self, role: str) -> str | None:
        return next(iter(self.columns(role)), None)


@dataclass(frozen=True)
class Counted:
    """What a kind made of n rows.

    counts: for each system, a frame of n rows with the columns that the metrics' expressions name, and any
    others worth keeping row by row. texts: what a reader may read of a row ("reference", and "hypothesis:0",
    ... in the order of the systems), or None; words: the same as it was compared. facts: what the method page
    must say.
    """

    systems: tuple[str, ...]
    metrics: tuple[Metric, ...]
    counts: tuple[pl.DataFrame, ...]
    texts: pl.DataFrame | None = None
    words: pl.DataFrame | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def metric(self, key: str) -> Metric:
        return next(metric for metric in self.metrics if metric.key == key)


@dataclass(frozen=True)
class Kind:
    """A kind of audit.

    metrics: all it knows; what a file allows stands in Counted.metrics, the headline first. cluster_role: the
    role of the column that says which rows are one person's. row_word and cluster_word: what a row and a
    cluster are called, in the singular and the plural. settings: the fields of Settings that a person
    chooses. output_roles: the roles of what systems made; all other roles together are the test set. parts:
    which parts of the report it can fill beyond the rates: types, words, texts, calibration. type_metrics:
    the metrics that split the headline by type of error. variants: a field of Settings and the values under
    which the headline is shown side by side, as the choice among them is one about fairness.
    """

    key: str
    name: str
    summary: str
    roles: tuple[Role, ...]
    metrics: tuple[Metric, ...]
    cluster_role: str
    row_word: tuple[str, str]
    cluster_word: tuple[str, str]
    aggregations: tuple[str, ...]
    settings: tuple[str, ...]
    parts: frozenset[str]
    count: Callable[[pl.DataFrame, Roles, Settings, Progress], Counted] = field(compare=False, repr=False)
    id_role: str | None = None
    output_roles: tuple[str, ...] = ()
    weight_role: str | None = None
    duration_role: str | None = None
    type_metrics: tuple[str, ...] = ()
    variants: tuple[str, tuple[str, ...]] | None = None

    def role(self, key: str) -> Role | None:
        return next((role for role in self.roles if role.key == key), None)

    def check_roles(self, roles: Mapping[str, str], columns: tuple[str, ...]) -> Roles:
        """The roles in the order of the columns. Raises TableError for what cannot be."""
        for column, key in roles.items():
            if column not in columns:
                raise TableError(f"There is no column {shown(column)}.{nearest(column, columns)}")
            if self.role(key) is None:
                known = ", ".join(role.key for role in self.roles)
                raise TableError(f"Column {shown(column)} cannot be {shown(key)}. The roles are {known}.")
        checked = Roles({column: roles[column] for column in columns if column in roles})
        for role in self.roles:
            found = checked.columns(role.key)
            if role.most is not None and len(found) > role.most:
                few = len(found) <= MOST_NAMED
                names = " and ".join(map(shown, found)) if few else f"{len(found):,} columns"
                raise TableError(f"{names} are all given as {role.key}; choose at most {role.most}.")
            if len(found) < role.least:
                raise TableError(f"No column is the {role.key} ({role.name}). Say which one it is.")
        return checked

    def propose(self, columns: tuple[str, ...]) -> dict[str, str]:
        """Roles that the columns' names give away, for a person to confirm."""
        proposed: dict[str, str] = {}
        for column in columns:
            name = column.strip().lower().replace(" ", "_").replace("-", "_")
            for role in self.roles:
                full = role.most is not None and sum(r == role.key for r in proposed.values()) >= role.most
                if not full and (name in role.usual or name.startswith(role.prefixes)):
                    proposed[column] = role.key
                    break
        return proposed

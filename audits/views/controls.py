"""What a reader can switch on a page of a report, as selects.

Their names are those of audits/asked.py, which makes a view of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.http import QueryDict

from fairness.kinds.base import Metric

AGGREGATION_NAMES = {
    "pooled": "Pooled: all {exposure} count alike",
    "row_mean": "Mean over {rows}",
    "cluster_mean": "Mean over {people}",
    "macro": "Mean over groups",
}
VERSUS_NAMES = {"rest": "everyone else", "baseline": "one group", "best": "the best group"}
MOST_FILTERS = 3


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Control:
    """A select: sections of options, each with a heading or none."""

    name: str
    label: str
    sections: tuple[tuple[str, tuple[Option, ...]], ...]
    number: int = 0

    @property
    def id(self) -> str:
        return f"control-{self.name}-{self.number}"


@dataclass
class Controls:
    """The selects of a page, in order."""

    params: QueryDict
    shown: list[Control] = field(default_factory=list)

    def get(self, name: str, default: str = "") -> str:
        return self.params.get(name) or default

    def add(
        self, name: str, label: str, choices: Iterable[tuple[str, str]], chosen: str, number: int = 0
    ) -> None:
        """A select; with one choice there is nothing to switch, so none is shown."""
        options = tuple(Option(value, text, value == chosen) for value, text in choices)
        if len(options) > 1:
            self.shown.append(Control(name, label, (("", options),), number))

    def add_sections(
        self,
        name: str,
        label: str,
        sections: Iterable[tuple[str, Iterable[tuple[str, str]]]],
        chosen: str,
        number: int,
    ) -> None:
        found = tuple(
            (heading, tuple(Option(value, text, value == chosen) for value, text in choices))
            for heading, choices in sections
        )
        self.shown.append(Control(name, label, found, number))


def metric_choices(metrics: Sequence[Metric]) -> list[tuple[str, str]]:
    return [(metric.key, metric.name) for metric in metrics]

"""The forms of an audit: a new one, what its columns mean, how it is counted, its settings, filters.

What a column is stands in one select, and what cannot have a field for every column (a baseline, rows to
leave out, a tolerance) in a few lines of column and value: it works without scripts, and for 500 columns.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django import forms
from django.conf import settings

from fairness.kinds import KINDS, Kind
from fairness.kinds.base import MARKS, NOT_MARKED
from fairness.normalise import NORMALISERS

from .models import Audit, Visibility

SPARE_LINES = 2
MOST_LINES = 20
NO_COLUMN = [("", "Choose a column")]
MARK_NAMES = {mark: mark for mark in MARKS} | {NOT_MARKED: "origin not said"}
MARK_MEANINGS = {
    "self-reported": "people said it themselves",
    "annotated": "somebody looked it up or recorded it",
    "perceived": "somebody judged by ear, eye or name",
    "origin not said": "nobody says how it became known",
}
NORMALISER_MEANINGS = {
    "none": ("None", "Texts are compared as they are: case and punctuation count as errors."),
    "basic": (
        "Basic",
        "Lower case, punctuation removed, Unicode made uniform. Dialect words stay what they are.",
    ),
    "ascii": (
        "ASCII",
        "Lower case and ASCII punctuation deleted, nothing else: to agree with older tables. Words joined "
        "by a hyphen become one, and typographic marks count as errors.",
    ),
    "english": (
        "English",
        "As basic, and numbers, contractions and British spellings are made alike, fillers dropped. It "
        "rewrites some dialect words too: see the sensitivity table of the report.",
    ),
}
VISIBILITY_MEANINGS = {
    "private": "You, the people you name below and staff.",
    "unlisted": "Whoever has the address. It is not in the list, and the address cannot be guessed.",
    "public": "Everybody. It stands in the list and on the page of its system.",
}
HALF_A_LINE = "This line is half filled: give both {one} and {other}, or neither."
ONE_BASELINE = "“{column}” has two baseline groups. Keep one."


def kind_choices() -> list[tuple[str, str]]:
    return [(kind.key, kind.name) for kind in KINDS.values()]


class FileForm(forms.Form):
    file = forms.FileField(
        widget=forms.FileInput(
            attrs={"data-describe": "file-chosen", "data-max-bytes": settings.AUDIT_MAX_BYTES}
        ),
        help_text="CSV with any usual delimiter and encoding, TSV, Parquet or JSON lines, up to 2 GB and "
        "5 million rows. The first row of a CSV names the columns.",
    )


class NewAuditForm(FileForm):
    field_order = ("kind", "title", "file")
    kind = forms.ChoiceField(label="What is audited", choices=kind_choices, widget=forms.RadioSelect)
    title = forms.CharField(
        max_length=Audit._meta.get_field("title").max_length,
        help_text="What was measured, on whom: “Dictation 4.2, accents of English”.",
    )

    def kind_rows(self) -> list[dict]:
        return [
            {"choice": choice, "summary": KINDS[choice.data["value"]].summary}
            for choice in self["kind"].subwidgets
        ]


class DetailsForm(forms.Form):
    """What an audit is about: changed at any time, and nothing is computed again."""

    title = forms.CharField(max_length=Audit._meta.get_field("title").max_length)
    description = forms.CharField(
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Markdown. Who the people are and how they were found, how their groups became known, "
        "what was recorded where, and what the audit cannot say. Say so where voices or people are not real.",
    )
    system = forms.SlugField(
        required=False,
        max_length=Audit._meta.get_field("system").max_length,
        help_text="A short name shared by all audits and bounties of one system, for example dictation-4.",
    )
    series = forms.SlugField(
        required=False,
        max_length=Audit._meta.get_field("series").max_length,
        help_text="A short name shared by your audits of the same data over time: they get a trend page.",
    )
    release = forms.CharField(
        required=False,
        max_length=Audit._meta.get_field("release").max_length,
        help_text="Which release was audited, for example 4.2 or 2026-03.",
    )

    @classmethod
    def of(cls, audit: Audit, data=None, **kwargs) -> "DetailsForm":
        return cls(data, initial={name: getattr(audit, name) for name in cls.base_fields}, **kwargs)


class Lines:
    """Lines of a few fields each: the filled ones, and spare ones to fill. A name is PREFIX_NUMBER_PART."""

    def __init__(self, prefix: str, **parts: Callable[[], forms.Field]) -> None:
        self.prefix, self.parts = prefix, parts

    def names(self, line: int) -> list[str]:
        return [f"{self.prefix}_{line}_{part}" for part in self.parts]

    def add_to(self, form: forms.Form, filled: list[tuple]) -> None:
        sent = sum(any(name in form.data for name in self.names(line)) for line in range(MOST_LINES))
        self.count = min(MOST_LINES, max(len(filled) + SPARE_LINES, sent))
        for line in range(self.count):
            for name, field in zip(self.names(line), self.parts.values(), strict=True):
                form.fields[name] = field()
            if line < len(filled):
                form.initial |= dict(zip(self.names(line), filled[line], strict=True))

    def rows(self, form: forms.Form) -> list[list[forms.BoundField]]:
        return [[form[name] for name in self.names(line)] for line in range(self.count)]

    def values(self, form: forms.Form) -> Iterator[tuple[int, tuple]]:
        """The filled lines; a half-filled one gets its error."""
        for line in range(self.count):
            found = [form.cleaned_data.get(name) for name in self.names(line)]
            empty = [name for name, value in zip(self.names(line), found, strict=True) if value in (None, "")]
            if not empty:
                yield line, tuple(found)
            elif len(empty) < len(found) and not any(name in form.errors for name in empty):
                *first, last = self.parts
                form.add_error(empty[0], HALF_A_LINE.format(one=", ".join(first), other=last))


class SetupForm(DetailsForm):
    """What the columns mean and how they are counted. `roles` and `values` are what it comes to."""

    smallest = forms.IntegerField(
        min_value=2,
        max_value=10_000,
        label="Smallest group shown",
        help_text="People a group needs (rows, where no people are named). Smaller groups are put together "
        "before anything is counted, so that no number can be read back to a few people.",
    )
    not_stated = forms.CharField(
        required=False,
        max_length=500,
        label="Not stated",
        help_text="Values of group columns that mean that nothing is stated, with commas between them. An "
        "empty value always means that.",
    )
    normalise = forms.ChoiceField(
        choices=[(how, NORMALISER_MEANINGS[how][0]) for how in NORMALISERS],
        widget=forms.RadioSelect,
        label="Before texts are compared",
    )
    favourable = forms.CharField(
        required=False,
        max_length=200,
        label="Favourable label",
        widget=forms.TextInput(attrs={"list": "labels", "autocomplete": "off"}),
        help_text="The outcome a person hopes for, as it stands in the label column. Needed for scores, and "
        "for false rejections, false acceptances and selection. Left empty, only errors are counted.",
    )
    threshold = forms.FloatField(
        min_value=0,
        max_value=1,
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text="A score at or above it counts as the favourable label.",
    )

    def __init__(self, data=None, *, audit: Audit, **kwargs) -> None:
        super().__init__(data, **kwargs)
        self.audit, self.kind = audit, audit.get_kind()
        self.columns = audit.look.get("columns", [])
        self.names = [column["name"] for column in self.columns]
        given = audit.settings_of()
        self.initial |= {name: getattr(audit, name) for name in DetailsForm.base_fields}
        for name in ("normalise", "favourable", "threshold"):
            if name not in self.kind.settings:
                del self.fields[name]
        for name in ("smallest", *self.kind.settings):
            self.initial[name] = getattr(given, name)
        self.initial["not_stated"] = ", ".join(given.not_stated)
        for place, name in enumerate(self.names):
            self.fields[f"role_{place}"] = forms.ChoiceField(
                choices=role_choices(self.kind), required=False, label=name
            )
            self.initial[f"role_{place}"] = role_value(
                audit.roles.get(name, ""), given.marks.get(name, NOT_MARKED)
            )
        columns = [*NO_COLUMN, *((name, name) for name in self.names)]
        column = partial(forms.ChoiceField, choices=columns, required=False, label="Column")
        self.baselines = Lines("baseline", column=column, group=partial(text_field, "Group"))
        self.excluded = Lines("exclude", column=column, pattern=partial(text_field, "Pattern"))
        self.tolerances = Lines(
            "tolerance", metric=partial(metric_field, self.kind), column=column, within=within_field
        )
        # A replaced file may lack columns that were named before.
        kept = [one for one in given.tolerances if one.column in self.names]
        self.baselines.add_to(self, [pair for pair in given.baselines.items() if pair[0] in self.names])
        self.excluded.add_to(self, [pair for pair in given.exclude if pair[0] in self.names])
        self.tolerances.add_to(self, [(one.metric, one.column, 100 * one.within) for one in kept])

    def column_rows(self) -> list[dict]:
        return [{**column, "field": self[f"role_{place}"]} for place, column in enumerate(self.columns)]

    def kind_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.kind.settings if name != "normalise"]

    def normaliser_rows(self) -> list[dict]:
        if "normalise" not in self.fields:
            return []
        return [
            {"choice": choice, "meaning": NORMALISER_MEANINGS[choice.data["value"]][1]}
            for choice in self["normalise"].subwidgets
        ]

    def baseline_rows(self) -> list[list[forms.BoundField]]:
        return self.baselines.rows(self)

    def exclude_rows(self) -> list[list[forms.BoundField]]:
        return self.excluded.rows(self)

    def tolerance_rows(self) -> list[list[forms.BoundField]]:
        return self.tolerances.rows(self)

    def clean(self) -> dict:
        values = super().clean()
        self.roles, marks = {}, {}
        for place, name in enumerate(self.names):
            role, _, mark = values.get(f"role_{place}", "").partition(":")
            if role:
                self.roles[name] = role
            if mark and mark != NOT_MARKED:
                marks[name] = mark
        baselines: dict[str, str] = {}
        for line, (column, group) in self.baselines.values(self):
            if column in baselines:
                self.add_error(f"baseline_{line}_column", ONE_BASELINE.format(column=column))
            baselines[column] = group
        self.values: dict[str, Any] = {
            "smallest": values.get("smallest"),
            "not_stated": [text.strip() for text in values.get("not_stated", "").split(",") if text.strip()],
            "marks": marks,
            "baselines": baselines,
            "exclude": [list(pair) for _, pair in self.excluded.values(self)],
            "tolerances": [
                {"metric": metric, "column": column, "within": within / 100}
                for _, (metric, column, within) in self.tolerances.values(self)
            ],
            **{name: values.get(name) for name in self.kind.settings},
        }
        return values

    @property
    def details(self) -> dict:
        return {name: self.cleaned_data[name] for name in DetailsForm.base_fields}


def role_choices(kind: Kind) -> list:
    """A group column says with its role how its values came about."""
    choices: list = [("", "Left out")]
    for role in kind.roles:
        if role.key == "group":
            marks = [(f"group:{mark}", f"{role.name}, {name}") for mark, name in MARK_NAMES.items()]
            choices.append((role.name, marks))
        else:
            choices.append((role.key, role.name))
    return choices


def role_value(role: str, mark: str) -> str:
    return f"group:{mark}" if role == "group" else role


def text_field(label: str) -> forms.CharField:
    return forms.CharField(required=False, max_length=200, label=label, strip=False)


def metric_field(kind: Kind) -> forms.ChoiceField:
    choices = [("", "Choose a rate"), *((metric.key, metric.name) for metric in kind.metrics)]
    return forms.ChoiceField(choices=choices, required=False, label="Rate")


def within_field() -> forms.FloatField:
    return forms.FloatField(
        required=False, min_value=0.01, max_value=100, label="Within, in points",
        widget=forms.NumberInput(attrs={"step": "any"}),
    )  # fmt: skip


class VisibilityForm(forms.Form):
    visibility = forms.ChoiceField(
        choices=Visibility.choices, widget=forms.RadioSelect, label="Who may see it"
    )

    def rows(self) -> list[dict]:
        return [
            {"choice": choice, "meaning": VISIBILITY_MEANINGS[choice.data["value"]]}
            for choice in self["visibility"].subwidgets
        ]


class ViewerForm(forms.Form):
    user_name = forms.CharField(
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="They see the report whatever its visibility, and also texts, speakers and small cells.",
    )


class AuditFilter(forms.Form):
    """Which audits of the list to show."""

    WHOSE = (("", "All that I may see"), ("mine", "Mine"), ("public", "Public"))

    q = forms.CharField(required=False, max_length=200, label="Title, system or series")
    kind = forms.ChoiceField(required=False, choices=lambda: [("", "Any kind"), *kind_choices()])
    whose = forms.ChoiceField(required=False, choices=WHOSE, label="Whose")

"""How pages write numbers, times, Markdown and the parts they share. docs/pages.md shows each in use."""

import json
import math
from datetime import UTC, datetime, timedelta

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from common.version import VERSION

from .markdown import render_markdown

register = template.Library()

NONE = "–"
MINUS = "−"
NBSP = "\u00a0"
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
UNITS = (("year", 31_557_600), ("month", 2_629_800), ("day", 86_400), ("hour", 3_600), ("minute", 60))
FILLED = (CheckboxInput, CheckboxSelectMultiple, RadioSelect)


# Numbers


@register.filter
def number(value: float | None, digits: int = 2) -> str:
    """1989 as 1,989; 0.12345 as 0.12."""
    if value is None or not math.isfinite(value):
        return NONE
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"
    return text.replace("-", MINUS)


@register.filter
def percent(value: float | None, digits: int = 1) -> str:
    """A share of one as per cent: 0.0854 as 8.5 %."""
    return NONE if value is None else f"{number(100.0 * value, digits)}{NBSP}%"


@register.filter
def pp(value: float | None, digits: int = 1) -> str:
    """A difference of two shares in percentage points, with its sign: 0.12 as +12.0 pp."""
    if value is None:
        return NONE
    sign = "+" if round(100.0 * value, digits) > 0 else ""
    return f"{sign}{number(100.0 * value, digits)}{NBSP}pp"


@register.filter
def points(value: float | None) -> str:
    """Points of a find or a team, rounded down: nobody is shown more than was proven."""
    return NONE if value is None else number(math.floor(round(10.0 * value, 6)) / 10.0, 1)


@register.filter
def signed(value: float | None, digits: int = 2) -> str:
    """A change of points with its sign: 0.123 as +0.12, 0.001 as 0.00."""
    if value is None:
        return NONE
    text = number(abs(float(value)), digits)
    if round(value, digits) == 0:
        return text
    return f"{'+' if value > 0 else MINUS}{text}"


@register.filter
def pvalue(value: float | None) -> str:
    """0.0032, or 1.2 × 10⁻⁷ where a decimal would be all zeros."""
    if value is None or not math.isfinite(value):
        return NONE
    if value >= 0.0001 or value == 0:
        return f"{value:.2g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}{NBSP}×{NBSP}10{str(int(exponent)).translate(SUPERSCRIPT)}"


@register.filter
def duration(seconds: float | None) -> str:
    if seconds is None:
        return NONE
    if seconds < 10:
        return f"{seconds:.2f}{NBSP}s"
    if seconds < 120:
        return f"{seconds:.0f}{NBSP}s"
    return f"{seconds / 60:.0f}{NBSP}min"


@register.simple_tag
def interval(low: float | None, high: float | None, digits: int = 1) -> str:
    """The two ends of an interval of shares, in per cent."""
    if low is None or high is None:
        return NONE
    return f"{number(100.0 * low, digits)} to {percent(high, digits)}"


@register.simple_tag
def gap_interval(low: float | None, high: float | None, digits: int = 1) -> str:
    """The two ends of an interval of a difference, in percentage points."""
    if low is None or high is None:
        return NONE
    return f"{pp(low, digits).removesuffix(f'{NBSP}pp')} to {pp(high, digits)}"


@register.simple_tag
def points_interval(low: float | None, high: float | None, digits: int = 2) -> str:
    """The two ends of an interval of points."""
    if low is None or high is None:
        return NONE
    return f"{number(float(low), digits)} to {number(float(high), digits)}"


@register.inclusion_tag("_bar.html")
def bar(value: float, more: float = 0.0, top: float = 1.0) -> dict:
    """Two shares drawn end to end on the scale 0 to `top`, beside cells that have the numbers."""
    first, second = (100.0 * min(max(share, 0.0) / top, 1.0) if top else 0.0 for share in (value, more))
    return {"first": f"{first:.2f}%", "second": f"{min(second, 100.0 - first):.2f}%"}


@register.inclusion_tag("_whisker.html")
def whisker(value: float, low: float, high: float, top: float, baseline: float | None = None) -> dict:
    """A rate and its interval on the scale 0 to `top`, drawn beside a cell that has the numbers."""
    ends = {"value": value, "low": low, "high": high, "baseline": baseline}
    return {k: None if v is None else f"{100.0 * min(v / top, 1.0):.2f}%" for k, v in ends.items()}


# Times


@register.filter
def moment(when: datetime | None) -> str:
    """21 Nov 2026, 08:20 UTC."""
    return _time(when, written(when)) if when else NONE


@register.filter
def ago(when: datetime | None) -> str:
    """3 minutes ago, or in 2 days; the exact time on hover."""
    return _time(when, spoken(when - timezone.now())) if when else NONE


def spoken(away: timedelta) -> str:
    seconds = abs(away.total_seconds())
    unit, size = next(((name, size) for name, size in UNITS if seconds >= size), ("", 0))
    if not unit:
        return "just now"
    count = round(seconds / size)
    words = f"{count}{NBSP}{unit}{'' if count == 1 else 's'}"
    return f"in {words}" if away > timedelta() else f"{words} ago"


def written(when: datetime) -> str:
    utc = when.astimezone(UTC)
    return f"{utc.day}{NBSP}{utc:%b}{NBSP}{utc:%Y}, {utc:%H:%M}{NBSP}UTC"


def _time(when: datetime, text: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', when.isoformat(timespec="seconds"), written(when), text
    )


# Text and parts


@register.filter
def markdown(text: str) -> SafeString:
    return render_markdown(text)


@register.filter
def to_json(value: object) -> str:
    """JSON as text of a page: escaped like any other text."""
    return json.dumps(value)


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """An icon of static/icons.svg: decoration beside a word, or with a label where it stands alone."""
    role = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')  # nosec
    return format_html(
        '<svg class="icon {}" {} focusable="false"><use href="{}#{}"></use></svg>',
        css,
        role,
        static("icons.svg"),
        name,
    )


@register.simple_tag
def version() -> str:
    return VERSION


@register.simple_tag
def control(field: BoundField, help_text: str = "") -> SafeString:
    """A form field's control with its classes, its error state and the ids of its help and errors."""
    widget = field.field.widget
    kind = "form-select" if isinstance(widget, Select) and not isinstance(widget, FILLED) else "form-control"
    css = "form-check-input" if isinstance(widget, FILLED) else kind
    # No placeholder: it repeats the label, and it is gone when it is needed.
    attrs: dict[str, object] = {
        "class": f"{css} {widget.attrs.get('class', '')}".strip(),
        "placeholder": False,
    }
    if field.errors:
        attrs["aria-invalid"] = "true"
    if about := described_by(field, help_text):
        attrs["aria-describedby"] = about
    return field.as_widget(attrs=attrs)


@register.filter
def described_by(field: BoundField, help_text: str) -> str:
    """The ids of a field's help and errors, where templates/_field_notes.html writes them."""
    notes = (("help", help_text), ("error", field.errors))
    return " ".join(f"{field.auto_id}_{name}" for name, note in notes if note)


@register.filter
def shape(field: BoundField) -> str:
    """How templates/_field.html lays a field out: check, choices or line."""
    widget = field.field.widget
    if isinstance(widget, RadioSelect | CheckboxSelectMultiple):
        return "choices"
    return "check" if isinstance(widget, CheckboxInput) else "line"


@register.simple_block_tag
def callout(content: str, kind: str = "info", title: str = "") -> str:
    """{% callout "warning" "Title" %} text {% endcallout %}; kinds: info, success, warning, danger."""
    return render_to_string("_callout.html", {"content": content, "kind": kind, "title": title})


@register.simple_block_tag
def code(content: str, label: str = "", copy: bool = True) -> str:
    """{% code "Shell" %}...{% endcode %}: a block of code with a button that copies it."""
    text = mark_safe(content.strip("\n"))  # noqa: S308 -- a rendered block, escaped already  # nosec
    return render_to_string("_code.html", {"content": text, "label": label, "copy": copy})


@register.simple_block_tag
def figure(content: str, spec: dict | str, name: str, title: str, note: str = "", css: str = "") -> str:
    """A Plotly figure (a dict or its JSON) and, as the block, the table that says the same in numbers."""
    spec = json.loads(spec) if isinstance(spec, str) else spec
    return render_to_string(
        "_figure.html",
        {"content": content, "spec": spec, "name": name, "title": title, "note": note, "css": css},
    )

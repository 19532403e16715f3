"""The style guide: every shared part of the pages with awkward content. Served where DEBUG is on."""

import re
from datetime import timedelta

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from bounty.models import MEASURE_NAMES

ICONS = settings.BASE_DIR / "static" / "icons.svg"
GROUPS = (
    ("Black or African American", 312, 0.182, 0.143, 0.229),
    ("White", 1448, 0.081, 0.068, 0.096),
    ("Hispanic or Latino, of any race, self-reported", 108, 0.157, 0.101, 0.237),
    ("Native Hawaiian or other Pacific Islander", 7, None, None, None),
)
TITLE = "Mortgage approvals in Boston: who is refused although others with the same file are not?"
RULE = "gdlin = 0\n  AND (married = 'no' OR obrat >= 36.5)\n  AND loanprc BETWEEN 80 AND 97.5"
DESCRIPTION = """\
The model decides on **1,989 applications**. Labels are what the bank decided,
*not* what should have been decided.

# What a good find would change

1. The lender re-checks the files of the group.
2. The next release is trained without `gdlin`.

| column | meaning | missing |
|---|---|---:|
| `obrat` | other obligations, % of income | 12 |
| `loanprc` | amount / price | 0 |

> A gap is where to look, not why it is there. [The study](https://example.org/) says more.

![no picture](https://example.org/pixel.png) <script>alert("no script")</script>
"""


class SampleForm(forms.Form):
    title = forms.CharField(help_text="As it stands in lists. At most 120 characters.")
    address = forms.SlugField(required=False)
    measure = forms.ChoiceField(choices=list(MEASURE_NAMES.items()), widget=forms.RadioSelect)
    column = forms.ChoiceField(choices=[("", "Choose a column"), ("a", "self_reported_gender_identity")])
    rule = forms.CharField(widget=forms.Textarea(attrs={"rows": 4, "class": "code-input"}))
    visible = forms.MultipleChoiceField(
        choices=[(name, name) for name in ("applicant_income", "married", "self_reported_gender_identity")],
        widget=forms.CheckboxSelectMultiple,
        help_text="Participants name groups with what they see.",
    )
    model_file = forms.FileField(required=False, help_text="ONNX or skops, up to 20 MB.")
    allow_python = forms.BooleanField(required=False, help_text="They can do more in the sandbox.")

    def clean(self) -> None:
        raise forms.ValidationError("The form as a whole has an error that names no field.")


def rates_figure() -> dict:
    known = [group for group in GROUPS if group[2] is not None]
    high = [100 * group[4] - 100 * group[2] for group in known]
    low = [100 * group[2] - 100 * group[3] for group in known]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "x": [100 * group[2] for group in known],
                "y": [group[0] for group in known],
                "error_x": {"type": "data", "array": high, "arrayminus": low},
            }
        ],
        "layout": {"xaxis": {"title": {"text": "Error rate, %"}, "rangemode": "tozero"}},
    }


def ages_figure() -> dict:
    counts = [12, 89, 204, 311, 287, 190, 120, 64, 21, 5]
    return {
        "data": [{"type": "bar", "x": [f"{n}0s" for n in range(1, 11)], "y": counts}],
        "layout": {"yaxis": {"title": {"text": "Rows"}}},
    }


def page(request: HttpRequest) -> HttpResponse:
    context = {
        "title_text": TITLE,
        "groups": GROUPS,
        "rule": RULE,
        "description": DESCRIPTION,
        "rates": rates_figure(),
        "ages": ages_figure(),
        "fresh": SampleForm(prefix="fresh", initial={"measure": "error", "rule": RULE}),
        "faulty": SampleForm({"faulty-measure": "x"}, prefix="faulty"),
        "pages": Paginator(range(500), 50).page(3),
        "numbers": range(1, 31),
        "icons": re.findall(r'symbol id="([a-z-]+)"', ICONS.read_text()),
        "nothing": None,
        "recent": timezone.now() - timedelta(minutes=3),
        "later": timezone.now() + timedelta(days=12),
    }
    return render(request, "styleguide.html", context)

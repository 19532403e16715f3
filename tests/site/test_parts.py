"""What pages share: numbers and times as written, Markdown made harmless, fields wired for screen readers."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django import forms
from django.template import Context, Template
from django.utils import timezone

from bounty.templatetags import faultline


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("1989|number", "1,989"),
        ("0.12345|number", "0.12"),
        ("nothing|number", "–"),
        ("0.0854|percent", "8.5 %"),
        ("nothing|percent", "–"),
        ("0.12|pp", "+12.0 pp"),
        ("loss|pp", "−3.1 pp"),
        ("tiny|pp", "0.0 pp"),
        ("3.4999|points", "3.4"),
        ("0.3|points", "0.3"),
        ("0.0032|pvalue", "0.0032"),
        ("tiny|pvalue", "1.2 × 10⁻⁷"),
        ("0.42|duration", "0.42 s"),
        ("600|duration", "10 min"),
    ],
)
def test_a_number_is_written_as_people_read_it(written, shown):
    text = Template("{% load faultline %}{{ " + written + " }}").render(
        Context({"nothing": None, "loss": -0.031, "tiny": 0.00000012})
    )
    assert text.replace("\u00a0", " ") == shown


def test_points_are_never_rounded_up():
    assert faultline.points(0.9999) == "0.9"
    assert faultline.points(2.3) == "2.3"


@pytest.mark.parametrize(
    ("away", "spoken"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=-180.2), "3 minutes ago"),
        (timedelta(hours=-1.1), "1 hour ago"),
        (timedelta(days=12), "in 12 days"),
        (timedelta(days=-800), "2 years ago"),
    ],
)
def test_a_time_is_spoken(away, spoken):
    assert faultline.spoken(away).replace("\u00a0", " ") == spoken


def test_a_time_carries_the_exact_moment():
    html = faultline.ago(timezone.now() - timedelta(minutes=3))
    assert re.search(r'datetime="[0-9T:+-]+" title="\d+.\w+.\d{4}, \d\d:\d\d.UTC"', html)


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<img src=https://evil.example/pixel>",
        "![pixel](https://evil.example/pixel.png)",
        "[click](javascript:alert(1))",
        "[click](JaVaScRiPt:alert(1))",
        "[click](data:text/html;base64,PHNjcmlwdD4=)",
        '<a href="#" onclick="alert(1)">x</a>',
        "<style>body{display:none}</style>",
        "<https://evil.example/\" onmouseover='alert(1)>",
    ],
)
def test_markdown_carries_nothing_that_acts(attack):
    tags = tags_of(faultline.markdown(attack))
    assert {name for name, _ in tags} <= {"p", "a"}
    assert all(set(attributes) <= {"href", "title", "rel"} for _, attributes in tags)
    assert all(attributes.get("href", "https:").startswith("http") for _, attributes in tags)


def test_markdown_stays_under_the_headings_of_its_page():
    assert "<h3>One</h3>" in faultline.markdown("# One")
    assert "<h6>Six</h6>" in faultline.markdown("###### Six")


def test_a_table_of_markdown_scrolls_in_a_box_and_needs_no_inline_style():
    html = faultline.markdown("| a | b |\n|---|--:|\n| 1 | 2 |")
    assert '<div class="table-box"><table class="table">' in html
    assert '<td class="text-end">2</td>' in html
    assert "style=" not in html


def test_an_image_leaves_its_words():
    assert faultline.markdown("![the chart](https://example.org/chart.png)") == "<p>the chart</p>\n"


class Sample(forms.Form):
    title = forms.CharField(help_text="Short.")
    kind = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect, help_text="One.")
    columns = forms.MultipleChoiceField(choices=[("x", "X")], widget=forms.CheckboxSelectMultiple)
    agree = forms.BooleanField(help_text="Needed.")
    note = forms.CharField(required=False)

    def clean(self):
        raise forms.ValidationError("Nothing fits.")


def rendered(form: forms.Form) -> str:
    return Template('{% include "_form.html" %}').render(Context({"form": form}))


def tags_of(html: str) -> list[tuple[str, dict]]:
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append((tag, dict(attributes)))
    parser.feed(html)
    return found


def test_every_control_has_its_label_and_its_notes():
    tags = tags_of(rendered(Sample({})))
    ids = {attributes["id"] for _, attributes in tags if "id" in attributes}
    labels = {attributes["for"] for tag, attributes in tags if tag == "label"}
    described = [a["aria-describedby"].split() for _, a in tags if "aria-describedby" in a]
    assert labels == {"id_title", "id_kind_0", "id_kind_1", "id_columns_0", "id_agree", "id_note"} <= ids
    assert ["id_title_help", "id_title_error"] in described
    assert all(set(names) <= ids for names in described)


def test_help_written_by_a_page_describes_the_control_too():
    html = Template('{% include "_field.html" with field=form.note help="Up to you." %}')
    tags = tags_of(html.render(Context({"form": Sample()})))
    (about,) = [a["aria-describedby"] for _, a in tags if "aria-describedby" in a]
    assert about in {attributes.get("id") for _, attributes in tags}


def test_only_wrong_controls_are_marked_as_wrong():
    wrong = {a["name"] for _, a in tags_of(rendered(Sample({}))) if a.get("aria-invalid") == "true"}
    assert wrong == {"title", "kind", "columns", "agree"}
    assert "aria-invalid" not in rendered(Sample())


def test_the_errors_of_a_form_are_shown_as_text():
    html = rendered(Sample({"title": "<b>"}))
    assert "Nothing fits." in html
    assert 'value="&lt;b&gt;"' in html

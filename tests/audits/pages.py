"""What the tests of pages share: addresses, what a reader sees, and a filled form."""

import re
from html import unescape
from html.parser import HTMLParser

from django.urls import reverse

from audits.models import Audit

HTMX = {"HX-Request": "true"}
TABS = (
    "report",
    "rates",
    "intersections",
    "errors",
    "conditions",
    "speakers",
    "systems",
    "worst",
    "utterances",
    "method",
)


def page(name: str, *args) -> str:
    return reverse(f"audits:{name}", args=args)


def html(answer, status: int = 200) -> str:
    assert answer.status_code == status
    return answer.content.decode()


def text(answer, status: int = 200) -> str:
    """What a reader sees, in one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html(answer, status)))).replace("\u00a0", " ")


def is_sent(given: dict) -> bool:
    return given.get("type") != "radio" or "checked" in given


def fields_of(answer, form: str) -> dict[str, str]:
    """The values of a form's controls as the page shows them: what a browser would send."""
    found: dict[str, str] = {}
    inside, select = False, ""

    def start(tag: str, attributes: list) -> None:
        nonlocal inside, select
        given = dict(attributes)
        if tag == "form":
            inside = given.get("id") == form
        elif inside and tag == "select":
            select = given["name"]
            found[select] = ""
        elif inside and tag == "option" and "selected" in given:
            found[select] = given["value"]
        elif inside and tag == "input" and "name" in given and is_sent(given):
            found[given["name"]] = given.get("value", "")

    parser = HTMLParser()
    parser.handle_starttag = start
    parser.feed(html(answer))
    return found


def change(audit: Audit, **values) -> None:
    Audit.objects.filter(pk=audit.pk).update(**values)

"""What the tests of pages share: filling in the form, and reading what comes back."""

import re
from html import unescape

from django.urls import reverse

from bounty import intake
from bounty.intake import Group
from bounty.models import Bounty, Submission

HTMX = {"HX-Request": "true"}
RULE = "age < 30 AND home = 'rent'"
UNPROVEN = "sex = 'female'"


def page(name: str, *args) -> str:
    return reverse(f"bounty:{name}", args=args)


def html(answer) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def text(answer) -> str:
    """What a reader sees, in one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html(answer))))


def fill(client, name: str = "submit", headers=None, **fields):
    values = {"group_format": "rule", "group_rule": RULE} | fields
    return client.post(page(name, "lending"), values, headers=headers)


def change(bounty: Bounty, **values) -> None:
    Bounty.objects.filter(pk=bounty.pk).update(**values)


def send(cast, bounty, rule: str = RULE, name: str = "participant") -> Submission:
    return intake.submit(getattr(cast, name), bounty, Group("rule", rule))[0]


def sample_share(bounty: Bounty, rule: str) -> float:
    return intake.check_rules(bounty, Group("rule", rule))["sample_share"]

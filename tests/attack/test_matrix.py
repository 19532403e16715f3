"""Every address by every role, and nothing in any answer that its reader may not see."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.contrib.admin.sites import site
from django.http import HttpResponse
from django.urls import URLPattern, get_resolver, resolve, reverse
from drf_spectacular.generators import SchemaGenerator

from . import matrix
from .markup import alive
from .world import ROLES, World, undone

API = "/api/v1/"


@dataclass(frozen=True)
class Line:
    method: str
    name: str
    arguments: tuple[str, ...]
    statuses: tuple[int, ...]

    def __str__(self) -> str:
        return " ".join((self.method, self.name, *self.arguments))

    def path(self, world: World) -> str:
        given = [one[1:] if one.startswith("=") else world.things[one] for one in self.arguments]
        return self.name if self.name.startswith("/") else reverse(self.name, args=given)


def lines(*tables: str) -> Iterator[Line]:
    for text in "".join(tables).split("\n"):
        if text:
            asked, _, told = text.partition("|")
            method, name, *arguments = asked.split()
            statuses = [int(status) for status in told.split()]
            if len(statuses) <= 2:
                statuses = [statuses[0], *[statuses[-1]] * (len(ROLES) - 1)]
            assert len(statuses) == len(ROLES), text
            yield Line(method, name, tuple(arguments), tuple(statuses))


LINES = list(lines(matrix.PAGES, matrix.ACCOUNTS, matrix.BOUNTIES, matrix.AUDITS, matrix.API))


def ask(world: World, role: str, method: str, path: str, body: dict | None = None) -> HttpResponse:
    """A browser's request, or a program's where the path is one of the API."""
    options = {"headers": {"HX-Request": "true"} if method == "HX" else {}}
    client = world.browser(role)
    if path.startswith(API):
        client.cookies.clear()
        options = {"headers": world.headers(role), "content_type": "application/json"}
    with undone():
        if method in ("GET", "HX"):
            options.pop("content_type", None)
            return client.get(path, **options)
        return getattr(client, method.lower())(path, body or {}, **options)


def content(answer: HttpResponse) -> str:
    """All that came over the wire."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    return f"{headers}\n{body.decode('utf-8', 'replace')}"


def leaks(world: World, role: str, text: str) -> list[str]:
    found = [
        f"{one.what}: {one.text}" for one in world.secrets if role not in one.seen_by and one.text in text
    ]
    rows = set(re.findall(r"(?:open|closed)-row-\d{5}", text)) & world.hidden
    return found + [f"a hidden row: {row}" for row in sorted(rows)[:3]]


@pytest.mark.parametrize("line", LINES, ids=str)
def test_each_role_gets_its_answer_and_no_more(here: World, note, line: Line):
    path, wrong = line.path(here), []
    statuses = []
    for role in ROLES:
        answer = ask(here, role, line.method, path, matrix.BODIES.get(line.name))
        statuses.append(answer.status_code)
        text = content(answer)
        wrong += [f"{role}: {leak}" for leak in leaks(here, role, text)]
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            wrong += [f"{role}: alive: {one}" for one in alive(text)]
    note("addresses by role", "as in the matrix" if tuple(statuses) == line.statuses else "otherwise")
    assert tuple(statuses) == line.statuses
    assert wrong == []


def test_a_secret_in_an_answer_would_be_found(here: World):
    """A search that cannot fail proves nothing."""
    path = reverse("bounty:submission", args=[here.things["find-of-rival-in-open"]])
    shown = content(ask(here, "organiser", "GET", path))
    found = {leak.partition(":")[0] for leak in leaks(here, "participant", shown)}
    assert found == {"a team's rule", "a team's note", "what a model printed", "a number of hidden rows"}
    assert leaks(here, "organiser", shown) == []
    assert leaks(here, "staff", f"x {next(iter(here.hidden))} y")


# Nothing is left out


def named(patterns, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            yield namespace + str(pattern.name or pattern.pattern), pattern
        else:
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from named(pattern.url_patterns, inner)


def test_every_address_has_a_line():
    """A new address needs lines in matrix.py: which role gets which answer."""
    known = {name for name, _ in named(get_resolver().url_patterns) if not name.startswith("admin:")}
    assert known - {"^api/v1/"} == {line.name for line in LINES if not line.name.startswith("/")}


def test_every_call_of_the_api_has_a_line():
    asked = {(line.name, line.method.lower()) for line in LINES}
    described = SchemaGenerator().get_schema(public=True)["paths"]
    for path, methods in described.items():
        name = resolve(path.format(slug="x", key="x", id=1)).view_name
        assert {(name, method) for method in methods} <= asked, path


# Operators


def admin_addresses(world: World) -> Iterator[str]:
    """Every page of the admin: of each model its list, a new one, and one there is."""
    for name, pattern in named(site.urls[0]):
        if not pattern.pattern.regex.groups:
            yield reverse(f"admin:{name}")
    for model in site._registry:
        label = f"{model._meta.app_label}_{model._meta.model_name}"
        one = model._default_manager.order_by("pk").first()
        if one is not None:
            yield from (
                reverse(f"admin:{label}_{page}", args=[one.pk]) for page in ("change", "history", "delete")
            )
    yield reverse("admin:app_list", args=["bounty"])


def test_the_admin_is_for_staff_alone(here: World):
    addresses = list(admin_addresses(here))
    assert len(addresses) > 60
    for path in addresses:
        if path.startswith(("/admin/login", "/admin/logout")):
            continue
        for role in ROLES:
            answer = ask(here, role, "GET", path)
            if role == "staff":
                assert answer.status_code in (200, 302, 403, 405), path
            else:
                assert (answer.status_code, answer.url.partition("?")[0]) == (302, "/admin/login/"), path
            # What was asked for is repeated where one is sent to sign in.
            assert leaks(here, role, content(answer).replace(path, "")) == [], (path, role)

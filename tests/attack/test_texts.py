"""Hostile texts in every field of every form and call: kept as text or refused, never a part of the page."""

import csv
import io
import json
from html.parser import HTMLParser

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from bounty import drafts, parts
from bounty.models import Bounty
from common.spreadsheet import is_number
from tests.conftest import as_upload

from . import hostile_files
from .markup import alive
from .test_matrix import ask, content
from .world import EVIL, World, undone

TEXTS = {
    "a script": EVIL,
    "a template": "{{ 7*7 }}{% load x %}${7*7}<%= 7*7 %>",
    "a formula": "=HYPERLINK(1)",
    "an address of a script": "javascript:alert(1)",
    "turned round": "\u202egnp.exe\u2066\u200b",
    "NUL": "a\0b",
    "half a surrogate": "a\ud800b",
    "10 MB": "x" * 10_000_000,
    "100,000 letters": "<" * 100_000,
    "a number beyond all": "1e400",
    "a number of 100,000 digits": "9" * 100_000,
    "SQL": "' OR 1=1; DROP TABLE users; --",
    "a header": "a\r\nSet-Cookie: x=1",
    "marks": "e" + "\u0301" * 5_000,
}
# Every page with a form, and who may send it; what is not a text is sent as the page shows it.
FORMS = [
    ("organiser", "bounty:new", ()),
    ("organiser", "bounty:edit", ("draft",)),
    ("organiser", "bounty:edit", ("open",)),
    ("organiser", "bounty:all_submissions", ("open",)),
    ("rival", "bounty:submit", ("open",)),
    ("auditor", "audits:new", ()),
    ("auditor", "audits:setup", ("public",)),
    ("auditor", "audits:settings", ("public",)),
    ("auditor", "audits:utterances", ("public",)),
    ("stranger", "audits:list", ()),
    ("rival", "api_tokens", ()),
    ("rival", "account_email", ()),
    ("rival", "account_change_password", ()),
    ("stranger", "account_login", ()),
    ("stranger", "account_signup", ()),
    ("stranger", "account_reset_password", ()),
]


class Forms(HTMLParser):
    """The forms of a page: method, address, and the fields a browser would send."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[dict] = []
        self.select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            form = {"method": given.get("method", "get"), "action": given.get("action", "")}
            self.forms.append(form | {"texts": [], "files": [], "fixed": {}})
        if not self.forms:
            return
        form, name = self.forms[-1], given.get("name", "")
        if tag == "textarea" or (tag == "input" and given.get("type", "text") not in FIXED and name):
            form["files" if given.get("type") == "file" else "texts"].append(name)
        elif tag == "input" and name and (given["type"] in ("hidden", "submit") or "checked" in given):
            form["fixed"][name] = given.get("value", "on")
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select and ("selected" in given or self.select not in form["fixed"]):
            form["fixed"][self.select] = given.get("value", "")
        elif tag == "button" and name:
            form["fixed"].setdefault(name, given.get("value", ""))


FIXED = ("hidden", "submit", "checkbox", "radio", "button")


def encoded(text: str) -> str:
    """As a program sends it that does not care what UTF-8 is."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize(("role", "name", "things"), FORMS, ids=lambda value: str(value))
def test_a_hostile_text_in_a_form(here: World, note, role: str, name: str, things: tuple, kind: str):
    path = reverse(name, args=[here.things[thing] for thing in things])
    text = TEXTS[kind].encode("utf-8", "replace").decode() if kind != "half a surrogate" else "a\ufffdb"
    if "draft" in things:
        # What is asked for follows from its table.
        drafts.upload_table(
            Bounty.objects.get(slug=here.things["draft"]), as_upload(hostile_files.real_table())
        )
    forms = Forms(content(ask(here, role, "GET", path))).forms
    assert any(form["texts"] for form in forms)
    for form in forms:
        if "logout" in form["action"] or not form["texts"]:
            continue
        sent = form["fixed"] | dict.fromkeys(form["texts"], text)
        sent |= {field: SimpleUploadedFile("a.csv", hostile_files.csv()) for field in form["files"]}
        with undone():
            browser, address = here.browser(role), form["action"] or path
            if form["method"].lower() == "post":
                answer = browser.post(address, sent)
            else:
                answer = browser.get(
                    address, {key: value for key, value in sent.items() if key in form["texts"]}
                )
            assert answer.status_code in (200, 302, 400, 404, 413, 429), (address, answer.status_code)
            assert "x=1" not in answer.headers.get("Set-Cookie", "")
            if answer.headers["Content-Type"].startswith("text/html"):
                assert alive(content(answer)) == [], address
            note("texts in forms", {302: "taken", 200: "shown again"}.get(answer.status_code, "refused"))


# Calls


def text_fields() -> list[tuple[str, str, str, dict, str]]:
    """Role, method, path, a body that is taken, and the field to spoil."""
    find = {"kind": "find", "group_format": "rule", "group_rule": "age < 30", "note": "n"}
    fix = find | {"kind": "fix", "predictor_format": "constant", "predictor_value": "1", "predictor_rule": ""}
    details = dict.fromkeys(("title", "description", "system", "series", "release", "visibility"), "x")
    calls = [
        ("rival", "post", "/api/v1/bounties/open-one/submissions/", find),
        ("rival", "post", "/api/v1/bounties/open-one/submissions/", fix),
        (
            "rival",
            "post",
            "/api/v1/bounties/open-one/check/",
            {"group_format": "rule", "group_rule": "age < 30"},
        ),
        ("auditor", "patch", "/api/v1/audits/ccccccccccccc2/", details | {"visibility": "public"}),
    ]
    return [(*call, field) for call in calls for field in (*call[3], "unknown")]


QUERIES = (
    "/api/v1/audits/?q=", "/api/v1/audits/?kind=", "/api/v1/audits/?system=", "/api/v1/audits/?cursor=",
    "/api/v1/audits/?page_size=", "/api/v1/bounties/?cursor=", "/api/v1/bounties/?unknown=",
    "/api/v1/bounties/open-one/sample/?as=", "/api/v1/bounties/open-one/leaderboard/?track=",
    "/api/v1/bounties/open-one/leaderboard/?list=", "/api/v1/bounties/open-one/submissions/?status=",
    "/api/v1/audits/ccccccccccccc2/result/?by=", "/api/v1/audits/ccccccccccccc2/result/?where=",
    "/api/v1/audits/ccccccccccccc2/result/?where=accent%3D", "/api/v1/audits/ccccccccccccc2/result/?metric=",
    "/api/v1/audits/ccccccccccccc2/result/?baseline=", "/api/v1/audits/ccccccccccccc2/export.csv?system=",
    "/bounties/?page=", "/bounties/open-one/leaderboard/?page=", "/bounties/open-one/leaderboard/?track=",
    "/bounties/open-one/data/?page=", "/audits/?q=", "/audits/?page=", "/audits/compare/?a=",
    "/audits/ccccccccccccc2/rates/?by=", "/audits/ccccccccccccc2/rates/?where=",
    "/audits/ccccccccccccc2/utterances/?q=", "/audits/ccccccccccccc2/worst/?metric=",
    "/bounties/open-one/manage/submissions/?text=", "/bounties/open-one/manage/submissions/?team=",
    "/accounts/login/?next=", "/systems/?x=", "/bounties/open-one/?x=",
)  # fmt: skip


@pytest.mark.parametrize("kind", TEXTS)
def test_a_hostile_text_in_a_call(here: World, note, kind: str):
    for role, method, path, body, field in text_fields():
        sent = json.dumps(body | {field: TEXTS[kind]})
        with undone():
            answer = getattr(here.browser("stranger"), method)(
                path, sent, "application/json", headers=here.headers(role)
            )
        assert answer.status_code in (200, 202, 400, 413), (path, field, answer.status_code)
        if answer.status_code >= 400:
            assert set(answer.json()) == {"code", "detail", "field"} and len(answer.json()["detail"]) < 2_000
        note("texts in calls", "refused" if answer.status_code >= 400 else "taken")


@pytest.mark.parametrize("query", QUERIES)
def test_a_hostile_text_in_a_query(here: World, note, query: str):
    for kind, text in TEXTS.items():
        if kind == "10 MB":
            continue
        path, _, name = query[:-1].rpartition("?")
        name, _, start = name.partition("%3D")
        for role in ("stranger", "organiser", "auditor"):
            with undone():
                browser = here.browser(role)
                answer = browser.get(
                    path, {name: ("accent=" if start or "%3D" in query else "") + encoded_query(text)}
                )
            assert answer.status_code in (200, 302, 400, 401, 404, 413), (query, kind, answer.status_code)
            if answer.headers["Content-Type"].startswith("text/html"):
                assert alive(content(answer)) == [], (query, kind)
        note("texts in queries", "refused" if answer.status_code >= 400 else "answered")


def encoded_query(text: str) -> str:
    return text[:20_000].encode("utf-8", "replace").decode()


# Names that turn the text around them


@pytest.mark.parametrize("text", ["\u202egnp.exe", "a\u2066b", "a\u200bb", "a\x1b[2J"])
def test_a_name_turns_nothing_round(here: World, text: str):
    with undone():
        change = here.browser("stranger").patch(
            f"/api/v1/audits/{here.things['public']}/", json.dumps({"title": text}), "application/json",
            headers=here.headers("auditor"),
        )  # fmt: skip
        assert (change.status_code, change.json()["code"]) == (400, "hidden_characters")
        path = reverse("bounty:edit", args=["open-one"])
        page = here.browser("organiser").post(path, {"summary": text, "description": text})
        assert page.status_code == 200 and "cannot be seen" in content(page)
        assert Bounty.objects.get(slug="open-one").summary == EVIL


# Files for spreadsheets, and files to compute with


FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0")


@pytest.mark.parametrize("formula", FORMULAS)
def test_what_a_spreadsheet_opens_holds_no_formula(here: World, formula: str):
    with undone():
        for submission in Bounty.objects.get(slug="open-one").submissions.all():
            submission.note, submission.group_file_name = formula, formula
            submission.group_rule = submission.predictor_value = submission.error_detail = formula
            submission.save()
        exported = content(
            ask(here, "organiser", "GET", reverse("bounty:all_submissions_csv", args=["open-one"]))
        )
    rows = list(csv.reader(io.StringIO(exported.partition("\n\n")[2] or exported)))
    assert sum(f"'{formula}" in row for row in rows) >= 6
    for row in rows:
        assert not [cell for cell in row if cell[:1] in tuple("=+-@\t\r") and cell and not is_number(cell)], (
            row
        )


def test_the_public_sample_is_as_it_was_uploaded(here: World):
    bounty = Bounty.objects.get(slug="open-one")
    sample = ask(here, "stranger", "GET", "/api/v1/bounties/open-one/sample/").content.decode()
    shown = {row["ref"] for row in csv.DictReader(io.StringIO(sample))}
    assert shown == set(parts.part(bounty, "sample").features["ref"])

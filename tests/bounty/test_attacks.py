"""What an attacker tries through the site's own doors, and does not get."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse

from bounty import drafts, intake, parts
from bounty.drafts import TEXT_SETTINGS
from bounty.intake import Group, IntakeError
from bounty.models import Bounty, Masks, Submission, Team
from config.models import ApiToken
from tests.api_caller import RULE, Caller
from tests.conftest import PASSWORD, as_upload, draft, lending_table

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}'
# A tag of the payload that reached the page as one; </script> alone would end a json_script.
ALIVE = re.compile(r"<script>alert|<img src=x", re.IGNORECASE)
PAGES = ("", "data/", "leaderboard/", "submit/", "submissions/")
ORGANISER_PAGES = ("manage/", "manage/edit/", "manage/submissions/", "manage/submissions.csv")
API = ("", "sample/", "leaderboard/", "submissions/")


def signed_in(user, **options) -> Client:
    client = Client(**options)
    if user is not None:
        client.force_login(user)
    return client


def texts(client: Client, slug: str, *more: str) -> dict[str, str]:
    """Every page and answer about a bounty that this caller gets, by address."""
    addresses = ["/", "/bounties/", "/api/v1/bounties/", *more]
    addresses += [f"/bounties/{slug}/{page}" for page in (*PAGES, *ORGANISER_PAGES)]
    addresses += [f"/api/v1/bounties/{slug}/{call}" for call in API]
    answers = {address: client.get(address) for address in addresses}
    assert not [address for address, answer in answers.items() if answer.status_code >= 500]
    return {
        address: (b"".join(answer) if answer.streaming else answer.content).decode()
        for address, answer in answers.items()
    }


# Hidden rows, other people


def test_no_page_or_answer_holds_a_hidden_row_or_anybodys_address(cast, run_worker):
    table = lending_table(1000).with_columns(ref=pl.Series([f"ref{i:05}" for i in range(1000)]))
    bounty = draft(cast.owner)
    drafts.upload_table(bounty, as_upload(table))
    run_worker()
    drafts.open_bounty(bounty)
    bounty.refresh_from_db()
    shown = set(parts.part(bounty, "sample").features["ref"])
    hidden = {ref for name in ("leaderboard", "final") for ref in parts.part(bounty, name).features["ref"]}
    assert len(shown) + len(hidden) == 1000
    find, _ = intake.submit(cast.participant, bounty, Group("rule", RULE["group_rule"]))
    run_worker()
    pages = (f"/submissions/{find.pk}/", f"/api/v1/submissions/{find.pk}/")
    for user in (None, cast.participant, cast.rival, cast.owner):
        seen = texts(signed_in(user), bounty.slug, *pages)
        assert shown & set(re.findall(r"ref\d{5}", seen[f"/api/v1/bounties/{bounty.slug}/sample/"])) == shown
        for address, text in seen.items():
            assert not hidden & set(re.findall(r"ref\d{5}", text)), address
            for name in ("owner", "participant", "rival"):
                if user is None or user.username != name:
                    assert f"{name}@example.org" not in text, address


def test_answers_to_refused_finds_are_the_same_whatever_the_hidden_labels_are(cast, open_bounty, run_worker):
    rules = ("age >= 60", "sex = 'male'", "income < 20000", "age < 19", "age < 20 AND home = 'family'")

    def answers(user) -> list:
        seen = []
        for rule in rules:
            find, _ = intake.submit(user, open_bounty, Group("rule", rule))
            run_worker()
            calls = (
                f"submissions/{find.pk}/",
                f"bounties/{open_bounty.slug}/leaderboard/",
                f"bounties/{open_bounty.slug}/",
            )
            seen.append([Caller(user).get(call).json() for call in calls])
            seen.append(signed_in(user).get(f"/submissions/{find.pk}/").content.decode())
        return [without_names(answer) for answer in seen]

    first = answers(cast.participant)
    assert not Submission.objects.filter(accepted=True).exists()
    Masks.objects.all().delete()
    Submission.objects.all().delete()
    Team.objects.all().delete()
    truth = parts.part(open_bounty, "leaderboard").truth
    other = np.random.default_rng(1).permutation(len(truth))
    # Other people are decided wrongly now; the stored part says so, everything else is as it was.
    stored = parts.store(truth[other], open_bounty, "leaderboard", "truth")
    open_bounty.parts["leaderboard"]["truth"] |= {"path": stored["path"]}
    open_bounty.parts["leaderboard"]["truth"] |= {"sha256": stored["sha256"]}
    open_bounty.save(update_fields=["parts"])
    assert parts.part(open_bounty, "leaderboard").truth["errors"].to_list() != truth["errors"].to_list()
    assert answers(cast.rival) == first
    assert not Submission.objects.filter(accepted=True).exists()


def without_names(answer) -> str:
    """Without ids, times, hashes, nonces, CSRF tokens and the team's name."""
    text = re.sub(r"participant|rival", "team", str(answer))
    text = re.sub(r"\b[0-9A-Za-z]{64}\b", "hash", text)
    text = re.sub(r'nonce="[^"]*"', "", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.Z+]+|\d\d:\d\d|\b(just now|\d+\xa0\w+ ago)", "time", text)
    return re.sub(r"[Ff]ind \d+|'id': \d+|submissions/\d+", "number", text)


@pytest.mark.parametrize(
    "path", ["/static/../settings.py", "/static/%2e%2e/secret_key", "/media/x", "/private/x", "/var/x"]
)
def test_no_path_leads_to_a_stored_file(client, open_bounty, path):
    assert client.get(path).status_code == 404
    stored = open_bounty.parts["leaderboard"]["truth"]["path"]
    for prefix in ("/", "/static/", "/media/", "/static/../private/"):
        assert client.get(prefix + stored).status_code == 404
    with pytest.raises(ValueError, match="no address"):
        storages["hidden"].url(stored)


def test_a_draft_has_no_page_for_others(cast, draft_bounty):
    for user in (None, cast.participant, cast.outsider):
        for page in (*PAGES, *ORGANISER_PAGES):
            answer = signed_in(user).get(f"/bounties/{draft_bounty.slug}/{page}")
            assert answer.status_code == 404 or "/login/" in answer["Location"]
            assert draft_bounty.title.encode() not in answer.content


def test_the_organiser_of_another_bounty_reaches_nothing_here(cast, open_bounty, run_worker):
    draft(cast.rival, "mine")
    find, _ = intake.submit(cast.participant, open_bounty, Group("rule", RULE["group_rule"]), note="secret")
    run_worker()
    rival = signed_in(cast.rival)
    for page in ORGANISER_PAGES:
        assert rival.get(f"/bounties/{open_bounty.slug}/{page}").status_code == 404
    for action in ("open", "close", "delete", "edit", "table"):
        assert rival.post(f"/bounties/{open_bounty.slug}/manage/{action}/").status_code == 404
    for path in (f"/submissions/{find.pk}/", f"/api/v1/submissions/{find.pk}/"):
        assert rival.get(path).status_code == 404
    assert Bounty.objects.get(pk=open_bounty.pk).phase == "open"


# What is frozen


def test_no_door_changes_the_rules_of_an_opened_bounty(cast, open_bounty):
    changes = {
        "alpha": 0.2,
        "verdict_cap": 5000,
        "team_cap": 5,
        "daily_cap": 1000,
        "rejected_daily_cap": 1000,
        "min_rows": 10,
        "measure": "false_rejection",
        "favourable_label": "1",
        "wall_seconds": 120,
        "allow_python": True,
        "sample_share": 0.5,
        "leaderboard_share": 0.1,
        "label_column": "predicted",
        "prediction_column": "approve",
        "weight_column": "income",
        "slug": "other",
        "random_state": 5,
        "opened_at": "",
        "closes_at": "2099-01-01T00:00",
    }
    assert not TEXT_SETTINGS & set(changes)
    before = Bounty.objects.filter(pk=open_bounty.pk).values(*changes, "parts", "schema").get()
    for name, value in changes.items():
        with pytest.raises(IntakeError):
            drafts.save_settings(open_bounty, {name: value})
    signed_in(cast.owner).post(
        f"/bounties/{open_bounty.slug}/manage/edit/", changes | {"summary": "changed by the page"}
    )
    open_bounty.refresh_from_db()
    assert open_bounty.summary == "changed by the page"
    signed_in(cast.staff).post(
        reverse("admin:bounty_bounty_change", args=[open_bounty.pk]),
        changes | {"title": "changed by the operator", "organisers": cast.owner.pk},
    )
    open_bounty.refresh_from_db()
    assert open_bounty.title == "changed by the operator"
    for method in ("put", "patch", "delete", "post"):
        answer = getattr(signed_in(cast.owner), method)(f"/api/v1/bounties/{open_bounty.slug}/", changes)
        assert answer.status_code == 405
    assert Bounty.objects.filter(pk=open_bounty.pk).values(*changes, "parts", "schema").get() == before


def test_a_submission_takes_no_field_of_its_verdict(cast, open_bounty, run_worker):
    extra = {"accepted": True, "points": 99, "status": "scored", "team": 1, "created": "2020-01-01"}
    for name, value in extra.items():
        refused = Caller(cast.participant).submit(open_bounty.slug, RULE | {name: value})
        assert (refused.status_code, refused.json()["code"]) == (400, "unknown_field")
    page = signed_in(cast.participant)
    page.post(
        f"/bounties/{open_bounty.slug}/submit/", extra | {"group_format": "rule", "group_rule": "age > 60"}
    )
    find = Submission.objects.get()
    assert (find.status, find.accepted, find.points, find.team.user) == ("queued", None, 0, cast.participant)


@pytest.mark.django_db(transaction=True)
def test_one_key_sent_by_many_at_once_is_one_submission(open_bounty, cast):
    def send(place: int) -> int:
        try:
            group = Group("rule", RULE["group_rule"])
            return intake.submit(cast.participant, open_bounty, group, idempotency_key="once")[0].pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        ids = set(threads.map(send, range(16)))
    assert ids == set(Submission.objects.values_list("pk", flat=True))
    assert len(ids) == 1


# Texts that want to be markup


def test_no_text_becomes_markup(cast, run_worker):
    table = lending_table(1000).rename({"home": EVIL[:90]})
    table = table.with_columns(sex=pl.when(pl.col("sex") == "female").then(pl.lit(EVIL)).otherwise("sex"))
    bounty = draft(
        cast.owner, title=EVIL, summary=EVIL, description=f"{EVIL}\n\n[a](javascript:alert(1))", licence=EVIL,
        source=f"https://a.example/{EVIL} javascript:alert(1)", group_columns=["sex", EVIL[:90]],
    )  # fmt: skip
    drafts.upload_table(bounty, as_upload(table, name=f"{EVIL}.csv"))
    run_worker()
    pages = [texts(signed_in(cast.owner), bounty.slug, f"/bounties/{bounty.slug}/manage/table/")]
    drafts.open_bounty(bounty)
    cast.participant.username = EVIL[:100]
    cast.participant.save()
    find, _ = intake.submit(cast.participant, bounty, Group("rule", f"sex = '{EVIL}'"), note=EVIL)
    run_worker()
    find.refresh_from_db()
    assert find.status == "scored"
    for user in (None, cast.participant, cast.owner):
        pages.append(texts(signed_in(user), bounty.slug, f"/submissions/{find.pk}/"))
        if user:
            checked = signed_in(user).post(
                f"/bounties/{bounty.slug}/check/", {"group_format": "rule", "group_rule": EVIL}
            )
            pages.append({"check": checked.content.decode()})
    for seen in pages:
        for address, text in seen.items():
            if not address.startswith("/api/") and not address.endswith(".csv"):
                assert not ALIVE.search(text), address
                assert 'href="javascript:' not in text
    assert sum("&lt;script&gt;alert" in text for seen in pages for text in seen.values()) > 5


def test_the_name_of_a_file_is_no_path_and_no_header(cast, open_bounty, run_worker):
    for name in ("../../../etc/passwd", "a\r\nSet-Cookie: x=1.onnx", "\u202egpj.onnx", "=cmd|calc!A0"):
        file = SimpleUploadedFile("x", b"not a model")
        file._name = name
        Masks.objects.all().delete()
        Submission.objects.all().delete()
        answer = Caller(cast.participant).submit_form(
            open_bounty.slug, {"kind": "find", "group_format": "onnx", "group_file": file}
        )
        assert answer.status_code == 202
        find = Submission.objects.get()
        assert re.fullmatch(r"submission/[0-9a-f]{32}", find.group_file.name)
        assert find.group_file_name.isprintable()
        assert "/" not in find.group_file_name
        page = signed_in(cast.owner).get(f"/bounties/{open_bounty.slug}/manage/submissions.csv")
        assert "Set-Cookie" not in page
        assert page["Content-Disposition"] == 'attachment; filename="lending-submissions.csv"'
        assert not re.search(r"(^|,)=cmd", b"".join(page).decode(), re.MULTILINE)


def test_every_page_forbids_frames_and_scripts_of_others(cast, open_bounty):
    client = signed_in(cast.participant)
    pages = ["/", "/bounties/", "/tokens/", "/nowhere/", "/guide/promise/", "/api/docs/", "/api/v1/bounties/"]
    pages += [f"/bounties/{open_bounty.slug}/{page}" for page in PAGES]
    for page in pages:
        answer = client.get(page)
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert not re.search(r"unsafe|https?:|script-src[^;]*\*", policy)
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["X-Content-Type-Options"] == "nosniff"
        html = answer.content.decode() if "html" in answer["Content-Type"] else ""
        assert not re.search(r"<[^>]+\son[a-z]+\s*=|<[^>]+\sstyle=", html), page
        for tag in re.findall(r"<script[^>]*>", html):
            assert re.search(r'nonce="|src="/static/|type="application/json"', tag), (page, tag)


# Accounts


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1"]
)
def test_signing_in_and_out_leads_nowhere_else(client, cast, target):
    data = {"login": "participant", "password": PASSWORD, "next": target}
    assert client.post("/accounts/login/", data)["Location"] == "/"
    assert client.post("/accounts/logout/", {"next": target})["Location"] == "/"


def test_a_session_from_before_the_sign_in_is_not_the_one_after(client, cast):
    session = client.session
    session["planted"] = "yes"
    session.save()
    client.post("/accounts/login/", {"login": "participant", "password": PASSWORD})
    assert client.session.session_key != session.session_key
    stale = Client()
    stale.cookies["sessionid"] = session.session_key
    assert stale.get("/tokens/").status_code == 302


def test_every_change_needs_the_csrf_token(cast, open_bounty):
    ApiToken.objects.create(cast.owner, name="laptop")
    token = ApiToken.objects.get()
    client = signed_in(cast.owner, enforce_csrf_checks=True)
    manage = f"/bounties/{open_bounty.slug}/manage"
    for path in (
        *(f"{manage}/{action}/" for action in ("open", "close", "delete", "edit", "table")),
        *("/bounties/new/", "/tokens/", f"/tokens/{token.token_key}/revoke/", "/accounts/logout/"),
        *(f"/bounties/{open_bounty.slug}/submit/", f"/bounties/{open_bounty.slug}/check/"),
        *(f"/api/v1/bounties/{open_bounty.slug}/{call}/" for call in ("check", "submissions")),
    ):
        assert client.post(path, RULE).status_code == 403, path
    assert ApiToken.objects.exists()
    assert Bounty.objects.get(pk=open_bounty.pk).phase == "open"


def test_a_token_is_shown_once_kept_as_a_hash_and_its_owners_to_revoke(cast):
    owner, rival = signed_in(cast.owner), signed_in(cast.rival)
    page = owner.post("/tokens/", {"name": "laptop", "days": 5})
    token = re.search(r"flt_\w{20,}", page.content.decode())[0]
    assert "no-store" in page["Cache-Control"]
    kept = ApiToken.objects.get()
    assert token not in "".join(str(value) for value in vars(kept).values())
    assert token not in owner.get("/tokens/").content.decode()
    assert kept.token_key not in rival.get("/tokens/").content.decode()
    call = Client(headers={"Authorization": f"Bearer {token}"}, REMOTE_ADDR="10.9.8.7")
    assert call.get("/api/v1/submissions/1/").status_code == 404
    assert rival.post(f"/tokens/{kept.token_key}/revoke/").status_code == 404
    assert call.get("/api/v1/submissions/1/").status_code == 404
    assert owner.post(f"/tokens/{kept.token_key}/revoke/").status_code == 302
    assert call.get("/api/v1/submissions/1/").status_code == 401


def test_the_host_header_is_not_believed(client, db):
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/api/v1/bounties/", headers={"host": "evil.example"}).status_code == 400
    assert b"evil.example" not in client.get("/", headers={"x-forwarded-host": "evil.example"}).content


# Rules as bombs: they run in the web process


@pytest.mark.parametrize(
    "rule",
    [
        "(" * 200 + "age < 1" + ")" * 200,
        "NOT " * 500 + "age < 1",
        "age " + "+ age " * 3000 + "< 1",
        " OR ".join(["home LIKE '%a%b%c%d%e%f%g%'"] * 300),
        "coalesce(" * 30 + "age" + ", 1)" * 30 + " < 1",
        "home LIKE '" + "%_" * 4000 + "'",
        "age < " + "9" * 400,
        "age < 1 -- " + "x" * 20_000,
        "SELECT pg_sleep(9)",
        "age < (SELECT 1)",
        "read_csv('/etc/passwd') = 'x'",
        "age IN (" + ",".join(["1"] * 9000) + ")",
    ],
)
def test_a_rule_that_wants_too_much_is_refused_when_it_is_read(cast, open_bounty, rule):
    refused = Caller(cast.participant).post(
        f"bounties/{open_bounty.slug}/check/", {"group_format": "rule", "group_rule": rule}
    )
    assert (refused.status_code, refused.json()["code"]) == (400, "rule_error")

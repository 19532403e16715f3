"""Every list asks the database the same number of questions however long it is, and never shows all of it."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.throttling import SimpleRateThrottle

from audits.models import Audit
from bounty import closing, repaired
from bounty.models import Answers, Bounty, Check, Masks, Submission, TableUpload, Team
from config.models import ApiToken
from tests.audits.conftest import make, run_audits
from tests.bounty.fixes import open_repairable, send_find, send_fix

FEW, MANY = 3, 260
# The longest list that anything may show: API pages have at most 200, a leaderboard 100 and one's own row.
MOST = 210
REPAIRS = "bounties/repairs/"
LISTS = [
    ("stranger", ""),
    ("stranger", "bounties/"),
    ("stranger", REPAIRS),
    ("stranger", f"{REPAIRS}leaderboard/"),
    ("participant", ""),
    ("participant", "bounties/"),
    ("participant", REPAIRS),
    ("participant", f"{REPAIRS}data/"),
    ("participant", f"{REPAIRS}leaderboard/"),
    ("participant", f"{REPAIRS}leaderboard/?track=fix"),
    ("participant", f"{REPAIRS}leaderboard/?track=fix&list=solo"),
    ("participant", f"{REPAIRS}model/"),
    ("participant", f"{REPAIRS}model/1/"),
    ("participant", f"{REPAIRS}groups/"),
    ("participant", f"{REPAIRS}guard/"),
    ("participant", f"{REPAIRS}submit/"),
    ("participant", f"{REPAIRS}submissions/"),
    ("participant", "tokens/"),
    ("participant", "audits/"),
    ("participant", "audits/?q=accent"),
    ("participant", "audits/compare/"),
    ("owner", "bounties/"),
    ("owner", f"{REPAIRS}model/"),
    ("owner", f"{REPAIRS}model/1/"),
    ("owner", f"{REPAIRS}manage/"),
    ("owner", f"{REPAIRS}manage/submissions/"),
    ("owner", f"{REPAIRS}manage/submissions/?code=accepted&text=age"),
    ("owner", "audits/"),
    ("owner", "audits/series/owner/dictation/"),
    ("stranger", "systems/recogniser/"),
    ("participant", "api/v1/bounties/"),
    ("participant", "api/v1/bounties/repairs/"),
    ("participant", "api/v1/bounties/repairs/leaderboard/"),
    ("participant", "api/v1/bounties/repairs/leaderboard/?track=fix"),
    ("participant", "api/v1/bounties/repairs/submissions/"),
    ("owner", "api/v1/bounties/repairs/submissions/?page_size=200"),
    ("participant", "api/v1/bounties/repairs/groups/"),
    ("participant", "api/v1/bounties/repairs/guard/"),
    ("participant", "api/v1/audits/"),
    ("owner", "api/v1/audits/?page_size=200"),
    *[
        ("staff", f"admin/{name}/")
        for name in (
            "auth/user",
            "audits/audit",
            "bounty/bounty",
            "bounty/team",
            "bounty/submission",
            "bounty/tableupload",
            "bounty/check",
            "bounty/houseturn",
            "config/apitoken",
        )
    ],
]
# One document each: a model is read whole or not at all, and what the close found is published once.
WHOLE = [
    ("participant", "api/v1/bounties/repairs/model/"),
    ("owner", "api/v1/bounties/repairs/model/"),
]
FINAL = [("stranger", f"{REPAIRS}final/"), ("participant", f"{REPAIRS}final/?page=2")]


@pytest.fixture
def site(cast, run_worker, monkeypatch):
    """A bounty with an accepted find and an accepted fix, and an audit: what the others are copies of."""
    monkeypatch.setattr(SimpleRateThrottle, "allow_request", lambda *_: True)
    bounty = open_repairable(cast.owner, run_worker, house_teams=False, team_cap=200)
    for user, send in (
        (cast.participant, lambda user: send_fix(user, bounty, "age < 30 AND home = 'rent'", "1")),
        (cast.rival, lambda user: send_find(user, bounty, "age >= 60")),
    ):
        send(user)
        run_worker()
    assert bounty.submissions.filter(accepted=True).count() == 2
    make(
        cast.owner, title="Dictation by accent", visibility="public", series="dictation", system="recogniser"
    )
    assert run_audits() == 1
    return bounty


def copies(of, n: int, **values):
    """Rows like one that is there, without its id."""
    fields = {field.attname: getattr(of, field.attname) for field in of._meta.concrete_fields}
    del fields[of._meta.pk.attname]
    return [
        type(of)(**fields | {name: make(place) if callable(make) else make for name, make in values.items()})
        for place in range(n)
    ]


def grow(bounty: Bounty, cast, n: int) -> None:
    """More of everything: people, teams, submissions of each outcome, bounties, tokens, dry runs, audits."""
    start = get_user_model().objects.count()
    users = get_user_model().objects.bulk_create(
        [get_user_model()(username=f"somebody-{start + place}") for place in range(n)]
    )
    teams = Team.objects.bulk_create([Team(bounty=bounty, user=user, name=user.username) for user in users])
    own = Team.objects.get(bounty=bounty, user=cast.participant)
    for kind in ("find", "fix"):
        first = bounty.submissions.filter(kind=kind, accepted=True).first()
        sent = copies(first, n, team_id=lambda place: teams[place].pk)
        sent += copies(first, n // 2, team_id=own.pk, accepted=False, solo_accepted=False, code="not_proven")
        sent += copies(first, n // 2, team_id=own.pk, accepted=None, solo_accepted=None, status="rejected")
        with_masks(first, Submission.objects.bulk_create(sent))
    Check.objects.bulk_create([Check(team=team, status="scored", group_format="rule") for team in teams])
    tokens = [(user, "one") for user in users] + [(cast.participant, user.username) for user in users]
    ApiToken.objects.bulk_create(
        ApiToken(digest=f"{start}-{place}", token_key="flt_", user=user, name=name)
        for place, (user, name) in enumerate(tokens)
    )
    others = Bounty.objects.bulk_create(
        copies(bounty, n, slug=lambda place: f"copy-{start + place}", system="recogniser")
        + copies(bounty, n, slug=lambda place: f"draft-{start + place}", opened_at=None)
    )
    organised = Bounty.organisers.through
    organised.objects.bulk_create(organised(bounty=other, user=cast.owner) for other in others)
    TableUpload.objects.bulk_create([TableUpload(bounty=other, status="scored") for other in others])
    audit = Audit.objects.filter(status="scored").first()
    Audit.objects.bulk_create(copies(audit, n, key=lambda place: f"copy-{start + place}"))
    repaired.record_anew(bounty.pk)


def with_masks(first: Submission, sent: list[Submission]) -> None:
    judged = [one.pk for one in sent if one.accepted is not None]
    Masks.objects.bulk_create(
        Masks(submission_id=pk, leaderboard=first.masks.leaderboard, final=first.masks.final) for pk in judged
    )
    if first.kind == "fix":
        Answers.objects.bulk_create(
            Answers(submission_id=pk, leaderboard=first.answers.leaderboard, final=first.answers.final)
            for pk in judged
        )


def clients(cast) -> dict[str, Client]:
    found = {"stranger": Client()}
    for name in ("participant", "owner", "staff"):
        found[name] = Client()
        found[name].force_login(getattr(cast, name))
    return found


def seen(client: Client, path: str) -> tuple[list[str], int]:
    """What an address asks of the database, and the length of the longest list in its answer."""
    cache.clear()
    client.get(f"/{path}")  # what a process keeps is there from the second time on
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(f"/{path}")
    assert answer.status_code == 200, path
    length = longest(answer.json()) if path.startswith("api/") else rows_of(answer.content.decode())
    return [query["sql"] for query in asked], length


def rows_of(page: str) -> int:
    """Of the longest table or choice, or how many there are of other elements that a list is made of."""
    parts = [
        part.count(f"<{row}")
        for whole, row in (("table", "tr"), ("select", "option"))
        for part in page.split(f"<{whole}")
    ]
    return max(*parts, *(len(re.findall(f"<{name}[ >]", page)) for name in ("li", "article")))


def longest(answer) -> int:
    if isinstance(answer, dict):
        return max(map(longest, answer.values()), default=0)
    if isinstance(answer, list):
        return max(len(answer), max(map(longest, answer), default=0))
    return 0


def compare(lists, site, cast, grow_by) -> tuple[dict, dict]:
    """Addresses that ask more the more there is, and those that show it all."""
    people = clients(cast)
    few = {one: seen(people[one[0]], one[1]) for one in lists}
    grow_by()
    asked_more, too_long = {}, {}
    for one in lists:
        questions, length = seen(people[one[0]], one[1])
        if len(questions) != len(few[one][0]):
            asked_more[one] = (len(few[one][0]), len(questions))
        if length > MOST:
            too_long[one] = length
    return asked_more, too_long


def test_lists_ask_the_same_number_of_questions_and_have_an_end(site, cast):
    grow(site, cast, FEW)
    asked_more, too_long = compare([*LISTS, *WHOLE], site, cast, lambda: grow(site, cast, MANY))
    assert asked_more == {}
    assert {one: length for one, length in too_long.items() if one not in WHOLE} == {}


def test_the_final_ranking_has_pages(site, cast):
    grow(site, cast, FEW)
    publish(site)

    def more():
        grow(site, cast, 130)
        publish(site)

    asked_more, _ = compare(FINAL, site, cast, more)
    assert asked_more == {}
    names = set()
    for number in ("1", "2"):
        shown = Client().get(f"/{REPAIRS}final/", {"page": number}).context
        assert len(shown["find_ranking"]) <= 100
        names |= {row["team"] for row in shown["find_ranking"]}
    assert names == {row["team"] for row in Bounty.objects.get(pk=site.pk).final["tracks"]["find"]}


def publish(bounty: Bounty) -> None:
    Bounty.objects.filter(pk=bounty.pk).update(closed_at=timezone.now(), finalised_at=None)
    assert closing.finalise(bounty.pk)


def test_the_csv_of_an_organiser_holds_everything_and_asks_in_chunks(site, cast):
    owner, path = clients(cast)["owner"], f"/{REPAIRS}manage/submissions.csv"
    grow(site, cast, FEW)
    with CaptureQueriesContext(connection) as few:
        b"".join(owner.get(path).streaming_content)
    grow(site, cast, 40)
    with CaptureQueriesContext(connection) as many:
        lines = b"".join(owner.get(path).streaming_content)
    assert len(many) == len(few)
    assert lines.count(b"\r\n") == 1 + site.submissions.count()

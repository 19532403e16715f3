"""A site with bounties of 1,000, 10,000 and 100,000 submissions, by hundreds of teams.

Tables, openings, the first submissions of each bounty with their verdicts, and an audit go the way that
everybody's go. All further submissions are copies of those first ones in the database, by other teams and at
other times.
"""

import io
import time
from dataclasses import dataclass

import numpy as np
import onnx
import polars as pl
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from onnx import TensorProto, helper

from audits import intake as audits_intake
from audits.models import Audit
from bounty import drafts, intake, repaired
from bounty.entry import Group, Predictor
from bounty.models import Answers, Bounty, Masks, Submission, Team
from common.jobs import UNFINISHED, Job, Status
from config.models import ApiToken

ROWS, SEED = 20_000, 5
CAP = 100_000  # on verdicts: the most that a bounty may have
ACCEPTED_EVERY, FIX_EVERY = 100, 1000
WARM_ROUNDS, WARM_TEAMS = 3, 20
DAYS = 60
AUDITS = 200
DEADLINE_SECONDS = 300
REGIONS = ("north", "south", "east", "west", "coast", "hills", "city", "plain")
ACCENTS = ("Scots", "Irish", "Welsh", "Midlands")
WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "near", "an", "old", "mill")
SPEECH_ROLES = {
    "said": "reference",
    "heard": "hypothesis",
    "speaker": "speaker",
    "accent": "group",
    "gender": "group",
    "noise": "condition",
}
FINDS = (
    "age < 30 AND home = 'rent'",
    "age >= 65",
    "region = 'north' AND children > 2",
    "income < 12000",
    "employed < 1",
    "region = 'hills'",
    "home = 'family' AND age < 40",
    "sex = 'female' AND region = 'coast'",
    "income > 40000",
    "loan > 200000 OR loan < 20000",
    "children = 0",
    "sex = 'male'",
)
# Groups and the constant that does better there, or does not.
FIXES = (
    ("age < 30 AND home = 'rent'", "1"),
    ("age >= 65", "0"),
    ("income < 12000", "0"),
    ("region = 'city'", "1"),
)


@dataclass(frozen=True)
class Size:
    """A bounty to be filled: how many submissions it has and of how many teams."""

    submissions: int
    teams: int

    @property
    def slug(self) -> str:
        return f"load-{self.submissions}"


@dataclass(frozen=True)
class Person:
    """Somebody who takes part: signed in already, and with a token."""

    name: str
    session: str
    token: str


def fill(sizes: list[Size], people: int) -> dict:
    """Everything that the load needs to know of the filled site."""
    make = get_user_model()
    organiser = make.objects.create_user("organiser", "organiser@example.org")
    names = [f"team-{n}" for n in range(max(people, *(size.teams for size in sizes)))]
    users = make.objects.bulk_create(
        [make(username=n, email=f"{n}@example.org", password="!") for n in names]
    )
    audit = an_audit(organiser)
    for size in sizes:
        bounty = a_bounty(organiser, size.slug)
        say(f"{size.submissions:,} submissions")
        first_submissions(bounty, users)
        copies(bounty, size, users)
        repaired.record_anew(bounty.pk)
    vacuum()
    say("the worker warms up")
    warm(bounty, users)
    return {
        "bounties": [size.slug for size in sizes],
        "audit": audit.key,
        "model": a_model("income", 12_000.0).hex(),
        "organiser": session_of(organiser),
        "people": [vars(Person(u.username, session_of(u), token_of(u))) for u in users[:people]],
    }


def say(text: str) -> None:
    print(f"   {text}", flush=True)


def session_of(user) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


def token_of(user) -> str:
    return ApiToken.objects.create(user=user, name="load")[1]


def a_table() -> pl.DataFrame:
    """Decisions with a few groups that they are wrong for, where a constant often does better."""
    random = np.random.default_rng(SEED)
    age = random.integers(18, 85, ROWS)
    home = random.choice(["rent", "own", "family"], ROWS, p=[0.4, 0.5, 0.1])
    income = np.round(random.lognormal(10, 0.6, ROWS), 2)
    region = random.choice(REGIONS, ROWS)
    children = random.poisson(1.2, ROWS)
    young, old, poor = (age < 30) & (home == "rent"), age >= 65, income < 12_000
    yes = random.random(ROWS) < np.select([young, old, poor], [0.9, 0.1, 0.1], 0.55)
    crowded = (region == "north") & (children > 2)
    wrong = random.random(ROWS) < np.select([young, old, poor, crowded], [0.5, 0.4, 0.4, 0.4], 0.08)
    return pl.DataFrame(
        {
            "age": age,
            "income": income,
            "home": home,
            "region": region,
            "sex": random.choice(["female", "male"], ROWS),
            "children": children,
            "employed": np.round(random.exponential(6, ROWS), 1),
            "loan": np.round(random.lognormal(11, 0.7, ROWS), 2),
            "approve": yes.astype(int),
            "predicted": (yes ^ wrong).astype(int),
        }
    )


def a_model(column: str, limit: float) -> bytes:
    """An ONNX group: the rows where a column of numbers is below a limit."""
    graph = helper.make_graph(
        [
            helper.make_node("Less", [column, "limit"], ["is_below"]),
            helper.make_node("Cast", ["is_below"], ["group"], to=TensorProto.INT64),
        ],
        "below",
        [helper.make_tensor_value_info(column, TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("group", TensorProto.INT64, [None, 1])],
        [helper.make_tensor("limit", TensorProto.FLOAT, [1], [limit])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def uploaded(frame: pl.DataFrame, name: str) -> SimpleUploadedFile:
    buffer = io.BytesIO()
    frame.write_csv(buffer)
    return SimpleUploadedFile(name, buffer.getvalue())


def wait_for(jobs, what: str) -> None:
    """Until the running worker has done them all."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while jobs.filter(status__in=UNFINISHED).exists():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: the worker did not finish in {DEADLINE_SECONDS} s.")
        time.sleep(0.2)


def finished(job: Job, what: str) -> None:
    wait_for(type(job).objects.filter(pk=job.pk), what)
    job.refresh_from_db()
    if job.status != Status.SCORED:
        raise SystemExit(f"{what}: {job.status}. {job.error_detail or job.log}")


def an_audit(owner) -> Audit:
    """A public audit, and copies of it for the list."""
    random = np.random.default_rng(SEED)
    rows = [
        {
            "said": " ".join(random.choice(WORDS, 8)),
            "speaker": f"speaker-{n % 160:03}",
            "accent": ACCENTS[n % 4],
            "gender": ("woman", "man")[n // 4 % 2],
            "noise": ("quiet", "street")[n // 160 % 2],
        }
        for n in range(3200)
    ]
    for row in rows:
        share = 0.3 if row["accent"] == "Welsh" else 0.1
        row["heard"] = " ".join("blah" if random.random() < share else word for word in row["said"].split())
    table = uploaded(pl.DataFrame(rows), "speech.csv")
    audit, _ = audits_intake.create_audit(
        owner, kind="speech", file=table, visibility="public", roles=SPEECH_ROLES, title="Dictation by accent"
    )
    finished(audit, "The audit")
    copied = Audit.objects.get(pk=audit.pk)
    others = []
    for number in range(AUDITS):
        fields = {field.attname: getattr(copied, field.attname) for field in Audit._meta.concrete_fields}
        del fields["id"], fields["key"]
        others.append(Audit(**fields | {"title": f"Dictation by accent, release {number}"}))
    Audit.objects.bulk_create(others)
    return audit


def a_bounty(organiser, slug: str) -> Bounty:
    bounty = Bounty.objects.create(
        slug=slug,
        title=f"Lending decisions, {slug}",
        summary="Find the applicants that a lender's model decides wrongly more often than others.",
        description="Decisions of a lender's model, beside what became of the loans.",
        label_column="approve",
        prediction_column="predicted",
        group_columns=["sex", "home", "region"],
        verdict_cap=CAP,
        team_cap=10_000,
        daily_cap=1000,
        rejected_daily_cap=1000,
    )
    bounty.organisers.add(organiser)
    finished(drafts.upload_table(bounty, uploaded(a_table(), "decisions.csv")), "The table")
    bounty.refresh_from_db()
    drafts.open_bounty(bounty)
    bounty.refresh_from_db()
    return bounty


def first_submissions(bounty: Bounty, users: list) -> None:
    """Real ones, one of each user, so that nobody has two waiting: proven, not proven, and one rejected."""
    sent = [(Group("rule", rule), None) for rule in FINDS]
    sent += [(Group("rule", rule), Predictor("constant", value=value)) for rule, value in FIXES]
    for data in (a_model("income", 12_000.0), b"no model"):
        sent.append((Group("onnx", file=SimpleUploadedFile("group.onnx", data)), None))
    for user, (group, predictor) in zip(users, sent, strict=False):
        intake.submit(user, bounty, group, predictor)
    wait_for(bounty.submissions, "The first submissions")
    statuses = set(bounty.submissions.values_list("status", flat=True))
    proven = set(bounty.submissions.filter(accepted=True).values_list("kind", flat=True))
    if statuses != {Status.SCORED, Status.REJECTED} or proven != {"find", "fix"}:
        raise SystemExit(f"The first submissions came out as {statuses}, accepted {proven}.")


def warm(bounty: Bounty, users: list) -> None:
    """The first submissions once more, by others: what a worker keeps of a bounty is kept after them."""
    for start in range(0, WARM_ROUNDS * WARM_TEAMS, WARM_TEAMS):
        first_submissions(bounty, users[-start - WARM_TEAMS :])


def copies(bounty: Bounty, size: Size, users: list) -> None:
    """Copies of the first submissions up to the size: of every 100 one is accepted, of 1,000 one fix."""
    had = set(bounty.teams.values_list("user", flat=True))
    new = [Team(bounty=bounty, user=u, name=u.username) for u in users[: size.teams] if u.pk not in had]
    Team.objects.bulk_create(new)
    first = bounty.submissions.order_by("id")
    lots = {
        "finds": list(first.filter(accepted=True, kind="find").values_list("pk", flat=True)),
        "fixes": list(first.filter(accepted=True, kind="fix").values_list("pk", flat=True)),
        "others": list(first.exclude(accepted=True).values_list("pk", flat=True)),
    }
    teams = list(bounty.teams.order_by("pk").values_list("pk", flat=True))
    more = size.submissions - first.count()
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(PLACES, {**lots, "teams": teams, "n": more, "every": ACCEPTED_EVERY, "fix": FIX_EVERY})
        cursor.execute(copy_sql(), {"n": more, "days": DAYS})
        for model in (Masks, Answers):
            table = model._meta.db_table
            cursor.execute(
                f"INSERT INTO {table} (submission_id, leaderboard, final) "
                f"SELECT places.id, leaderboard, final FROM places "
                f"JOIN {table} ON {table}.submission_id = places.first"
            )
        cursor.execute("DROP TABLE places")


# Which first submission each copy is of, and whose it is: some teams send many times as many as others.
PLACES = """
CREATE TEMPORARY TABLE places AS
SELECT nextval('bounty_submission_id_seq') AS id, place,
    (%(teams)s::bigint[])[1 + floor(cardinality(%(teams)s::bigint[]) * power(random(), 1.5))::int] AS team,
    CASE
        WHEN place %% %(fix)s = 0
            THEN (%(fixes)s::bigint[])[1 + place / %(fix)s %% cardinality(%(fixes)s::bigint[])]
        WHEN place %% %(every)s = %(every)s / 2
            THEN (%(finds)s::bigint[])[1 + place / %(every)s %% cardinality(%(finds)s::bigint[])]
        ELSE (%(others)s::bigint[])[1 + place %% cardinality(%(others)s::bigint[])]
    END AS first
FROM generate_series(1, %(n)s) AS place
"""


def copy_sql() -> str:
    """Every column as in the first one, but for the copy's own id, team, times and points."""
    sent = "now() - make_interval(days => 1) - make_interval(days => %(days)s) * (1 - place / %(n)s::float)"
    own = {
        "id": "places.id",
        "team_id": "places.team",
        "created": sent,
        "started": f"{sent} + interval '1 second'",
        "finished": f"{sent} + interval '1 second' * (2 + place %% 4)",
        "points": "points * (0.2 + random())",
    }
    names = [field.column for field in Submission._meta.concrete_fields]
    values = [own.get(name, f"bounty_submission.{name}") for name in names]
    return (
        f"INSERT INTO bounty_submission ({', '.join(names)}) SELECT {', '.join(values)} "
        "FROM places JOIN bounty_submission ON bounty_submission.id = places.first ORDER BY places.id"
    )


def vacuum() -> None:
    """As autovacuum has long done where submissions came over weeks."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")

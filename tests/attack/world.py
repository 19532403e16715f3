"""Somebody of every kind and something of each of theirs, with texts and numbers that stand nowhere else."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import polars as pl
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client

from audits import intake as audit_intake
from audits.models import Audit
from bounty import drafts, evaluation, intake, parts
from bounty.entry import Group, Predictor
from bounty.models import Bounty, Submission
from bounty.sandbox import Sandbox
from config.models import ApiToken
from tests.audits.conftest import SPEECH_ROLES, run_audits, speech_table
from tests.bounty.fixes import repairable_table
from tests.conftest import PASSWORD, as_upload, draft
from tests.onnx_models import below

ROLES = ("stranger", "rival", "participant", "organiser", "other", "auditor", "viewer", "staff")
YOUNG, OLD = "age < 30 AND home = 'rent'", "age >= 60"
# Keys that audits could have drawn.
KEYS = {"private": "aaaaaaaaaaaaa2", "unlisted": "bbbbbbbbbbbbb2", "public": "ccccccccccccc2"}
FIRST_ID = 9_000_001
# Text that wants to be more than text, wherever somebody may write one.
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}'
MARKDOWN = (
    f"{EVIL}\n\n[a](javascript:alert(1)) ![b](http://evil.example/x.png) <iframe src=x> <http://evil.example>"
)
TURNED = "\u202edenrut"


@dataclass(frozen=True)
class Secret:
    """A text, and the only roles that may read it."""

    text: str
    seen_by: frozenset[str]
    what: str


@dataclass
class World:
    people: dict[str, AbstractBaseUser] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    # By name, what stands in an address: a bounty's slug, a submission's id, an audit's key.
    things: dict[str, str | int] = field(default_factory=dict)
    secrets: list[Secret] = field(default_factory=list)
    # Values of hidden rows, which nobody's answer may hold.
    hidden: set[str] = field(default_factory=set)

    def browser(self, role: str) -> Client:
        """Signed in afresh, so that signing out is undone."""
        client = Client(raise_request_exception=False)
        if role in self.sessions:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[role]
        return client

    def headers(self, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}"} if role in self.tokens else {}

    def keep(self, what: str, text: str, *seen_by: str) -> None:
        assert len(text) >= 4, text
        self.secrets.append(Secret(text, frozenset(seen_by), what))


@contextmanager
def undone() -> Iterator[None]:
    """Whatever the block writes to the database is taken back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def build(sandbox: Sandbox) -> World:
    world = World()
    # Ids that look like nothing else.
    with connection.cursor() as cursor:
        for table in ("bounty_submission", "bounty_check"):
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s, false)", [table, FIRST_ID])
    invite(world)
    add_bounties(world, sandbox)
    add_audits(world)
    return world


def invite(world: World) -> None:
    make = get_user_model().objects.create_user
    for role in ROLES[1:]:
        email = f"mail-of-{role}@canary.example"
        user = make(role, email, PASSWORD, is_staff=role == "staff", is_superuser=role == "staff")
        client = Client()
        client.force_login(user)
        token, text = ApiToken.objects.create(user, name=f"token-{role}")
        world.people[role], world.tokens[role] = user, text
        world.sessions[role] = client.cookies[settings.SESSION_COOKIE_NAME].value
        world.things[f"token-of-{role}"] = token.token_key
        world.keep("an e-mail address", email, role, "staff")
        world.keep("the name of a token", f"token-{role}", role, "staff")
        world.keep("a token", text, "nobody")
        # In the admin it stands in the address of its token.
        world.keep("the hash of a token", token.digest, "staff")
        world.keep("the hash of a password", user.password, "nobody")
        world.keep("a session", world.sessions[role], "nobody")


def add_bounties(world: World, sandbox: Sandbox) -> None:
    """One that is open, one that has closed and keeps its groups to itself, drafts of two organisers."""
    for name in ("open", "closed"):
        bounty = opened(world.people["organiser"], sandbox, name)
        world.things[name] = bounty.slug
        for role, rule, value in (("participant", YOUNG, "1"), ("rival", OLD, "0")):
            send_all(world, bounty, sandbox, role, rule, value)
        for part in ("leaderboard", "final"):
            world.hidden |= set(parts.part(bounty, part).features["ref"])
        if name == "closed":
            drafts.close_bounty(bounty)
            work(sandbox)
            evaluation.reap()
            bounty.refresh_from_db()
            assert bounty.finalised_at is not None
        else:
            # After the close they are everybody's.
            plant_numbers(world, bounty)
    for role, name in (("organiser", "draft"), ("other", "elsewhere")):
        texts = {"title": f"{EVIL[:90]} {name}", "summary": f"summary-of-{name} {EVIL}"}
        world.things[name] = draft(world.people[role], slug=f"{name}-one", **texts).slug
        world.keep("the text of a draft", f"summary-of-{name}", role, "staff")
    for bounty in Bounty.objects.filter(opened_at__isnull=False):
        for part in bounty.parts.values():
            for stored in part.values():
                if isinstance(stored, dict) and "path" in stored:
                    world.keep("where a part lies", stored["path"], "nobody")


def opened(owner: AbstractBaseUser, sandbox: Sandbox, name: str) -> Bounty:
    table = repairable_table(seed=len(name))
    table = table.with_columns(ref=pl.Series([f"{name}-row-{row:05}" for row in range(table.height)]))
    bounty = draft(owner, slug=f"{name}-one", title=f"{EVIL[:90]} {name}", publish_groups=False)
    Bounty.objects.filter(pk=bounty.pk).update(summary=EVIL, description=MARKDOWN, licence=EVIL, source=EVIL)
    bounty.refresh_from_db()
    drafts.upload_table(bounty, as_upload(table, "organisers-table.csv"))
    work(sandbox)
    bounty.refresh_from_db()
    drafts.open_bounty(bounty)
    bounty.refresh_from_db()
    return bounty


def work(sandbox: Sandbox) -> None:
    while evaluation.work(sandbox):
        pass


def send_all(world: World, bounty: Bounty, sandbox: Sandbox, role: str, rule: str, value: str) -> None:
    """A team's find, fix, model and dry run, with words of its own in every text."""
    user, word = world.people[role], f"{bounty.slug}-{role}-word"
    group, note = Group("rule", f"{rule} AND ref <> 'rule-{word}{EVIL}'"), f"note-{word}{EVIL}{TURNED}"
    sent = {"find": intake.submit(user, bounty, group, note=note)[0]}
    predictor = Predictor("constant", value=value)
    sent["fix"] = intake.submit(user, bounty, group, predictor, note=note)[0]
    work(sandbox)
    sent["model"] = intake.submit(user, bounty, model(bounty, f"file-{word}{EVIL}"))[0]
    check = intake.check_model(user, bounty, model(bounty, f"file-{word}{EVIL}"))
    work(sandbox)
    name = bounty.slug.removesuffix("-one")
    world.things[f"check-of-{role}-in-{name}"] = check.pk
    for kind, submission in sent.items():
        world.things[f"{kind}-of-{role}-in-{name}"] = submission.pk
        submission.refresh_from_db()
        assert submission.status == "scored", submission.log
        Submission.objects.filter(pk=submission.pk).update(log=f"log-{word}{EVIL}")
    assert sent["find"].accepted and sent["fix"].accepted
    for what in ("rule", "note", "file"):
        world.keep(f"a team's {what}", f"{what}-{word}", role, "organiser", "staff")
    world.keep("what a model printed", f"log-{word}", "organiser", "staff")
    for job in (sent["model"], check):
        world.keep("where a model lies", job.group_file.name, "nobody")


def model(bounty: Bounty, name: str) -> Group:
    file = below(bounty, "age", 22)
    file.name = name
    return Group("onnx", file=file)


def plant_numbers(world: World, bounty: Bounty) -> None:
    """Numbers of verdicts that are told from all others, as a page and as the API would write them."""
    for submission in bounty.submissions.filter(accepted=True):
        rows = 860_213 + 1000 * (submission.pk - FIRST_ID)
        submission.numbers |= {"rows": rows, "exposure": float(rows)}
        submission.save(update_fields=["numbers"])
        for text in (f"{rows:,}", str(rows), *exact_numbers(submission)):
            world.keep("a number of hidden rows", text, "organiser", "staff")


def exact_numbers(submission: Submission) -> set[str]:
    """The first digits of each number of a verdict that has many."""
    found: set[str] = set()

    def look(value) -> None:
        if isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                look(inner)
        elif isinstance(value, float) and 0.001 < abs(value) < 1000 and len(repr(value)) > 12:
            found.add(repr(abs(value))[:10])

    look(submission.numbers)
    return found


def add_audits(world: World) -> None:
    """A private, an unlisted and a public one, each with a reader its owner named."""
    readers = ("auditor", "viewer", "staff")
    for visibility, key in KEYS.items():
        phrase = f"nobody reads this {visibility} phrase"
        table = speech_table(seed=len(visibility)).with_columns(
            pl.col("speaker").str.replace("speaker", f"{visibility}-speaker-{EVIL}"),
            pl.col("accent").str.replace("Welsh", f"Welsh {EVIL}{TURNED}"),
            pl.col("sentence", "ours").str.replace("please turn the lights off in the kitchen", phrase),
        )
        data = io.BytesIO()
        table.write_csv(data)
        audit, _ = audit_intake.create_audit(
            world.people["auditor"],
            kind="speech",
            file=SimpleUploadedFile(f"{visibility}-file{EVIL}", data.getvalue()),
            title=f"{EVIL} {visibility}",
            description=f"description-of-{visibility} {MARKDOWN}",
            release=EVIL[:60],
            system="system-one",
            series=f"series-{visibility}",
            visibility=visibility,
            roles=SPEECH_ROLES,
        )
        assert run_audits() == 1
        Audit.objects.filter(pk=audit.pk).update(key=key)
        audit.refresh_from_db()
        assert audit.status == "scored", audit.error_detail or audit.log
        audit.viewers.add(world.people["viewer"])
        world.things[visibility], world.things[f"series-of-{visibility}"] = key, f"series-{visibility}"
        world.keep("a speaker", f"{visibility}-speaker-", *readers)
        world.keep("a sentence", f"reads this {visibility} phrase", *readers)
        world.keep("the name of an audit's file", f"{visibility}-file", *readers)
        for file in (audit.file, audit.cells, audit.rows):
            world.keep("where a file of an audit lies", file.name, "nobody")
    world.keep("a private audit's text", "description-of-private", *readers)

"""Database and both buckets lost, and back from a backup, with the credentials of a worker."""

import hashlib

import psycopg
from psycopg import sql

from .entries import entries
from .runs import run
from .stack import HIDDEN, UPLOADS
from .test_storage import client_of

SUBMISSIONS = 8
LEFT_OUT = {"django_session"}


def rows_of(stack) -> dict[str, tuple]:
    """How many rows each table has, and a digest of all of them."""
    found = {}
    with stack.database() as server:
        tables = [
            name for (name,) in server.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ]
        for table in set(tables) - LEFT_OUT:
            digest = "SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} AS t"
            found[table] = server.execute(sql.SQL(digest).format(sql.Identifier(table))).fetchone()
    return found


def objects_of(stack) -> dict[tuple[str, str], str]:
    client = client_of(stack, "worker")
    found = {}
    for bucket in (UPLOADS, HIDDEN):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for entry in page.get("Contents", []):
                body = client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
                found[bucket, entry["Key"]] = hashlib.sha256(body).hexdigest()
    return found


def lose_everything(stack) -> None:
    client = client_of(stack, "worker")
    for bucket, key in objects_of(stack):
        client.delete_object(Bucket=bucket, Key=key)
    with psycopg.connect(stack.url_of("postgres"), autocommit=True) as server:
        server.execute("DROP DATABASE faultline")
    stack.make_database()


def test_a_site_whose_database_and_buckets_are_lost_comes_back(stack, site, tell):
    outcome = run(site, "kept", entries(SUBMISSIONS))
    assert outcome.broken == []
    processes = ("beat", *stack.webs, *stack.workers)
    for name in processes:
        stack.engine.stop(name)
    stack.manage("shell", "-c", "from bounty.parts import delete_discarded; delete_discarded()")
    backup = stack.folder / "backup"
    stack.manage("backup", str(backup))
    rows, objects = rows_of(stack), objects_of(stack)
    assert rows["bounty_submission"][0] >= SUBMISSIONS

    lose_everything(stack)
    assert (rows_of(stack), objects_of(stack)) == ({}, {})
    stack.manage("backup", "--verify", str(backup))
    stack.manage("restore", str(backup))

    assert rows_of(stack) == rows
    held = {
        ("/".join(path.relative_to(backup / "files").parts[1:])) for path in (backup / "files").rglob("*")
    }
    named = {found: digest for found, digest in objects.items() if found[1] in held}
    assert objects_of(stack) == named
    assert {bucket for bucket, _ in named} == {UPLOADS, HIDDEN}
    stack.engine.start(*processes)
    assert site.ranking("kept") == outcome.ranking
    said = stack.manage("rejudge", "kept", "--check")
    tell(
        "database dropped, both buckets emptied, restored from a backup",
        f"{len(rows)} tables and {len(named)} files are the same; {said.strip()}",
    )

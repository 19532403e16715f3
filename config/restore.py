"""Put a backup in place of what is here, so that nothing is lost whenever it ends.

Files come first: they only add. The database is restored beside the present one, counted, and then the two
change names in one transaction. Until then the present one is untouched, and it is never dropped: somebody
may have written into it since it was found empty.
"""

import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from subprocess import DEVNULL

import psycopg
from django.core.files import File
from django.core.files.storage import Storage, storages
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from psycopg import errors, sql

from .backup import (
    DUMP,
    FILES,
    FORMAT,
    BackupError,
    Found,
    Tell,
    check_sum,
    count_rows,
    digest_of,
    files_in,
    read,
    read_sums,
    verify,
)
from .postgres import DumpError, connect, major_version, parameters, reader, start

MAINTENANCE = "postgres"
CLOSING_SECONDS = 3.0
OTHER_SESSIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# What `migrate` writes into a new database by itself.
FROM_MIGRATIONS = {"django_migrations", "django_content_type", "auth_permission", "django_site"}

UNKNOWN_FORMAT = "This backup is of a newer version of Faultline: restore it with that one."
UNKNOWN_MIGRATIONS = "This version does not know the backup's migrations {names}: use a newer one."
NOT_EMPTY = (
    "There is a site here already ({rows} rows in {tables}). With --overwrite the backup takes its place; "
    "the present database is kept under another name."
)
IN_USE = (
    "{sessions} other sessions use the database: stop web, workers and beat first, so that nobody writes "
    "what would be lost."
)
OTHER_FILE = (
    "{storage}/{name} is there with another content. With --overwrite the backup's takes its place; the "
    "present one is kept beside it."
)
NOT_SAVED = "{storage}/{name} could not be written as it is: {reason}. The database was not touched."
MAY_NOT_CREATE = "The database's user may not create databases: ALTER ROLE ... CREATEDB, then restore again."
RESTORE_FAILED = "pg_restore could not read the database in: {reason}. The present database was not touched."
OTHER_ROWS = "Other rows were restored than were counted ({tables}). The present database was not touched."


def restore(folder: Path, overwrite: bool, tell: Tell, wanted: str = "") -> tuple[dict, str]:
    """Restore a backup, if given of this sum; its manifest, and the name that the database before has now."""
    if wanted:
        check_sum(folder, wanted)
    facts = verify(folder)
    tell("Every checksum is right.")
    check_versions(facts)
    forget_connections()
    with connect() as server:
        check_target(server, overwrite)
        dumped = major_version(server)
    put_files(folder, overwrite, tell)
    present = parameters()["dbname"]
    beside = f"{present}_restoring"
    read_database(folder / DUMP, beside, dumped)
    check_rows(beside, facts["rows"])
    tell(f"The database is read in: {sum(facts['rows'].values())} rows.")
    return facts, change_places(present, beside)


def check_versions(facts: dict) -> None:
    if facts["format"] != FORMAT:
        raise BackupError(UNKNOWN_FORMAT)
    known = set(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
    unknown = sorted(f"{app}.{name}" for app, name in facts["migrations"] if (app, name) not in known)
    if unknown:
        raise BackupError(UNKNOWN_MIGRATIONS.format(names=", ".join(unknown)))


def forget_connections() -> None:
    """Close this process's own: a database in use cannot be renamed."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()


def check_target(server: psycopg.Connection, overwrite: bool) -> None:
    # A session that has just been closed, as our own, takes the server a moment to end.
    deadline = time.monotonic() + CLOSING_SECONDS
    while sessions := server.execute(OTHER_SESSIONS).fetchone()[0]:
        if time.monotonic() > deadline:
            raise BackupError(IN_USE.format(sessions=sessions))
        time.sleep(0.1)
    with server.cursor() as cursor:
        counts = {table: rows for table, rows in count_rows(cursor).items() if rows}
    occupied = {table: rows for table, rows in counts.items() if table not in FROM_MIGRATIONS}
    if occupied and not overwrite:
        tables = ", ".join(sorted(occupied)[:3]) + (" and others" if len(occupied) > 3 else "")
        raise BackupError(NOT_EMPTY.format(rows=sum(occupied.values()), tables=tables))


# Files


def put_files(folder: Path, overwrite: bool, tell: Tell) -> None:
    sums, named = read_sums(folder), files_in(folder)
    wanted = {found: sums[path_of(found)] for found in named}
    different = [found for found in named if is_there(found) and now(found) != wanted[found]]
    if different and not overwrite:
        storage, name = different[0]
        raise BackupError(OTHER_FILE.format(storage=storage, name=name))
    written = 0
    for found in named:
        if found not in different and is_there(found):
            continue
        put(folder / path_of(found), found, keep=found in different)
        written += 1
    for found in named:
        if now(found) != wanted[found]:
            raise BackupError(NOT_SAVED.format(storage=found[0], name=found[1], reason="it reads otherwise"))
    tell(f"{written} files are written, {len(named) - written} were there.")


def path_of(found: Found) -> str:
    return f"{FILES}/{found[0]}/{found[1]}"


def is_there(found: Found) -> bool:
    return storages[found[0]].exists(found[1])


def now(found: Found) -> str:
    return digest_of(read(storages[found[0]], found[1]))


def put(path: Path, found: Found, keep: bool) -> None:
    storage, name = storages[found[0]], found[1]
    if keep:
        with storage.open(name) as file:
            save(storage, f"{name}.before-{stamp()}", file)
        storage.delete(name)
    with path.open("rb") as file:
        save(storage, name, File(file))


def save(storage: Storage, name: str, content: File) -> None:
    saved = storage.save(name, content)
    if saved != name:
        raise BackupError(NOT_SAVED.format(storage="", name=name, reason=f"it became {saved}"))


def stamp() -> str:
    return datetime.now(UTC).strftime("%Y%m%d%H%M%S")


# The database


def read_database(dump: Path, beside: str, major: int) -> None:
    """Read a dump into a new database."""
    with connect() as server:
        execute(server, "DROP DATABASE IF EXISTS {}", beside)
        try:
            execute(server, "CREATE DATABASE {} TEMPLATE template0", beside)
        except errors.InsufficientPrivilege as error:
            raise DumpError(MAY_NOT_CREATE) from error
    argv = [reader(dump, major), "--exit-on-error", "--no-owner", "--no-privileges"]
    argv += ["--single-transaction", str(dump)]
    with start(argv, beside, stdout=DEVNULL) as process:
        reason = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        raise DumpError(RESTORE_FAILED.format(reason=reason))


def check_rows(database: str, wanted: dict[str, int]) -> None:
    with connect(database) as server, server.cursor() as cursor:
        found = count_rows(cursor)
    different = sorted(
        table for table in found.keys() | wanted.keys() if found.get(table) != wanted.get(table)
    )
    if different:
        raise BackupError(OTHER_ROWS.format(tables=", ".join(different)))


def change_places(present: str, beside: str) -> str:
    """Give the restored database its name, and the present one another: both or neither."""
    before = f"{present}_before_{stamp()}"
    with closing(connect(MAINTENANCE, autocommit=False)) as server:
        execute(server, "ALTER DATABASE {} RENAME TO {}", present, before)
        execute(server, "ALTER DATABASE {} RENAME TO {}", beside, present)
        server.commit()
    return before


def execute(server: psycopg.Connection, statement: str, *names: str) -> None:
    server.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

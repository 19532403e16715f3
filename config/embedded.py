"""The whole site under one supervisor: PostgreSQL, Redis, worker and web server, from Python packages alone.

    python -m config.embedded serve [--port 8000] [--workers 2] [--once] [-- CMD ...]
    python -m config.embedded run [--temporary] -- CMD ...

`serve` runs everything; with CMD it runs that too once the site answers, and with --once it ends with it.
`run` starts only PostgreSQL and Redis around CMD. Where DATABASE_URL or CELERY_BROKER_URL is set, that
service is not started and the given one is used.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGINT

from . import services
from .supervisor import StackError, Stopped, Supervisor

REPOSITORY = Path(__file__).resolve().parent.parent


def socket_folder(data_dir: Path) -> Path:
    """Where the sockets of a data folder are: not in it, as a socket's path holds only about 100 bytes."""
    digest = hashlib.sha256(os.fsencode(data_dir.absolute())).hexdigest()[:8]
    return Path(f"/tmp/faultline-{os.geteuid()}-{digest}")  # noqa: S108 -- its owner is checked  # nosec


def check_owner(folder: Path) -> None:
    """Refuse a folder that another user has put where ours belongs."""
    with contextlib.suppress(FileNotFoundError):
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise StackError(f"{folder} belongs to someone else or is open to others: remove it.")


def embedded_urls(data_dir: Path) -> dict[str, str]:
    """Where the embedded services of a data folder listen, whether they run or not."""
    folder = socket_folder(data_dir)
    check_owner(folder)
    return {
        "DATABASE_URL": f"postgresql://{services.DATABASE_USER}@/{services.DATABASE}?host={folder}/pg",
        "CELERY_BROKER_URL": f"redis+socket://{folder}/redis.sock",
    }


def make_secret_key(data_dir: Path) -> None:
    """Make the site's secret key, once."""
    path = data_dir / "secret_key"
    if not path.exists():
        unfinished = path.with_suffix(".new")
        unfinished.touch(mode=0o600)
        unfinished.write_text(secrets.token_urlsafe(48) + "\n")
        unfinished.replace(path)


@contextlib.contextmanager
def locked(data_dir: Path) -> Iterator[int]:
    """Hold a data folder for one supervisor; yields the lock that its services inherit and hold as well.

    When a supervisor was killed, its services take a moment to end: the second lock waits for the last.
    """
    with (data_dir / "supervisor.lock").open("a") as ours, (data_dir / "services.lock").open("a") as theirs:
        if not lock(ours.fileno(), seconds=0):
            raise StackError(
                f"Faultline already runs on {data_dir}: stop it, or set FAULTLINE_DATA to another folder."
            )
        if not lock(theirs.fileno(), seconds=30):
            raise StackError(
                f"Services of an earlier start still run on {data_dir} and do not end: stop them."
            )
        yield theirs.fileno()


@contextlib.contextmanager
def sockets(data_dir: Path) -> Iterator[Path]:
    """The folder of the sockets, for as long as they are needed."""
    folder = socket_folder(data_dir)
    folder.mkdir(mode=0o700, exist_ok=True)
    check_owner(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def lock(file: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        else:
            return True


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise StackError(
                f"Port {port} cannot be used ({error.strerror}): choose another with PORT=."
            ) from error


def start_stores(supervisor: Supervisor, data_dir: Path, folder: Path, temporary: bool) -> None:
    """PostgreSQL and Redis, each unless one was given."""
    urls = embedded_urls(data_dir)
    given = {name: os.environ.get(name) for name in urls}
    supervisor.environ |= {name: given[name] or url for name, url in urls.items()}
    if not given["DATABASE_URL"]:
        postgres = services.Postgres(data_dir, folder / "pg", temporary)
        postgres.initialise(supervisor)
        supervisor.start(postgres.service())
    if not given["CELERY_BROKER_URL"]:
        supervisor.start(services.redis(data_dir, folder / "redis.sock"))
    supervisor.wait_until_ready(120)


def start_site(supervisor: Supervisor, port: int, workers: int) -> None:
    supervisor.step(services.manage("migrate", "--noinput"), seconds=600)
    if supervisor.environ["DEBUG"].lower() not in {"1", "true", "yes", "on"}:
        supervisor.step(services.manage("collectstatic", "--noinput"), seconds=600)
    supervisor.start(services.worker(workers))
    supervisor.start(services.web(port))
    supervisor.wait_until_ready(120)
    print(f"Faultline is at http://127.0.0.1:{port} (Ctrl-C stops it)", flush=True)


def supervise(arguments: argparse.Namespace, data_dir: Path) -> int:
    """Run the stack until its command ends, someone stops it, or one of its services dies."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data_dir / "static").mkdir(exist_ok=True)  # WhiteNoise warns where it is missing
    serving = arguments.action == "serve"
    environ = os.environ | {"FAULTLINE_DATA": str(data_dir), "PYTHONUNBUFFERED": "1"}
    environ.setdefault("DEBUG", "1")
    with locked(data_dir) as lock_file, sockets(data_dir) as folder:
        if serving:
            check_port(arguments.port)
            environ["PORT"] = str(arguments.port)
            environ.setdefault("SITE_URL", f"http://127.0.0.1:{arguments.port}")
        make_secret_key(data_dir)
        with Supervisor(data_dir / "log", environ, REPOSITORY, (lock_file,)) as supervisor:
            start_stores(supervisor, data_dir, folder, temporary=not serving and arguments.temporary)
            if serving:
                start_site(supervisor, arguments.port, arguments.workers)
            code = supervisor.call(arguments.command) if arguments.command else 0
            if serving and not arguments.once and code == 0:
                supervisor.watch()
            return code


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m config.embedded")
    actions = parser.add_subparsers(dest="action", required=True)
    serve = actions.add_parser("serve", help="the whole site; then CMD, when one is given")
    serve.add_argument("--port", type=int, default=os.environ.get("PORT") or "8000")
    serve.add_argument("--workers", type=int, default=2, help="processes that judge submissions")
    serve.add_argument("--once", action="store_true", help="stop when CMD has ended")
    run = actions.add_parser("run", help="PostgreSQL and Redis for as long as CMD runs")
    run.add_argument(
        "--temporary", action="store_true", help="in a new data folder that is removed afterwards"
    )
    for action in (serve, run):
        action.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD ...")
    arguments = parser.parse_args(argv)
    arguments.command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not arguments.command and (arguments.action == "run" or arguments.once):
        parser.error("a command is needed after --")
    return arguments


def main(argv: list[str]) -> int:
    arguments = parse(argv)
    temporary = arguments.action == "run" and arguments.temporary
    configured = Path(os.environ.get("FAULTLINE_DATA") or REPOSITORY / "var").resolve()
    data_dir = Path(tempfile.mkdtemp(prefix="faultline-")) if temporary else configured
    try:
        return supervise(arguments, data_dir)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except PermissionError as error:
        print(
            f"{error.filename} is not ours to use: set FAULTLINE_DATA to a folder of yours.", file=sys.stderr
        )
        return 1
    except KeyboardInterrupt:
        return 128 + SIGINT
    except Stopped as stopped:
        # To serve until somebody stops it is what was asked for; a command that was cut short is no success.
        asked_for = arguments.action == "serve" and not arguments.once
        return 0 if asked_for else 128 + stopped.signal_number
    finally:
        if temporary:
            shutil.rmtree(data_dir, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

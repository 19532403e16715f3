"""The production stack as processes of this machine: what docker-compose.yml runs, without Docker.

Debian's PostgreSQL and Redis with passwords on loopback ports, an S3-compatible server with two users, web
servers, worker machines and beat. Web servers and workers share nothing but those services: each has its own
working folder, data folder, temporary folder and environment.
"""

import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import boto3
import psycopg

from config.supervisor import tie_to_parent

from .engine import Broken, Container, Engine

REPOSITORY = Path(__file__).resolve().parents[2]
MISSING = "The system test needs Debian's {what}: apt-get install {package}."
UPLOADS, HIDDEN = "uploads", "hidden"
REGION = "eu-central-1"
SLOW_START = 120.0
# What the web process may do with files; a worker may do all with both buckets.
WEB_POLICY = [
    {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
        "Resource": [f"arn:aws:s3:::{UPLOADS}/*"],
    },
    {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [f"arn:aws:s3:::{UPLOADS}"]},
    {
        "Effect": "Allow",
        "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
        "Resource": [f"arn:aws:s3:::{HIDDEN}/*"],
    },
]
WORKER_POLICY = [
    {
        "Effect": "Allow",
        "Action": ["s3:*"],
        "Resource": [f"arn:aws:s3:::{bucket}{rest}" for bucket in (UPLOADS, HIDDEN) for rest in ("", "/*")],
    }
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex(("127.0.0.1", port)) == 0


def become_user(user: pwd.struct_passwd) -> None:
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def postgres_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise Broken(MISSING.format(what="PostgreSQL", package="postgresql"))
    return found[-1].parent


def redis_program() -> str:
    found = shutil.which("redis-server")
    if found is None:
        raise Broken(MISSING.format(what="Redis", package="redis-server"))
    return found


class Stack:
    """Started by `running`. `webs` and `workers` are names of containers."""

    def __init__(self, folder: Path, webs: int, workers: int) -> None:
        self.folder, self.engine = folder, Engine()
        self.webs = [f"web{number}" for number in range(1, webs + 1)]
        self.workers = [f"worker{number}" for number in range(1, workers + 1)]
        names = ("postgres", "redis", "s3", "s3 server", *self.webs)
        self.ports = {name: free_port() for name in names}
        self.superuser_password, self.database_password = secrets.token_hex(12), secrets.token_hex(12)
        self.redis_password = secrets.token_hex(12)
        self.secret_key = secrets.token_urlsafe(48)
        self.keys: dict[str, tuple[str, str]] = {}

    # Addresses

    @property
    def database_url(self) -> str:
        return f"postgresql://faultline:{self.database_password}@127.0.0.1:{self.ports['postgres']}/faultline"

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{self.ports[web]}" for web in self.webs]

    def environ(self, who: str, folder: Path, **more: str) -> dict[str, str]:
        """What docker-compose.yml sets, with secrets in files."""
        access, secret = self.keys[who]
        secret_files = {
            "SECRET_KEY": self.secret_key,
            "DATABASE_URL": self.database_url,
            "CELERY_BROKER_URL": f"redis://:{self.redis_password}@127.0.0.1:{self.ports['redis']}/0",
            "S3_ACCESS_KEY": access,
            "S3_SECRET_KEY": secret,
        }
        kept = folder / "secrets"
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, value in secret_files.items():
            (kept / name).write_text(value + "\n")
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "ORT_DISABLE_TELEMETRY": "1",
            "DEBUG": "0",
            "FAULTLINE_DATA": str(folder / "data"),
            "STATIC_ROOT": str(self.folder / "static"),
            "SITE_URL": self.urls[0],
            "ALLOWED_HOSTS": "127.0.0.1",
            "S3_ENDPOINT_URL": f"http://127.0.0.1:{self.ports['s3']}",
            "S3_REGION": REGION,
            "S3_BUCKET": UPLOADS,
            "S3_HIDDEN_BUCKET": HIDDEN,
            **{f"{name}_FILE": str(kept / name) for name in secret_files},
            **more,
        }

    # Making it

    def start(self) -> None:
        self.add_postgres()
        self.add_redis()
        self.add_storage()
        self.engine.start("postgres", "redis", "s3 server", "s3", seconds=SLOW_START)
        self.make_site_role()
        self.make_buckets()
        self.manage("migrate", "--noinput")
        self.collect_static()
        self.add_beat()
        for web in self.webs:
            self.add_web(web)
        for worker in self.workers:
            self.add_worker(worker)
        self.engine.start("beat", *self.webs, *self.workers, seconds=SLOW_START)

    def add_postgres(self) -> None:
        programs, folder = postgres_programs(), self.folder / "postgres"
        cluster, become = folder / "cluster", None
        folder.mkdir()
        password = folder / "password"
        password.write_text(self.superuser_password)
        if os.geteuid() == 0:  # which PostgreSQL refuses
            user = pwd.getpwnam("postgres")
            become = partial(become_user, user)
            for path in (folder, password):
                os.chown(path, user.pw_uid, user.pw_gid)
        initdb = [str(programs / "initdb"), "-D", str(cluster), "-U", "postgres", "--pwfile", str(password)]
        initdb += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        made = subprocess.run(initdb, preexec_fn=become, capture_output=True, text=True, check=False)
        if made.returncode:
            raise Broken(f"initdb failed: {made.stderr}")
        argv = [str(programs / "postgres"), "-D", str(cluster), "-p", str(self.ports["postgres"])]
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        argv += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.engine.add(
            Container(
                "postgres",
                argv,
                folder,
                {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
                lambda _: self.database_answers(),
                stop=(signal.SIGINT, 10.0),
                orphaned=signal.SIGINT,
                become=become,
            )
        )

    def add_redis(self) -> None:
        folder = self.folder / "redis"
        argv = [redis_program(), "--bind", "127.0.0.1", "--port", str(self.ports["redis"]), "--save", ""]
        argv += ["--appendonly", "no", "--requirepass", self.redis_password, "--dir", str(folder)]
        environ = {"PATH": os.environ["PATH"]}
        self.engine.add(Container("redis", argv, folder, environ, lambda _: listens(self.ports["redis"])))

    def add_storage(self) -> None:
        server, door = self.ports["s3 server"], self.ports["s3"]
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
        for name, module, arguments in (
            ("s3 server", "moto.server", ["-H", "127.0.0.1", "-p", str(server)]),
            ("s3", "tests.system.relay", [str(door), str(server)]),
        ):
            argv = [sys.executable, "-m", module, *arguments]
            folder, port = self.folder / name.replace(" ", "-"), self.ports[name]
            self.engine.add(Container(name, argv, folder, environ, lambda _, port=port: listens(port)))

    def add_beat(self) -> None:
        folder = self.folder / "beat"
        argv = [sys.executable, "-m", "celery", "-A", "config", "beat", "--loglevel", "INFO"]
        argv += ["--schedule", str(folder / "schedule"), "--pidfile", ""]
        environ = self.environ("worker", folder)
        self.engine.add(Container("beat", argv, folder, environ, lambda _: any(folder.glob("schedule*"))))

    def add_web(self, name: str) -> None:
        folder, port = self.folder / name, self.ports[name]
        argv = [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn"]
        argv += ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--graceful-timeout", "30"]
        argv += ["--worker-tmp-dir", "/dev/shm", "config.wsgi"]
        environ = self.environ(
            "web",
            folder,
            SITE_URL=f"http://127.0.0.1:{port}",
            # Where people fetch files from: by way of the relay, as through a proxy.
            S3_PUBLIC_URL=f"http://127.0.0.1:{self.ports['s3']}",
        )
        self.engine.add(
            Container(name, argv, folder, environ, lambda _: answers(f"http://127.0.0.1:{port}/healthz"))
        )

    def add_worker(self, name: str, **more: str) -> None:
        folder = self.folder / name
        argv = [sys.executable, "-m", "celery", "-A", "config", "worker", "--concurrency", "2"]
        argv += ["--without-gossip", "--without-mingle", "--loglevel", "INFO", "--hostname", f"{name}@%h"]
        environ = self.environ("worker", folder, **more)
        stop = (signal.SIGTERM, 40.0)
        self.engine.add(Container(name, argv, folder, environ, lambda it: " ready." in it.said(), stop))

    def make_site_role(self) -> None:
        """As the container of PostgreSQL does at its first start."""
        password = self.folder / "site-password"
        password.write_text(self.database_password + "\n")
        environ = {
            "PATH": f"{postgres_programs()}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.ports["postgres"]),
            "PGPASSWORD": self.superuser_password,
            "POSTGRES_USER": "postgres",
            "DATABASE_PASSWORD_FILE": str(password),
        }
        script = REPOSITORY / "deploy/site-role.sh"
        made = subprocess.run([script], env=environ, capture_output=True, text=True, check=False)
        if made.returncode:
            raise Broken(f"{script} failed: {made.stderr}")

    def make_database(self) -> None:
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE faultline")

    def url_of(self, database: str) -> str:
        return f"{self.database_url.rpartition('/')[0]}/{database}"

    def database_answers(self) -> bool:
        address = f"127.0.0.1:{self.ports['postgres']}/postgres"
        try:
            psycopg.connect(
                f"postgresql://postgres:{self.superuser_password}@{address}", connect_timeout=2
            ).close()
        except psycopg.OperationalError:
            return False
        return True

    def make_buckets(self) -> None:
        """Two users, one who serves pages and one who works; from then on the server asks who calls."""
        server = f"http://127.0.0.1:{self.ports['s3 server']}"
        given = {
            "endpoint_url": server,
            "region_name": REGION,
            "aws_access_key_id": "root",
            "aws_secret_access_key": "root",
        }
        storage, people = boto3.client("s3", **given), boto3.client("iam", **given)
        for bucket in (UPLOADS, HIDDEN):
            storage.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        for name, statements in (("web", WEB_POLICY), ("worker", WORKER_POLICY)):
            people.create_user(UserName=name)
            policy = {"Version": "2012-10-17", "Statement": statements}
            people.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=json.dumps(policy))
            key = people.create_access_key(UserName=name)["AccessKey"]
            self.keys[name] = (key["AccessKeyId"], key["SecretAccessKey"])
        ask_who_calls = urllib.request.Request(
            f"{server}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(ask_who_calls, timeout=10).read()

    def collect_static(self) -> None:
        """Hashed as in the image, but not compressed, which takes minutes and no fault has to do with."""
        collect = (
            "collectstatic",
            "--noinput",
            "--verbosity",
            "0",
            "--settings",
            "tests.system.uncompressed",
        )
        self.manage(*collect)

    # Using it

    def manage(self, *arguments: str, who: str = "worker", seconds: float = 300.0) -> str:
        """Run a command of manage.py in a container of its own that ends with it; what it printed."""
        folder = self.folder / f"manage-{who}"
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        return self.run([str(REPOSITORY / "manage.py"), *arguments], who, folder, seconds)

    def python(self, module: str, *arguments: str, who: str = "web", seconds: float = 300.0) -> str:
        folder = self.folder / f"manage-{who}"
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        return self.run(["-m", module, *arguments], who, folder, seconds)

    def run(self, arguments: list[str], who: str, folder: Path, seconds: float) -> str:
        environ = self.environ(who, folder, TMPDIR=str(folder / "tmp"))
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            preexec_fn=tie_to_parent(signal.SIGKILL),
        )
        if done.returncode:
            raise Broken(f"{' '.join(arguments[:3])} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        return done.stdout

    def database(self) -> psycopg.Connection:
        return psycopg.connect(self.database_url, autocommit=True, connect_timeout=5)

    def close(self) -> None:
        self.engine.close()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (OSError, ValueError):
        return False


@contextmanager
def running(webs: int = 2, workers: int = 2) -> Iterator[Stack]:
    """A stack in a folder of its own, deleted afterwards; a signal to stop ends it as an error does."""
    folder = Path(tempfile.mkdtemp(prefix="faultline-system-"))
    folder.chmod(0o711)  # PostgreSQL's user goes through it
    stack = Stack(folder, webs, workers)
    before = {
        number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    }
    try:
        stack.start()
        yield stack
    finally:
        for number in before:
            signal.signal(number, signal.SIG_IGN)  # it is ending already
        stack.close()
        shutil.rmtree(folder, ignore_errors=True)
        for number, handler in before.items():
            signal.signal(number, handler)


def stop(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)

"""What docker-compose.yml, the Dockerfile and the proxy promise, read from the files."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from config import gunicorn
from config.services import web as embedded_web
from config.services import worker as embedded_worker
from config.warm_stop import PATIENCE_SECONDS
from tests.system.stack import Stack

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SERVICES = COMPOSE["services"]
OURS = {"web", "worker", "beat", "migrate", "buckets", "backup"}
STORES = {"postgres", "redis", "storage"}
ONE_OFFS = {"migrate", "buckets", "backup"}
# In their images these are root's: without capabilities, root may no more than own its files.
AS_ROOT_WITHOUT_RIGHTS = {"proxy", "storage"}

DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")

each_service = pytest.mark.parametrize("name", sorted(SERVICES))
each_of_ours = pytest.mark.parametrize("name", sorted(OURS))


def names_of(secrets: list) -> set[str]:
    return {secret if isinstance(secret, str) else secret["source"] for secret in secrets}


def test_there_are_these_services():
    assert set(SERVICES) == OURS | STORES | {"proxy"}


@each_service
def test_only_the_proxy_publishes_ports(name):
    assert ("ports" in SERVICES[name]) == (name == "proxy")
    assert SERVICES[name].get("network_mode") is None


@each_service
def test_a_container_has_no_rights_and_a_read_only_file_system(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else [])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))


@each_service
def test_a_container_has_limits_and_logs_that_end(name):
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["pids_limit"] <= 512
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])


@each_service
def test_nobody_is_root_who_need_not_be(name):
    user = SERVICES[name].get("user", "")
    if name in AS_ROOT_WITHOUT_RIGHTS:
        assert user == ""
    else:
        assert int(user.split(":")[0]) > 0


@each_service
def test_images_are_pinned(name):
    tag = SERVICES[name]["image"].rsplit(":", 1)[1] if name not in OURS else "ours"
    assert tag == "ours" or re.search(r"\d+\.\d+\.\d+|\d+\.\d+-", tag), tag


@each_of_ours
def test_ours_is_one_image_run_as_its_user(name):
    service = SERVICES[name]
    assert service["image"] == SERVICES["web"]["image"]
    assert service["user"] == "10001:10001"
    assert "USER 10001:10001" in DOCKERFILE


@each_of_ours
def test_ours_may_write_to_tmp_and_scratch_alone(name):
    service = SERVICES[name]
    mounts = {mount.split(":")[0] for mount in service["tmpfs"]}
    mounts |= {volume.rsplit(":", 1)[1] for volume in service.get("volumes", [])}
    assert {"/tmp", "/scratch"} <= mounts <= {"/tmp", "/scratch", "/backups"}
    assert ("/backups" in mounts) == (name == "backup")


def test_large_files_pass_over_a_disk():
    """Tables and audits have up to 2 GB: no tmpfs, whose size counts as memory, is in their way."""
    for name in ("web", "worker", "backup"):
        service = SERVICES[name]
        folder = service["environment"].get("TMPDIR", "/scratch")
        assert folder in {volume.rsplit(":", 1)[1] for volume in service["volumes"]}, name


def test_who_is_not_the_proxy_or_web_has_no_way_out():
    networks = COMPOSE["networks"]
    for name, service in SERVICES.items():
        open_networks = [network for network in service["networks"] if not networks[network].get("internal")]
        assert open_networks == (["edge"] if name in {"proxy", "web"} else []), name


def test_the_proxy_reaches_web_and_the_storage_alone():
    reached = {
        name
        for name, service in SERVICES.items()
        if name != "proxy" and set(service["networks"]) & set(SERVICES["proxy"]["networks"])
    }
    assert reached == {"web", "storage"}


def test_every_secret_is_a_file_that_make_secrets_makes(tmp_path):
    folder = tmp_path / "secrets"
    subprocess.run([ROOT / "deploy/make-secrets", folder], check=True, capture_output=True)
    wanted = {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert {path.name for path in folder.iterdir()} == wanted
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    accounts = json.loads((folder / "s3_accounts.json").read_text())["accessAccounts"]
    for who in ("web", "worker"):
        assert accounts[f"faultline-{who}"]["secret"] == (folder / f"s3_{who}_secret_key").read_text().strip()
        assert accounts[f"faultline-{who}"]["role"] == "user"
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert len(made["secret_key"]) > 50
    filled = [made[name] for name in made if made[name].strip()]
    assert len(set(filled)) == len(filled)
    subprocess.run([ROOT / "deploy/make-secrets", folder], check=True, capture_output=True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == made


@each_service
def test_secrets_come_from_files_and_each_gets_no_more_than_it_reads(name):
    service = SERVICES[name]
    read = {
        Path(value).name
        for key, value in service.get("environment", {}).items()
        if key.endswith("_FILE") and value.startswith("/run/secrets/")
    }
    text = json.dumps([service.get("command"), service.get("healthcheck")])
    read |= set(re.findall(r"/run/secrets/(\w+)", text))
    given = names_of(service.get("secrets", []))
    if name == "storage":
        given -= {"s3_accounts"}
        assert service["environment"]["VGW_IAM_DIR"] == "/accounts"
    assert given == read
    for key in service.get("environment", {}):
        assert not re.search(r"(PASSWORD|SECRET_KEY|SECRET_ACCESS_KEY|TOKEN|DATABASE_URL|DSN)$", key), key


def test_web_and_worker_have_credentials_of_their_own():
    web, worker = SERVICES["web"]["environment"], SERVICES["worker"]["environment"]
    assert web["S3_ACCESS_KEY"] != worker["S3_ACCESS_KEY"]
    assert web["S3_SECRET_KEY_FILE"] != worker["S3_SECRET_KEY_FILE"]
    assert "s3_worker_secret_key" not in SERVICES["web"]["secrets"]
    for name in ("web", "worker", "beat", "migrate", "backup"):
        assert "s3_root_secret_key" not in SERVICES[name]["secrets"]
    named = {f"--web={web['S3_ACCESS_KEY']}", f"--worker={worker['S3_ACCESS_KEY']}"}
    assert named <= set(SERVICES["buckets"]["command"])


def test_the_site_is_no_superuser_of_its_database(tmp_path):
    """A superuser could have the database's server run programs."""
    postgres = SERVICES["postgres"]
    assert "./deploy/site-role.sh:/docker-entrypoint-initdb.d/site-role.sh:ro" in postgres["volumes"]
    assert os.access(ROOT / "deploy/site-role.sh", os.X_OK)
    script = (ROOT / "deploy/site-role.sh").read_text()
    assert "CREATE ROLE faultline LOGIN NOSUPERUSER NOCREATEROLE CREATEDB PASSWORD :'password';" in script
    assert "CREATE DATABASE faultline OWNER faultline;" in script
    subprocess.run([ROOT / "deploy/make-secrets", tmp_path], check=True, capture_output=True)
    secret = {name: (tmp_path / name).read_text().strip() for name in names_of(postgres["secrets"])}
    url = urlsplit((tmp_path / "database_url").read_text().strip())
    assert (url.username, url.password) == ("faultline", secret["database_password"])
    assert postgres["environment"]["POSTGRES_USER"] == "postgres"
    assert secret["postgres_password"] != url.password
    for name in OURS:
        assert not {"postgres_password", "database_password"} & names_of(SERVICES[name]["secrets"])


def test_the_others_wait_until_the_one_offs_ended_well():
    for name in ("web", "worker", "beat"):
        waits = {other: how["condition"] for other, how in SERVICES[name]["depends_on"].items()}
        assert waits == {
            "postgres": "service_healthy",
            "redis": "service_healthy",
            "storage": "service_healthy",
            "migrate": "service_completed_successfully",
            "buckets": "service_completed_successfully",
        }


@each_service
def test_who_runs_on_has_a_health_check_and_comes_back(name):
    service = SERVICES[name]
    if name in ONE_OFFS:
        assert service["healthcheck"] == {"disable": True}
        assert service["restart"] != "unless-stopped"
        return
    assert service["restart"] == "unless-stopped"
    assert service["stop_grace_period"]
    if name not in {"proxy", "web"}:
        assert service["healthcheck"]["test"]
    if name == "web":
        assert "HEALTHCHECK" in DOCKERFILE


def test_nothing_goes_by_itself_but_what_must():
    assert {name for name in SERVICES if SERVICES[name].get("profiles")} == {"backup"}


def test_stops_leave_time_for_what_runs():
    assert "--graceful-timeout=30" in SERVICES["web"]["command"]
    assert SERVICES["web"]["stop_grace_period"] == "40s"
    assert float(SERVICES["worker"]["stop_grace_period"].removesuffix("s")) > 2 * PATIENCE_SECONDS


LONG = {"-q": "--quiet", "-A": "--app"}


def options_of(argv: list[str]) -> dict[str, str]:
    """A command's options by their long names, and its words, each with what is given to it."""
    found: dict[str, str] = {}
    waiting = ""
    for part in argv:
        name, separate, value = part.partition("=")
        if part.startswith("-"):
            waiting = "" if separate else LONG.get(name, name)
            found[LONG.get(name, name)] = value
        elif waiting in {"", "--quiet"}:
            found[part] = ""
        else:
            found[waiting], waiting = part, ""
    return found


def without(options: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in options.items() if name not in names}


def test_web_runs_as_the_embedded_one_does():
    ours = options_of(SERVICES["web"]["command"][1:])
    embedded = options_of(embedded_web(8000).argv[3:])
    places = ("--bind", "--graceful-timeout", "--worker-tmp-dir")
    assert without(ours, *places) == without(embedded, *places)
    image = json.loads(re.search(r"\nCMD (\[.*?\])", DOCKERFILE, re.DOTALL)[1].replace("\\\n", ""))
    assert image == SERVICES["web"]["command"]


def test_worker_and_beat_run_as_the_embedded_one_does():
    ours = options_of(SERVICES["worker"]["command"][1:])
    embedded = options_of([part for part in embedded_worker(2).argv[3:] if part != "-B"])
    assert without(ours, "--concurrency") == without(embedded, "--concurrency")
    assert SERVICES["beat"]["command"][:4] == ["celery", "--quiet", "--app=config", "beat"]
    assert "deploy" not in SERVICES["beat"]  # one is enough, and more would be too many


@pytest.fixture
def stack(tmp_path):
    """The production stack of the system tests, before anything of it runs."""
    stack = Stack(tmp_path, 1, 1)
    stack.keys = {"web": ("web", "secret"), "worker": ("worker", "secret")}
    stack.add_beat()
    stack.add_web("web1")
    stack.add_worker("worker1")
    yield stack.engine.containers
    stack.close()


# Where a process is and what it is called, and what Celery prints at its start.
PLACES = ("--bind", "--hostname", "--schedule", "--concurrency", "--quiet", "--loglevel")
# No proxy, no TLS, no mail and no Sentry are there, and every secret key is the first.
NOT_IN_THE_STACK = {
    "BEHIND_PROXY",
    "NUM_PROXIES",
    "EMAIL_HOST_PASSWORD",
    "SENTRY_DSN",
    "SECRET_KEY_FALLBACKS",
}
NOT_IN_THE_STACK |= {"METRICS_TOKEN", "LOG_FORMAT"}


@pytest.mark.parametrize(("name", "container"), [("web", "web1"), ("worker", "worker1"), ("beat", "beat")])
def test_the_system_tests_run_the_same_commands_with_the_same_environment(stack, name, container):
    ours, theirs = SERVICES[name], stack[container]
    commands = options_of(ours["command"][1:]), options_of(list(theirs.argv)[3:])
    assert without(commands[0], *PLACES) == without(commands[1], *PLACES)
    asked, given = (
        {key.removesuffix("_FILE") for key in environ} for environ in (ours["environment"], theirs.environ)
    )
    assert asked - given <= NOT_IN_THE_STACK
    assert theirs.environ["DEBUG"] == ours["environment"]["DEBUG"]


def test_the_image_is_built_without_compilers_and_holds_none():
    stages = DOCKERFILE.split("\nFROM ")[1:]
    assert len(stages) == 2
    assert re.search(r"ARG PYTHON=python:3\.11\.\d+-slim-bookworm", DOCKERFILE)
    assert "--require-hashes --only-binary :all: -r /requirements.txt" in stages[0]
    assert "pip uninstall" in stages[1]
    assert not re.search(r"gcc|build-essential|-dev\b|make\b|curl|git\b", stages[1])
    assert "collectstatic" in stages[1]
    assert "requirements-dev" not in DOCKERFILE


def test_the_image_has_the_version_of_the_project():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"ARG VERSION={version}\n" in DOCKERFILE
    assert SERVICES["web"]["image"] == f"${{FAULTLINE_IMAGE:-faultline}}:${{FAULTLINE_VERSION:-{version}}}"
    assert "image.version" in DOCKERFILE
    assert f"#FAULTLINE_VERSION={version}\n" in (ROOT / ".env.example").read_text()


def test_nothing_is_copied_into_the_image_but_what_runs():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    kept = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert kept == {
        *(
            "manage.py",
            "pyproject.toml",
            "requirements.txt",
            "deploy/healthy.py",
            "templates",
            "static",
            "docs",
        ),
        *("config", "bounty", "audits", "common", "fairness"),
    }
    for name in kept:
        assert (ROOT / name).exists(), name


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """What the image holds, and the secrets of a container."""
    folder = tmp_path_factory.mktemp("image")
    left_out = shutil.ignore_patterns("__pycache__", "images")
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line.startswith("!"):
            source, target = ROOT / line[1:], folder / "app" / line[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=left_out)
            else:
                shutil.copy(source, target)
    subprocess.run([ROOT / "deploy/make-secrets", folder / "secrets"], check=True, capture_output=True)
    (folder / "scratch" / "static").mkdir(parents=True)
    return folder


def run_in(image: Path, name: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run Python on what the image holds, with the environment that a service has."""
    given = {key: DEFAULT.sub(r"\1", value) for key, value in SERVICES[name]["environment"].items()}
    given = {key: value.replace("/run/secrets", str(image / "secrets")) for key, value in given.items()}
    scratch = str(image / "scratch")
    of_the_image = {"FAULTLINE_DATA": scratch, "TMPDIR": scratch, "STATIC_ROOT": f"{scratch}/static"}
    environ = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"} | of_the_image | given
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=image / "app",
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_image_can_be_built(image):
    """Its step on our code: with no service at hand, and none of the settings of a site."""
    step = re.search(r"\nRUN (SECRET_KEY=.*?--noinput)", DOCKERFILE, re.DOTALL)[1].replace("\\\n", "")
    environ = dict(re.findall(r"^(?:ENV|   ) (\w+)=(\S+)", DOCKERFILE.split("\nFROM ")[2], re.MULTILINE))
    python = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ |= {"PATH": python, "TMPDIR": str(image), "FAULTLINE_DATA": str(image / "scratch")}
    done = subprocess.run(
        f"{step} --dry-run",
        shell=True,
        cwd=image / "app",
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"[1-9]\d+ static files", done.stdout)
    assert environ["DEBUG"] == "0"


def test_production_has_nothing_to_be_warned_of(image):
    done = run_in(image, "web", "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr


def test_the_image_knows_the_commands_of_the_compose_file(image):
    known = run_in(image, "web", "manage.py", "help", "--commands").stdout.split()
    text = json.dumps([[service.get("command"), service.get("healthcheck")] for service in SERVICES.values()])
    asked = set(re.findall(r"manage\.py[\", ]+(\w+)", text))
    assert asked == {"migrate", "make_buckets", "backup", "worker_health"}
    assert asked <= set(known)


@pytest.mark.parametrize("name", ["web", "worker"])
def test_the_image_holds_all_it_imports_and_each_has_its_own_credentials(image, name):
    script = (
        "import config.gunicorn, config.wsgi, config.celery as c; c.app.loader.import_default_modules(); "
        "from django.core.files.storage import storages; from django.conf import settings; "
        "print([(storages[a].bucket_name, storages[a].access_key, storages[a].secret_key) "
        "for a in ('default', 'hidden')], settings.DATABASE['HOST'], bool(settings.METRICS_TOKEN))"
    )
    done = run_in(image, name, "manage.py", "shell", "-c", script)
    assert done.returncode == 0, done.stderr
    secret = (image / f"secrets/s3_{name}_secret_key").read_text().strip()
    for bucket in ("faultline", "faultline-hidden"):
        assert str((bucket, f"faultline-{name}", secret)) in done.stdout
    assert f"postgres {name == 'web'}" in done.stdout


CADDYFILE = (ROOT / "deploy/Caddyfile").read_text()


def test_the_proxy_has_a_body_whole_before_web_reads_any_of_it_of_a_stranger(settings):
    """A stranger's body over the cap is refused unread: tests/config/test_uploads.py."""
    by_length = re.search(r"not vars_regexp \{header\.Content-Length\} (\S+)", CADDYFILE)
    streamed = re.compile(by_length[1])
    whole = CADDYFILE.partition("handle @whole {")[2]
    assert re.search(r"request_body \{\s+read_timeout 2m\s+\}\s+import web 3MB\s", whole)
    assert "request_buffers {args[0]}" in CADDYFILE
    cap = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert cap < 3_000_000
    for length in (
        "1",
        "9999",
        "1000000",
        str(cap),
        str(cap + 1),
        "2999999",
        "0000001000000",
        "00000000000001",
    ):
        assert not streamed.search(length), length
    for odd in ("1000000,99999999", "1000000, 99999999", "99999999,1000000", "+1000000", "1e6"):
        assert not streamed.search(odd), odd
    for length in ("", "0", "3000000", "00003000000", "10000000", "2000000000"):
        assert streamed.search(length), length


def test_the_proxy_waits_for_nobody_for_ever_and_cuts_no_large_upload_off(settings):
    timeouts = dict(re.findall(r"^\t{3}(\w+) (\w+)$", CADDYFILE.partition("timeouts {")[2], re.M))
    assert timeouts["read_header"] == "10s" and timeouts["idle"] == "2m"
    assert settings.AUDIT_MAX_BYTES * 8 / (int(timeouts["read_body"].removesuffix("h")) * 3600) < 1_000_000
    assert "response_buffers 8MB" in CADDYFILE


def test_the_proxy_logs_no_request():
    """Its lines have addresses, paths and headers, and so have those on what fails."""
    assert not re.search(r"^\t+log( \{)?$", CADDYFILE, re.M)
    assert "exclude http.log http.handlers" in CADDYFILE


def test_a_thread_of_web_never_waits_for_a_connection_to_the_database():
    """Two parts are asked for health beside them."""
    pool = re.search(r"#DATABASE_POOL=(\d+)", (ROOT / ".env.example").read_text())[1]
    assert gunicorn.threads + 2 <= int(pool)


def test_the_proxy_serves_signed_links_to_the_open_bucket_alone():
    site, files = re.split(r"\n\{\$FILES_DOMAIN\}", CADDYFILE)
    assert "{$DOMAIN} {" in site
    assert "storage" not in site
    assert "path /{$S3_BUCKET}/*" in files
    assert "query X-Amz-Signature=*" in files
    assert "method GET HEAD" in files
    assert "respond 404" in files
    assert "S3_HIDDEN_BUCKET" not in files
    assert "log" not in files.split("{", 1)[1]
    assert set(SERVICES["proxy"]["environment"]) == {"DOMAIN", "FILES_DOMAIN", "S3_BUCKET"}


def test_the_health_check_of_the_image_tells_who_answers(live_server, client, settings):
    assert client.get("/healthz").status_code == 200  # the first request loads the site
    check = [sys.executable, ROOT / "deploy/healthy.py"]
    port = live_server.thread.port
    assert subprocess.run([*check, str(port)], check=False).returncode == 0
    nobody = subprocess.run([*check, "1"], capture_output=True, text=True, check=False)
    assert nobody.returncode == 1
    assert "port 1" in nobody.stderr
    settings.ALLOWED_HOSTS = ["elsewhere.example"]
    refused = subprocess.run([*check, str(port)], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "400" in refused.stderr

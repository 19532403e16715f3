"""What the environment may say: .env.example explains every variable that is read, and no other."""

import ast
import re
from itertools import takewhile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / ".env.example").read_text()
COMPOSE = (ROOT / "docker-compose.yml").read_text()
READERS = {"env", "flag"}
ASSIGNED = re.compile(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
SET = "Set by docker-compose.yml"


def constants(node: ast.AST) -> set[str]:
    return {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}


def names_read(source: str) -> set[str]:
    """The names that a module hands to env() and flag(), also from a comprehension over names."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in READERS and node.args:
            names |= constants(node.args[0])
        if isinstance(node, ast.DictComp) and "env(name)" in ast.unparse(node):
            names |= constants(node.generators[0].iter)
    return names


def read() -> set[str]:
    modules = [
        path for app in ("config", "bounty", "audits", "common") for path in (ROOT / app).rglob("*.py")
    ]
    return set().union(*(names_read(path.read_text()) for path in modules))


def explained() -> dict[str, str]:
    """Each variable of the example with the comment of the block it stands in."""
    lines = EXAMPLE.splitlines()
    found = {}
    for number, line in enumerate(lines):
        if match := ASSIGNED.match(line):
            block = list(takewhile(str.strip, reversed(lines[:number])))
            found[match[1]] = " ".join(part for part in reversed(block) if part.startswith("# "))
    return found


def set_by_compose() -> set[str]:
    services = yaml.safe_load(COMPOSE)["services"].values()
    ours = [service["environment"] for service in services if "env_file" in service]
    names = {name.removesuffix("_FILE") for environment in ours for name in environment}
    return names - {"PGOPTIONS", "TMPDIR"}  # which libpq and Python read


def test_every_variable_that_is_read_is_explained():
    assert read() - set(explained()) == set()


def test_every_variable_that_is_explained_is_read():
    interpolated = set(re.findall(r"\$\{([A-Z_0-9]+)", COMPOSE))
    assert set(explained()) - read() - interpolated == set()
    assert interpolated <= set(explained())


@pytest.mark.parametrize("name", sorted(explained()))
def test_a_variable_has_its_sentence(name):
    assert explained()[name].endswith((".", "?", "Backend")), name


def test_what_compose_sets_is_marked_and_commented_out():
    """A value in .env does not win over compose's: whoever edits it there is told."""
    marked = {name for name, comment in explained().items() if SET in comment}
    interpolated = set(re.findall(r"\$\{([A-Z_0-9]+)", COMPOSE))
    assert marked == set_by_compose() - interpolated
    for name in marked:
        assert re.search(rf"^#{name}=", EXAMPLE, re.MULTILINE), name


def test_the_example_holds_no_secret():
    values = dict(ASSIGNED.findall(EXAMPLE))
    for name in ("SECRET_KEY", "DATABASE_URL", "CELERY_BROKER_URL", "S3_SECRET_KEY", "METRICS_TOKEN"):
        assert values[name] == ""


def test_names_are_found_where_they_are_read():
    source = (
        'A = env("FIRST")\nB = flag("SECOND", "1")\nC = {name: env(name) for name in ("THIRD", "FOURTH")}'
    )
    assert names_read(source) == {"FIRST", "SECOND", "THIRD", "FOURTH"}

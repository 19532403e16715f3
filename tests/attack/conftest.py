import pytest
from rest_framework.throttling import SimpleRateThrottle

from .outcomes import TRIED, table
from .world import World, build, undone


@pytest.fixture(scope="package")
def world(django_db_setup, django_db_blocker, sandbox):
    """Built once for the package; what a test writes is taken back after it."""
    with django_db_blocker.unblock(), undone():
        yield build(sandbox)


@pytest.fixture
def here(world: World, db):
    return world


@pytest.fixture(autouse=True)
def unthrottled(monkeypatch):
    """A refusal for calling too often would hide every other answer."""
    monkeypatch.setattr(SimpleRateThrottle, "allow_request", lambda *_: True)


@pytest.fixture
def note(request):
    """Put what was tried and what came out into the table at the end."""
    return lambda what, outcome: request.node.user_properties.append((TRIED, (what, outcome)))


def pytest_terminal_summary(terminalreporter):
    """What was tried and what came out."""
    stats = terminalreporter.stats
    if lines := table([*stats.get("passed", ()), *stats.get("failed", ())]):
        terminalreporter.section("tried, and what came out")
        for line in lines:
            terminalreporter.write_line(line)

"""One stack for all system tests, and at the end a table of what was tried and what came out."""

import pytest

from .runs import Site
from .stack import running

TRIED = "tried"
FAILED = "FAILED: the logs of every process are above"


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name == "system":
            item.add_marker(pytest.mark.system)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def stack():
    with running() as stack:
        yield stack


@pytest.fixture(scope="session")
def site(stack):
    return Site(stack)


@pytest.fixture
def tell(request):
    """tell(what was tried, what came out): a line of the table at the end."""

    def line(what: str, came_out: object) -> None:
        request.node.user_properties.append((TRIED, (what, str(came_out))))

    return line


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where a test fails, what every process said."""
    report = yield
    stack = item.funcargs.get("stack") if report.failed else None
    if stack is not None:
        report.sections.append(("what the processes said", stack.engine.tails()))
    return report


def pytest_terminal_summary(terminalreporter):
    lines = []
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        told = [value for name, value in report.user_properties if name == TRIED]
        if report.when == "call":
            lines += told
        if report.failed and report.nodeid.startswith("tests/system/"):
            lines.append((report.nodeid.rpartition("::")[2], FAILED))
    if lines:
        width = max(len(what) for what, _ in lines)
        terminalreporter.section("what was tried, and what came out")
        for what, came_out in lines:
            terminalreporter.write_line(f"{what.ljust(width)}  {came_out}")

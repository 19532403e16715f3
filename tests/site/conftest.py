import os
import shutil
import subprocess
import sys

import pytest
from django.db import connection
from playwright.sync_api import expect, sync_playwright

from tests.conftest import PASSWORD

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


@pytest.fixture(scope="session")
def chromium():
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"There is no Chromium at {CHROMIUM}: install one, or name it with CHROMIUM=")
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        # Playwright runs an event loop in this thread, beside which Django would refuse the database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def worker():
    """Celery with beat, on the tests' database and the real broker."""
    names = connection.settings_dict
    url = f"postgresql://{names['USER']}@/{names['NAME']}?host={names['HOST'] or names['OPTIONS']['host']}"
    command = ["-m", "celery", "-A", "config", "worker", "-B", "--concurrency=1", "--loglevel=warning"]
    process = subprocess.Popen([sys.executable, *command], env={**os.environ, "DATABASE_URL": url})
    yield process
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture
def page(chromium):
    """A page in which the console must stay silent: no error, and nothing the policy on content blocks."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert not problems, problems


def sign_in(page, live_server, path: str, name: str = "participant") -> None:
    page.goto(f"{live_server.url}/accounts/login/?next={path}")
    page.locator("[name=login]").fill(name)
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{live_server.url}{path}")

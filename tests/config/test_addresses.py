"""A wrong address of a service, or a wrong port, ends in a sentence that names what to set."""

import os
import subprocess
import sys

import pytest
from django.conf import settings


def run(*command: str, **environ: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *command],
        cwd=settings.BASE_DIR,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("address", ["rubbish", "mongo://x/y", "postgresql://app@/faultline?host=/nowhere"])
def test_a_database_that_cannot_be_reached_is_named_without_a_traceback(address):
    done = run("manage.py", "migrate", DATABASE_URL=address)
    assert done.returncode and "DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_is_a_number():
    done = run("-m", "config.embedded", "serve", PORT="abc")
    assert done.returncode == 2 and "--port" in done.stderr and "Traceback" not in done.stderr

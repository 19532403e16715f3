"""The attempts of the escape suite succeed outside the sandbox: a suite that cannot fail proves nothing."""

import json
import subprocess
import sys

import pytest

from .arena import Arena
from .python_attacks import ATTEMPTS

# Each in a process of its own, which ends with 0 where the attack got what it was after.
DRIVER = """
import json, os, sys, traceback
results = []
for name, source in json.load(sys.stdin):
    pid = os.fork()
    if pid == 0:
        try:
            names = {}
            exec(source, names)
            os._exit(0 if names["attack"]() else 1)
        except BaseException:
            traceback.print_exc()
            os._exit(2)
    results.append([name, os.waitpid(pid, 0)[1]])
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def outcomes():
    with Arena() as arena:
        attacks = [(attack.name, attack.load(arena.world).decode()) for attack in ATTEMPTS if attack.bites]
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", DRIVER],
            input=json.dumps(attacks),
            capture_output=True,
            text=True,
            timeout=120,
            cwd=arena.world.folder,
        )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1])), done.stderr


@pytest.mark.parametrize("name", [attack.name for attack in ATTEMPTS if attack.bites])
def test_it_succeeds_outside(outcomes, name: str):
    statuses, errors = outcomes
    assert statuses[name] == 0, errors[-2000:]

"""The sandbox holds as another user and on an older kernel too."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOBODY = 65534
# Answers the three calls of Landlock as a kernel without it does.
WITHOUT_LANDLOCK = """
import errno, os, pyseccomp, sys
rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
for call in ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"):
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), call)
rules.load()
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
RUN_SKOPS = """
from bounty.sandbox import Rejected, Sandbox
from tests.sandbox.arena import table
for language in ("skops", "python"):
    try:
        Sandbox().run(language, b"def predict(frame): return frame.x > 0", table(10, seed=0))
    except Rejected as rejection:
        print(rejection.code)
"""


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    return done.stdout


def other_user() -> list[str]:
    """What runs a command as an ordinary user where we are root: one who can read the interpreter like us.

    Where only root reaches the interpreter, the user keeps the capability to read files, which children drop.
    """
    if os.geteuid() != 0:
        return []
    change = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    probe = "import os, sys; os.execv(sys.executable, [sys.executable, '-c', 'import numpy'])"
    bare = subprocess.run([*change, sys.executable, "-c", probe], cwd=ROOT, capture_output=True)
    reading = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return change if bare.returncode == 0 else [*change, *reading]


def test_an_ordinary_user_is_as_safe_as_root():
    assert (
        run(*other_user(), sys.executable, "-B", "-m", "tests.sandbox", "python")
        == "0 attacks were not held\n"
    )


def test_without_landlock_rules_and_onnx_are_held():
    out = run(sys.executable, "-c", WITHOUT_LANDLOCK, "-m", "tests.sandbox", "onnx", "rule")
    assert out == "0 attacks were not held\n"


def test_without_landlock_other_formats_are_not_taken():
    out = run(sys.executable, "-c", WITHOUT_LANDLOCK, "-c", RUN_SKOPS)
    assert out.split() == ["format_not_available"] * 2

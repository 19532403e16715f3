"""Processes that test side by side have a data folder each: what they store, and what they start, is apart.

Loaded before the settings are read (addopts in pyproject.toml).
"""

import os
import shutil
from pathlib import Path

PROCESS = os.environ.get("PYTEST_XDIST_WORKER")
SHARED = os.environ.get("FAULTLINE_DATA")

if PROCESS and SHARED:
    own = Path(SHARED) / PROCESS
    (own / "static").mkdir(parents=True, exist_ok=True)  # WhiteNoise warns where it is missing
    shutil.copy(Path(SHARED) / "secret_key", own)
    os.environ["FAULTLINE_DATA"] = str(own)

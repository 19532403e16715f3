"""What the environment says. A secret may lie in a file that NAME_FILE names, as containers hand it over."""

import os
from pathlib import Path


def env(name: str, default: str = "") -> str:
    """A variable, else the content of its file, else the default; set but empty counts as not set."""
    file = os.environ.get(f"{name}_FILE")
    if file and not os.environ.get(name):
        return Path(file).read_text().strip()
    return os.environ.get(name) or default


def flag(name: str, default: str = "0") -> bool:
    return env(name, default).lower() in {"1", "true", "yes", "on"}

"""What the public sample shows: everything here may be seen by everyone who sees the bounty."""

from dataclasses import asdict

import numpy as np

from fairness.gaps import compare

from .models import Bounty
from .parts import sample_part


def describe(bounty: Bounty, mask: np.ndarray) -> dict:
    """A group on the public sample: its size, and how it compares there with everyone else."""
    return {
        "sample_rows": int(mask.sum()),
        "sample_share": float(mask.mean()),
        **asdict(compare(sample_part(bounty).evidence, mask)),
    }

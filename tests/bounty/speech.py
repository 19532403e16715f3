"""A table of speech that the tests of bounties on word errors share."""

import numpy as np
import polars as pl

from bounty.models import Bounty
from tests.conftest import draft

ACCENTS = ("Bristol", "Cork", "Leeds", "Perth")
WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "one", "lazy", "dog", "while", "old", "owls")


def speech_table(speakers: int = 240, utterances: int = 10, seed: int = 3) -> pl.DataFrame:
    """Utterances in four accents; one word in three of those from Cork is misheard, one in twelve of others.

    Each speaker has clean and noisy rows, and a case and a full stop that count as no error.
    """
    random = np.random.default_rng(seed)
    rows = []
    for speaker in range(speakers):
        accent = ACCENTS[speaker % len(ACCENTS)]
        wrong = (0.33 if accent == "Cork" else 0.08) * random.uniform(0.7, 1.3)
        for place in range(utterances):
            said = random.choice(WORDS, random.integers(4, 9))
            heard = [word if random.random() > wrong else "mumble" for word in said]
            rows.append(
                {
                    "accent": accent,
                    "noise": "noisy" if place % 2 else "clean",
                    "seconds": round(0.4 * len(said) + random.random(), 2),
                    "speaker": f"s{speaker:03}",
                    "said": " ".join(said).capitalize() + ".",
                    "written": " ".join(heard),
                }
            )
    return pl.DataFrame(rows)


def speech_draft(owner, slug: str = "speech", **values) -> Bounty:
    return draft(
        owner,
        slug,
        **{
            "title": "A recogniser",
            "measure": "wer",
            "label_column": "said",
            "prediction_column": "written",
            "cluster_column": "speaker",
            "visible_columns": ["accent", "noise", "seconds"],
            "group_columns": ["accent", "noise"],
            "sample_share": 0.35,
        }
        | values,
    )

"""Bounty 3: a speech recogniser on synthetic voices in 18 accents, whose table lies beside its script."""

import gzip
from functools import cache
from pathlib import Path

from .audited import DemoBounty

DESCRIPTION = Path(__file__).with_suffix(".md")
TABLE = Path(__file__).with_name("speech") / "speech.csv.gz"
SLUG = "synthetic-accents"
SYSTEM = "moonshine-tiny"
REFERENCE, HYPOTHESIS = "reference", "moonshine_tiny"
GROUPS = ["accent", "accent_kind", "voice_type"]
CONDITIONS = ["domain", "noise", "noise_kind"]
SOURCE = "Made for this demo: eSpeak NG 1.52.0 and moonshine-voice 0.0.65 (config/demo/speech)"


@cache
def table() -> bytes:
    return gzip.decompress(TABLE.read_bytes())


def build() -> DemoBounty:
    return DemoBounty(
        slug=SLUG,
        table=table(),
        values={
            "slug": SLUG,
            "title": "A recogniser and 18 accents",
            "summary": "A small speech recogniser hears synthetic voices. Whose words does it miss?",
            "description": DESCRIPTION.read_text(),
            "licence": "MIT, as this project",
            "source": SOURCE,
            "system": SYSTEM,
            "measure": "wer",
            "normaliser": "english",
            "label_column": REFERENCE,
            "prediction_column": HYPOTHESIS,
            "cluster_column": "speaker",
            "visible_columns": [*GROUPS, *CONDITIONS, "duration"],
            "group_columns": ["accent", "accent_kind", "noise"],
            # Twenty speakers of an accent and more in the leaderboard half.
            "sample_share": 0.2,
            "leaderboard_share": 0.55,
            "verdict_cap": 100,
            "team_cap": 20,
            "daily_cap": 10,
        },
    )

"""The demo's audits, sent to the API by its organiser as anybody's program would."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from . import lending, voices

SPEECH_TEXT = """How often a small recogniser fails 18 accents of English, clean and in noise.

**Every voice is synthetic**: eSpeak NG's varieties of English, and English in the sounds of ten other
languages. No person was recorded, and no row says anything of a person or a people. The groups are what each
voice's file declares.

`moonshine_tiny` is Moonshine tiny (English) of moonshine-voice 0.0.65; `moonshine_tiny_denoised` is the same
after a spectral gate. The table and the script that made it are in `config/demo/speech/`."""
LENDING_TEXT = """How often the model of the bounty *Mortgage approvals* is wrong, and for whom, on all the
applications it was not fitted on. The lender's decision is the only truth there is here, and it is itself
disputed.

Race, sex and marital status are as the lender recorded them. The few applications without sex or marital
status are left out: they would be too few to show, and take another group with them."""


@dataclass(frozen=True)
class DemoAudit:
    """An audit as `POST /api/v1/audits/` takes it."""

    key: str
    kind: str
    title: str
    description: str
    system: str
    table: Callable[[], bytes]
    roles: dict[str, str]
    settings: dict = field(default_factory=dict)

    def fields(self) -> dict[str, str]:
        plain = {
            "kind": self.kind,
            "title": self.title,
            "description": self.description,
            "system": self.system,
            "visibility": "public",
        }
        sent = {"roles": self.roles} | self.settings
        return plain | {
            name: value if isinstance(value, str) else json.dumps(value) for name, value in sent.items()
        }


AUDITS = (
    DemoAudit(
        key="demo-audit-speech",
        kind="speech",
        title="A recogniser and 18 synthetic accents",
        description=SPEECH_TEXT,
        system=voices.SYSTEM,
        table=voices.table,
        roles={
            "utterance_id": "utterance_id",
            "speaker": "speaker",
            "reference": "reference",
            "moonshine_tiny": "hypothesis",
            "moonshine_tiny_denoised": "hypothesis",
            "duration": "duration",
            **dict.fromkeys(voices.GROUPS, "group"),
            **dict.fromkeys(voices.CONDITIONS, "condition"),
        },
        settings={
            "normalise": "english",
            "marks": dict.fromkeys(voices.GROUPS, "annotated"),
            "baselines": {"accent": "US English"},
            "tolerances": [{"metric": "wer", "column": "voice_type", "within": 0.05}],
        },
    ),
    DemoAudit(
        key="demo-audit-lending",
        kind="classification",
        title="Mortgage approvals by race, sex and marital status",
        description=LENDING_TEXT,
        system=lending.SLUG,
        table=lending.decisions,
        roles={
            lending.LABEL: "y_true",
            lending.PREDICTION: "y_pred",
            **dict.fromkeys(lending.GROUPS, "group"),
            "pubrec": "condition",
        },
        settings={
            "favourable": "1",
            "marks": dict.fromkeys(lending.GROUPS, "annotated"),
            "baselines": {"race": "white"},
            "tolerances": [{"metric": "false_rejection", "column": "race", "within": 0.02}],
        },
    ),
)

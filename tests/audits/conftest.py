"""Small audits of both kinds: who speaks, what systems wrote of it, and one accent that is worse off."""

import io

import numpy as np
import polars as pl
import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from audits import analysis, intake
from audits.models import Audit
from fairness.audit import AuditRun, run_audit

SENTENCES = (
    "the quick brown fox jumps over the lazy dog",
    "she sells sea shells by the sea shore",
    "we will meet at the station after lunch",
    "please turn the lights off in the kitchen",
)
SPEECH_ROLES = {
    "sentence": "reference",
    "ours": "hypothesis",
    "theirs": "hypothesis",
    "speaker": "speaker",
    "accent": "group",
    "gender": "group",
    "age": "group",
    "noise": "condition",
}
LOAN_ROLES = {"repaid": "y_true", "lent": "y_pred", "sex": "group", "region": "group", "case": "id"}


def speech_table(speakers: int = 96, seed: int = 3) -> pl.DataFrame:
    """96 speakers of four accents, four sentences each in two noises; `ours` fails “Welsh” most.

    Every accent has 12 speakers of each gender, and 8 of each age: below the smallest group shown.
    """
    random = np.random.default_rng(seed)
    rows = []
    for speaker in range(speakers):
        accent = ("Scots", "Irish", "Welsh", "Midlands")[speaker % 4]
        for place, sentence in enumerate(SENTENCES):
            rows.append(
                {
                    "sentence": sentence,
                    "ours": heard(sentence, 0.3 if accent == "Welsh" else 0.1, random),
                    "theirs": heard(sentence, 0.15, random),
                    "speaker": f"speaker-{speaker:02}",
                    "accent": accent,
                    "gender": ("woman", "man")[speaker // 4 % 2],
                    "age": ("young", "middle", "old")[speaker // 4 % 3],
                    "noise": ("quiet", "street")[place % 2],
                }
            )
    return pl.DataFrame(rows)


def heard(sentence: str, share: float, random: np.random.Generator) -> str:
    """The sentence with a share of its words heard as another word."""
    return " ".join("blah" if random.random() < share else word for word in sentence.split())


def loan_table(rows: int = 600, seed: int = 5) -> pl.DataFrame:
    """Decisions that are wrong for one in ten, and for three in ten of the people in the north."""
    random = np.random.default_rng(seed)
    region = random.choice(["north", "south"], rows)
    repaid = random.random(rows) < 0.6
    wrong = random.random(rows) < np.where(region == "north", 0.3, 0.1)
    return pl.DataFrame(
        {
            "case": [f"case-{row}" for row in range(rows)],
            "repaid": np.where(repaid, "yes", "no"),
            "lent": np.where(repaid ^ wrong, "yes", "no"),
            "sex": random.choice(["female", "male"], rows),
            "region": region,
        }
    )


def upload(frame: pl.DataFrame, name: str = "speech.csv") -> SimpleUploadedFile:
    buffer = io.BytesIO()
    frame.write_csv(buffer)
    return SimpleUploadedFile(name, buffer.getvalue())


def make(owner, frame: pl.DataFrame | None = None, **values):
    """An audit of the speech table, waiting for the worker."""
    given = {"kind": "speech", "title": "Dictation by accent", "roles": SPEECH_ROLES} | values
    return intake.create_audit(owner, file=upload(speech_table() if frame is None else frame), **given)[0]


def run_audits() -> int:
    """Do all waiting audits, as a worker does at its wake-ups."""
    done = 0
    while analysis.work():
        done += 1
    return done


MEASURED: dict[tuple[str, ...], AuditRun] = {}


def scored(audit: Audit) -> Audit:
    """The waiting audit with its result, by the worker's own way; the same file is measured once in a run."""
    asked = (audit.kind, audit.file_sha256, str(audit.roles), str(audit.settings))

    def measured(*given, **options) -> AuditRun:
        if asked not in MEASURED:
            MEASURED[asked] = run_audit(*given, **options)
        return MEASURED[asked]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analysis, "run_audit", measured)
        assert run_audits() == 1
    audit.refresh_from_db()
    assert audit.status == "scored", audit.error_detail or audit.log
    return audit


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path):
    """A storage of its own for every test, so that each file in it is told."""
    storage = settings.STORAGES["default"]
    options = storage["OPTIONS"] | {"location": tmp_path / "private"}
    settings.STORAGES = settings.STORAGES | {"default": storage | {"OPTIONS": options}}


def stored_files() -> set[str]:
    folder = Audit._meta.model_name
    return set(default_storage.listdir(folder)[1]) if default_storage.exists(folder) else set()


@pytest.fixture
def made(cast):
    """An audit of the owner on its way."""
    return make(cast.owner)


@pytest.fixture
def done(made):
    """An audit of the owner with its result."""
    return scored(made)


@pytest.fixture
def loans(cast):
    return scored(
        make(
            cast.owner,
            loan_table(),
            kind="classification",
            title="Loans by region",
            roles=LOAN_ROLES,
            values={"favourable": "yes"},
        )
    )

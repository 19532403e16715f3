"""Who takes part in the demo, what they submit, and how it must end."""

from collections.abc import Callable
from dataclasses import dataclass

from bounty.sandbox import REJECTIONS

from . import census, lending, payloads, voices
from .sample import Sample

ORGANISER, ADMIN = "olivia", "admin"
LENDING, CENSUS, VOICES = lending.SLUG, census.SLUG, voices.SLUG
YES_OR_NO = {"depth": 1, "columns": lending.YES_OR_NO}
WHO = {"depth": 2, "columns": None}
YOUNG_WIDOWED = "age < 40 AND marital_status = 'Widowed'"
HISPANIC_WOMEN = "race = 'hispanic' AND sex = 'female'"
FIRST_LANGUAGE = "accent_kind = 'first-language accent'"
ONE_ACCENT = "accent = 'Vietnamese first language'"
FEMALE = "voice_type = 'female variant'"
FEW_MORE = "({}) OR dep >= 5"


@dataclass(frozen=True)
class Entry:
    """One submission, made from the public sample alone, and the code it must end with."""

    who: str
    bounty: str
    format: str
    what: str
    make: Callable[[Sample], str | bytes]
    ending: str

    @property
    def key(self) -> str:
        """Its idempotency key: sent twice, it is one submission."""
        return f"demo-{self.bounty}-{self.who}"

    @property
    def status(self) -> str:
        return "rejected" if self.ending in REJECTIONS else "scored"


def rule(text: str) -> Callable[[Sample], str]:
    return lambda sample: text


def found(search: dict, template: str = "{}") -> Callable[[Sample], str]:
    """The best slice of the sample. The search is anyone's to run, so several people find it."""
    return lambda sample: template.format(sample.best_slice(**search).rule)


# In the order of submission, in which verdicts are given.
ENTRIES = (
    Entry("ada", LENDING, "rule", "best slice of a search", found(YES_OR_NO), "accepted"),
    Entry("dara", CENSUS, "rule", "women", rule("sex = 'Female'"), "accepted"),
    Entry("mallory", LENDING, "skops", "runs a shell command", payloads.shell_command, "forbidden_type"),
    Entry("ada", CENSUS, "rule", "best slice of a search", found(WHO), "accepted"),
    Entry("dara", LENDING, "rule", "Black or Hispanic applicants", rule("race <> 'white'"), "not_proven"),
    Entry("ben", CENSUS, "onnx", "decision tree of the errors", payloads.onnx_tree, "accepted"),
    Entry("gus", LENDING, "rule", "the same slice again", found(YES_OR_NO, "NOT (NOT ({}))"), "nothing_new"),
    Entry("emil", LENDING, "rule", "Hispanic women", rule(HISPANIC_WOMEN), "too_little_exposure"),
    Entry("chloe", CENSUS, "skops", "regression on the errors", payloads.skops_pipeline, "accepted"),
    Entry("fay", LENDING, "onnx", "above the average obrat", payloads.above_mean, "depends_on_other_rows"),
    Entry("emil", CENSUS, "rule", "widows under 40", rule(YOUNG_WIDOWED), "too_little_exposure"),
    Entry("hana", LENDING, "rule", "the slice and some more", found(YES_OR_NO, FEW_MORE), "nothing_new"),
    Entry("trudy", CENSUS, "onnx", "reads a file of the server", payloads.server_file, "external_data"),
    Entry("chloe", VOICES, "rule", "first-language accents", rule(FIRST_LANGUAGE), "accepted"),
    Entry("dara", VOICES, "rule", "noisy rooms", rule("noise = 'noisy'"), "accepted"),
    Entry("gus", VOICES, "rule", "voices declared female", rule(FEMALE), "accepted"),
    Entry("ben", VOICES, "rule", "one accent among the known", rule(ONE_ACCENT), "nothing_new"),
    Entry("emil", VOICES, "rule", "sentences about the home", rule("domain = 'home'"), "not_proven"),
)  # fmt: skip

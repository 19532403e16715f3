"""What participants submit in the demo, in which order, and how each must end."""

from . import census, learned, lending, payloads, pilot, voices
from .participants import Entry, Make, Predictor

LENDING, CENSUS, VOICES, PILOT = lending.SLUG, census.SLUG, voices.SLUG, pilot.SLUG
YES_OR_NO = {"depth": 1, "columns": lending.YES_OR_NO}
WHO = {"depth": 2, "columns": None}
YOUNG_WIDOWED = "age < 40 AND marital_status = 'Widowed'"
WIVES = "relationship = 'Wife'"
HISPANIC_WOMEN = "race = 'hispanic' AND sex = 'female'"
FIRST_LANGUAGE = "accent_kind = 'first-language accent'"
ONE_ACCENT = "accent = 'Vietnamese first language'"
FEMALE = "voice_type = 'female variant'"
FEW_MORE = "({}) OR dep >= 5"
FROM_30 = "age >= 30"
LARGE_GAINS = "capital_gain >= 7000"
NOT_MARRIED = "marital_status <> 'Married-civ-spouse'"
SINGLE = "sex = 'Female' AND marital_status = 'Never-married'"
NOT_IN_FAMILY = "relationship = 'Not-in-family'"
LESS_SCHOOLED = f"{NOT_IN_FAMILY} AND education_num < 15"
WOMEN = "sex = 'Female'"


def text(value: str) -> Make:
    return lambda sample: value


def found(search: dict, template: str = "{}") -> Make:
    """The best slice of the sample. The search is anyone's to run, so several people find it."""
    return lambda sample: template.format(sample.best_slice(**search).rule)


def rule(value: str) -> Predictor:
    return Predictor("rule", text(value))


def forest(group: str) -> Predictor:
    return Predictor("onnx", learned.forest_for(group))


def constant(value: str) -> Predictor:
    return Predictor("constant", text(value))


HIGH, LOW = constant(">50K"), constant("<=50K")
SCHOOLED = rule("education_num >= 15 AND age >= 35")
REGRESSION = Predictor("skops", learned.false_alarms_regression, repairs=2)
ZERO_ONE = Predictor("onnx", payloads.zero_one_tree(WOMEN))
ABOVE_MEAN = Predictor("onnx", payloads.label_above_mean)

# In the order of submission, in which verdicts are given. The pilot is held first.
ENTRIES = (
    Entry("ada", PILOT, "rule", "best slice of a search", found(WHO), "accepted"),
    Entry("chloe", PILOT, "rule", "forest for people from 30", text(FROM_30), "accepted", forest(FROM_30)),
    Entry("dara", PILOT, "rule", "large gains: high income", text(LARGE_GAINS), "accepted", HIGH),
    Entry("ben", PILOT, "rule", "not married: low income", text(NOT_MARRIED), "not_proven", LOW),
    Entry("ada", LENDING, "rule", "best slice of a search", found(YES_OR_NO), "accepted"),
    Entry("dara", CENSUS, "rule", "wives", text(WIVES), "accepted"),
    Entry("mallory", LENDING, "skops", "runs a shell command", payloads.shell_command, "forbidden_type"),
    Entry("ada", CENSUS, "rule", "best slice of a search", found(WHO), "accepted"),
    Entry("dara", LENDING, "rule", "Black or Hispanic applicants", text("race <> 'white'"), "not_proven"),
    Entry("chloe", CENSUS, "skops", "regression on the errors", learned.errors_regression, "accepted"),
    Entry("gus", LENDING, "rule", "the same slice again", found(YES_OR_NO, "NOT (NOT ({}))"), "nothing_new"),
    Entry("emil", LENDING, "rule", "Hispanic women", text(HISPANIC_WOMEN), "too_little_exposure"),
    Entry("ben", CENSUS, "onnx", "decision tree of the errors", learned.errors_tree, "accepted"),
    Entry("fay", LENDING, "onnx", "above the mean obrat", payloads.group_above_mean, "depends_on_other_rows"),
    Entry("emil", CENSUS, "rule", "widows under 40", text(YOUNG_WIDOWED), "too_little_exposure"),
    Entry("hana", LENDING, "rule", "the slice and some more", found(YES_OR_NO, FEW_MORE), "nothing_new"),
    Entry("trudy", CENSUS, "onnx", "reads a file of the server", payloads.server_file, "external_data"),
    Entry("dara", CENSUS, "rule", "forest for single women", text(SINGLE), "accepted", forest(SINGLE)),
    Entry("ada", CENSUS, "rule", "schooling, outside families", text(NOT_IN_FAMILY), "accepted", SCHOOLED),
    Entry("hana", CENSUS, "rule", "tree answering 0 and 1", text(WOMEN), "unknown_labels", ZERO_ONE),
    Entry("chloe", CENSUS, "skops", "regression, false alarms", learned.false_alarms, "accepted", REGRESSION),
    Entry("fay", CENSUS, "rule", "above the mean age", text(WOMEN), "depends_on_other_rows", ABOVE_MEAN),
    Entry("gus", CENSUS, "rule", "what ada's rule says", text(LESS_SCHOOLED), "nothing_new", LOW),
    Entry("ben", CENSUS, "rule", "not married: low income", text(NOT_MARRIED), "not_proven", LOW),
    Entry("chloe", VOICES, "rule", "first-language accents", text(FIRST_LANGUAGE), "accepted"),
    Entry("dara", VOICES, "rule", "noisy rooms", text("noise = 'noisy'"), "accepted"),
    Entry("gus", VOICES, "rule", "voices declared female", text(FEMALE), "accepted"),
    Entry("ben", VOICES, "rule", "one accent among the known", text(ONE_ACCENT), "nothing_new"),
    Entry("emil", VOICES, "rule", "sentences about the home", text("domain = 'home'"), "not_proven"),
)  # fmt: skip

# Of the pilot: what the house teams' fixes end with, in their order, and the final ranking of fixes.
HOUSE = {
    "House: slices and trees": ["accepted"],
    "House: cost-sensitive search": ["accepted"],
}
FINAL = ["House: cost-sensitive search", "chloe", "House: slices and trees", "dara", "ben"]

"""Bounty 2: a model of income, on the census file that comes inside `xai`."""

from importlib.util import find_spec
from pathlib import Path

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from .audited import LEADERBOARD_SHARE, RANDOM_STATE, SAMPLE_SHARE, DemoBounty, audit, draw

DESCRIPTION = Path(__file__).with_suffix(".md")
SLUG = SYSTEM = "census-income"
LICENCE = "CC BY 4.0; package xai: MIT"
SOURCE = (
    "Adult (Census Income), Becker and Kohavi 1996, UCI Machine Learning Repository, "
    "doi 10.24432/C5XW20, file census.csv of the Python package xai 0.3.0"
)
LABEL, PREDICTION = "income", "predicted_income"
NUMBERS = ["age", "education_num", "capital_gain", "capital_loss", "hours_per_week"]
TEXTS = ["workclass", "occupation"]
GROUPS = ["sex", "race"]
# Columns that say who people are. With all inputs of the model anyone could tell whom it turns down, and that
# group holds every false rejection there is.
VISIBLE = ["age", "sex", "race", "marital_status", "relationship", "education_num"]
# The file renames some of the columns of the original; here they have their own names again.
ORIGINAL_NAMES = {
    "education-num": "education_num",
    "capital-gain": "capital_gain",
    "capital-loss": "capital_loss",
    "hours-per-week": "hours_per_week",
    "marital-status": "marital_status",
    "gender": "sex",
    "ethnicity": "race",
    "loan": LABEL,
}


def load() -> pd.DataFrame:
    """The file's people. The package is not imported: it asks for libraries that its data do not need."""
    spec = find_spec("xai")
    path = Path(spec.origin).parent / "data" / "census.csv"
    frame = pd.read_csv(path, index_col=0, skipinitialspace=True).rename(columns=ORIGINAL_NAMES)
    frame[["workclass", "occupation"]] = frame[["workclass", "occupation"]].replace("?", "unknown")
    return frame[[*NUMBERS, *TEXTS, "marital_status", "relationship", *GROUPS, LABEL]]


def build() -> DemoBounty:
    model = make_pipeline(
        make_column_transformer(
            ("passthrough", NUMBERS),
            (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), TEXTS),
        ),
        HistGradientBoostingClassifier(random_state=RANDOM_STATE),
    )
    drawn, unseen = draw(load(), LABEL)
    audited = audit(model, drawn[drawn["sex"] == "Male"], unseen, [*NUMBERS, *TEXTS], LABEL, PREDICTION)
    return DemoBounty(
        slug=SLUG,
        table=audited.csv,
        values={
            "slug": SLUG,
            "title": "Census income",
            "summary": "A model guesses who earns more than $50,000. Whose good income does it overlook?",
            "description": DESCRIPTION.read_text().replace("TRAIN_ROWS", f"{audited.train_rows:,}"),
            "licence": LICENCE,
            "source": SOURCE,
            "system": SYSTEM,
            "measure": "false_rejection",
            "favourable_label": ">50K",
            "label_column": LABEL,
            "prediction_column": PREDICTION,
            "visible_columns": VISIBLE,
            "group_columns": [*GROUPS, "marital_status"],
            "sample_share": SAMPLE_SHARE,
            "leaderboard_share": LEADERBOARD_SHARE,
            "verdict_cap": 1000,
            "team_cap": 100,
            "daily_cap": 20,
        },
    )

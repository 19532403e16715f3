"""Bounty 4, held first and closed: an earlier model of income, on people the census bounty leaves out."""

from pathlib import Path

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from . import census
from .audited import DemoBounty, audit, draw, to_onnx_file

DESCRIPTION = Path(__file__).with_suffix(".md")
SLUG = "income-pilot"
INPUTS = ["age", "education_num"]


def build() -> DemoBounty:
    # Nobody who is in the census bounty's sample or hidden set: what is published here tells nothing there.
    drawn, unseen = draw(draw(census.load(), census.LABEL)[0], census.LABEL)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    audited = audit(model, drawn[drawn["sex"] == "Male"], unseen, INPUTS, census.LABEL, census.PREDICTION)
    return DemoBounty(
        slug=SLUG,
        table=audited.csv,
        model=to_onnx_file(model, INPUTS),
        values={
            "slug": SLUG,
            "title": "Income pilot",
            "summary": "A first model knows age and schooling alone. Who can do better, and for whom?",
            "description": DESCRIPTION.read_text().replace("TRAIN_ROWS", f"{audited.train_rows:,}"),
            "licence": census.LICENCE,
            "source": census.SOURCE,
            "system": census.SYSTEM,
            "measure": "error",
            "label_column": census.LABEL,
            "prediction_column": census.PREDICTION,
            "visible_columns": [*census.NUMBERS, *census.GROUPS, "marital_status", "relationship"],
            "group_columns": [*census.GROUPS, "marital_status"],
            "sample_share": 0.2,
            "leaderboard_share": 0.5,
            "verdict_cap": 50,
            "team_cap": 10,
            "daily_cap": 10,
            "house_teams": True,
        },
    )

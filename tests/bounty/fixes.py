"""A bounty whose model can be repaired, and fixes sent to it."""

import numpy as np
import polars as pl

from bounty import drafts, intake
from bounty.entry import Group, Predictor
from bounty.models import Submission
from tests.conftest import as_upload, draft


def repairable_table(rows: int = 4000, seed: int = 11) -> pl.DataFrame:
    """Decisions that are wrong for young renters, and mostly wrong for the old: constants do better there.

    The truth is yes for renters under 30 and no for people of 60 and more, in nine of ten.
    """
    random = np.random.default_rng(seed)
    age = random.integers(18, 80, rows)
    home = random.choice(["rent", "own"], rows)
    young, old = (age < 30) & (home == "rent"), age >= 60
    yes = random.random(rows) < np.select([young, old], [0.9, 0.1], 0.5)
    wrong = random.random(rows) < np.select([young, old], [0.6, 0.4], 0.08)
    return pl.DataFrame(
        {
            "age": age,
            "home": home,
            "sex": random.choice(["female", "male"], rows),
            # No two rows are alike, or they would be kept together with all their people.
            "income": random.lognormal(10, 0.5, rows),
            "approve": yes.astype(int),
            "predicted": (yes ^ wrong).astype(int),
        }
    )


def open_repairable(owner, run_worker, slug: str = "repairs", table: pl.DataFrame | None = None, **values):
    bounty = draft(owner, slug=slug, title="Repairs", **values)
    drafts.upload_table(bounty, as_upload(repairable_table() if table is None else table))
    run_worker()
    bounty.refresh_from_db()
    drafts.open_bounty(bounty)
    bounty.refresh_from_db()
    return bounty


def send_fix(
    user, bounty, rule: str, value: str | None = None, *, predictor: Predictor | None = None
) -> Submission:
    """A fix on a rule's rows: a constant answer unless another predictor is given."""
    predictor = predictor or Predictor("constant", value=value)
    return intake.submit(user, bounty, Group("rule", rule), predictor)[0]


def send_find(user, bounty, rule: str) -> Submission:
    return intake.submit(user, bounty, Group("rule", rule))[0]

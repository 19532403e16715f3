"""A bounty whose model can be repaired, and fixes sent to it."""

import polars as pl

from bounty import drafts, intake
from bounty.entry import Group, Predictor
from bounty.models import Submission
from tests.conftest import as_upload, draft
from tests.repairable import repairable_table


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

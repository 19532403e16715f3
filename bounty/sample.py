"""What the public sample shows: everything here may be seen by everyone who sees the bounty."""

from dataclasses import asdict

import numpy as np
import polars as pl

from fairness.gaps import compare, rate_of
from fairness.slices import quoted_name
from fairness.verdict import Evidence

from .models import Bounty
from .parts import evidence_of, sample_part
from .parts import part as stored_part

VALUES_HINTED = 6
# Of a column with more values than this, the most frequent are described.
GROUPS_SHOWN = 20


def describe(bounty: Bounty, mask: np.ndarray) -> dict:
    """A group on the public sample: its size, and how it compares there with everyone else."""
    return {
        "sample_rows": int(mask.sum()),
        "sample_share": float(mask.mean()),
        **asdict(compare(sample_part(bounty).evidence, mask)),
    }


def overview(bounty: Bounty, name: str = "sample") -> dict:
    """The measure, the model's error and the best constant's on one part; only the sample's is for all."""
    return summary(stored_part(bounty, name).truth)


def summary(truth: pl.DataFrame) -> dict:
    """The same of a part's labels and predictions, before or after they are stored."""
    evidence = evidence_of(truth)
    everyone = np.ones(truth.height, dtype=bool)
    label, prediction = truth["label"].to_numpy(), truth["prediction"].to_numpy()
    row_weights = pl.col("weight").sum() if "weight" in truth.columns else pl.len()
    constant = (
        truth.group_by("label").agg(n=row_weights).sort("n", "label", descending=[True, False])["label"][0]
    )
    return {
        "rows": truth.height,
        "measure": asdict(rate_of(evidence, everyone)),
        "model_error": asdict(rate_of(plain_errors(evidence, prediction != label), everyone)),
        "constant": constant,
        "constant_error": asdict(rate_of(plain_errors(evidence, label != constant), everyone)),
    }


def plain_errors(evidence: Evidence, wrong: np.ndarray) -> Evidence:
    """The error rate, whatever the bounty's measure."""
    return Evidence(wrong.astype(float), np.ones(len(wrong)), evidence.clusters, evidence.weights)


def column_hints(bounty: Bounty) -> list[dict]:
    """Beside the rule editor: each column as SQL writes it, and what values it has."""
    features = sample_part(bounty).features
    return [
        {"name": name, "sql": quoted_name(name), "hint": hint(features[name])}
        for name in (column["name"] for column in bounty.schema)
    ]


def hint(column: pl.Series) -> str:
    known = column.drop_nulls()
    if known.is_empty():
        return "always missing"
    if column.dtype == pl.String:
        values = known.value_counts(sort=True)[column.name].head(VALUES_HINTED).to_list()
        more = ", …" if known.n_unique() > VALUES_HINTED else ""
        return ", ".join(f"'{value[:30]}'" for value in values) + more
    distinct = known.unique().sort()
    if len(distinct) <= VALUES_HINTED:
        return ", ".join(f"{value:g}" for value in distinct)
    return f"{distinct[0]:g} to {distinct[-1]:g}"


def example_rule(bounty: Bounty) -> str:
    """Two conditions on this bounty's own columns, true of somebody."""
    features = sample_part(bounty).features
    conditions = []
    for column in bounty.schema:
        known = features[column["name"]].drop_nulls()
        if known.is_empty():
            continue
        value = known.mode().sort()[0]
        if column["dtype"] == "text":
            conditions.append(f"{quoted_name(column['name'])} = '{value.replace(chr(39), chr(39) * 2)}'")
        elif known.n_unique() > VALUES_HINTED:
            conditions.append(f"{quoted_name(column['name'])} < {known.median():g}")
    return " AND ".join(conditions[:2])


def group_rates(bounty: Bounty, column: str) -> list[dict]:
    """The measure by the values of a declared group column, worst first; small groups keep their row."""
    part = sample_part(bounty)
    values = part.features[column].cast(pl.String)
    shown = values.value_counts(sort=True)[column].head(GROUPS_SHOWN)
    evidence = part.evidence
    rows = []
    for value in shown:
        mask = (values.is_null() if value is None else values == value).fill_null(False).to_numpy()
        rate = asdict(rate_of(evidence, mask))
        rows.append(
            {
                "value": "not given" if value is None else value,
                "is_small": rate["rows"] < bounty.min_rows,
                **rate,
            }
        )
    return sorted(rows, key=lambda row: (row["is_small"], -(row["rate"] or 0)))

"""What the public sample shows: everything here may be seen by everyone who sees the bounty.

What costs time is kept by the records of the prepared data, so that pages only read.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
import polars as pl

from fairness.figures import Distribution, GroupRates, show_distribution, show_group_rates
from fairness.gains import gain_interval
from fairness.gaps import compare, rate_of
from fairness.losses import LOSSES, best_constant
from fairness.slices import quoted_name
from fairness.verdict import Evidence

from . import parts
from .models import Bounty
from .parts import evidence_of, read_part, records, sample_part

VALUES_HINTED = 6
HINT_CHARACTERS = 30
CONDITIONS_SHOWN = 2


@dataclass(frozen=True)
class Column:
    """A visible column: how its values are spread, and how many rows lack one."""

    name: str
    dtype: str
    distribution: Distribution

    @property
    def about(self) -> str:
        missing = self.distribution.missing
        return (
            f"{self.dtype}, {missing:,} of {self.distribution.rows:,} rows missing" if missing else self.dtype
        )


@dataclass(frozen=True)
class RuleHelp:
    """Beside the rule editor: each column as SQL writes it and its values, and a rule true of somebody."""

    columns: tuple[dict, ...]
    example: str


def describe(bounty: Bounty, mask: np.ndarray) -> dict:
    """A group on the public sample: its size, and how it compares there with everyone else."""
    return {
        "sample_rows": int(mask.sum()),
        "sample_share": float(mask.mean()),
        **asdict(compare(sample_part(bounty).evidence, mask)),
    }


def describe_fix(bounty: Bounty, mask: np.ndarray, answers: np.ndarray) -> dict:
    """A fix on the public sample: what it gains there over the audited model, and what a constant would."""
    answered = parts.answered(bounty, "sample")
    before, after = answered.base_losses[mask], answered.losses(answers, mask)
    drops = np.zeros(len(mask))
    drops[mask] = before - after
    interval = gain_interval(drops, answered.clusters)
    low, high = (float(end) if np.isfinite(end) else None for end in (interval.low, interval.high))
    rows = int(mask.sum())
    constant = answered.constant(mask) if rows else None
    constants = None if constant is None else answered.losses(np.full(rows, constant), mask)
    return {
        "sample_rows": rows,
        "sample_share": float(mask.mean()),
        "changed": int((answers != answered.y_base[mask]).sum()),
        "better": int((after < before).sum()),
        "worse": int((after > before).sum()),
        "group_before": float(before.mean()) if rows else None,
        "group_after": float(after.mean()) if rows else None,
        "constant": None if constant is None else answer_text(bounty, constant),
        "constant_error": float(constants.mean()) if rows else None,
        "gain": float(drops.mean()),
        "low": low,
        "high": high,
    }


def answer_text(bounty: Bounty, answer: float) -> str:
    return bounty.labels[int(answer)] if bounty.predicts == "label" else f"{answer:.6g}"


def overview(bounty: Bounty, name: str = "sample") -> dict:
    """The measure, the model's error and the best constant's on one part; only the sample's is for all."""
    return _overview(records(bounty, name), *loss_of(bounty))


def columns(bounty: Bounty, schema: list[dict]) -> list[Column]:
    """The columns named by a part of the bounty's schema."""
    key = records(bounty, "sample")
    return [Column(**column, distribution=_distribution(key, column["name"])) for column in schema]


def rates_by_group(bounty: Bounty, column: str) -> GroupRates:
    """The measure by the values of a declared group column, worst first; small groups keep their row."""
    return _rates_by_group(records(bounty, "sample"), column, bounty.min_rows)


def first_look(bounty: Bounty) -> dict | None:
    """The declared group column whose rates differ most; None where no two groups are large enough to say."""
    looks = []
    for column in bounty.group_columns:
        rates = rates_by_group(bounty, column)
        told = [row for row in rates.table if row.rate is not None]
        if len(told) > 1:
            small = len(rates.table) - len(told)
            looks.append({"column": column, "told": told, "small": small, "overall": rates.overall})
    if not looks:
        return None
    look = max(looks, key=lambda look: look["told"][0].rate - look["told"][-1].rate)
    return look | {"bounty": bounty, "top": max(row.high for row in look["told"])}


def rule_help(bounty: Bounty) -> RuleHelp:
    return _rule_help(records(bounty, "sample"))


def loss_of(bounty: Bounty) -> tuple[str, str, float]:
    """What `summary` needs to know to find the best constant."""
    return bounty.loss, bounty.favourable_label, bounty.loss_facts.get("unit", 1.0)


def summary(truth: pl.DataFrame, loss: str, favourable: str, unit: float) -> dict:
    """What `overview` says, of a part's truth before or after it is stored. Texts have no best constant."""
    evidence = evidence_of(truth)
    everyone = np.ones(truth.height, dtype=bool)
    clusters = None if evidence.clusters is None else len(np.unique(evidence.clusters[evidence.exposed]))
    facts = {"rows": truth.height, "clusters": clusters, "measure": asdict(rate_of(evidence, everyone))}
    if "label" not in truth.columns:
        return facts | {"model_error": None, "constant": None, "constant_error": None}
    if loss != "zero_one":
        numbers = parts.label_numbers(truth["label"].to_numpy(), favourable if loss == "log" else None)
        constant = best_constant(loss, numbers)
        losses = LOSSES[loss](numbers, np.full(len(numbers), constant)) / unit
        return facts | {
            "model_error": facts["measure"],
            "constant": f"{constant:.6g}",
            "constant_error": asdict(rate_of(plain_errors(evidence, losses), everyone)),
        }
    label, prediction = truth["label"].to_numpy(), truth["prediction"].to_numpy()
    row_weights = pl.col("weight").sum() if "weight" in truth.columns else pl.len()
    constant = (
        truth.group_by("label").agg(n=row_weights).sort("n", "label", descending=[True, False])["label"][0]
    )
    return facts | {
        "model_error": asdict(rate_of(plain_errors(evidence, prediction != label), everyone)),
        "constant": constant,
        "constant_error": asdict(rate_of(plain_errors(evidence, label != constant), everyone)),
    }


def plain_errors(evidence: Evidence, wrong: np.ndarray) -> Evidence:
    """The error rate, whatever the bounty's measure."""
    return Evidence(wrong.astype(float), np.ones(len(wrong)), evidence.clusters, evidence.weights)


@lru_cache(maxsize=256)
def _overview(key: tuple, loss: str, favourable: str, unit: float) -> dict:
    return summary(read_part(*key).truth, loss, favourable, unit)


@lru_cache(maxsize=2048)
def _distribution(key: tuple, column: str) -> Distribution:
    return show_distribution(read_part(*key).features[column])


@lru_cache(maxsize=512)
def _rates_by_group(key: tuple, column: str, min_rows: int) -> GroupRates:
    part = read_part(*key)
    evidence = part.evidence
    return show_group_rates(
        part.features[column],
        evidence.errors,
        evidence.exposure,
        weights=evidence.weights,
        clusters=evidence.clusters,
        min_rows=min_rows,
    )


@lru_cache(maxsize=256)
def _rule_help(key: tuple) -> RuleHelp:
    features = read_part(*key).features
    examples = islice(filter(None, map(example, features)), CONDITIONS_SHOWN)
    return RuleHelp(
        tuple({"name": c.name, "sql": quoted_name(c.name), "hint": hint(c)} for c in features),
        " AND ".join(examples),
    )


def hint(column: pl.Series) -> str:
    """The values a column has, in few words."""
    known = column.drop_nulls()
    if known.is_empty():
        return "always missing"
    if column.dtype == pl.String:
        counts = (
            known.alias("value").value_counts(name="rows").sort("rows", "value", descending=[True, False])
        )
        shown = [sql_text(shorten(value)) for value in counts["value"].head(VALUES_HINTED)]
        return ", ".join([*shown, "…"] if len(counts) > VALUES_HINTED else shown)
    # The first rows often show that there are many values, which spares sorting the rest.
    distinct = known.head(1000).unique()
    if len(distinct) <= VALUES_HINTED:
        distinct = known.unique().sort()
    if len(distinct) <= VALUES_HINTED:
        return ", ".join(f"{value:.10g}" for value in distinct)
    return f"{known.min():.10g} to {known.max():.10g}"


def example(column: pl.Series) -> str:
    """A condition that is true of somebody and not of everybody, where the column has one."""
    known = column.drop_nulls()
    if known.n_unique() < 2:
        return ""
    if column.dtype == pl.String:
        return f"{quoted_name(column.name)} = {sql_text(known.mode().sort()[0])}"
    middle = known.median()
    return f"{quoted_name(column.name)} {'<' if known.min() < middle else '>'} {middle:.4g}"


def shorten(value: str) -> str:
    return value if len(value) <= HINT_CHARACTERS else f"{value[: HINT_CHARACTERS - 1]}…"


def sql_text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"

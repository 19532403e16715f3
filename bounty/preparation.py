"""From an organiser's table to a bounty's three parts: checked, split once, stored apart, hashed."""

import secrets
from pathlib import PurePosixPath

import numpy as np
import polars as pl
from django.conf import settings

from common.files import local_copy
from fairness.columns import rows_from
from fairness.losses import LOSSES, best_constant
from fairness.normalise import version
from fairness.rates import LOSS_OF
from fairness.splits import split_rows
from fairness.tables import CheckedTable, TableError, check_bounty_table, first_row_number, read_table

from .models import LEAST_CLUSTERS, PARTS, Bounty, TableUpload
from .parts import FEATURES, TRUTH, DamagedPart, label_numbers, store
from .sample import summary
from .sandbox import REJECTIONS, FeatureTable, Rejected, Sandbox, check_base_model

TABLES = TableUpload._meta.model_name  # where they lie (common.files.private_path)
SMALL_GROUPS = 20  # of a column, as the organiser is told of them
# The organiser's model must give the table's predictions, but for rows that rounding to float32 moves.
REPRODUCED_SHARE = 0.999
NOTHING_VARIES = (
    "All labels of the public sample are the same, so there is nothing to predict there. Upload more rows, "
    "or give the sample a larger share."
)
NO_RECOGNISER = (
    "A bounty on word errors takes no model: a recogniser hears the recording, which is not in the table. "
    "Go on without the model."
)


def prepare(upload: TableUpload, sandbox: Sandbox) -> dict:
    """The facts to write on the bounty. Raises Rejected with a sentence for the organiser."""
    bounty = upload.bounty
    try:
        checked = read_checked(bounty, upload)
        # Drawn here, unless one was set beforehand so that a split can be repeated, as in the demo.
        seed = bounty.random_state or secrets.randbits(63)
        part_of_row = split_rows(
            checked, sample_share=bounty.sample_share, leaderboard_share=bounty.leaderboard_share, seed=seed
        )
    except TableError as error:
        raise Rejected("bad_table", str(error)) from error
    base_model = check_model(bounty, upload, checked, sandbox)
    facts = loss_facts(bounty, checked, part_of_row == PARTS.index("sample"))
    truth = truth_frame(checked, bounty.truth_columns, facts.get("unit", 1.0))
    favourable = checked.favourable or ""
    parts = {}
    for code, name in enumerate(PARTS):
        # Shuffled, so that neither a row's place in the organiser's file nor its order tells anything.
        rows = np.random.default_rng([seed, code]).permutation(np.flatnonzero(part_of_row == code))
        parts[name] = {
            "rows": len(rows),
            **error_facts(truth[rows], bounty.loss, favourable, facts.get("unit", 1.0)),
            "small_groups": small_groups(bounty, checked.features[rows], truth[rows]),
            FEATURES: store(checked.features[rows], bounty, name, FEATURES),
            TRUTH: store(truth[rows], bounty, name, TRUTH),
        }
    return {
        "schema": [{"name": column.name, "dtype": column.dtype} for column in checked.schema],
        "labels": list(checked.labels),
        "favourable_label": favourable,
        "loss_facts": facts,
        "normaliser_version": version(bounty.normaliser) if bounty.is_speech else "",
        "random_state": seed,
        "parts": parts,
        "base_model": base_model,
    }


def read_checked(bounty: Bounty, upload: TableUpload) -> CheckedTable:
    # Whoever can write its record must not have a hidden part read as a table.
    if str(PurePosixPath(upload.table.name).parent) != TABLES:
        raise DamagedPart(f"{upload.table.name} is no uploaded table")
    texts = (bounty.label_column, bounty.prediction_column) if bounty.is_speech else ()
    with local_copy(upload.table) as path, rows_from(first_row_number(path)):
        return check_bounty_table(
            read_table(path, max_bytes=settings.TABLE_MAX_BYTES, as_text=texts),
            measure=bounty.measure,
            label=bounty.label_column,
            prediction=bounty.prediction_column,
            favourable=bounty.favourable_label or None,
            normaliser=bounty.normaliser,
            cluster=bounty.cluster_column or None,
            weight=bounty.weight_column or None,
            visible=bounty.visible_columns or None,
            groups=bounty.group_columns,
        )


def check_model(bounty: Bounty, upload: TableUpload, checked: CheckedTable, sandbox: Sandbox) -> dict:
    """Run the organiser's own model, where there is one, in the sandbox like anybody's."""
    if not upload.model_file:
        return {}
    if bounty.is_speech:
        raise Rejected("model_not_taken", NO_RECOGNISER)
    with upload.model_file.open() as file:
        payload = file.read()
    table = FeatureTable(checked.features, checked.schema)
    try:
        agreement = check_base_model(sandbox, payload, table, checked.y_pred)
    except Rejected as rejected:
        sentences = f"Your model: {REJECTIONS[rejected.code]} {rejected.detail}".strip()
        raise Rejected(rejected.code, sentences, log=rejected.log) from rejected
    if agreement.share < REPRODUCED_SHARE:
        raise Rejected(
            "model_differs",
            f"The model gives the table's prediction in {agreement.share:.1%} of the rows. Upload the model "
            "that made the predictions, with the visible columns as inputs in their order, or leave it out.",
        )
    return {"path": upload.model_file.name, "reproduced": agreement.share}


def loss_facts(bounty: Bounty, checked: CheckedTable, in_sample: np.ndarray) -> dict:
    """Of measures of numbers: the unit that makes 100 % of the best constant's loss on the public sample.

    Everybody can compute it, so that it gives nothing away; and the range of all labels, known before
    anything is submitted, by which a fix's worst case is bounded.
    """
    if bounty.measure not in LOSS_OF:
        return {}
    labels = label_numbers(checked.y_true, checked.favourable)
    constant = best_constant(bounty.loss, labels[in_sample])
    unit = float(np.mean(LOSSES[bounty.loss](labels[in_sample], np.full(int(in_sample.sum()), constant))))
    if unit <= 0:
        raise Rejected("bad_table", NOTHING_VARIES)
    return {"unit": unit, "low": float(labels.min()), "high": float(labels.max())}


def error_facts(truth: pl.DataFrame, loss: str, favourable: str, unit: float) -> dict:
    """A part's measured rate and what it rests on; of labels also the shares the model and the best constant
    answer get wrong."""
    facts = summary(truth, loss, favourable, unit)
    rates = {
        "rate": facts["measure"],
        "model_error": facts["model_error"],
        "constant_error": facts["constant_error"],
    }
    return {
        **{name: rate and rate["rate"] for name, rate in rates.items()},
        "intervals": {name: (rate["low"], rate["high"]) for name, rate in rates.items() if rate},
        "uncounted": facts["rows"] - facts["measure"]["rows"],
        "exposure": facts["measure"]["exposure"],
        "clusters": facts["clusters"],
    }


def small_groups(bounty: Bounty, features: pl.DataFrame, truth: pl.DataFrame) -> list[dict]:
    """The declared groups with too few speakers to be proven alone: column, value and speakers of each."""
    if not (bounty.is_speech and bounty.cluster_column):
        return []
    counts = truth["exposure"] > 0
    found = []
    for column in bounty.group_columns:
        if features[column].dtype == pl.String:
            rows = pl.DataFrame({"value": features[column], "speaker": truth["cluster"]}).filter(counts)
            groups = rows.drop_nulls().group_by("value").agg(speakers=pl.col("speaker").n_unique())
            few = groups.filter(pl.col("speakers") < LEAST_CLUSTERS).sort("speakers", "value")
            found += [{"column": column, **row} for row in few.head(SMALL_GROUPS).to_dicts()]
    return found


def truth_frame(checked: CheckedTable, names: tuple[str, str], unit: float) -> pl.DataFrame:
    """Label and prediction, or reference and hypothesis, by these names, and what is counted of them, losses
    of numbers in `unit`.
    """
    texts = (pl.Series(column.tolist(), dtype=pl.String) for column in (checked.y_true, checked.y_pred))
    columns = dict(zip(names, texts, strict=True)) | {
        "errors": checked.errors / unit,
        "exposure": checked.exposure,
    }
    if checked.clusters is not None:
        columns["cluster"] = checked.clusters
    if checked.weights is not None:
        columns["weight"] = checked.weights
    return pl.DataFrame(columns)

"""Classification: labels against predictions. Errors, false rejections and acceptances, selection, base
rate.
"""

from typing import Any

import numpy as np
import polars as pl

from fairness.columns import ROW, TableError, first_row, shown
from fairness.kinds.base import (
    CONDITION,
    GROUP,
    MOST_SYSTEMS,
    Counted,
    Kind,
    Metric,
    Progress,
    Role,
    Roles,
    Settings,
)
from fairness.tables import canonical_labels, not_numbers

MAX_LABELS = 50

ROLES = (
    Role(
        "y_true",
        "Label: what is true",
        "The outcome that should have been given.",
        least=1,
        usual=("y_true", "label", "y", "target", "truth", "actual", "outcome"),
    ),
    Role(
        "y_pred",
        "Prediction",
        "One column for each system.",
        most=MOST_SYSTEMS,
        usual=("y_pred", "prediction", "predicted", "pred", "predicted_label", "decision"),
        prefixes=("y_pred_", "pred_", "predicted_"),
    ),
    Role(
        "score",
        "Score",
        "How likely the favourable outcome is, 0 to 1; at or above the threshold it is given.",
        most=MOST_SYSTEMS,
        usual=("score", "probability", "proba", "y_score", "prob"),
        prefixes=("score_", "proba_", "prob_"),
    ),
    GROUP,
    CONDITION,
    Role(
        "cluster",
        "Person",
        "Whose rows belong together, where a person has several.",
        usual=("cluster", "person", "person_id", "applicant_id", "user_id", "patient_id", "household"),
    ),
    Role("id", "Row", "A name for each row, no two alike.", usual=("id", "row_id", "case_id", "record_id")),
    Role("sample_weight", "Weight", "How much a row counts.", usual=("weight", "weights", "sample_weight")),
)

TRUE, GIVEN, ONE = pl.col("deserved"), pl.col("given"), pl.lit(1, pl.Int32)
ERROR = Metric(
    "error", "Error rate", "Errors", "wrong / all",
    "How often the prediction is wrong, in either direction.", "rows", pl.col("wrong"), ONE, binary=True,
)  # fmt: skip
ONE_SIDED = (
    Metric(
        "false_rejection", "False rejection rate", "False rejections",
        "wrongly rejected / should be accepted",
        "Of those who should have had the favourable outcome, how many were denied it.",
        "rows that deserve it", TRUE * (1 - GIVEN), TRUE, binary=True,
    ),
    Metric(
        "false_acceptance", "False acceptance rate", "False acceptances",
        "wrongly accepted / should be rejected",
        "Of those who should not have had the favourable outcome, how many were given it.",
        "rows that do not deserve it", (1 - TRUE) * GIVEN, 1 - TRUE, binary=True,
    ),
    Metric(
        "selection_rate", "Selection rate", "Selected", "accepted / all",
        "How often the favourable outcome was given.", "rows", GIVEN, ONE, binary=True, neutral=True,
    ),
    Metric(
        "base_rate", "Base rate", "Base rate", "should be accepted / all",
        "How often the favourable outcome was deserved.", "rows", TRUE, ONE, binary=True, neutral=True,
    ),
    Metric(
        "precision", "Precision", "Precision", "rightly accepted / accepted",
        "Of those who were given the favourable outcome, how many deserved it.",
        "rows accepted", TRUE * GIVEN, GIVEN, binary=True, higher_is_better=True,
    ),
)  # fmt: skip


def count(frame: pl.DataFrame, roles: Roles, settings: Settings, progress: Progress) -> Counted:
    """Compare every system's prediction with the label; a score is a prediction by the threshold.

    Raises TableError for labels that are too many or do not match, and for scores outside 0 to 1.
    """
    label = roles.columns("y_true")[0]
    predicted, scored = roles.columns("y_pred"), roles.columns("score")
    if not predicted and not scored:
        raise TableError("No column is a prediction. Say which one is y_pred, or which one is the score.")
    y_true = _labels(frame.get_column(label))
    labels = _distinct(y_true, label)
    favourable = _favourable(settings.favourable, labels, bool(scored))
    deserved = None if favourable is None else (y_true == favourable).astype(np.int32)
    counts = []
    for place, system in enumerate((*predicted, *scored)):
        column = frame.get_column(system)
        if system in predicted:
            y_pred = _labels(column)
            _refuse_strange(y_pred, labels, system)
            wrong = (y_true != y_pred).astype(np.int32)
            given = None if favourable is None else (y_pred == favourable).astype(np.int32)
            extra: dict[str, np.ndarray] = {}
        else:
            score = _scores(column)
            given = (score >= settings.threshold).astype(np.int32)
            assert deserved is not None
            wrong = (given != deserved).astype(np.int32)
            extra = {"score": score}
        known = {} if deserved is None or given is None else {"deserved": deserved, "given": given}
        counts.append(pl.DataFrame({"wrong": wrong, **known, **extra}))
        progress((place + 1) / (len(predicted) + len(scored)))
    metrics = (ERROR,) if favourable is None else (ERROR, *ONE_SIDED)
    facts: dict[str, Any] = {"labels": list(labels), "favourable": favourable, "scored": list(scored)}
    if scored:
        facts["threshold"] = settings.threshold
    return Counted((*predicted, *scored), metrics, tuple(counts), facts=facts)


def _labels(column: pl.Series) -> np.ndarray:
    return np.asarray(canonical_labels(column, column.name))


def _distinct(y_true: np.ndarray, label: str) -> tuple[str, ...]:
    labels = tuple(sorted(set(y_true.tolist())))
    if len(labels) == 1:
        raise TableError(f"Column {shown(label)} holds only {shown(labels[0])}; two labels are needed.")
    if len(labels) > MAX_LABELS:
        raise TableError(
            f"Column {shown(label)} holds {len(labels):,} different labels; at most {MAX_LABELS} are taken. "
            "Is it a score or a name?"
        )
    return labels


def _favourable(given: str | None, labels: tuple[str, ...], scored: bool) -> str | None:
    if not given:
        if scored:
            raise TableError(
                "A score needs the favourable label: the outcome that becomes likelier as it rises. Labels "
                f"are {', '.join(shown(label) for label in labels)}."
            )
        return None
    for text in (given, given.removesuffix(".0"), {"true": "1", "false": "0"}.get(given.lower(), given)):
        if text in labels:
            return text
    raise TableError(
        f"The favourable label {shown(given)} is not among the labels: "
        f"{', '.join(shown(label) for label in labels)}."
    )


def _refuse_strange(y_pred: np.ndarray, labels: tuple[str, ...], system: str) -> None:
    row = first_row(pl.Series(y_pred.tolist(), dtype=pl.String).is_in(list(labels)).not_())
    if row is not None:
        raise TableError(
            f"Row {ROW} of column {shown(system)} is {shown(y_pred[row])}, which is not among "
            f"the labels: {', '.join(shown(label) for label in labels)}.",
            row,
        )


def _scores(column: pl.Series) -> np.ndarray:
    if not column.dtype.is_numeric():
        raise not_numbers("score", column)
    row = first_row(column.is_null() | (column < 0) | (column > 1))
    if row is not None:
        raise TableError(
            f"Row {ROW} of the score column {shown(column.name)} is empty or outside 0 to 1.", row
        )
    return column.to_numpy().astype(np.float64)


CLASSIFICATION = Kind(
    key="classification",
    name="Classification",
    summary="Labels, and predictions or scores: errors, rejections and acceptances by group.",
    roles=ROLES,
    metrics=(ERROR, *ONE_SIDED),
    cluster_role="cluster",
    row_word=("row", "rows"),
    cluster_word=("person", "people"),
    aggregations=("pooled", "cluster_mean", "macro"),
    settings=("favourable", "threshold"),
    parts=frozenset({"calibration"}),
    count=count,
    id_role="id",
    output_roles=("y_pred", "score"),
    weight_role="sample_weight",
)

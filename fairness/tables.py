"""A file into a checked frame: read, named, typed, and fit to be scored.

`read_table` turns CSV, JSON lines or Parquet into Float64 and String columns; `check_bounty_table` cuts a
bounty's table into what models see (features) and what they never see (labels, predictions, clusters,
weights). Whatever is wrong with a table ends here as a `TableError`, a sentence for the person who made it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from fairness.columns import (
    AFTER_HEADER,
    MAX_COLUMNS,
    ROW,
    Column,
    Schema,
    TableError,
    check_asked,
    check_names,
    first_row,
    number_texts,
    rows_from,
    settle_text,
    settle_typed,
    shown,
)
from fairness.delimited import read_csv
from fairness.encodings import detect, utf8_copy
from fairness.jsonlines import is_json, read_json_lines
from fairness.losses import LARGEST
from fairness.parquet import MAGIC, read_parquet
from fairness.rates import MEASURES, OF_NUMBERS, ONE_SIDED, Floats, count_errors

__all__ = [
    "CheckedTable",
    "Column",
    "Schema",
    "TableError",
    "canonical_labels",
    "check_bounty_table",
    "first_row_number",
    "read_table",
    "schema_of",
]

MAX_BYTES = 1 << 30
MAX_UNPACKED = 4 << 30
MAX_ROWS = 10_000_000
MAX_CELLS = 200_000_000
MAX_CLASSES = 20
MAX_LABEL = 200
# What the public sample carries beside the visible columns, the texts first.
LABEL_COLUMNS = ("label", "prediction")
SPEECH_COLUMNS = ("reference", "hypothesis", "errors", "exposure")

Labels = npt.NDArray[np.object_]


@dataclass(frozen=True)
class CheckedTable:
    """A bounty's table of n rows, ready to be split and scored.

    features: the visible columns in the order asked for, Float64 or String, null where missing; schema:
    their names and kinds; y_true, y_pred: object[n] of canonical label texts, or of references and hypotheses
    as written, "" where empty; errors, exposure: float64[n], the measure's counts; clusters: int64[n] codes
    0, 1, ... or None; weights: float64[n], none negative, or None; favourable: one of labels, or None;
    labels: the distinct labels in order, numbers by size, none for texts and for numbers to be predicted;
    groups: the described columns; measure: what was counted.
    """

    features: pl.DataFrame
    schema: Schema
    y_true: Labels
    y_pred: Labels
    errors: Floats
    exposure: Floats
    clusters: npt.NDArray[np.int64] | None
    weights: npt.NDArray[np.float64] | None
    favourable: str | None
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    measure: str = "error"


def read_table(
    path: Path | str,
    *,
    as_text: Collection[str] = (),
    max_bytes: int = MAX_BYTES,
    max_rows: int = MAX_ROWS,
    max_columns: int = MAX_COLUMNS,
    max_cells: int = MAX_CELLS,
    max_unpacked: int = MAX_UNPACKED,
) -> pl.DataFrame:
    """A CSV, JSON lines or Parquet file as a frame of Float64 and String columns, null where missing.

    CSV: commas, semicolons, tabs or pipes; the first row names the columns; numbers with a point. JSON lines:
    one flat object a line. Both in whatever encoding `fairness.encodings.detect` names. How values become
    numbers or text: `fairness.columns.settle_text` for CSV, `settle_typed` for Parquet, whichever suits for
    JSON. Booleans become 0/1, dates ISO text. The format is told by the file's bytes, not by its name.

    as_text: columns that stay text whatever they hold, as written but for spaces around (`settle_written`).

    Raises TableError for a file that is unreadable, empty, ragged, too large in bytes, rows, columns or cells
    (rows times columns), unpacks to more than `max_unpacked` bytes, or holds more text than a CSV file could,
    and for a name in `as_text` that is no column's.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except OSError as error:
        raise TableError("The file cannot be opened.") from error
    if not size:
        raise TableError("The file is empty.")
    if size > max_bytes:
        raise TableError(
            f"The file has {size / 2**20:,.0f} MB; at most {max_bytes / 2**20:,.0f} MB are taken."
        )
    if start == MAGIC:
        return read_parquet(
            path,
            as_text=as_text,
            max_rows=max_rows,
            max_columns=max_columns,
            max_cells=max_cells,
            max_bytes=max_unpacked,
            max_text=min(max_bytes, max_unpacked),
        )
    with rows_from(first_row_number(path)), utf8_copy(path, detect(path), max_bytes) as text:
        read = read_json_lines if is_json(text) else read_csv
        return read(text, as_text=as_text, max_rows=max_rows, max_columns=max_columns, max_cells=max_cells)


def first_row_number(path: Path | str) -> int:
    """How a person counts a file's first row of values: 1 in JSON lines, which has no header."""
    return 1 if is_json(Path(path)) else AFTER_HEADER


def schema_of(frame: pl.DataFrame) -> Schema:
    """Names and kinds of a frame's columns.

    >>> schema_of(pl.DataFrame({"age": [1.5], "sex": ["f"]}))
    (Column(name='age', dtype='number'), Column(name='sex', dtype='text'))
    """
    return tuple(
        Column(name, "number" if dtype.is_numeric() else "text") for name, dtype in frame.schema.items()
    )


def canonical_labels(values: pl.Series | npt.NDArray[np.generic] | Sequence[object], column: str) -> Labels:
    """Labels as texts, one text for one label: 1, 1.0 and true are "1"; texts stay as they are.

    values: n labels of one kind; column: their name, for messages. Returns object[n] of str. Raises
    TableError naming the row where a label is missing.

    >>> canonical_labels([1.0, 0.0, 2.5], "approved").tolist()
    ['1', '0', '2.5']
    """
    series = values if isinstance(values, pl.Series) else pl.Series(np.asarray(values).tolist(), strict=True)
    series = settle_typed(series.alias(column))
    row = first_row(series.is_null())
    if row is not None:
        raise TableError(f"Row {ROW} of column {shown(column)} is empty; every row needs a value there.", row)
    texts = number_texts(series) if series.dtype == pl.Float64 else series
    return texts.to_numpy().astype(object)


def sample_columns(measure: str) -> tuple[str, ...]:
    """What a bounty's public sample carries beside the visible columns.

    >>> sample_columns("error"), sample_columns("wer")[:2]
    (('label', 'prediction'), ('reference', 'hypothesis'))
    """
    return SPEECH_COLUMNS if measure == "wer" else LABEL_COLUMNS


def check_bounty_table(
    frame: pl.DataFrame,
    *,
    measure: str,
    label: str,
    prediction: str,
    favourable: object = None,
    normaliser: str = "none",
    cluster: str | None = None,
    weight: str | None = None,
    visible: Sequence[str] | None = None,
    groups: Sequence[str] = (),
) -> CheckedTable:
    """The table of a bounty, checked, counted, and cut into features and hidden columns.

    frame: as from `read_table`, for wer with label and prediction read as text; measure: one of MEASURES;
    label, prediction: for wer the reference and the hypothesis, either of which may be empty in a row;
    favourable: the label that is the good outcome, needed by the two one-sided measures; normaliser: for wer,
    one of `fairness.normalise.NORMALISERS`; visible: the columns participants see, by default all but label,
    prediction, cluster and weight; groups: visible columns to describe.

    For wer without a cluster column, rows alike in the visible columns and both texts are one cluster: they
    may well be one recording, and are kept on one side of a split. Raises TableError for anything the table's
    author must mend, ValueError for an unknown measure or normaliser.
    """
    if measure not in MEASURES:
        raise ValueError(f"unknown measure: {measure}")
    if frame.is_empty():
        raise TableError("The table has no rows.")
    check_names(frame.columns)
    beside = sample_columns(measure)
    roles = {beside[0]: label, beside[1]: prediction, "cluster": cluster, "weight": weight}
    columns = _check_visible(frame, visible, groups, _check_roles(frame, roles), beside)
    truth = _TRUTH.get(measure, _label_pairs)
    y_true, y_pred, labels = truth(frame.get_column(label), frame.get_column(prediction), measure)
    good = _favourable(favourable, labels, measure)
    counts = count_errors(measure, y_true, y_pred, good, normaliser)
    if measure == "wer" and not counts.exposure.any():
        raise TableError(
            f"The reference column {shown(label)} holds no words, so no error rate can be counted on it. "
            "It must hold what was said."
        )
    features = pl.DataFrame([_settled(frame.get_column(name)) for name in columns])
    clusters = None if cluster is None else _clusters(_settled(frame.get_column(cluster)))
    if cluster is None and measure == "wer":
        clusters = _repeats(features, y_true, y_pred)
    return CheckedTable(
        features=features,
        schema=schema_of(features),
        y_true=y_true,
        y_pred=y_pred,
        errors=counts.errors,
        exposure=counts.exposure,
        clusters=clusters,
        weights=None if weight is None else _weights(_settled(frame.get_column(weight))),
        favourable=good,
        labels=labels,
        groups=tuple(groups),
        measure=measure,
    )


def _check_roles(frame: pl.DataFrame, roles: dict[str, str | None]) -> dict[str, str]:
    """Column name -> its role, for the roles given."""
    hidden: dict[str, str] = {}
    for role, name in roles.items():
        if name is None:
            continue
        check_asked([name], frame.columns)
        if name in hidden:
            raise TableError(f"Column {shown(name)} is given both as {hidden[name]} and as {role}.")
        hidden[name] = role
    return hidden


def _check_visible(
    frame: pl.DataFrame,
    visible: Sequence[str] | None,
    groups: Sequence[str],
    hidden: dict[str, str],
    reserved: Sequence[str],
) -> list[str]:
    columns = [name for name in frame.columns if name not in hidden] if visible is None else list(visible)
    if not columns:
        raise TableError("No column is visible; participants need at least one to name a group with.")
    check_asked([*columns, *groups], frame.columns)
    for place, name in enumerate(columns):
        if name in hidden:
            raise TableError(f"Column {shown(name)} is the {hidden[name]}; it cannot be visible.")
        if name.lower() in reserved:
            raise TableError(
                f"A visible column cannot be called {shown(name)}: the public sample has a column of that "
                "name. Rename it."
            )
        if name in columns[:place]:
            raise TableError(f"Column {shown(name)} stands twice among the visible columns.")
    for name in groups:
        if name not in columns:
            raise TableError(f"The group column {shown(name)} must be among the visible columns.")
    return columns


def _labels(column: pl.Series) -> Labels:
    """Canonical labels, once no text is so long that a copy for every row would fill the memory."""
    column = _settled(column)
    row = first_row(column.str.len_chars() > MAX_LABEL) if column.dtype == pl.String else None
    if row is not None:
        raise TableError(
            f"Row {ROW} of column {shown(column.name)} holds a label of more than {MAX_LABEL} characters.",
            row,
        )
    return canonical_labels(column, column.name)


def _texts(
    reference: pl.Series, hypothesis: pl.Series, measure: str
) -> tuple[Labels, Labels, tuple[str, ...]]:
    """References and hypotheses as written, "" where empty; texts have no list of labels."""
    for column in (reference, hypothesis):
        if column.dtype not in (pl.String, pl.Null):
            raise TableError(f"Column {shown(column.name)} holds numbers; for {measure} it must hold text.")
    said, written = (column.cast(pl.String).fill_null("") for column in (reference, hypothesis))
    if not (written.str.strip_chars() != "").any():
        raise TableError(
            f"The hypothesis column {shown(written.name)} is empty in every row. It must hold what the "
            "system wrote; only where it wrote nothing may a row be empty."
        )
    return said.to_numpy().astype(object), written.to_numpy().astype(object), ()


def _label_pairs(
    label: pl.Series, prediction: pl.Series, measure: str
) -> tuple[Labels, Labels, tuple[str, ...]]:
    """Labels and predictions in their canonical texts, and the distinct labels."""
    y_true, y_pred = _labels(label), _labels(prediction)
    labels = _check_labels(y_true, measure, label.name)
    _check_predictions(y_pred, labels, prediction.name)
    return y_true, y_pred, labels


def _number_pairs(
    label: pl.Series, prediction: pl.Series, measure: str
) -> tuple[Labels, Labels, tuple[str, ...]]:
    """Numbers to be predicted and predicted numbers, as their shortest texts."""
    y_true, y_pred = (_number_texts(_settled(column), measure) for column in (label, prediction))
    if len(set(y_true)) == 1:
        raise TableError(f"Column {shown(label.name)} holds only {y_true[0]}; there is nothing to predict.")
    return y_true, y_pred, ()


def _probability_pairs(
    label: pl.Series, prediction: pl.Series, measure: str
) -> tuple[Labels, Labels, tuple[str, ...]]:
    """Two labels, and the predicted probability of the favourable one."""
    y_true = _labels(label)
    labels = _check_labels(y_true, measure, label.name)
    column = _settled(prediction)
    texts = _number_texts(column, measure)
    row = first_row(~column.is_between(0, 1))
    if row is not None:
        raise TableError(
            f"Row {ROW} of column {shown(prediction.name)} is {shown(column[row])}; for "
            f"{measure.replace('_', ' ')} it must be the favourable label's probability, between 0 and 1.",
            row,
        )
    return y_true, texts, labels


def _number_texts(column: pl.Series, measure: str) -> Labels:
    if column.dtype != pl.Float64:
        raise TableError(
            f"Column {shown(column.name)} holds something other than numbers; for "
            f"{measure.replace('_', ' ')} every row must be a number."
        )
    row = first_row(~column.is_finite() | column.is_null())
    if row is not None:
        raise TableError(f"Row {ROW} of column {shown(column.name)} is empty or not finite.", row)
    row = first_row(column.abs() > LARGEST)
    if row is not None:
        raise TableError(
            f"Row {ROW} of column {shown(column.name)} is beyond {LARGEST:.0e}. Choose a larger unit.", row
        )
    return number_texts(column).to_numpy().astype(object)


_TRUTH = {
    "wer": _texts,
    "log_loss": _probability_pairs,
    **dict.fromkeys(OF_NUMBERS, _number_pairs),
}


def _repeats(features: pl.DataFrame, *texts: Labels) -> npt.NDArray[np.int64] | None:
    """One code for rows that are alike in everything; None where no two are."""
    parts = [pl.Series(text.tolist(), dtype=pl.String) for text in texts]
    alike = {"features": features.hash_rows(seed=0)} | {str(place): part for place, part in enumerate(parts)}
    hashes = pl.DataFrame(alike).hash_rows(seed=0)
    return None if hashes.n_unique() == hashes.len() else _ranks(hashes)


def _check_labels(y_true: Labels, measure: str, label: str) -> tuple[str, ...]:
    """The distinct labels in order: exactly two for a one-sided rate, 2 to MAX_CLASSES for errors."""
    found = pl.Series(y_true.tolist(), dtype=pl.String).value_counts(sort=False, name="n")
    labels = tuple(sorted(found.to_series(0).to_list(), key=_label_order))
    if len(labels) == 1:
        raise TableError(f"Column {shown(label)} holds only {shown(labels[0])}; two labels are needed.")
    two = measure in (*ONE_SIDED, "log_loss")
    limit = 2 if two else MAX_CLASSES
    if len(labels) > limit:
        least = min(found.iter_rows(), key=lambda pair: (pair[1], pair[0]))[0]
        row = int(np.argmax(y_true == least))
        exact = f"exactly two for {measure.replace('_', ' ')}"
        allowed = exact if two else f"at most {limit}"
        raise TableError(
            f"Column {shown(label)} holds {len(labels):,} different labels; it may hold {allowed}. "
            f"The rarest, {shown(least)}, first stands in row {ROW}.",
            row,
        )
    return labels


def _label_order(label: str) -> tuple[bool, float, str]:
    try:
        return (False, float(label), label)
    except ValueError:
        return (True, 0.0, label)


def _check_predictions(y_pred: Labels, labels: tuple[str, ...], prediction: str) -> None:
    row = first_row(pl.Series(y_pred.tolist(), dtype=pl.String).is_in(labels).not_())
    if row is not None:
        raise TableError(
            f"Row {ROW} of column {shown(prediction)} is {shown(y_pred[row])}, which is not "
            f"among the labels: {', '.join(shown(label) for label in labels)}.",
            row,
        )


def _favourable(favourable: object, labels: tuple[str, ...], measure: str) -> str | None:
    if measure == "wer" or measure in OF_NUMBERS:
        return None
    if favourable is None or favourable == "":
        if measure == "error":
            return None
        raise TableError(f"The {measure.replace('_', ' ')} rate needs the favourable label.")
    given = pl.Series("favourable", [favourable])
    text = canonical_labels(settle_text(given) if given.dtype == pl.String else given, "favourable")[0]
    for candidate in (str(favourable), str(text)):
        if candidate in labels:
            return candidate
    raise TableError(
        f"The favourable label {shown(favourable)} is not among the labels: "
        f"{', '.join(shown(label) for label in labels)}."
    )


def _clusters(column: pl.Series) -> npt.NDArray[np.int64]:
    row = first_row(column.is_null())
    if row is not None:
        raise TableError(f"Row {ROW} of the cluster column {shown(column.name)} is empty.", row)
    return _ranks(column)


def _ranks(column: pl.Series) -> npt.NDArray[np.int64]:
    return (column.rank("dense").cast(pl.Int64) - 1).to_numpy()


def _weights(column: pl.Series) -> npt.NDArray[np.float64]:
    name = shown(column.name)
    if not column.dtype.is_numeric():
        raise not_numbers("weight", column)
    values = column.cast(pl.Float64)
    row = first_row(values.is_null() | ~values.is_finite() | (values < 0))
    if row is not None:
        raise TableError(f"Row {ROW} of the weight column {name} is empty, negative or not finite.", row)
    if not values.sum():
        raise TableError(f"Every weight in column {name} is 0.")
    return values.to_numpy()


def not_numbers(role: str, column: pl.Series) -> TableError:
    """What is wrong with a column of texts that must be numbers."""
    row = first_row(column.cast(pl.Float64, strict=False).is_null() & column.is_not_null())
    text = f"The {role} column {shown(column.name)} must hold numbers only"
    return TableError(f"{text}.") if row is None else TableError(f"{text}; row {ROW} does not.", row)


def _settled(column: pl.Series) -> pl.Series:
    return column if column.dtype in (pl.Float64, pl.String) else settle_typed(column)

"""Whether a merged ONNX file answers like the bundle it was made of, row by row."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairness.bundle import Bundle, NotMergeable
from fairness.bundle_models import columns_of
from fairness.bundle_predict import features_of, predict
from fairness.onnx_session import start_session


def run_merged(merged: bytes, bundle: Bundle, rows: pl.DataFrame) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """What a merged file says of n rows, and who said it (0: the base model, k: fix k), each [n]."""
    values = columns_of(features_of(bundle, rows))
    answers, answered_by = start_session(merged).run(
        None, {name: column[:, None] for name, column in values.items()}
    )
    return answers, answered_by


def check_merged(merged: bytes, bundle: Bundle, rows: pl.DataFrame) -> None:
    """Raises NotMergeable where the file and the bundle differ on any of the rows, in the answer or in who
    gives it, and ValueError as `fairness.bundle_predict.predict` does.
    """
    expected = predict(bundle, rows)
    answers, answered_by = run_merged(merged, bundle, rows)
    differ = (answers != expected.repaired) | (answered_by != expected.answered_by)
    if differ.any():
        raise NotMergeable(
            f"The ONNX file and the bundle differ on {int(differ.sum()):,} of {len(differ):,} rows."
        )

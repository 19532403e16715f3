"""What a participant knows of a bounty: its public sample, and nothing else."""

import io
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import polars as pl
from polars.selectors import numeric

from fairness.rates import count_errors
from fairness.slices import Slice, compile_rule, search_slices
from fairness.tables import canonical_labels, sample_columns, schema_of

COUNTS = ("errors", "exposure")
# The leaderboard half is more than twice as large: what has 20 rows here has well over 30 there.
MIN_ROWS = 20


@dataclass(frozen=True)
class Sample:
    """The visible columns, and for each row what is true of it, what the model said, and how that counts."""

    features: pl.DataFrame
    y_true: np.ndarray
    y_pred: np.ndarray
    errors: np.ndarray
    exposure: np.ndarray

    @classmethod
    def read(cls, csv: bytes, measure: str, favourable: str) -> "Sample":
        frame = pl.read_csv(io.BytesIO(csv), infer_schema_length=None)
        names = sample_columns(measure)[:2]
        features = frame.drop(*names, *COUNTS, strict=False).with_columns(numeric().cast(pl.Float64))
        if measure == "wer":
            texts = (frame[name].to_numpy() for name in names)
            return cls(features, *texts, *(frame[name].cast(pl.Float64).to_numpy() for name in COUNTS))
        labels = [canonical_labels(frame[name], name) for name in names]
        counts = count_errors(measure, *labels, favourable or None)
        return cls(features, *labels, counts.errors, counts.exposure)

    @property
    def numbers(self) -> list[str]:
        return [name for name, dtype in self.features.schema.items() if dtype.is_numeric()]

    @property
    def texts(self) -> list[str]:
        return [name for name in self.features.columns if name not in self.numbers]

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The visible columns as models see them."""
        return pd.DataFrame(
            {
                name: column.fill_null("").to_list() if name in self.texts else column.to_numpy()
                for name, column in zip(self.features.columns, self.features, strict=True)
            }
        )

    def group(self, rule: str) -> np.ndarray:
        """Which rows are in a group."""
        return compile_rule(rule, schema_of(self.features)).mask(self.features)

    def best_slice(self, depth: int, columns: list[str] | None) -> Slice:
        slices = search_slices(
            self.features, self.errors, self.exposure, columns=columns, depth=depth, min_rows=MIN_ROWS, top=1
        )
        return slices[0]

"""What a participant knows of a bounty: its public sample, and nothing else."""

import io
from dataclasses import dataclass

import numpy as np
import pandas as pd
import polars as pl

from fairness.rates import count_errors
from fairness.slices import Slice, search_slices
from fairness.tables import canonical_labels

LABEL, PREDICTION = "label", "prediction"
TEXTS, COUNTS = ("reference", "hypothesis"), ("errors", "exposure")
# The leaderboard half is more than twice as large: what has 20 rows here has well over 30 there.
MIN_ROWS = 20


@dataclass(frozen=True)
class Sample:
    """The visible columns, and for each row whether it counts and whether it went wrong."""

    features: pl.DataFrame
    errors: np.ndarray
    exposure: np.ndarray

    @classmethod
    def read(cls, csv: bytes, measure: str, favourable: str) -> "Sample":
        frame = pl.read_csv(io.BytesIO(csv), infer_schema_length=None)
        if measure == "wer":
            errors, exposure = (frame[name].cast(pl.Float64).to_numpy() for name in COUNTS)
            return cls(frame.drop(*TEXTS, *COUNTS), errors, exposure)
        labels = [canonical_labels(frame[name], name) for name in (LABEL, PREDICTION)]
        counts = count_errors(measure, *labels, favourable or None)
        return cls(frame.drop(LABEL, PREDICTION), counts.errors, counts.exposure)

    @property
    def numbers(self) -> list[str]:
        return [name for name, dtype in self.features.schema.items() if dtype.is_numeric()]

    @property
    def texts(self) -> list[str]:
        return [name for name in self.features.columns if name not in self.numbers]

    def best_slice(self, depth: int, columns: list[str] | None) -> Slice:
        slices = search_slices(
            self.features, self.errors, self.exposure, columns=columns, depth=depth, min_rows=MIN_ROWS, top=1
        )
        return slices[0]

    def to_learn_from(self) -> tuple[pd.DataFrame, np.ndarray]:
        """The rows that count, as models see them, and which of them went wrong."""
        frame = pd.DataFrame(
            {
                name: column.fill_null("").to_list()
                if name in self.texts
                else column.cast(pl.Float64).to_numpy()
                for name, column in zip(self.features.columns, self.features, strict=True)
            }
        )
        counts = self.exposure > 0
        return frame[counts], self.errors[counts] > 0

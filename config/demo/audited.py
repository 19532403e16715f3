"""What demo bounties share: a model fitted on rows that are in neither sample nor hidden set."""

import io
from dataclasses import dataclass

import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

# Of all rows: 20 % train the model, 15 % are the public sample, 40 % the leaderboard and 25 % the final half.
TRAIN_SHARE = 0.2
SAMPLE_SHARE = 0.15 / 0.8
LEADERBOARD_SHARE = 0.4 / 0.8
RANDOM_STATE = 2026


@dataclass(frozen=True)
class DemoBounty:
    """A bounty as its organiser would fill it in, with the table and perhaps the ONNX model to upload."""

    slug: str
    values: dict
    table: bytes
    model: bytes | None = None


@dataclass(frozen=True)
class Audited:
    """The rows the model has not seen, with its predictions, and how many it was fitted on."""

    frame: pd.DataFrame
    train_rows: int

    @property
    def csv(self) -> bytes:
        buffer = io.BytesIO()
        self.frame.to_csv(buffer, index=False)
        return buffer.getvalue()


def draw(frame: pd.DataFrame, label: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A fifth of the rows to fit a model on, and the others. Rows alike in all features stay on one side."""
    alike = frame.drop(columns=label).groupby(list(frame.columns.drop(label)), dropna=False).ngroup()
    split = GroupShuffleSplit(n_splits=1, train_size=TRAIN_SHARE, random_state=RANDOM_STATE)
    drawn, others = next(split.split(frame, groups=alike))
    return frame.iloc[drawn].reset_index(drop=True), frame.iloc[others].reset_index(drop=True)


def audit(
    model: Pipeline, known: pd.DataFrame, unseen: pd.DataFrame, inputs: list[str], label: str, prediction: str
) -> Audited:
    """Fit on the known rows, predict the unseen ones."""
    # Boosting's threads wait for one another: on a busy machine that takes many times as long as one alone.
    with threadpool_limits(1):
        model.fit(known[inputs], known[label])
    return Audited(unseen.assign(**{prediction: model.predict(unseen[inputs])}), len(known))


def to_onnx_file(model: Pipeline, inputs: list[str]) -> bytes:
    """A classifier of number columns as an ONNX file: one input a column, the label as first output."""
    types = [(name, FloatTensorType([None, 1])) for name in inputs]
    return to_onnx(model, initial_types=types, options={id(model[-1]): {"zipmap": False}}).SerializeToString()

"""What both demo bounties share: a model fitted on rows that are in neither sample nor hidden set."""

import io
from dataclasses import dataclass

import pandas as pd
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


def audit(model: Pipeline, frame: pd.DataFrame, inputs: list[str], label: str, prediction: str) -> Audited:
    """Fit on a fifth of the rows, predict the others. Rows alike in all features stay on one side."""
    alike = frame.drop(columns=label).groupby(list(frame.columns.drop(label)), dropna=False).ngroup()
    split = GroupShuffleSplit(n_splits=1, train_size=TRAIN_SHARE, random_state=RANDOM_STATE)
    train, rest = next(split.split(frame, groups=alike))
    # Boosting's threads wait for one another: on a busy machine that takes many times as long as one alone.
    with threadpool_limits(1):
        model.fit(frame[inputs].iloc[train], frame[label].iloc[train])
    unseen = frame.iloc[rest].reset_index(drop=True)
    unseen[prediction] = model.predict(unseen[inputs])
    return Audited(unseen, len(train))

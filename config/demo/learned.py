"""The models participants fit to the public sample, as the files they submit: groups and predictors."""

from collections.abc import Callable

import numpy as np
import skops.io
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.base import ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from .audited import RANDOM_STATE
from .sample import MIN_ROWS, Sample


def errors_tree(sample: Sample) -> bytes:
    """A group: a decision tree that learned where the model errs, 1 where it errs more often than not."""
    return onnx_file(sample, fit(sample, tree(), sample.errors > 0, sample.exposure > 0))


def errors_regression(sample: Sample) -> bytes:
    """A group: logistic regression on the same question."""
    return skops.io.dumps(fit(sample, regression(), sample.errors > 0, sample.exposure > 0))


def false_alarms(sample: Sample) -> bytes:
    """A group: where by logistic regression the model's higher label is more often wrong than right."""
    return skops.io.dumps(false_alarms_model(sample))


def false_alarms_model(sample: Sample) -> Pipeline:
    wrong = sample.y_pred != sample.y_true
    return fit(sample, regression(), wrong, sample.y_pred == max(sample.y_pred))


def false_alarms_regression(sample: Sample) -> bytes:
    """A predictor: logistic regression of the labels in that group."""
    rows = false_alarms_model(sample).predict(sample.rows) == 1
    return skops.io.dumps(fit(sample, regression(), sample.y_true, rows))


def forest_for(rule: str) -> Callable[[Sample], bytes]:
    """A predictor: a random forest that learned the labels of a group."""
    return lambda sample: onnx_file(sample, fit(sample, forest(), sample.y_true, sample.group(rule)))


def tree() -> ClassifierMixin:
    return DecisionTreeClassifier(max_depth=3, min_samples_leaf=MIN_ROWS, random_state=RANDOM_STATE)


def forest() -> ClassifierMixin:
    return RandomForestClassifier(n_estimators=50, min_samples_leaf=5, random_state=RANDOM_STATE)


def regression() -> ClassifierMixin:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def fit(sample: Sample, classifier: ClassifierMixin, answers: np.ndarray, rows: np.ndarray) -> Pipeline:
    prepare = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), sample.texts),
        (SimpleImputer(strategy="median"), sample.numbers),
    )
    numbers = answers.astype(int) if answers.dtype == bool else answers
    return make_pipeline(prepare, classifier).fit(sample.rows[rows], numbers[rows])


def onnx_file(sample: Sample, pipeline: Pipeline) -> bytes:
    """One input a column, the answer as first output."""
    inputs = [
        (name, StringTensorType([None, 1]) if name in sample.texts else FloatTensorType([None, 1]))
        for name in sample.features.columns
    ]
    options = {id(pipeline[-1]): {"zipmap": False}}
    return to_onnx(pipeline, initial_types=inputs, options=options).SerializeToString()

"""Each format: what it is given, what it may be, and what an author is told."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid, RadiusNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from bounty.sandbox import FeatureTable, Rejected
from fairness.tables import Column

SCHEMA = (Column("age", "number"), Column("sex", "text"), Column("income", "number"))
NUMBERS = (SCHEMA[0], SCHEMA[2])


def people(rows: int = 400) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    age = rng.integers(18, 90, rows).astype(float)
    return pl.DataFrame(
        {
            "age": pl.Series(age).set(pl.Series(rng.random(rows) < 0.1), None),
            "sex": pl.Series(rng.choice(["f", "m", None], rows).tolist(), dtype=pl.String),
            "income": rng.normal(size=rows).astype(np.float32).astype(float),
        }
    )


FRAME = people()
TABLE = FeatureTable(FRAME, SCHEMA)
COMPLETE = FRAME.select("age", "income").fill_null(40.0)
NUMBER_TABLE = FeatureTable(COMPLETE, NUMBERS)
PANDAS = pd.DataFrame(
    {
        "age": FRAME["age"].to_numpy(),
        "sex": FRAME["sex"].fill_null("").to_list(),
        "income": FRAME["income"].to_numpy(),
    }
)
NUMBER_PANDAS = pd.DataFrame({name: COMPLETE[name].to_numpy() for name in COMPLETE.columns})
TARGET = ((PANDAS.income > 0) ^ (PANDAS.sex == "f")).astype(int)
NUMBER_TARGET = (NUMBER_PANDAS.income + NUMBER_PANDAS.age / 100 > 0.5).astype(int)


def rejection(sandbox, *run: object, **how: object) -> Rejected:
    with pytest.raises(Rejected) as caught:
        sandbox.run(*run, **how)
    return caught.value


def fit(model: object, frame: pd.DataFrame = NUMBER_PANDAS, target: pd.Series = NUMBER_TARGET) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(frame, target)


def test_a_rule_takes_missing_values_for_not_in_the_group(sandbox):
    values = sandbox.run("rule", b"age > 30 OR sex = 'f'", TABLE).values
    expected = FRAME.select((pl.col("age") > 30).fill_null(False) | (pl.col("sex") == "f").fill_null(False))
    assert (values == expected.to_series().to_numpy()).all()


def test_a_rule_on_a_column_that_is_not_there_says_which_there_are(sandbox):
    rejected = rejection(sandbox, "rule", b"agee > 30", TABLE)
    assert rejected.code == "rule_error"
    assert "age" in rejected.detail


def test_python_gets_the_columns_in_schema_order_with_nan_and_empty_texts(sandbox):
    source = b"""
def predict(frame):
    assert list(frame.columns) == ["age", "sex", "income"]
    assert frame.age.dtype == "float64" and frame.age.isna().any()
    assert set(frame.sex) == {"f", "m", ""}
    return (frame.sex == "f") & (frame.age > 30)
"""
    expected = (PANDAS.sex == "f") & (PANDAS.age > 30)
    assert (sandbox.run("python", source, TABLE).values == expected).all()


IMPORTABLE = """
    math statistics json re datetime collections itertools functools numpy pandas scipy.stats scipy.special
    sklearn.linear_model sklearn.cluster sklearn.tree
"""


@pytest.mark.parametrize("module", IMPORTABLE.split())
def test_python_may_import(sandbox, module):
    source = f"import {module}\ndef predict(frame): return frame.income > 0".encode()
    assert sandbox.run("python", source, TABLE).values.any()


def test_python_can_use_what_it_imports(sandbox):
    source = b"""
import numpy, pandas
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
def predict(frame):
    rng = numpy.random.default_rng(0)
    train = pandas.DataFrame({"a": rng.normal(size=50), "b": ["u", "v"] * 25})
    KMeans(2, random_state=0, n_init=1).fit(train[["a"]])
    model = RandomForestClassifier(5, random_state=0).fit(train[["a"]], train.b == "u")
    train.groupby("b").a.describe(), train.pivot_table(index="b", values="a"), train.merge(train, on="b")
    stats.ttest_ind(train.a[:25], train.a[25:]), pandas.get_dummies(train), pandas.cut(train.a, 3)
    frame.sex.str.upper().value_counts(), frame.query("age > 30"), frame.income.rolling(3).mean()
    return model.predict(frame[["income"]].rename(columns={"income": "a"})) & (frame.sex.str.len() > 0)
"""
    output = sandbox.run("python", source, TABLE)
    assert 0 < output.values.sum() < len(TABLE)


MODELS = [
    DecisionTreeClassifier(max_depth=4, random_state=0),
    RandomForestClassifier(10, random_state=0, n_jobs=-1),
    ExtraTreesClassifier(10, random_state=0, n_jobs=2),
    GradientBoostingClassifier(n_estimators=10, random_state=0),
    HistGradientBoostingClassifier(max_iter=10, random_state=0),
    AdaBoostClassifier(n_estimators=5, random_state=0),
    BaggingClassifier(n_estimators=5, random_state=0, n_jobs=2),
    LogisticRegression(),
    RidgeClassifier(),
    Perceptron(),
    SGDClassifier(random_state=0),
    SGDClassifier(loss="modified_huber", random_state=0),
    LinearDiscriminantAnalysis(),
    KNeighborsClassifier(n_jobs=-1),
    KNeighborsClassifier(algorithm="ball_tree", metric="manhattan"),
    RadiusNeighborsClassifier(radius=6.0),
    NearestCentroid(),
    GaussianNB(),
    BernoulliNB(),
    MLPClassifier((8,), max_iter=20, random_state=0),
    SVC(),
    LinearSVC(),
    OneVsRestClassifier(LogisticRegression()),
    CalibratedClassifierCV(LinearSVC(), cv=2),
    VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())]),
    StackingClassifier([("a", DecisionTreeClassifier(max_depth=2)), ("b", GaussianNB())], cv=2),
    make_pipeline(StandardScaler(), LogisticRegression()),
    make_pipeline(MinMaxScaler(), PolynomialFeatures(2), LogisticRegression()),
    make_pipeline(RobustScaler(), SelectKBest(k=1), LogisticRegression()),
    make_pipeline(PowerTransformer(), LogisticRegression()),
    make_pipeline(QuantileTransformer(n_quantiles=50), LogisticRegression()),
    make_pipeline(KBinsDiscretizer(4), LogisticRegression()),
    make_pipeline(KNNImputer(), LogisticRegression()),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model)[:60].replace("\n", ""))
def test_skops_models_answer_as_they_do_outside(sandbox, model):
    fitted = fit(model)
    values = sandbox.run("skops", skops.io.dumps(fitted), NUMBER_TABLE).values
    assert (values == fitted.predict(NUMBER_PANDAS).astype(bool)).all()
    assert 0 < values.sum() < len(values)


def mixed_pipeline() -> object:
    return make_pipeline(
        ColumnTransformer(
            [
                ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
                ("texts", OneHotEncoder(handle_unknown="ignore"), ["sex"]),
                ("ranks", OrdinalEncoder(), ["sex"]),
            ],
            remainder="passthrough",
        ),
        RandomForestClassifier(10, random_state=0),
    )


def test_a_pipeline_of_texts_and_numbers(sandbox):
    fitted = fit(mixed_pipeline(), PANDAS, TARGET)
    values = sandbox.run("skops", skops.io.dumps(fitted), TABLE).values
    assert (values == fitted.predict(PANDAS).astype(bool)).all()


def test_a_skops_model_fitted_on_some_columns_in_another_order(sandbox):
    fitted = fit(LogisticRegression(), NUMBER_PANDAS[["income", "age"]])
    table = FeatureTable(FRAME.with_columns(pl.col("age").fill_null(40.0)), SCHEMA)
    values = sandbox.run("skops", skops.io.dumps(fitted), table).values
    assert (values == fitted.predict(NUMBER_PANDAS[["income", "age"]]).astype(bool)).all()


def test_a_skops_model_fitted_on_other_columns_is_told(sandbox):
    fitted = fit(LogisticRegression(), NUMBER_PANDAS.rename(columns={"age": "years"}))
    rejected = rejection(sandbox, "skops", skops.io.dumps(fitted), TABLE)
    assert (rejected.code, rejected.detail) == (
        "wrong_inputs",
        "It asks for years; the columns are age, sex, income.",
    )
    unnamed = LogisticRegression().fit(np.ones((4, 5)), [0, 1, 0, 1])
    rejected = rejection(sandbox, "skops", skops.io.dumps(unnamed), TABLE)
    assert (rejected.code, rejected.detail) == ("wrong_inputs", "It has 5 inputs for 3 columns.")


@pytest.mark.parametrize("zipmap", [True, False])
def test_onnx_of_one_matrix(sandbox, zipmap):
    fitted = fit(LogisticRegression())
    model = to_onnx(
        fitted,
        initial_types=[("features", FloatTensorType([None, 2]))],
        options={id(fitted): {"zipmap": zipmap}},
    )
    values = sandbox.run("onnx", model.SerializeToString(), NUMBER_TABLE).values
    assert np.mean(values == fitted.predict(NUMBER_PANDAS).astype(bool)) > 0.999


def test_onnx_of_one_input_per_column_with_texts(sandbox):
    pipeline = make_pipeline(
        ColumnTransformer(
            [
                ("n", SimpleImputer(), ["age", "income"]),
                ("t", OneHotEncoder(handle_unknown="ignore"), ["sex"]),
            ]
        ),
        DecisionTreeClassifier(max_depth=4, random_state=0),
    )
    fitted = fit(pipeline, PANDAS, TARGET)
    types = [
        ("age", FloatTensorType([None, 1])),
        ("sex", StringTensorType([None, 1])),
        ("income", FloatTensorType([None, 1])),
    ]
    model = to_onnx(fitted, initial_types=types).SerializeToString()
    values = sandbox.run("onnx", model, TABLE).values
    assert np.mean(values == fitted.predict(PANDAS).astype(bool)) > 0.99
    batched = sandbox.run("onnx", model, TABLE, batches=5, order=np.arange(len(TABLE))[::-1])
    assert (batched.values == values).all()


def cast_model(name: str, given: int, answer: int, shape: tuple = ("N", 1)) -> bytes:
    graph = helper.make_graph(
        [helper.make_node("Cast", [name], ["out"], to=answer)],
        "cast",
        [helper.make_tensor_value_info(name, given, list(shape))],
        [helper.make_tensor_value_info("out", answer, None)],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8
    ).SerializeToString()


@pytest.mark.parametrize(
    "given", [TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.INT32]
)
@pytest.mark.parametrize(
    "answer", [TensorProto.BOOL, TensorProto.INT64, TensorProto.FLOAT, TensorProto.STRING]
)
def test_onnx_may_take_any_number_and_answer_by_any_type(sandbox, given, answer):
    table = FeatureTable(pl.DataFrame({"flag": [1.0, 0.0, 1.0]}), [Column("flag", "number")])
    assert sandbox.run("onnx", cast_model("flag", given, answer), table).values.tolist() == [
        True,
        False,
        True,
    ]


def test_onnx_may_use_some_of_the_columns(sandbox):
    table = FeatureTable(
        FRAME.with_columns(flag=(pl.col("income") > 0).cast(float)), [*SCHEMA, Column("flag", "number")]
    )
    values = sandbox.run("onnx", cast_model("flag", TensorProto.FLOAT, TensorProto.BOOL), table).values
    assert (values == (PANDAS.income > 0)).all()


@pytest.mark.parametrize(
    ("model", "detail"),
    [
        (
            cast_model("salary", TensorProto.FLOAT, TensorProto.BOOL),
            "It takes one array of numbers, but these columns are text: sex.",
        ),
        (
            cast_model("sex", TensorProto.FLOAT, TensorProto.BOOL),
            "Input sex is of type tensor(float); string was expected.",
        ),
        (
            cast_model("age", TensorProto.STRING, TensorProto.BOOL),
            "Input age is of type tensor(string); float32 was expected.",
        ),
        (
            cast_model("age", TensorProto.FLOAT, TensorProto.BOOL, ("N", 3)),
            "Input age has the shape ['N', 3]; [N, 1] was expected.",
        ),
        (
            cast_model("age", TensorProto.FLOAT, TensorProto.BOOL, (400, 1)),
            "Input age has the shape [400, 1]; [N, 1] was expected.",
        ),
        (
            cast_model("age", TensorProto.INT64, TensorProto.BOOL),
            "Input age takes whole numbers, but its column has missing values or fractions.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_onnx_model_that_asks_for_other_inputs_is_told(sandbox, model, detail):
    rejected = rejection(sandbox, "onnx", model, TABLE)
    assert (rejected.code, rejected.detail) == ("wrong_inputs", detail)


@pytest.mark.parametrize(
    ("source", "code", "detail"),
    [
        ("frame.income * 0 + 2", "not_zero_or_one", "It answers with 2."),
        ("[1]", "wrong_output_shape", "For 400 rows the shape is [1]."),
        ("frame.income * float('nan')", "has_missing_answers", "400 of 400 answers are missing."),
    ],
)
def test_reasons_are_precise(sandbox, source, code, detail):
    rejected = rejection(sandbox, "python", f"def predict(frame): return {source}".encode(), TABLE)
    assert (rejected.code, rejected.detail) == (code, detail)

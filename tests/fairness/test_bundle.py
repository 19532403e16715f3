"""A repaired model away from the platform: its file, its answers, and one ONNX file of it."""

import io
import json
import os
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import polars as pl
import pytest
import skops.io
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from fairness.bundle import Bundle, BundleError, Fix, NotMergeable, Part, Task, parts
from fairness.bundle_file import read_bundle, write_bundle
from fairness.bundle_predict import predict
from fairness.cli import main
from fairness.columns import Column
from fairness.onnx_compare import check_merged
from fairness.onnx_merge import merge_onnx
from fairness.pointer_list import Node

SCHEMA = (Column("age", "number"), Column("home", "text"))
LABELS = Task("label", "zero_one", ("no", "yes"), "yes", "label", "said")
CHANCE = Task("probability", "log", ("no", "yes"), "yes", "label", "said")


def rows_of(n: int = 400, seed: int = 1) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    age = random.uniform(18, 80, n).round(1)
    return pl.DataFrame(
        {
            "age": pl.Series(
                [None if i % 17 == 0 else float(a) for i, a in enumerate(age)], dtype=pl.Float64
            ),
            "home": pl.Series(
                [None if i % 13 == 0 else h for i, h in enumerate(random.choice(["rent", "own"], n))]
            ),
        }
    )


def classifier(seed: int, depth: int = 2) -> Part:
    """An ONNX tree on both columns, fitted to noise."""
    random = np.random.default_rng(seed)
    frame = rows_of(seed=seed).to_dict(as_series=False)
    features = pd.DataFrame(frame).fillna({"age": 0.0, "home": ""})
    pipeline = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["home"]), ("passthrough", ["age"])
        ),
        DecisionTreeClassifier(max_depth=depth, random_state=seed),
    ).fit(features, random.choice(["no", "yes"], 400))
    inputs = [("age", FloatTensorType([None, 1])), ("home", StringTensorType([None, 1]))]
    options = {id(pipeline[-1]): {"zipmap": False}}
    return Part("onnx", to_onnx(pipeline, initial_types=inputs, options=options).SerializeToString())


def bundle_of(
    fixes: tuple[Fix, ...], nodes: tuple[Node, ...], base: Part | None, task: Task = LABELS
) -> Bundle:
    return Bundle("lending", "Lending", "2026-01-01", "CC0", SCHEMA, task, base, fixes, nodes, {"after": 0.1})


def written(bundle: Bundle, **limits: int) -> bytes:
    file = io.BytesIO()
    write_bundle(bundle, file, **limits)
    return file.getvalue()


def fix(number: int, group: str, predictor: Part) -> Fix:
    return Fix(number, f"team {number}", number, Part("rule", group.encode()), predictor)


FIXES = (
    fix(1, "age < 40", Part("constant", b"yes")),
    fix(2, "home = 'rent' OR age IS NULL", Part("rule", b"age > 30 AND NOT home IN ('own', 'x')")),
    fix(3, "age BETWEEN 25 AND 60", classifier(5)),
)
NODES = (Node(1), Node(2), Node(1, 1), Node(3), Node(2, 2))
BUNDLE = bundle_of(FIXES, NODES, classifier(2))


def walked(bundle: Bundle, rows: pl.DataFrame) -> list[str]:
    """Row by row, from the last node down."""
    alone = [
        predict(bundle_of((Fix(1, "t", 1, one.group, one.predictor),), (Node(1),), bundle.base), rows)
        for one in bundle.fixes
    ]
    base = predict(bundle_of((), (), bundle.base), rows).repaired
    answers = []
    for row in range(rows.height):
        version = len(bundle.nodes)
        while version:
            node = bundle.nodes[version - 1]
            if alone[node.group - 1].answered_by[row]:
                if node.version is None:
                    break
                version = node.version
            else:
                version -= 1
        answers.append(alone[bundle.nodes[version - 1].group - 1].repaired[row] if version else base[row])
    return answers


def test_it_answers_as_a_walk_row_by_row():
    rows = rows_of()
    predicted = predict(BUNDLE, rows)
    assert predicted.repaired.tolist() == walked(BUNDLE, rows)
    assert len(set(predicted.answered_by.tolist())) == 4


def test_the_file_gives_the_bundle_back_and_equal_ones_equal_bytes():
    data = written(BUNDLE)
    assert read_bundle(io.BytesIO(data)) == BUNDLE
    assert written(read_bundle(io.BytesIO(data))) == data


def changed(data: bytes, **files: bytes | None) -> io.BytesIO:
    """The zip with files replaced, added, or left out where None."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    contents |= {name.replace("__", "/").replace("_DOT_", "."): value for name, value in files.items()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, value in contents.items():
            if value is not None:
                archive.writestr(name, value)
    out.seek(0)
    return out


def manifest(**values) -> bytes:
    with zipfile.ZipFile(io.BytesIO(written(BUNDLE))) as archive:
        return json.dumps(json.loads(archive.read("manifest.json")) | values).encode()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"parts__001-group_DOT_sql": b"age < 41"}, "SHA-256 is another"),
        ({"parts__001-group_DOT_sql": None}, "lacks"),
        ({"more_DOT_py": b"print()"}, "does not name"),
        ({"..__evil_DOT_sql": b"x"}, "points outside"),
        ({"manifest_DOT_json": b"{"}, "not JSON"),
        ({"manifest_DOT_json": b"{}"}, "not faultline-bundle"),
        ({"manifest_DOT_json": None}, "holds no manifest.json"),
        ({"manifest_DOT_json": manifest(version=2)}, "version"),
        ({"manifest_DOT_json": manifest(nodes=[{"group": 9, "version": None}])}, "not there"),
        ({"manifest_DOT_json": manifest(nodes=[{"group": 1, "version": 3}])}, "not there"),
        ({"manifest_DOT_json": manifest(fixes="x")}, "not as it should be"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_was_changed_is_refused(files, says):
    with pytest.raises(BundleError, match=says):
        read_bundle(changed(written(BUNDLE), **files))


def test_what_is_no_bundle_or_too_large_is_refused():
    with pytest.raises(BundleError, match="no bundle"):
        read_bundle(io.BytesIO(b"not a zip"))
    with pytest.raises(BundleError, match="unpacks to more"):
        read_bundle(io.BytesIO(written(BUNDLE)), max_unpacked=100)


CODE = (
    ("python", b"open('/tmp/never-written-by-a-test', 'w')\ndef predict(frame): return ['yes'] * len(frame)"),
    ("skops", skops.io.dumps(LinearRegression().fit([[1.0]], [1.0]))),
)


@pytest.mark.parametrize(("format_name", "data"), CODE, ids=["python", "skops"])
def test_code_runs_only_when_it_is_trusted(format_name, data):
    bundle = bundle_of((fix(1, "age < 40", Part(format_name, data)),), (Node(1),), classifier(2))
    with pytest.raises(BundleError, match="--trust-code"):
        predict(bundle, rows_of())
    with pytest.raises(NotMergeable, match="predictor of fix 1"):
        merge_onnx(bundle)


def test_a_trusted_model_gives_the_positive_label_s_probability():
    rows = rows_of().select(pl.col("age").fill_null(40), "home", said=pl.lit(0.5))
    import_frame = pd.DataFrame({"age": rows["age"].to_list(), "home": ["x"] * rows.height})
    model = make_pipeline(make_column_transformer(("passthrough", ["age"])), LogisticRegression()).fit(
        import_frame, np.where(rows["age"].to_numpy() > 50, "yes", "no")
    )
    bundle = bundle_of((fix(1, "age > 60", Part("skops", skops.io.dumps(model))),), (Node(1),), None, CHANCE)
    answers = predict(bundle, rows, trust_code=True).repaired
    old = rows["age"].to_numpy() > 60
    np.testing.assert_allclose(answers[old], model.predict_proba(import_frame)[old, 1])
    assert (answers[~old] == 0.5).all()


# One ONNX file


def run_merged(bundle: Bundle, rows: pl.DataFrame) -> tuple[list, list]:
    session = onnxruntime.InferenceSession(merge_onnx(bundle), providers=["CPUExecutionProvider"])
    feed = {
        "age": rows["age"].fill_null(np.nan).to_numpy()[:, None],
        "home": rows["home"].fill_null("").to_numpy().astype(object)[:, None],
    }
    answers, answered_by = session.run(None, feed)
    return answers.tolist(), answered_by.tolist()


@pytest.mark.parametrize("seed", range(6))
def test_the_onnx_file_equals_the_bundle_on_every_row(seed):
    """Lists of random nodes with pointers; rows with missing values among them."""
    random = np.random.default_rng(seed)
    rules = [
        "age < 40",
        "home <> 'own'",
        "NOT (age > 50 OR home = 'rent')",
        "age * 2 - 10 > 60",
        "home IS NULL",
    ]
    predictors = [
        Part("constant", b"no"),
        Part("rule", b"age >= 33"),
        classifier(seed + 20),
        Part("constant", b"yes"),
    ]
    fixes = tuple(
        fix(number, rules[random.integers(5)], predictors[random.integers(4)]) for number in range(1, 5)
    )
    nodes: list[Node] = []
    for number in range(1, 5):
        nodes.append(Node(number))
        if random.random() < 0.7:
            nodes.append(Node(int(random.integers(1, number + 1)), int(random.integers(0, len(nodes)))))
    bundle, rows = bundle_of(fixes, tuple(nodes), classifier(seed + 30)), rows_of(seed=seed)
    expected = predict(bundle, rows)
    assert run_merged(bundle, rows) == (expected.repaired.tolist(), expected.answered_by.tolist())


@pytest.mark.parametrize(
    ("fixes", "base", "says"),
    [
        (FIXES, None, "The base model is not in the bundle"),
        ((fix(1, "home LIKE 'r%'", Part("constant", b"yes")),), classifier(2), "group of fix 1"),
    ],
)
def test_it_says_why_there_is_no_single_file(fixes, base, says):
    with pytest.raises(NotMergeable, match=says):
        merge_onnx(bundle_of(fixes, (Node(1),), base))


# The commands


def test_the_commands(tmp_path, capsys):
    (tmp_path / "model.zip").write_bytes(written(BUNDLE))
    rows = rows_of()
    expected = predict(BUNDLE, rows)
    rows.with_columns(label=pl.Series(expected.repaired.tolist())).write_csv(tmp_path / "rows.csv")
    model, table, out = (str(tmp_path / name) for name in ("model.zip", "rows.csv", "out.csv"))
    assert main(["predict", model, table, "--out", out]) == 0
    assert pl.read_csv(out)["prediction"].to_list() == expected.repaired.tolist()
    assert "repaired model 0." in capsys.readouterr().err
    assert main(["merge", model, str(tmp_path / "m.onnx"), "--rows", table]) == 0
    assert (tmp_path / "m.onnx").stat().st_size > 1000
    assert main(["predict", table, table]) == 2
    assert "no bundle" in capsys.readouterr().err
    rows.drop("home").with_columns(x=1).write_csv(table)
    assert main(["predict", model, table]) == 2
    assert "home" in capsys.readouterr().err


def test_no_bundle_is_written_that_nothing_reads():
    whole = sum(len(part.data) for _, part in parts(BUNDLE))
    with pytest.raises(BundleError, match="a bundle may not hold more"):
        written(BUNDLE, max_unpacked=whole)
    manifest = len(zipfile.ZipFile(io.BytesIO(written(BUNDLE))).read("manifest.json"))
    data = written(BUNDLE, max_unpacked=whole + manifest)
    assert read_bundle(io.BytesIO(data), max_unpacked=whole + manifest) == BUNDLE
    with pytest.raises(BundleError):
        written(BUNDLE, max_unpacked=whole + manifest - 1)


@pytest.mark.parametrize("limits", [["--seconds=0"], ["--memory-mb=0"]])
def test_merging_within_limits(tmp_path, limits):
    """In a process of its own, which they would hold for good."""
    (tmp_path / "model.zip").write_bytes(written(BUNDLE))
    command = [sys.executable, "-m", "fairness", "merge", "model.zip", "model.onnx"]
    environment = {"PYTHONPATH": str(Path.cwd()), "PATH": os.defpath}
    run = partial(subprocess.run, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert run([*command, *limits]).returncode != 0
    assert not (tmp_path / "model.onnx").exists()
    ended = run([*command, "--seconds=60", "--memory-mb=1024"])
    assert (ended.returncode, (tmp_path / "model.onnx").exists()) == (0, True), ended.stderr


def chances(outputs: dict[str, tuple[list[float], list[int | str]]]) -> Part:
    """An ONNX model of both columns whose outputs are the same in every row: values, and the stated shape."""
    inputs = [
        helper.make_tensor_value_info("age", TensorProto.FLOAT, ["n", 1]),
        helper.make_tensor_value_info("home", TensorProto.STRING, ["n", 1]),
    ]
    nodes = [
        helper.make_node("Shape", ["age"], ["shape"]),
        helper.make_node("Slice", ["shape", "0", "1"], ["n"]),
    ]
    constants = [helper.make_tensor(str(i), TensorProto.INT64, [1], [i]) for i in (0, 1)]
    for name, (row, _) in outputs.items():
        constants.append(helper.make_tensor(f"{name}_row", TensorProto.FLOAT, [1, len(row)], row))
        constants.append(helper.make_tensor(f"{name}_one", TensorProto.INT64, [1], [1]))
        nodes.append(helper.make_node("Concat", ["n", f"{name}_one"], [f"{name}_times"], axis=0))
        nodes.append(helper.make_node("Tile", [f"{name}_row", f"{name}_times"], [name]))
    stated = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, (_, shape) in outputs.items()
    ]
    graph = helper.make_graph(nodes, "chances", inputs, stated, constants)
    return Part(
        "onnx",
        helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
        ).SerializeToString(),
    )


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ({"scores": ([1.0, 2.0, 3.0], ["n", 3]), "both": ([0.25, 0.75], ["n", 2])}, 0.75),
        ({"one": ([1.0000005], ["n", 1])}, 1.0),
        ({"both": ([1.0000005, -0.0000005], ["n", 2])}, 0.0),
    ],
)
def test_probabilities_are_read_as_on_the_platform(outputs, expected):
    base = chances({"one": ([0.5], ["n", 1])})
    bundle = bundle_of((fix(1, "age < 40", chances(outputs)),), (Node(1),), base, CHANCE)
    rows = rows_of()
    predicted = predict(bundle, rows)
    assert set(predicted.repaired[predicted.answered_by == 1]) == {expected}
    check_merged(merge_onnx(bundle), bundle, rows)

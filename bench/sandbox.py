"""What the sandbox costs: a logistic regression on 100,000 x 20, run in a child, against onnxruntime bare."""

import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime
from onnx import TensorProto, helper

from bounty.sandbox import FeatureTable, Sandbox, judge_group
from fairness.tables import Column

ROWS, COLUMNS, SAMPLE_ROWS, REPEATS = 100_000, 20, 10_000, 15
OUT = Path(__file__).parent / "out" / "sandbox.json"


def table(rows: int) -> FeatureTable:
    values = np.random.default_rng(rows).normal(size=(COLUMNS, rows))
    frame = pl.DataFrame({f"x{i}": column for i, column in enumerate(values)})
    return FeatureTable(frame, [Column(name, "number") for name in frame.columns])


def logistic_regression() -> bytes:
    weights = np.random.default_rng(1).normal(size=COLUMNS)
    node = helper.make_node(
        "LinearClassifier",
        ["rows"],
        ["label", "scores"],
        domain="ai.onnx.ml",
        coefficients=np.concatenate([-weights, weights]).astype(np.float32).tolist(),
        intercepts=[0.0, 0.0],
        classlabels_ints=[0, 1],
        multi_class=1,
        post_transform="SOFTMAX",
    )
    graph = helper.make_graph(
        [node],
        "logistic",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["N", COLUMNS])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 2]),
        ],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def median_seconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    model, sample, hidden = logistic_regression(), table(SAMPLE_ROWS), table(ROWS)
    rows = np.random.default_rng(2).normal(size=(ROWS, COLUMNS)).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1

    def bare() -> None:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        session.run(["label"], {"rows": rows})

    sandbox = Sandbox()
    start = time.perf_counter()
    sandbox.start()
    results = {"zygote_start_seconds": time.perf_counter() - start}
    against = median_seconds(bare)
    cases = {
        "sandbox_onnx_run": lambda: sandbox.run("onnx", model, hidden),
        "sandbox_onnx_judged": lambda: judge_group(sandbox, "onnx", model, sample, hidden),
        "sandbox_rule_run": lambda: sandbox.run("rule", b"x0 > 0.5 AND x1 < 1", hidden),
    }
    for name, work in cases.items():
        ours = median_seconds(work)
        results[name] = {"ours_seconds": ours, "against_seconds": against, "ratio": ours / against}
        print(f"{name}: ours {ours:.4f} s, against {against:.4f} s, ratio {ours / against:.1f}")
    print(f"zygote start: {results['zygote_start_seconds']:.2f} s, once per worker")
    sandbox.close()
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()

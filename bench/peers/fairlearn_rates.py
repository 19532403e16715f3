"""fairlearn on the work of bench/rates.py, in the peers' environment: DATA.npz COLUMN ... -> JSON.

A MetricFrame for each column, each with the three rates; false rejection is its false negative rate.
"""

import json
import sys
import time

import numpy as np
from fairlearn.metrics import MetricFrame, false_negative_rate, false_positive_rate, selection_rate

METRICS = {
    "false_rejection": false_negative_rate,
    "false_acceptance": false_positive_rate,
    "selection_rate": selection_rate,
}


def main(path: str, columns: list[str]) -> None:
    data = np.load(path)
    y_true, y_pred = data["y_true"].astype(int), data["y_pred"].astype(int)
    groups = {column: data[column].astype(object) for column in columns}
    started = time.process_time()
    found = {
        column: MetricFrame(metrics=METRICS, y_true=y_true, y_pred=y_pred, sensitive_features=group).by_group
        for column, group in groups.items()
    }
    seconds = time.process_time() - started
    rates = {column: part.sort_index().to_dict("list") for column, part in found.items()}
    print(json.dumps({"seconds": seconds, "rates": rates}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

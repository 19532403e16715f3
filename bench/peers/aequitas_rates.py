"""aequitas on the work of bench/rates.py, in the peers' environment: DATA.npz COLUMN ... -> JSON.

One call of Group.get_crosstabs gives all its rates by all columns, from the four counts of each group.
"""

import contextlib
import json
import statistics
import sys
import time

import numpy as np
import pandas as pd

with contextlib.redirect_stdout(sys.stderr):  # what it says when it is imported
    from aequitas.group import Group

NAMES = {"false_rejection": "fnr", "false_acceptance": "fpr", "selection_rate": "pprev"}
REPEATS = 5


def main(path: str, columns: list[str]) -> None:
    data = np.load(path)
    frame = pd.DataFrame({column: data[column].astype(object) for column in columns})
    frame["label_value"], frame["score"] = data["y_true"].astype(int), data["y_pred"].astype(int)
    seconds = []
    for _ in range(REPEATS):
        started = time.process_time()
        found, _ = Group().get_crosstabs(frame, attr_cols=columns)
        seconds.append(time.process_time() - started)
    rates = {
        column: part.sort_values("attribute_value")[list(NAMES.values())].to_dict("list")
        for column, part in found.groupby("attribute_name")
    }
    rates = {column: {name: part[NAMES[name]] for name in NAMES} for column, part in rates.items()}
    print(json.dumps({"seconds": statistics.median(seconds), "rates": rates}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

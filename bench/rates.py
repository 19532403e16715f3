"""Three classification rates by three columns on 1,000,000 rows, against fairlearn, aequitas and polars.

False rejection, false acceptance and selection rate by region (20), age (6) and gender (3): nine tables. Ours
are what an audit makes of a read table, so each rate has its interval, its gap and ratio to the rest with
theirs, and a corrected p value, and any further table comes from the cells that are left behind; the peers
give bare rates, which must be the same. fairlearn and aequitas run in their own environment. Seconds are of
processor time, of all threads: other work on the machine does not count.
"""

import argparse
import sys

import numpy as np
import polars as pl

from bench.support import ask_peer, processor_seconds, save
from fairness.cells import Cells, group_rows, sum_cells
from fairness.disaggregate import Table, View, tabulate
from fairness.kinds import KINDS
from fairness.kinds.base import Settings

COLUMNS = {"region": 20, "age": 6, "gender": 3}
RATES = ("false_rejection", "false_acceptance", "selection_rate")
KIND = KINDS["classification"]
SETTINGS = Settings(favourable="1")
REPEATS = 5

Rates = dict[str, dict[str, list[float]]]  # column -> rate -> a value for each group, in the order of names


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    frame = decided(rows)
    cells = summed(frame)
    before = processor_seconds(lambda: tables(summed(frame)), REPEATS)
    stored = processor_seconds(lambda: tables(cells), REPEATS)
    bare = processor_seconds(lambda: by_polars(frame), REPEATS)
    arrays = {name: column.to_numpy() for name, column in zip(frame.columns, frame, strict=True)}
    arrays |= {name: arrays[name].astype("U") for name in COLUMNS}
    peers = {name: ask_peer(f"{name}_rates.py", arrays, *COLUMNS) for name in ("fairlearn", "aequitas")}
    after = processor_seconds(lambda: tables(summed(frame)), REPEATS)
    ours = max(before, after)  # the slower: the machine may be shared
    mine = rates_of(tables(cells))
    check("polars", mine, by_polars(frame))
    for name, peer in peers.items():
        check(name, mine, peer["rates"])
    against = {name: peer["seconds"] for name, peer in peers.items()} | {"polars": bare}
    for name, seconds in against.items():
        print(
            f"three rates by three columns, {rows:,} rows: ours {ours:.3f} s, against {name} "
            f"{seconds:.3f} s of bare rates, ratio {seconds / ours:.2f}"
        )
    for name, seconds in against.items():
        print(
            f"the same from the stored counts of an audit: ours {stored:.4f} s, against {name} "
            f"{seconds:.3f} s of bare rates, ratio {seconds / stored:.1f}"
        )
    numbers = {"rows": rows, "ours_seconds": ours, "stored_seconds": stored}
    more = {
        f"{name}_{what}": value
        for name, seconds in against.items()
        for what, value in (("seconds", seconds), ("ratio", seconds / ours))
    }
    save("rates", numbers | more)
    return 0


def decided(rows: int) -> pl.DataFrame:
    """Labels and predictions of 0 and 1, wrong more often in some regions."""
    rng = np.random.default_rng(0)
    codes = {name: rng.integers(0, count, rows) for name, count in COLUMNS.items()}
    label = rng.random(rows) < 0.4
    wrong = rng.random(rows) < 0.1 + 0.005 * codes["region"]
    groups = {
        name: pl.Series([f"{name} {place:02}" for place in range(COLUMNS[name])]).gather(code)
        for name, code in codes.items()
    }
    return pl.DataFrame({"y_true": label.astype(float), "y_pred": (label ^ wrong).astype(float), **groups})


def summed(frame: pl.DataFrame) -> Cells:
    """The cells of an audit of the rows."""
    given = {"y_true": "y_true", "y_pred": "y_pred"} | dict.fromkeys(COLUMNS, "group")
    roles = KIND.check_roles(given, tuple(frame.columns))
    counted = KIND.count(frame, roles, SETTINGS, lambda share: None)
    grouping = group_rows(frame, roles, SETTINGS, None, np.ones(frame.height, bool))
    return sum_cells(
        counted, grouping, clusters=None, weights=None, duration=None, aggregations=KIND.aggregations
    )


def tables(cells: Cells) -> list[Table]:
    views = [View("y_pred", rate, by=(column,)) for column in COLUMNS for rate in RATES]
    return [tabulate(cells, KIND, KIND.metrics, view, SETTINGS) for view in views]


def rates_of(made: list[Table]) -> Rates:
    found: Rates = {}
    for table in made:
        values = [row.value for row in table.groups if row.value is not None]
        found.setdefault(table.columns[0], {})[table.metric] = values
    return found


def by_polars(frame: pl.DataFrame) -> Rates:
    """The bare rates: what a good script would do."""
    true, given = pl.col("y_true"), pl.col("y_pred")
    rates = {
        "false_rejection": (true * (1 - given)).sum() / true.sum(),
        "false_acceptance": ((1 - true) * given).sum() / (1 - true).sum(),
        "selection_rate": given.mean(),
    }
    found = pl.collect_all([frame.lazy().group_by(column).agg(**rates).sort(column) for column in COLUMNS])
    return {
        column: {rate: part.get_column(rate).to_list() for rate in RATES}
        for column, part in zip(COLUMNS, found, strict=True)
    }


def check(name: str, ours: Rates, theirs: Rates) -> None:
    for column in COLUMNS:
        for rate in RATES:
            one, other = np.array(ours[column][rate]), np.array(theirs[column][rate])
            if not np.allclose(one, other, rtol=1e-12):
                sys.exit(f"{rate} by {column} differs: ours {one}, {name} {other}")


if __name__ == "__main__":
    sys.exit(main())

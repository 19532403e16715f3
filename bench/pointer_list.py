"""The pointer decision list on arrays, against lists that are walked row by row.

    python -m bench.pointer_list [--rows 24000 1000000] [--nodes 10 100 500] [--part 20000]

A fix is a range of one of six columns and a decision tree that was fitted in it; whatever lowers the error is
taken, with its repairs, until the list has the nodes. Two lists in plain Python stand against it. The one
that calls its parts asks the group of each node and, where a row is in it, the tree for its answer, row after
row. The bare one has all groups and answers as Python lists already, as ours has them as arrays, and only
walks. Both are run on the first rows of the table (2,000 calls, `--part` walks) and their time is multiplied
up, as it grows with the rows; on these rows they must answer what ours does. An update is a fix with its
repairs: ours by `extend`; a walking list answers all rows anew for each new node and adds up the errors of
every group. Seconds are of processor time, of all threads: other work on the machine does not count.
"""

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from bench.support import processor_seconds, save
from fairness.pointer_list import Mask, Node, PointerList, choose, sources

COLUMNS, CALLED, LATEST, REPEATS = 6, 2000, 5, 5
TRIES = 20  # proposals a node, at most
Row = list[float]


@dataclass(frozen=True)
class Range:
    """A group: the rows whose value in a column is in a range."""

    column: int
    low: float
    high: float

    def holds(self, row: Row) -> bool:
        return self.low <= row[self.column] < self.high

    def mask(self, table: NDArray[np.float64]) -> Mask:
        values = table[:, self.column]
        return (values >= self.low) & (values < self.high)


@dataclass(frozen=True)
class Grown:
    """A list of fixes on a table, as arrays, with the seconds and the new nodes of each update."""

    table: NDArray[np.float64]
    labels: NDArray[np.int8]
    base_model: LogisticRegression
    base: NDArray[np.int8]
    fixes: tuple[tuple[Range, DecisionTreeClassifier], ...]
    groups: tuple[Mask, ...]
    answers: tuple[NDArray[np.int8], ...]
    list: PointerList
    seconds: tuple[float, ...]
    added: tuple[int, ...]

    def answer(self) -> NDArray[np.int8]:
        """What the list answers on all rows, from the groups and the answers of its fixes."""
        source = sources(self.list.nodes, self.groups, len(self.table))
        return choose(source, self.base, self.groups, self.answers)

    def answer_anew(self) -> NDArray[np.int8]:
        """The same from the table: groups and predictors are run too, each once on whole columns."""
        groups = [group.mask(self.table) for group, _ in self.fixes]
        source = sources(self.list.nodes, groups, len(self.table))
        chosen = np.empty_like(self.base)
        for number in np.unique(source).tolist():
            rows = source == number
            model = self.fixes[number - 1][1] if number else self.base_model
            chosen[rows] = model.predict(self.table[rows])
        return chosen


def draw(rows: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """A table of six columns, and labels on a board of 4 x 4 x 4 fields, one in ten of them wrong."""
    table = rng.random((rows, COLUMNS))
    fields = np.floor(4 * table[:, :3]).sum(axis=1) % 2
    return table, (fields.astype(bool) ^ (rng.random(rows) < 0.1)).astype(np.int8)


def grow(rows: int, nodes: int, seed: int = 0) -> Grown:
    rng = np.random.default_rng(seed)
    (table, labels), (known, known_labels) = draw(rows, rng), draw(100_000, rng)
    base_model = LogisticRegression().fit(known, known_labels)
    base = base_model.predict(table)
    model = PointerList.start((base != labels).astype(np.int64))
    fixes, groups, answers, seconds, added = [], [], [], [], []
    for _ in range(TRIES * nodes):
        if model.version >= nodes:
            break
        width, column = math.exp(rng.uniform(math.log(0.01), math.log(0.3))), int(rng.integers(COLUMNS))
        low = rng.random() * (1 - width)
        group = Range(column, low, low + width)
        inside = np.flatnonzero(group.mask(known))[:5000]
        tree = DecisionTreeClassifier(max_depth=4, random_state=0).fit(known[inside], known_labels[inside])
        mask = group.mask(table)
        given = tree.predict(table[mask])
        costs = (given != labels[mask]).astype(np.int64)
        if model.gain(mask, costs) <= 0:
            continue
        started, before = time.process_time(), model.version
        model = model.extend(mask, costs)
        seconds.append(time.process_time() - started)
        added.append(model.version - before)
        fixes.append((group, tree))
        groups.append(mask)
        answers.append(given)
    else:
        sys.exit(f"Only {model.version} of {nodes} nodes came together.")
    return Grown(
        *(table, labels, base_model, base),
        *map(tuple, (fixes, groups, answers)),
        *(model, tuple(seconds), tuple(added)),
    )


class CallingList:
    """A list that is walked row by row and calls the group and the predictor of a node."""

    def __init__(self, grown: Grown, part: int) -> None:
        self.fixes, self.nodes, self.base = grown.fixes, grown.list.nodes, grown.base_model
        self.rows = grown.table[:part].tolist()

    def answer(self) -> list[int]:
        return [self.answer_row(row) for row in self.rows]

    def answer_row(self, row: Row) -> int:
        version = len(self.nodes)
        while version:
            node = self.nodes[version - 1]
            group, model = self.fixes[node.group - 1]
            if not group.holds(row):
                version -= 1
            elif node.version is None:
                return int(model.predict([row])[0])
            else:
                version = node.version
        return int(self.base.predict([row])[0])

    def errors(self, answers: Sequence[int], labels: Sequence[int]) -> list[int]:
        """Of every group, as a walking list counts them after each new node."""
        wrong = [a != b for a, b in zip(answers, labels, strict=True)]
        return [
            sum(one for row, one in zip(self.rows, wrong, strict=True) if group.holds(row))
            for group, _ in self.fixes
        ]


class BareList:
    """A list that is walked row by row where all groups and answers are there already."""

    def __init__(self, grown: Grown, part: int) -> None:
        self.nodes = [(node.group, node.version) for node in grown.list.nodes]
        self.groups = [[], *(mask[:part].tolist() for mask in grown.groups)]
        self.answers = [grown.base[:part].tolist()]
        for mask, given in zip(grown.groups, grown.answers, strict=True):
            held = mask[:part]
            spread = np.zeros(part, dtype=np.int8)
            spread[held] = given[: np.count_nonzero(held)]
            self.answers.append(spread.tolist())
        self.part, self.steps = part, 0

    def answer(self) -> list[int]:
        nodes, groups, answers = self.nodes, self.groups, self.answers
        chosen = []
        for row in range(self.part):
            version = len(nodes)
            while version:
                number, pointed = nodes[version - 1]
                if not groups[number][row]:
                    version -= 1
                elif pointed is None:
                    chosen.append(answers[number][row])
                    break
                else:
                    version = pointed
            else:
                chosen.append(answers[0][row])
        return chosen

    def errors(self, answers: Sequence[int], labels: Sequence[int]) -> list[int]:
        wrong = [a != b for a, b in zip(answers, labels, strict=True)]
        return [sum(one for held, one in zip(group, wrong, strict=True) if held) for group in self.groups[1:]]


def seconds_of(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def compare(rows: int, nodes: int, part: int) -> dict:
    """Seconds of prediction and of an update, ours and theirs."""
    grown = grow(rows, nodes)
    expected = grown.answer()
    if not np.array_equal(expected, grown.answer_anew()):
        sys.exit("The list answers otherwise when its parts are run anew.")
    if int(np.sum(expected != grown.labels)) != grown.list.totals[-1]:
        sys.exit("The list's errors are not those that were recorded.")
    ours = {
        "predict": processor_seconds(grown.answer, REPEATS),
        "predict_anew": processor_seconds(grown.answer_anew, 3),
        "update": statistics.mean(grown.seconds[-LATEST:]),
    }
    new_nodes = statistics.mean(grown.added[-LATEST:])
    numbers = {"rows": rows, "nodes": len(grown.list.nodes), "fixes": len(grown.fixes)} | ours
    numbers |= {"nodes_an_update": new_nodes, "steps_a_row": steps_a_row(grown, min(part, rows))}
    for name, kind, size in (("calling", CallingList, CALLED), ("bare", BareList, part)):
        size = min(size, rows)
        walking, labels = kind(grown, size), grown.labels[:size].tolist()
        answers = walking.answer()
        if answers != expected[:size].tolist():
            sys.exit(f"The {name} list answers otherwise.")
        predict = seconds_of(walking.answer) * rows / size
        count = seconds_of(partial(walking.errors, answers, labels)) * rows / size
        numbers |= {f"{name}_part": size, f"{name}_predict": predict}
        numbers |= {f"{name}_update": new_nodes * (predict + count)}
    return numbers


def steps_a_row(grown: Grown, part: int) -> float:
    """How many nodes a row passes on average."""
    nodes, total = grown.list.nodes, 0
    version = np.full(part, len(nodes))
    for place in range(len(nodes), 0, -1):
        here = np.flatnonzero(version == place)
        node: Node = nodes[place - 1]
        total += len(here)
        held = grown.groups[node.group - 1][:part][here]
        version[here] = np.where(held, node.version or 0, place - 1)
    return total / part


def report(numbers: dict) -> None:
    size = f"{numbers['rows']:,} rows, {numbers['nodes']} nodes of {numbers['fixes']} fixes"
    for what, ours, names in (
        ("prediction", "predict", ("calling", "bare")),
        ("prediction with groups and predictors run anew", "predict_anew", ("calling",)),
        (f"an update of {numbers['nodes_an_update']:.1f} nodes", "update", ("calling", "bare")),
    ):
        for name in names:
            seconds, against = numbers[ours], numbers[f"{name}_{ours.removesuffix('_anew')}"]
            how = "that calls its parts" if name == "calling" else "that only walks"
            part = (
                ""
                if numbers[f"{name}_part"] == numbers["rows"]
                else f", from {numbers[f'{name}_part']:,} rows"
            )
            print(
                f"{what}, {size}: ours {seconds:.4f} s, against a row-by-row list {how} "
                f"{against:,.2f} s{part}, ratio {against / seconds:,.0f}",
                flush=True,
            )


def growth(found: Sequence[dict]) -> dict[str, float]:
    """By what power of the rows, and of the nodes, time grows between the smallest and the largest."""
    powers = {}
    for by, fixed in (("rows", "asked"), ("nodes", "rows")):
        held = max(one[fixed] for one in found)
        ends = sorted((one for one in found if one[fixed] == held), key=lambda one: one[by])
        if len(ends) < 2:
            continue
        low, high = ends[0], ends[-1]
        for what in ("predict", "update", "bare_predict", "bare_update"):
            power = math.log(high[what] / low[what]) / math.log(high[by] / low[by])
            powers[f"{what}_by_{by}"] = power
        print(
            f"time grows with the {by} ({low[by]:,} to {high[by]:,}) to the power of: "
            + ", ".join(
                f"{name} {powers[f'{what}_by_{by}']:.2f}"
                for name, what in (
                    ("prediction", "predict"),
                    ("update", "update"),
                    ("prediction by walking", "bare_predict"),
                    ("update by walking", "bare_update"),
                )
            )
        )
    return powers


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[24_000, 1_000_000])
    parser.add_argument("--nodes", type=int, nargs="+", default=[10, 100, 500])
    parser.add_argument("--part", type=int, default=20_000, help="rows that the bare list is walked on")
    options = parser.parse_args()
    found = []
    for rows in options.rows:
        for nodes in options.nodes:
            found.append(compare(rows, nodes, options.part) | {"asked": nodes})
            report(found[-1])
    save("pointer_list", {"sizes": found, "growth": growth(found)})
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Who is in the data: rows, people and exposure of every group, what was left out, which intersections are
thin.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from fairness.cells import NOT_STATED, SMALLER, Cells, GroupColumn, Ints
from fairness.kinds.base import Kind
from fairness.rates import Floats

MOST_THIN = 200
MOST_UNSEEN = 50


def count_people(cells: Cells, code: Ints, n_groups: int) -> Ints:
    """People of each group, int64[n_groups]: distinct clusters, or rows where none are named.

    code: the group of every cell, 0..n_groups-1. Whether a row has exposure does not matter here.
    """
    if not cells.clustered:
        rows = cells.frame.get_column("rows").to_numpy()
        return np.rint(np.bincount(code, weights=rows, minlength=n_groups)).astype(np.int64)
    cluster = cells.frame.get_column("cluster").to_numpy().astype(np.int64)
    width = int(cluster.max()) + 1 if cluster.size else 1
    return np.bincount(np.unique(code * width + cluster) // width, minlength=n_groups)


def coverage(
    cells: Cells, kind: Kind, excluded: Mapping[str, Mapping[str, int]], smallest: int
) -> dict[str, Any]:
    """What the data hold, ready for JSON. excluded: by column and group, the rows that a pattern left out.

    "overall" and every group of "columns": rows, people, exposure (of the first metric and system, without
    weights), hours (None where no duration is known), empty (rows without that exposure), empty_errors (the
    errors counted in them, of all systems together) and excluded. not_stated: the share of rows whose group
    is not stated. "thin": pairs of groups with fewer than `smallest` people, which are told apart from none
    and counted no further. "unseen": pairs of stated groups without a row. Both lists are cut short after
    MOST_THIN and MOST_UNSEEN; count is that of all.

    0 people means that a group is known only from rows that were left out.
    """
    everyone = _numbers(cells, np.zeros(cells.frame.height, np.int64), 1)[0]
    first = next(iter(excluded.values()), None)
    thin, unseen = _intersections(cells, smallest)
    metric = next(metric for metric in kind.metrics if metric.key == cells.metrics[0])
    fewer = f"fewer than {smallest:,}"
    return {
        "exposure_name": metric.exposure_name,
        "row_word": kind.row_word[1],
        "people_word": (kind.cluster_word if cells.clustered else kind.row_word)[1],
        "clustered": cells.clustered,
        "overall": everyone | {"excluded": None if first is None else sum(first.values())},
        "columns": [
            _column(cells, place, excluded.get(column.name, {}), everyone["rows"])
            for place, column in enumerate(cells.columns)
        ],
        "thin": {
            "smallest": smallest,
            "count": len(thin),
            "cells": [cell | {"people": fewer} for cell in thin[:MOST_THIN]],
        },
        "unseen": {"count": len(unseen), "cells": unseen[:MOST_UNSEEN]},
    }


def _column(cells: Cells, place: int, excluded: Mapping[str, int], rows: int) -> dict[str, Any]:
    column = cells.columns[place]
    groups = [
        {"group": group} | numbers | {"excluded": int(excluded.get(group, 0))}
        for group, numbers in zip(
            column.groups, _numbers(cells, cells.codes(place), len(column.groups)), strict=True
        )
    ]
    unknown = sum(group["rows"] for group in groups if group["group"] == NOT_STATED)
    return {
        "name": column.name,
        "role": column.role,
        "mark": column.mark,
        "merged": column.merged,
        "not_stated": unknown / rows if rows else 0.0,
        "groups": groups,
    }


def _numbers(cells: Cells, code: Ints, n_groups: int) -> list[dict[str, Any]]:
    """The counts of every group."""

    def total(values: Floats) -> Floats:
        return np.bincount(code, weights=values, minlength=n_groups).astype(np.float64)

    def summed(name: str) -> Floats:
        return total(cells.frame.get_column(name).to_numpy())

    people = count_people(cells, code, n_groups)
    exposure = total(cells.moment(0, cells.metrics[0], "raw_x"))
    hours = summed("duration") / 3600
    timed = bool(hours.any())
    rows, empty, errors = (summed(name) for name in ("rows", "empty", "empty_errors"))
    return [
        {
            "rows": round(float(rows[place])),
            "people": int(people[place]),
            "exposure": float(exposure[place]),
            "hours": float(hours[place]) if timed else None,
            "empty": round(float(empty[place])),
            "empty_errors": float(errors[place]),
        }
        for place in range(n_groups)
    ]


def _intersections(cells: Cells, smallest: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The pairs of groups with few people, and the pairs of stated groups with none."""
    thin: list[dict[str, Any]] = []
    unseen: list[dict[str, Any]] = []
    for (one, first), (other, second) in combinations(enumerate(cells.columns), 2):
        width = len(second.groups)
        people = count_people(cells, cells.codes(one) * width + cells.codes(other), len(first.groups) * width)
        for cell in np.flatnonzero(people < smallest).tolist():
            groups = (first.groups[cell // width], second.groups[cell % width])
            if people[cell]:
                thin.append(_cell(first, second, groups))
            elif not {NOT_STATED, SMALLER} & set(groups):
                unseen.append(_cell(first, second, groups))
    return thin, unseen


def _cell(first: GroupColumn, second: GroupColumn, groups: tuple[str, str]) -> dict[str, Any]:
    return {"columns": [first.name, second.name], "groups": list(groups)}

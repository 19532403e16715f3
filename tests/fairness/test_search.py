import random
from itertools import combinations, product

import numpy as np
import pandas as pd
import polars as pl
import pytest

from fairness.columns import Column
from fairness.slices.coding import MAX_DISTINCT, MAX_VALUES, code_column
from fairness.slices.rules import compile_rule
from fairness.slices.search import QUALITIES, search_slices
from fairness.tables import schema_of


def random_frame(n: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    pick = random.Random(seed)
    return pl.DataFrame(
        {
            "real": rng.normal(size=n).round(3),
            "marital status": rng.choice(["single", "it's", "50%", None], n).tolist(),
            "grade": rng.integers(0, 4, n).astype(float),
            "holes": [pick.choice([None, *np.arange(30) / 8]) for _ in range(n)],
        },
        schema_overrides={"holes": pl.Float64},
    )


def conditions_of(frame: pl.DataFrame, bins: int) -> list[list[tuple[str, np.ndarray]]]:
    """Every condition of every column with its rows, found by evaluating its own text."""
    columns = []
    for name in sorted(frame.columns):
        texts = code_column(frame.get_column(name), bins).conditions
        columns.append([(t, compile_rule(t, schema_of(frame)).mask(frame)) for t in texts])
    return columns


def quality_of(mask: np.ndarray, errors: np.ndarray, exposure: np.ndarray, quality: str) -> float:
    share, rate = exposure[mask].sum() / exposure.sum(), errors.sum() / exposure.sum()
    if quality == "weighted_gap":
        return share * (errors[mask].sum() / exposure[mask].sum() - rate)
    u = (mask - share) * (errors - rate * exposure)
    return u.sum() / np.sqrt((u**2).sum())


def brute_force(
    frame: pl.DataFrame, errors: np.ndarray, exposure: np.ndarray, quality: str, depth: int, min_rows: int
) -> list[float]:
    """Qualities above 0 and above those of all slices refined, of slices with different rows, best first."""
    columns = conditions_of(frame, bins=3)
    found: dict[frozenset[str], float] = {}
    masks: dict[frozenset[str], bytes] = {}
    for size in range(1, depth + 1):
        for chosen in combinations(columns, size):
            for cell in product(*chosen):
                mask = np.logical_and.reduce([m for _, m in cell])
                inside = (exposure[mask] > 0).sum()
                if inside < min_rows or (exposure[~mask] > 0).sum() < min_rows:
                    continue
                key = frozenset(text for text, _ in cell)
                found[key] = quality_of(mask, errors, exposure, quality)
                masks[key] = mask.tobytes()
    best: dict[bytes, float] = {}
    for key, value in found.items():
        parents = [frozenset(part) for size in range(1, len(key)) for part in combinations(key, size)]
        if value > 0 and all(value > found.get(parent, 0) * (1 + 1e-12) for parent in parents):
            best[masks[key]] = max(value, best.get(masks[key], 0))
    return sorted(best.values(), reverse=True)


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("kind", ["plain", "some exposed", "weighted"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_it_finds_what_trying_everything_finds(quality, kind, depth):
    frame = random_frame(400, seed=depth)
    rng = np.random.default_rng(9)
    exposure = np.ones(400) if kind == "plain" else (rng.random(400) < 0.6).astype(float)
    errors = exposure * (rng.random(400) < 0.3)
    weights = rng.random(400).round(2) if kind == "weighted" else None
    found = search_slices(
        frame, errors, exposure, weights=weights, depth=depth, bins=3, min_rows=8, top=25, quality=quality
    )
    scale = 1.0 if weights is None else weights
    want = brute_force(frame, errors * scale, exposure * scale, quality, depth, min_rows=8)
    assert len(want) > 3
    assert [s.quality for s in found] == pytest.approx(want[:25])


def test_a_slice_is_what_its_rule_takes():
    frame = random_frame(2_000, seed=4)
    rng = np.random.default_rng(5)
    exposure = (rng.random(2_000) < 0.7).astype(float)
    errors = exposure * (rng.random(2_000) < 0.2)
    found = search_slices(frame, errors, exposure, top=20, min_rows=20)
    assert len(found) == 20
    for s in found:
        mask = compile_rule(s.rule, schema_of(frame)).mask(frame)
        assert s.rule == " AND ".join(s.conditions)
        assert (s.rows, s.exposure, s.errors) == (mask.sum(), exposure[mask].sum(), errors[mask].sum())
        assert s.rate == pytest.approx(errors[mask].sum() / exposure[mask].sum())
        assert s.rest_rate == pytest.approx(errors[~mask].sum() / exposure[~mask].sum())
        assert s.gap == pytest.approx(s.rate - s.rest_rate)
        assert s.group_weight == pytest.approx(exposure[mask].sum() / exposure.sum())
        assert s.quality == pytest.approx(s.group_weight * (1 - s.group_weight) * s.gap)


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("depth", [3, 4])
def test_a_planted_slice_comes_first(quality, depth):
    rng = np.random.default_rng(8)
    frame = pl.DataFrame({f"c{i}": rng.choice(list("abc"), 20_000) for i in range(6)})
    planted = " AND ".join(f"c{i} = 'b'" for i in range(depth))
    mask = compile_rule(planted, schema_of(frame)).mask(frame)
    errors = (rng.random(20_000) < np.where(mask, 0.9, 0.05)).astype(float)
    best = search_slices(frame, errors, np.ones(20_000), depth=depth, quality=quality)[0]
    assert best.rule == planted


def test_the_beam_finds_five_conditions_and_stops_where_they_end():
    rng = np.random.default_rng(3)
    frame = pl.DataFrame({f"c{i}": rng.choice(["x", "y"], 30_000) for i in range(7)})
    mask = (frame.select(pl.all_horizontal(pl.col(f"c{i}") == "y" for i in range(5)))).to_series().to_numpy()
    errors = mask.astype(float)
    found = search_slices(frame, errors, np.ones(30_000), depth=7, beam=20, top=3)
    assert found[0].conditions == tuple(f"c{i} = 'y'" for i in range(5))
    assert (found[0].rate, found[0].rest_rate) == (1, 0)


def test_a_condition_that_adds_nothing_is_left_out():
    rng = np.random.default_rng(1)
    a = rng.choice(["x", "y"], 3_000)
    frame = pl.DataFrame({"a": a, "copy": a, "noise": np.where(rng.permutation(a == "y"), "n", "o")})
    errors = (a == "y").astype(float)
    found = search_slices(frame, errors, np.ones(3_000))
    assert found[0].rule == "a = 'y'"
    assert not any("a = 'y'" in s.rule or "copy" in s.rule for s in found[1:])


def test_the_order_of_rows_and_columns_changes_nothing():
    frame = random_frame(1_000, seed=6)
    errors = (np.random.default_rng(2).random(1_000) < 0.2).astype(float)
    order = np.random.default_rng(3).permutation(1_000)
    found = search_slices(frame, errors, np.ones(1_000))
    shuffled = frame[order.tolist()].select(reversed(frame.columns))
    assert search_slices(shuffled, errors[order], np.ones(1_000)) == found


def test_a_weight_of_two_is_a_row_twice():
    frame = random_frame(500, seed=7)
    rng = np.random.default_rng(4)
    errors, weights = (rng.random(500) < 0.3).astype(float), rng.integers(1, 3, 500)
    twice = np.repeat(np.arange(500), weights)
    once = search_slices(frame, errors, np.ones(500), weights=weights, bins=3, min_rows=1)
    double = search_slices(frame[twice.tolist()], errors[twice], np.ones(twice.size), bins=3, min_rows=1)
    by_rule = {s.rule: s.quality for s in double}
    shared = [s for s in once if s.rule in by_rule]
    assert len(shared) >= 5  # quantile bins of the repeated rows may differ
    assert all(s.quality == pytest.approx(by_rule[s.rule]) for s in shared)


def test_the_rates_are_those_of_a_pandas_groupby():
    frame = random_frame(3_000, seed=11)
    errors = (np.random.default_rng(6).random(3_000) < 0.2).astype(float)
    table = pd.DataFrame({"status": frame.get_column("marital status").to_list(), "errors": errors})
    table = table.groupby("status")["errors"].agg(["sum", "count"])
    found = search_slices(frame, errors, np.ones(3_000), columns=["marital status"], depth=1)
    assert found
    for s in found:
        if s.rule != '"marital status" IS NULL':
            value = s.rule.split(" = ")[1][1:-1].replace("''", "'")
            assert (s.errors, s.rows) == tuple(table.loc[value])


def test_counts_of_words_are_searched_too():
    rng = np.random.default_rng(2)
    accent = rng.choice(["a", "b", "c"], 5_000)
    words = rng.integers(1, 20, 5_000).astype(float)
    errors = rng.binomial(words.astype(int), np.where(accent == "c", 0.4, 0.1)).astype(float)
    best = search_slices(pl.DataFrame({"accent": accent}), errors, words, quality="score")[0]
    assert best.rule == "accent = 'c'"
    assert best.rate == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize(
    ("values", "conditions"),
    [
        ([1.0, 2.0, None], ("x = 1", "x = 2", "x IS NULL")),
        ([-0.5, 1e-7, 1e20], ("x = -0.5", "x = 1e-07", "x = 1e+20")),
        (["b", "a", "b"], ("x = 'a'", "x = 'b'")),
        ([None, None], ("x IS NULL",)),
        (["fine", "odd\x07", "y" * 500], ("x = 'fine'",)),
        ([0.0] * 900 + list(range(1, 101)), ("x < 1", "x >= 1")),
        ([*range(1, 101)] + [200.0] * 900, ("x < 200", "x >= 200")),
    ],
)
def test_the_conditions_of_a_column(values, conditions):
    column = pl.Series(
        "x", values, dtype=pl.String if isinstance(values[0], str) else pl.Float64, strict=False
    )
    coded = code_column(column, bins=5)
    assert coded.conditions == conditions
    for code, text in enumerate(coded.conditions):
        mask = compile_rule(text, (Column("x", "text" if column.dtype == pl.String else "number"),)).mask(
            column.to_frame()
        )
        assert mask.tolist() == (coded.codes == code).tolist()


def test_bins_hold_equal_shares():
    values = np.random.default_rng(1).normal(size=10_000)
    coded = code_column(pl.Series("x", values), bins=4)
    assert np.bincount(coded.codes).tolist() == pytest.approx([2_500] * 4, abs=2)


def test_only_the_most_frequent_values_are_kept():
    texts = [f"v{i:03d}" for i in range(60) for _ in range(60 - i)]
    coded = code_column(pl.Series("x", [*texts, None]), bins=5)
    assert coded.conditions == (*(f"x = 'v{i:03d}'" for i in range(MAX_VALUES)), "x IS NULL")
    assert coded.width == MAX_VALUES + 2
    assert (coded.codes == MAX_VALUES + 1).sum() == sum(60 - i for i in range(MAX_VALUES, 60))


def test_few_numbers_are_values_and_many_are_bins():
    few = pl.Series("x", [float(i % MAX_DISTINCT) for i in range(100)])
    assert len(code_column(few, bins=3).conditions) == MAX_DISTINCT
    many = pl.Series("x", [float(i % (MAX_DISTINCT + 1)) for i in range(110)])
    assert len(code_column(many, bins=3).conditions) == 3


def test_nothing_worse_gives_nothing():
    frame = random_frame(300, seed=1)
    assert search_slices(frame, np.zeros(300), np.ones(300)) == ()
    assert search_slices(frame, np.zeros(300), np.zeros(300)) == ()
    assert search_slices(frame, np.ones(300), np.ones(300)) == ()
    assert search_slices(frame, np.ones(300), np.ones(300), min_rows=200) == ()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"quality": "luck"}, "quality is one of"),
        ({"depth": 0}, "positive"),
        ({"columns": ["none"]}, "no such column: none"),
        ({"bins": 1}, "bins are"),
        ({"errors": [1.0]}, "one number a row"),
        ({"errors": [-1.0] * 50}, "none negative"),
        ({"weights": [float("nan")] * 50}, "none negative"),
        ({"exposure": [0.0] * 50}, "without exposure"),
    ],
)
def test_what_cannot_be_searched(changed, message):
    asked = {"errors": np.ones(50), "exposure": np.ones(50)} | changed
    with pytest.raises(ValueError, match=message):
        search_slices(random_frame(50, seed=1), **asked)


def test_too_many_columns():
    frame = pl.DataFrame({f"c{i}": [1.0, 2.0] for i in range(120)})
    with pytest.raises(ValueError, match="120 columns are too many for depth 3"):
        search_slices(frame, [1.0, 0.0], [1.0, 1.0], min_rows=1)
    assert search_slices(frame, [1.0, 0.0], [1.0, 1.0], depth=2, min_rows=1)[0].rule == "c0 = 1"


def test_names_that_need_quotes():
    frame = pl.DataFrame({"select": ["x", "y"] * 50, "a*b": [1.0, 2.0] * 50, 'q"q': ["u"] * 50 + ["v"] * 50})
    errors = np.array([1.0, 0.0] * 25 + [0.0] * 50)
    best = search_slices(frame, errors, np.ones(100), min_rows=5)[0]
    assert compile_rule(best.rule, schema_of(frame)).mask(frame).sum() == best.rows == 25
    assert pd.Series(errors)[compile_rule(best.rule, schema_of(frame)).mask(frame)].mean() == 1

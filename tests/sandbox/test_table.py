"""Feature rows on their way into a child."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from bounty.sandbox import FeatureTable
from bounty.sandbox.rows import Rows
from fairness.tables import Column

SCHEMA = (Column("age", "number"), Column("sex", "text"), Column("income", "number"), Column("job", "text"))
FRAME = pl.DataFrame(
    {
        "age": [30.0, None, 50.0, -0.0],
        "sex": ["f", None, "m", "f"],
        "income": [1e30, 0.1, None, 5.0],
        "job": ["", "ünï 'quoted' \n", None, "x"],
    },
    schema_overrides={"sex": pl.String, "job": pl.String},
)


def rows(frame: pl.DataFrame = FRAME, order: np.ndarray | None = None, schema: tuple = SCHEMA) -> Rows:
    return Rows.from_block(memoryview(b"".join(FeatureTable(frame, schema).block(order))))


def test_rules_get_the_frame_as_it_was_with_nulls():
    assert_frame_equal(rows().to_polars(), FRAME)


def test_models_get_nan_and_empty_texts_for_what_is_missing():
    frame = rows().to_pandas()
    assert list(frame.columns) == ["age", "sex", "income", "job"]
    assert np.isnan(frame.age[1])
    assert np.isnan(frame.income[2])
    assert frame.sex.tolist() == ["f", "", "m", "f"]
    assert frame.job.tolist() == ["", "ünï 'quoted' \n", "", "x"]


def test_a_frame_can_be_written_to_without_changing_the_rows():
    table = rows()
    frame = table.to_pandas()
    frame.loc[:, "age"] = 7.0
    assert table.to_pandas().age[0] == 30.0


def test_an_order_moves_whole_rows():
    order = np.array([2, 0, 3, 1])
    assert_frame_equal(rows(order=order).to_polars(), FRAME[order])


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
def test_batches_are_the_rows_cut(count):
    parts = rows().batches(count)
    assert len(parts) == min(count, 4)
    assert_frame_equal(pl.concat([part.to_polars() for part in parts]), FRAME)


def test_the_matrix_holds_the_numbers_alone():
    matrix = rows(FRAME.select("age", "income"), schema=(SCHEMA[0], SCHEMA[2])).matrix()
    assert matrix.dtype == np.float32
    assert matrix.shape == (4, 2)
    np.testing.assert_array_equal(matrix[:, 0], np.array([30, np.nan, 50, 0], np.float32))


@pytest.mark.parametrize("columns", [["age"], ["sex"], ["sex", "job"], ["income", "age"]])
def test_tables_of_one_kind_of_column(columns):
    schema = tuple(column for name in columns for column in SCHEMA if column.name == name)
    assert_frame_equal(rows(FRAME.select(columns), schema=schema).to_polars(), FRAME.select(columns))


def test_a_text_column_without_any_value():
    frame = pl.DataFrame({"job": [None, None]}, schema={"job": pl.String})
    assert_frame_equal(rows(frame, schema=(SCHEMA[3],)).to_polars(), frame)


def test_a_table_without_rows():
    assert_frame_equal(rows(FRAME.clear()).to_polars(), FRAME.clear())
    assert len(rows(FRAME.clear()).batches(3)) == 1

"""Tables of bounties whose model predicts numbers or probabilities."""

import numpy as np
import polars as pl
import pytest

from fairness.splits import split_rows
from fairness.tables import TableError, check_bounty_table

FRAME = pl.DataFrame(
    {
        "x": [1.0, 2.0, 3.0, 4.0],
        "y": [1.5, 2.0, 1e-7, 30.0],
        "p": [1.0, 2.0, 0.0, 25.0],
        "s": [0.1, 0.9, 0.0, 1.0],
    }
)


def check(frame, measure, **roles):
    return check_bounty_table(
        frame, measure=measure, **{"label": "y", "prediction": "p", "visible": ["x"]} | roles
    )


def test_numbers_are_kept_as_texts_that_give_them_back():
    table = check(FRAME, "squared_error")
    assert [float(text) for text in table.y_true] == FRAME["y"].to_list()
    assert table.errors.tolist() == pytest.approx([0.25, 0.0, 1e-14, 25.0])
    assert (table.labels, table.favourable) == ((), None)


def test_a_probability_is_of_the_favourable_label():
    frame = FRAME.with_columns(y=pl.Series(["no", "yes", "no", "yes"]))
    table = check(frame, "log_loss", prediction="s", favourable="yes")
    assert table.labels == ("no", "yes")
    np.testing.assert_allclose(table.errors[:2], [-np.log(0.9), -np.log(0.9)])


@pytest.mark.parametrize(
    ("columns", "measure", "says"),
    [
        ({"p": pl.Series(["a", "b", "c", "d"])}, "squared_error", "something other than numbers"),
        ({"p": pl.Series([1.0, None, 2.0, 3.0])}, "absolute_error", "Row 3 of column .p. is empty"),
        ({"y": pl.Series([2.0] * 4)}, "squared_error", "holds only 2; there is nothing to predict"),
        ({"y": pl.Series(["a", "b", "a", "b"])}, "log_loss", "between 0 and 1"),
        ({"y": pl.Series(["a", "b", "c", "b"])}, "log_loss", "exactly two"),
    ],
)
def test_it_says_what_is_wrong(columns, measure, says):
    with pytest.raises(TableError, match=says):
        check(FRAME.with_columns(**columns), measure, favourable="b")


def test_fifths_of_labels_and_predictions_are_spread_evenly():
    random = np.random.default_rng(3)
    y = random.normal(size=1000)
    table = check(
        pl.DataFrame({"x": np.arange(1000.0), "y": y, "p": y + random.normal(size=1000)}), "squared_error"
    )
    parts = split_rows(table, sample_share=0.2, leaderboard_share=0.4, seed=1)
    top = y > np.quantile(y, 0.8)
    assert np.bincount(parts[top]).tolist() == pytest.approx([40, 80, 80], abs=3)

"""What a rule makes of the rows it is sent."""

import polars as pl
import pytest

from bounty.sandbox import FeatureTable
from fairness.tables import schema_of


@pytest.mark.parametrize("batches", [1, 2, 5])
def test_a_text_column_may_begin_with_a_missing_value(sandbox, batches):
    frame = pl.DataFrame({"sex": [None, "female", None, "male", None, "female"]})
    output = sandbox.run("rule", b"sex = 'female'", FeatureTable(frame, schema_of(frame)), batches=batches)
    assert output.values.tolist() == [False, True, False, False, False, True]

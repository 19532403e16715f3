"""A verdict given again is the stored one, whatever its numbers become in the database."""

from io import StringIO

import polars as pl
import pytest
from django.core.management import call_command

from bounty.verdicts import as_text
from tests.bounty.fixes import open_repairable, send_find
from tests.conftest import lending_table


def test_verdicts_on_heavy_rows_come_out_again(cast, run_worker):
    table = lending_table().with_columns(w=pl.Series([1e15, 3e15] * 2000))
    bounty = open_repairable(cast.owner, run_worker, table=table, weight_column="w")
    find = send_find(cast.participant, bounty, "age < 30 AND home = 'rent'")
    run_worker()
    find.refresh_from_db()
    assert find.accepted
    # PostgreSQL keeps the number and not that it was a float.
    assert any(
        isinstance(part["exposure"], int) and part["exposure"] > 1e16 for part in find.numbers["parts"]
    )
    said = StringIO()
    call_command("rejudge", bounty.slug, "--check", stdout=said)
    assert said.getvalue().startswith("1 of 1 verdicts come out")


@pytest.mark.parametrize(
    "number", [1e16, 1.5e22, 1e300, 5e-324, -0.0, 0.1, 1 / 3, 4.0, -1e17, 123456789012345678.0]
)
def test_a_number_that_was_stored_is_the_number(cast, run_worker, number):
    find = send_find(cast.participant, open_repairable(cast.owner, run_worker), "age < 30 AND home = 'rent'")
    run_worker()
    find.refresh_from_db()
    find.numbers = find.numbers | {"p_value": number}
    given = as_text(find)
    find.save()
    find.refresh_from_db()
    assert as_text(find) == given
    find.numbers["p_value"] = number * 1.0000000000000004 + 1e-323
    assert as_text(find) != given

"""An organiser's table is looked at through Django's files; `tests/fairness/test_look.py` has the rest."""

import pytest
from django.core.files.base import ContentFile

from bounty.preview import column_names, preview
from fairness.tables import TableError
from tests.conftest import lending_table


def test_a_preview_names_columns_their_kinds_and_few_values():
    file = ContentFile(lending_table(rows=300).write_csv().encode())
    found = preview(file)
    columns = {column["name"]: column for column in found["columns"]}
    assert column_names(found) == ["age", "income", "home", "sex", "approve", "predicted"]
    assert (columns["age"]["dtype"], columns["home"]["dtype"]) == ("number", "text")
    assert columns["approve"]["values"] == ["0", "1"]
    assert columns["home"]["values"] == ["family", "own", "rent"]
    assert (found["rows"], found["exact"], file.tell()) == (300, True, 0)


def test_a_bad_head_gets_a_sentence():
    with pytest.raises(TableError, match="Row 2 has 1 values"):
        preview(ContentFile(b"a,b\n1\n"))

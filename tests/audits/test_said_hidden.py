"""A reader from whom something is hidden is told so, and is never told that it is not there."""

import pytest

from audits.models import Visibility
from tests.audits.pages import change, page, text


@pytest.fixture
def public(done):
    change(done, visibility=Visibility.PUBLIC)
    return done


def test_groups_that_were_found_and_are_hidden_are_not_said_to_be_missing(client, cast, public):
    found = [part | {"even": []} for part in public.result["worst"]]
    assert found[0]["tests"] > 0
    change(public, result=public.result | {"worst": found})
    shown = text(client.get(page("worst", public.key)))
    assert "Found, and not shown here" in shown
    assert "No group stands out" not in shown
    client.force_login(cast.owner)
    assert "On the other half" in text(client.get(page("worst", public.key)))


def test_a_reader_is_told_what_is_hidden_and_what_is_offered(client, cast, public):
    offered = {"columns": ["accent", "noise"], "pairs": [["accent", "noise"]]}
    change(public, result=public.result | {"disclosure": offered})
    assert "#what-is-hidden" in client.get(page("report", public.key)).content.decode()
    told = "these are: accent, noise; two columns together, or one filtered by the other: accent and noise."
    assert told in text(client.get(page("method", public.key)))
    client.force_login(cast.owner)
    assert told in text(client.get(page("method", public.key)))

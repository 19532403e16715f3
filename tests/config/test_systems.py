"""The page that joins the audits and the bounties of one system."""

import pytest

from audits.models import Visibility
from bounty.models import Bounty
from tests.audits.conftest import make, run_audits, scored

PAGE = "/systems/recogniser-2/"


@pytest.fixture
def audit(cast):
    return scored(
        make(cast.owner, system="recogniser-2", visibility=Visibility.PUBLIC, title="The audit of it")
    )


def test_it_shows_both_and_each_leads_to_it(client, cast, audit, open_bounty):
    Bounty.objects.filter(pk=open_bounty.pk).update(system="recogniser-2")
    page = client.get(PAGE).content.decode()
    assert "The audit of it" in page
    assert "Lending decisions" in page
    assert "<dt>Utterances</dt>" in page
    assert "origin not said" in page
    assert PAGE in client.get(f"/audits/{audit.key}/").content.decode()
    assert PAGE in client.get("/bounties/lending/").content.decode()


def test_an_audit_without_a_result_is_not_there_yet(client, cast):
    make(cast.owner, system="recogniser-2")
    client.force_login(cast.owner)
    assert client.get(PAGE).status_code == 404


@pytest.mark.parametrize("visibility", [Visibility.PRIVATE, Visibility.UNLISTED])
def test_an_outsider_sees_nothing_that_is_not_listed(client, cast, audit, visibility):
    audit.visibility = visibility
    audit.save(update_fields=["visibility"])
    assert client.get(PAGE).status_code == 404
    client.force_login(cast.outsider)
    assert client.get(PAGE).status_code == 404
    client.force_login(cast.owner)
    assert "The audit of it" in client.get(PAGE).content.decode()


def test_a_draft_bounty_is_its_organisers_alone(client, cast, draft_bounty):
    Bounty.objects.filter(pk=draft_bounty.pk).update(system="recogniser-2")
    assert client.get(PAGE).status_code == 404
    client.force_login(cast.owner)
    assert client.get(PAGE).status_code == 200


def test_a_system_nobody_measured_is_not_there(client, db):
    assert client.get("/systems/nothing/").status_code == 404


def test_the_front_page_shows_public_audits_alone(client, cast, audit):
    make(cast.owner, system="recogniser-2", title="Nobody else's business")
    run_audits()
    client.force_login(cast.owner)
    page = client.get("/").content.decode()
    assert "The audit of it" in page
    assert "Utterances" in page
    assert "Nobody else&#x27;s business" not in page

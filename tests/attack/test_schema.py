"""The API against its own description, by callers of every kind: no error of ours, nothing undescribed.

FUZZ_EXAMPLES=500 looks longer than a run of all tests can.
"""

import os

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client, override_settings
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig

from config.wsgi import application

from .world import FIRST_ID, KEYS, World, undone

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "6"))
# What stands in an address: drawn from what there is, so that not all is "not found".
KNOWN = {
    "slug": ["open-one", "closed-one", "draft-one", "elsewhere-one", "nothing"],
    "key": [*KEYS.values(), "aaaaaaaaaaaaa3"],
    "id": [str(FIRST_ID + place) for place in range(7)],
}
CONFIG = SchemathesisConfig.from_dict(
    {
        "seed": 5,
        "generation": {"deterministic": True, "max-examples": EXAMPLES, "no-shrink": True},
        "checks": {
            # A rule is drawn as any text: most are none.
            "positive_data_acceptance": {"enabled": False},
            # Reading is open to strangers.
            "ignored_auth": {"enabled": False},
            "object_level_authorization": {"enabled": False},
        },
        "operations": [
            {
                # A number is taken where a text is asked for, and read as one.
                "include-operation-id": "change_audit",
                "checks": {"negative_data_rejection": {"enabled": False}},
            }
        ],
    }
)


def described() -> dict:
    schema = SchemaGenerator().get_schema(public=True)
    for methods in schema["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    parameter["schema"] = {"type": "string", "enum": KNOWN[parameter["name"]]}
    return schema


def to_the_end(environ: dict, start_response) -> list[bytes]:
    """Answers are read and closed, as a server does."""
    answer = application(environ, start_response)
    try:
        return [b"".join(answer)]
    finally:
        answer.close()


with override_settings(DEBUG=False):
    # Addresses are read here for the first time, as all other tests know them.
    everything = schemathesis.openapi.from_dict(described(), config=CONFIG)
everything.app = to_the_end
of_audits = everything.exclude(path_regex="^/api/v1/(?!audits/)")
of_bounties = everything.exclude(path_regex="^/api/v1/audits/")
unhurried = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def one_connection():
    """The requests run in the transaction of the test, as those of Django's own client do."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def is_as_described(world: World, role: str, case) -> None:
    with undone():
        case.call_and_validate(headers=world.headers(role))


@pytest.mark.parametrize("role", ["stranger", "participant", "organiser", "other"])
@of_bounties.parametrize()
@unhurried
def test_every_answer_about_a_bounty_is_described(here: World, one_connection, role: str, case):
    is_as_described(here, role, case)


@pytest.mark.parametrize("role", ["stranger", "participant", "auditor"])
@of_audits.parametrize()
@unhurried
def test_every_answer_about_an_audit_is_described(here: World, one_connection, role: str, case):
    is_as_described(here, role, case)


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_a_wrong_path_is_json_for_every_method(db, method: str):
    answer = getattr(Client(enforce_csrf_checks=True), method)("/api/v1/nothing/at/all/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

"""docs/result.schema.json describes every field of every result, and docs/result.md names each at the top."""

import copy
import json
import re

import jsonschema
import polars as pl
import pytest
from django.conf import settings

from audits.access import Reader
from audits.exports import result_json
from tests.audits.conftest import make, run_audits, speech_table

DOCS = settings.BASE_DIR / "docs"
SCHEMA = json.loads((DOCS / "result.schema.json").read_text())


def closed(schema):
    """The same, refusing fields that it does not describe."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(part) for name, part in schema.items()}
    return found | {"additionalProperties": False} if "properties" in schema and "type" in schema else found


def problems(result) -> list[str]:
    checker = jsonschema.Draft202012Validator(closed(copy.deepcopy(SCHEMA)))
    return [f"{error.json_path}: {error.message[:200]}" for error in checker.iter_errors(result)]


def result_of(owner, frame, **values) -> dict:
    audit = make(owner, frame, **values)
    assert run_audits() == 1
    audit.refresh_from_db()
    assert audit.status == "scored", audit.error_detail
    return json.loads(result_json(Reader(audit, owner), "https://faultline.example/"))


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_speech_with_everything(cast):
    table = speech_table().with_columns(seconds=pl.lit(3.5), weight=pl.lit(2.0))
    roles = {
        "sentence": "reference", "ours": "hypothesis", "theirs": "hypothesis", "speaker": "speaker",
        "accent": "group", "gender": "group", "noise": "condition", "seconds": "duration",
        "weight": "sample_weight",
    }  # fmt: skip
    values = {
        "exclude": [["sentence", "^she"]], "marks": {"accent": "annotated"}, "baselines": {"accent": "Scots"},
        "tolerances": [{"metric": "wer", "column": "accent", "within": 0.05}],
    }  # fmt: skip
    result = result_of(cast.owner, table, roles=roles, values=values)
    assert problems(result) == []
    for part in ("tables", "comparisons", "worst", "words", "tolerances"):
        assert result[part], part


def test_what_a_stranger_gets(cast, done):
    assert problems(json.loads(result_json(Reader(done, cast.outsider), "https://faultline.example/"))) == []


def test_classification_and_scores(cast, loans):
    assert problems(json.loads(result_json(Reader(loans, cast.owner), "https://faultline.example/"))) == []
    frame = pl.DataFrame(
        {
            "good": ["no", "yes", "no", "yes"] * 100,
            "score": [((7 * row) % 100) / 100 for row in range(400)],
            "sex": ["female", "male", "male", "female"] * 100,
        }
    )
    roles = {"good": "y_true", "score": "score", "sex": "group"}
    result = result_of(cast.owner, frame, kind="classification", roles=roles, values={"favourable": "yes"})
    assert problems(result) == [] and result["calibration"]


def test_counts_in_place_of_texts(cast):
    frame = pl.DataFrame(
        {"n": [10, 12] * 60, "s": [1, 2] * 60, "d": [0, 1] * 60, "i": [1, 0] * 60, "accent": ["a", "b"] * 60}
    )
    roles = {
        "n": "words", "s": "substitutions", "d": "deletions", "i": "insertions", "accent": "group",
    }  # fmt: skip
    assert problems(result_of(cast.owner, frame, roles=roles)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("tables", 0, "rows", 0, "value"), "12 %"),
        (("data", "sha256"), "x"),
        (("new_field",), 1),
        (("schema_version",), 2),
    ],
)
def test_the_check_finds_what_is_wrong(cast, done, path, value):
    result = copy.deepcopy(done.result)
    *way, last = path
    place = result
    for step in way:
        place = place[step]
    place[last] = value
    assert problems(result)


def test_the_guide_names_every_field(cast, done):
    guide = (DOCS / "result.md").read_text()
    named = set(re.findall(r"`([a-z_]+)`", guide))
    assert set(SCHEMA["properties"]) <= named
    assert set(SCHEMA["$defs"]["row"]["properties"]) <= named
    assert set(SCHEMA["$defs"]["settings"]["properties"]) <= named

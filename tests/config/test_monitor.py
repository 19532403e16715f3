"""docs/monitor.md names what there is, all of it and nothing else."""

import re

import pytest
import yaml
from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families

from config import logs
from config.metrics import count_request, text

DOCUMENT = (settings.BASE_DIR / "docs" / "monitor.md").read_text()
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.S)]
SUFFIXES = re.compile(r"_(bucket|sum|count|total)$")
LABELS = re.compile(r"(faultline_\w+)\{([^}]*)\}")


@pytest.fixture
def metrics(db) -> dict[str, list]:
    """The samples of each metric by their names, as Prometheus reads them."""
    count_request("GET", "home", 200, 0.1)
    found: dict[str, list] = {}
    for family in text_string_to_metric_families(text().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


def rules() -> list[dict]:
    (groups,) = (block["groups"] for block in BLOCKS if "groups" in block)
    return [rule for group in groups for rule in group["rules"]]


def test_alerts_ask_for_metrics_labels_and_values_that_exist(metrics):
    assert len(rules()) > 5
    for rule in rules():
        for name in re.findall(r"faultline_\w+", rule["expr"]):
            assert name in metrics, rule["alert"]
        for name, selectors in LABELS.findall(rule["expr"]):
            for label, how, value in re.findall(r'(\w+)(=~|=)"([^"]*)"', selectors):
                values = {sample.labels[label] for sample in metrics[name]}
                if label in ("kind", "outcome", "part", "reason"):
                    assert set(value.split("|")) <= values, (rule["alert"], how)


def test_each_alert_says_what_is_wrong_and_is_named_once():
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    assert all(rule["annotations"]["summary"].endswith(".") for rule in rules())


def test_every_metric_is_explained_with_its_labels_and_no_other(metrics):
    table = dict(re.findall(r"^\| `(faultline_\w+)` \|.*\| ([^|]*)\|$", DOCUMENT, re.M))
    families = {}
    for name, samples in metrics.items():
        family = name if name.endswith("_total") else SUFFIXES.sub("", name)
        families.setdefault(family, set()).update(*(sample.labels for sample in samples))
    assert set(table) == {name for name in families if not name.endswith("_created")}
    for name, cell in table.items():
        assert set(re.findall(r"`(\w+)`", cell)) == families[name], name


def test_every_field_of_the_log_is_explained():
    log = DOCUMENT.split("## Logs")[1].split("## Metrics")[0]
    explained = set(
        re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in log.splitlines() if line[:3] == "| `"))
    )
    assert explained == {"time", "level", "logger", "message", "exc_info", *logs.FIELDS}


def test_what_can_be_asked_answers(client, db):
    for address in ("/healthz", "/readyz", "/status/", "/api/v1/status/"):
        assert f"`{address}`" in DOCUMENT and client.get(address).status_code == 200
    assert client.get("/metrics").status_code == 404

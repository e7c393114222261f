"""Alerts and dashboards: of metrics that there are, fresh, explained, and firing when they should."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from infra.observability import dashboards

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "infra" / "observability"
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
QUERIES = [(rule["alert"], rule["expr"]) for rule in RULES] + dashboards.queries()
#: Labels that Prometheus or a histogram adds.
GIVEN = {"job", "instance", "le"}
NAME = re.compile(r"\b(groundswell_[a-z_]+|process_[a-z_]+)\b")


@pytest.fixture(scope="module")
def labels() -> dict[str, set[str]]:
    """Labels of every metric there is, by each name it has in a reading."""
    for unit in ("relay", "api", "worker", "render_node"):
        importlib.import_module(f"services.{unit}.metrics")
    importlib.import_module("shared.store.unit_reports")
    found = {}
    for collector, names in REGISTRY._collector_to_names.items():
        for name in names:
            found[name] = set(getattr(collector, "_labelnames", ()))
    for family in importlib.import_module("shared.store.pools").POOLS.collect():
        suffix = "_total" if family.type == "counter" else ""
        found[family.name + suffix] = {"pool"}
    return found


@pytest.mark.parametrize(("where", "query"), QUERIES, ids=[name for name, _ in QUERIES])
def test_a_query_is_of_metrics_and_labels_that_there_are(where: str, query: str, labels: dict[str, set[str]]) -> None:
    names = NAME.findall(query)
    assert names or "up{" in query
    missing = [name for name in names if name not in labels]
    assert not missing, f"{where}: {missing}"
    known = GIVEN.union(*(labels[name] for name in names)) if names else GIVEN
    used = {part.strip() for group in re.findall(r"by \(([^)]*)\)", query) for part in group.split(",")}
    used |= set(re.findall(r"[{,]\s*(\w+)\s*=~?\s*\"", query))
    assert used <= known, f"{where}: {used - known}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_broke_why_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "look")
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["cause"].endswith(".")
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    section = re.search(rf"^### {rule['alert']}$(.*?)(?=^#|\Z)", runbook, re.M | re.S)
    assert section, f"docs/runbook.md has no section {rule['alert']}"
    for word in ("Symptom", "Check", "Fix", "Prevent"):
        assert f"**{word}.**" in section[1], word


def test_every_section_of_the_runbook_is_of_an_alert() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text().partition("\n## Alerts\n")[2]
    sections = re.findall(r"^### (\w+)$", runbook.partition("\n## ")[0], re.M)
    assert sections == [rule["alert"] for rule in RULES]


@pytest.mark.parametrize("name", dashboards.DASHBOARDS)
def test_a_dashboard_is_fresh(name: str) -> None:
    written = (dashboards.FOLDER / f"{name}.json").read_text()
    assert written == dashboards.text(name), "run: python infra/observability/dashboards.py"
    panels = json.loads(written)["panels"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len({*places}) == len(panels)
    assert all(panel["title"] and panel["targets"] for panel in panels)


CASES = yaml.safe_load((Path(__file__).parent / "alert_cases.yml").read_text())


def test_each_alert_has_a_case() -> None:
    assert [case["alert"] for case in CASES] == [rule["alert"] for rule in RULES]


@pytest.mark.parametrize("bad", [True, False], ids=["bad", "well"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["alert"])
def test_an_alert_fires_when_it_should_and_then_alone(case: dict[str, Any], bad: bool, tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    alert, carried, series = case["alert"], case["carries"], case["bad" if bad else "well"]
    units = (
        {f'up{{job="{job}"}}': "1x240" for job in ("relay", "api", "worker")} if alert != "UnitAway" or not bad else {}
    )
    rule = next(rule for rule in RULES if rule["alert"] == alert)
    expected = [{"exp_labels": {**carried, "severity": rule["labels"]["severity"]}}] if bad else []
    (tmp_path / "bare.yml").write_text(
        # What people read is not compared here.
        yaml.safe_dump({"groups": [{"name": "one", "rules": [{k: v for k, v in rule.items() if k != "annotations"}]}]})
    )
    test = {
        "rule_files": ["bare.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in {**units, **series}.items()],
                "alert_rule_test": [{"eval_time": "210m", "alertname": alert, "exp_alerts": expected}],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_configuration() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    done = subprocess.run(
        ["promtool", "check", "config", str(FOLDER / "prometheus.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr

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


#: Alert, labels it must carry, series when things are bad, when they are well; Prometheus' own notation, a value a minute.
CASES: list[tuple[str, dict[str, str], dict[str, str], dict[str, str]]] = [
    ("UnitAway", {"job": "relay"}, {'up{job="api"}': "1x240", 'up{job="worker"}': "1x240"}, {}),
    ("PartDown", {"unit": "relay", "component": "valkey"}, {'groundswell_component_state{unit="relay",component="valkey",job="relay"}': "2x240"}, {'groundswell_component_state{unit="relay",component="valkey",job="relay"}': "1x30 0x210"}),
    ("PartDegraded", {"unit": "api", "component": "clusters"}, {'groundswell_component_state{unit="api",component="clusters",job="api"}': "1x240"}, {'groundswell_component_state{unit="api",component="clusters",job="api"}': "-1x240"}),
    ("NoLeader", {"lease": "scheduler"}, {'groundswell_api_leader_bool{lease="scheduler",instance="a"}': "0x240", 'groundswell_api_leader_bool{lease="scheduler",instance="b"}': "0x240"}, {'groundswell_api_leader_bool{lease="scheduler",instance="a"}': "0x240", 'groundswell_api_leader_bool{lease="scheduler",instance="b"}': "1x240"}),
    ("MemoryGrows", {"job": "api"}, {'process_resident_memory_bytes{job="api"}': "400000000+2000000x240"}, {'process_resident_memory_bytes{job="api"}': "400000000+1000x240"}),
    ("FeedSilent", {"feed": "sky"}, {'groundswell_relay_frames_total{feed="sky"}': "100x240"}, {'groundswell_relay_frames_total{feed="sky"}': "0+1x240"}),
    ("FeedBehind", {"feed": "sky"}, {'groundswell_relay_behind_seconds{feed="sky"}': "900x240"}, {'groundswell_relay_behind_seconds{feed="sky"}': "300x240"}),
    ("FeedGap", {"feed": "sky"}, {'groundswell_relay_gap_seconds_total{feed="sky"}': "0x200 300x40"}, {'groundswell_relay_gap_seconds_total{feed="sky"}': "300x240"}),
    ("FeedDrops", {"feed": "sky", "cause": "kicked"}, {'groundswell_relay_drops_total{feed="sky",cause="kicked"}': "0+1x240"}, {'groundswell_relay_drops_total{feed="sky",cause="kicked"}': "0+0.1x240"}),
    ("FramesUnreadable", {"feed": "sky", "reason": "json"}, {'groundswell_relay_quarantined_total{feed="sky",reason="json"}': "0+5x240"}, {'groundswell_relay_quarantined_total{feed="sky",reason="json"}': "0+1x240"}),
    ("RelayHoldsBack", {"feed": "sky"}, {'groundswell_relay_held_seconds_total{feed="sky"}': "0+45x240"}, {'groundswell_relay_held_seconds_total{feed="sky"}': "0+10x240"}),
    ("EmbeddingsOff", {}, {"groundswell_relay_embedding_off_bool": "1x240"}, {"groundswell_relay_embedding_off_bool": "0x240"}),
    ("PoolExhausted", {"job": "api", "pool": "api"}, {'groundswell_store_pool_waiting_requests{job="api",pool="api"}': "3x240"}, {'groundswell_store_pool_waiting_requests{job="api",pool="api"}': "0x240", 'groundswell_store_pool_refused_total{job="api",pool="api"}': "7x240"}),
    ("ClocksDisagree", {"job": "relay"}, {'groundswell_store_clock_drift_seconds{job="relay"}': "-3x240"}, {'groundswell_store_clock_drift_seconds{job="relay"}': "0.5x240"}),
    ("MomentumLate", {}, {"groundswell_api_momentum_lag_seconds": "1000x240"}, {"groundswell_api_momentum_lag_seconds": "100x240"}),
    ("ArchiveBehind", {}, {"groundswell_worker_archive_lag_seconds": "90000x240"}, {"groundswell_worker_archive_lag_seconds": "3600x240"}),
    ("JobsWait", {}, {"groundswell_worker_oldest_job_seconds": "300x240"}, {"groundswell_worker_oldest_job_seconds": "3x240", 'groundswell_worker_waiting{kind="runs_queued"}': "2x240"}),
    ("DeliveriesFail", {}, {'groundswell_worker_waiting{kind="deliveries_failed_day"}': "2x240"}, {'groundswell_worker_waiting{kind="deliveries_failed_day"}': "0x240", 'groundswell_worker_waiting{kind="outbox"}': "9x240"}),
    ("RunsFail", {"kind": "agent"}, {'groundswell_worker_runs_total{kind="agent",outcome="failed"}': "0+1x240", 'groundswell_worker_runs_total{kind="agent",outcome="done"}': "0+1x240"}, {'groundswell_worker_runs_total{kind="agent",outcome="failed"}': "0+0.1x240", 'groundswell_worker_runs_total{kind="agent",outcome="done"}': "0+1x240"}),
    ("ApiFails", {}, {'groundswell_api_requests_total{operation="topics",status="503"}': "0+10x240", 'groundswell_api_requests_total{operation="topics",status="200"}': "0+10x240"}, {'groundswell_api_requests_total{operation="topics",status="404"}': "0+10x240", 'groundswell_api_requests_total{operation="topics",status="200"}': "0+10x240"}),
    ("ApiSlow", {"operation": "search"}, {'groundswell_api_request_seconds_bucket{operation="search",le="1"}': "0+1x240", 'groundswell_api_request_seconds_bucket{operation="search",le="5"}': "0+9x240", 'groundswell_api_request_seconds_bucket{operation="search",le="+Inf"}': "0+9x240", 'groundswell_api_request_seconds_count{operation="search"}': "0+9x240"}, {'groundswell_api_request_seconds_bucket{operation="search",le="1"}': "0+9x240", 'groundswell_api_request_seconds_bucket{operation="search",le="5"}': "0+9x240", 'groundswell_api_request_seconds_bucket{operation="search",le="+Inf"}': "0+9x240", 'groundswell_api_request_seconds_count{operation="search"}': "0+9x240"}),
    ("BudgetNearlySpent", {}, {"groundswell_worker_llm_spent_nano_usd": "85x240", "groundswell_worker_llm_limit_nano_usd": "100x240"}, {"groundswell_worker_llm_spent_nano_usd": "0x240", "groundswell_worker_llm_limit_nano_usd": "0x240"}),
    ("CostUnbooked", {}, {"groundswell_worker_llm_unbooked": "2x240"}, {"groundswell_worker_llm_unbooked": "0x240"}),
    ("ModelsFail", {}, {'groundswell_worker_llm_requests_total{outcome="unavailable"}': "0+1x240", 'groundswell_worker_llm_requests_total{outcome="ok"}': "0+0.1x240"}, {'groundswell_worker_llm_requests_total{outcome="unavailable"}': "0+0.1x240", 'groundswell_worker_llm_requests_total{outcome="ok"}': "0+1x240"}),
]  # fmt: skip


def test_each_alert_has_a_case() -> None:
    assert [case[0] for case in CASES] == [rule["alert"] for rule in RULES]


@pytest.mark.parametrize("bad", [True, False], ids=["bad", "well"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_an_alert_fires_when_it_should_and_then_alone(
    case: tuple[str, dict[str, str], dict[str, str], dict[str, str]], bad: bool, tmp_path: Path
) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    alert, carried, broken, well = case
    series = broken if bad else well
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

"""The project on Railway, asserted on the graph that the SDK makes of it."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from shared.config.fields import fields
from shared.config.load import judge
from shared.config.settings import Unit

ROOT = Path(__file__).resolve().parents[3]
UNITS: dict[str, Unit] = {"relay": "relay", "api": "api", "worker": "worker"}


@pytest.fixture(scope="module")
def code() -> ModuleType:
    spec = importlib.util.spec_from_file_location("railway_project", ROOT / ".railway" / "railway.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def graph(code: ModuleType, environment: str) -> dict[str, dict[str, Any]]:
    from railway_sdk import create_railway_context

    made = code.railway(create_railway_context(environment=environment)).to_graph()
    return {node["name"]: node for node in made["resources"]}


def variables(node: dict[str, Any]) -> dict[str, str]:
    return {name: value["value"] for name, value in node["variables"].items()}


def filled(values: dict[str, str]) -> dict[str, str]:
    """As Railway gives them to a service."""
    known = {"frontend.RAILWAY_PUBLIC_DOMAIN": "groundswell.up.railway.app"}
    return {
        name: re.sub(
            r"\$\{\{(.*?)\}\}",
            lambda found: known.get(found[1], hashlib.sha256(found[1].encode()).hexdigest()),
            value,
        )
        for name, value in values.items()
    }


@pytest.mark.parametrize("environment", ["production", "staging"])
def test_everything_asked_for_is_in_the_graph(code: ModuleType, environment: str) -> None:
    nodes = graph(code, environment)
    ours = ["combined"] if environment == "staging" else ["api", "relay", "worker"]
    assert {name for name, node in nodes.items() if node["type"] == "service"} == {
        *ours, "frontend", "postgres", "redis", "qdrant"
    }  # fmt: skip
    for name in ours:
        deploy = nodes[name]["deploy"]
        assert deploy["startCommand"] == f"python -m services.cli.main {name}"
        assert deploy["healthcheckPath"] == "/health/ready"
        assert deploy["healthcheckTimeout"] == 300
        assert deploy["drainingSeconds"] == 30
        assert deploy["restartPolicyType"] == "ON_FAILURE"
        assert nodes[name]["build"]["builder"] == "DOCKERFILE"
        assert (ROOT / nodes[name]["build"]["dockerfilePath"]).is_file()
    migrating = [name for name, node in nodes.items() if node.get("deploy", {}).get("preDeployCommand")]
    assert migrating == [ours[0]], "one migrates, the others wait"
    assert nodes[ours[0]]["deploy"]["preDeployCommand"] == ["python -m services.cli.main migrate --wait 300"]


@pytest.mark.parametrize("service", UNITS)
def test_a_services_variables_are_right_and_its_own(code: ModuleType, service: str) -> None:
    values = variables(graph(code, "production")[service])
    _, findings = judge(UNITS[service], filled(values))
    assert [finding.line() for finding in findings] == []
    needed = {field.variable for field in fields() if UNITS[service] in field.about.units}
    assert {name for name in values if name.startswith("GROUNDSWELL_")} <= needed


def test_the_combined_services_variables_are_right(code: ModuleType) -> None:
    values = variables(graph(code, "staging")["combined"])
    _, findings = judge("api", filled(values))
    assert [finding.line() for finding in findings if finding.kind == "mistake"] == []


def test_what_keeps_data_has_a_volume_and_nothing_but_the_dashboard_a_domain(code: ModuleType) -> None:
    nodes = graph(code, "production")
    kept = {
        name: [volume["mountPath"] for volume in node["volumeAttachments"].values()]
        for name, node in nodes.items()
        if "volumeAttachments" in node
    }
    assert kept == {
        "postgres": ["/var/lib/postgresql/data"],
        "qdrant": ["/qdrant/storage"],
        "relay": ["/var/lib/groundswell"],
        "worker": ["/var/lib/groundswell"],
    }
    assert [name for name, node in nodes.items() if node.get("networking")] == ["frontend"]


def test_no_secret_is_written_down(code: ModuleType) -> None:
    for environment in ("production", "staging"):
        for name, node in graph(code, environment).items():
            for variable, value in (variables(node) if "variables" in node else {}).items():
                if re.search(r"PASSWORD|TOKEN|API_KEY", variable):
                    assert re.fullmatch(r"\$\{\{shared\.\w+\}\}", value), f"{name}: {variable}"


def test_a_keyword_that_the_sdk_would_drop_is_refused(code: ModuleType) -> None:
    with pytest.raises(ValueError, match="the SDK would drop pre_deploy"):
        code._service("api", pre_deploy="migrate")

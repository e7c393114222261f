"""The Compose file as data: what its services are given and what they may do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.api.doors.gate import SECURITY_HEADERS
from shared.config.fields import fields

ROOT = Path(__file__).resolve().parents[3]
DOCKER = ROOT / "infra" / "docker"
#: Made of our own code.
OWN = ("migrate", "relay", "api", "worker", "frontend", "simulator")
#: Services and the unit whose settings they read.
UNITS = {"relay": "relay", "api": "api", "worker": "worker"}
#: Settings that make no sense in a container of this stack, and why.
LEFT_OUT = {
    "GROUNDSWELL_DATA_DIR": "the image sets it",
    "GROUNDSWELL_FRONTEND_DIR": "Caddy serves the dashboard",
    "GROUNDSWELL_LOOPBACK": "nobody is on loopback there but the service itself",
    "GROUNDSWELL_API_PORT": "fixed within the network; another is published",
}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return found


@pytest.mark.parametrize("service", UNITS)
def test_a_service_is_given_every_setting_it_reads_and_no_other(services: dict[str, Any], service: str) -> None:
    wanted = {field.variable for field in fields() if UNITS[service] in field.about.units} - LEFT_OUT.keys()
    given = {name for name in services[service]["environment"] if name.startswith("GROUNDSWELL_")}
    assert given == wanted


def test_the_migration_knows_all_pools_it_has_to_judge(services: dict[str, Any]) -> None:
    pools = {field.variable for field in fields() if field.name.endswith(("_pool_size", "_connections"))}
    assert pools <= services["migrate"]["environment"].keys()


@pytest.mark.parametrize("service", OWN)
def test_our_own_services_may_do_nothing_but_their_work(services: dict[str, Any], service: str) -> None:
    found = services[service]
    assert found["user"] == "10001:10001"
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert "cap_add" not in found
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in found


def test_every_service_is_bounded(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["mem_limit"], name
        assert service["cpus"], name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name
        assert service["cap_drop"] == ["ALL"], name


def test_only_dashboard_and_api_are_reached_from_outside_and_by_this_machine_alone(services: dict[str, Any]) -> None:
    published = {
        name: service["ports"]
        for name, service in services.items()
        if "ports" in service and "observability" not in service.get("profiles", ())
    }
    assert published.keys() == {"frontend", "api"}
    for (port,) in published.values():
        assert port.startswith("${BIND:-127.0.0.1}:")
    for name in ("prometheus", "grafana"):
        assert services[name]["ports"][0].startswith("127.0.0.1:"), "without a sign-in of ours, to this machine alone"
    assert "ports" not in services["alertmanager"]


def test_health_gates_the_order(services: dict[str, Any]) -> None:
    for name in ("relay", "api", "worker"):
        assert {other: needed["condition"] for other, needed in services[name]["depends_on"].items()} == {
            "postgres": "service_healthy",
            "redis": "service_healthy",
            "migrate": "service_completed_successfully",
        }
    for name, service in services.items():
        if name not in ("migrate", "ollama"):
            assert service["healthcheck"]["test"], name


def test_no_password_is_written_down_or_has_a_default(services: dict[str, Any]) -> None:
    text = (ROOT / "compose.yaml").read_text()
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "GROUNDSWELL_API_TOKEN"):
        assert set(re.findall(rf"\$\{{{name}(:[?-])", text)) == {":?"}


def test_images_are_named_by_arguments_with_a_version(services: dict[str, Any]) -> None:
    for path in DOCKER.glob("*Dockerfile"):
        for line in re.findall(r"^FROM (\S+)", path.read_text(), re.M):
            assert line.startswith("${") or line == "packages", f"{path.name}: {line}"
        for default in re.findall(r"^ARG \w+_IMAGE=(\S+)", path.read_text(), re.M):
            assert re.search(r":[a-z]*\d", default), default
    for name, service in services.items():
        if "build" not in service:
            assert re.fullmatch(r"\$\{\w+_IMAGE:-[^:}]+:v?\d[^}]*\}", service["image"]), name


def test_caddy_sends_the_headers_that_the_api_sends() -> None:
    caddyfile = (DOCKER / "Caddyfile").read_text()
    for name, value in SECURITY_HEADERS:
        assert re.search(rf'^\s*{name.decode()} "{re.escape(value.decode())}"$', caddyfile, re.M | re.I), name


def test_the_classic_builder_can_make_the_images() -> None:
    for path in DOCKER.glob("*Dockerfile"):
        text = path.read_text()
        for newer in ("--mount", "<<E", "--link", "# syntax"):
            assert newer not in text, f"{path.name}: {newer}"

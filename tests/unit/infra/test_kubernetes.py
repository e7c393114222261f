"""The manifests for Kubernetes: resolved as Kustomize does, and held to what code, containers and settings say.

``kubectl kustomize`` and the schemas of kubernetes-validate judge too, where they are installed.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.api import metrics as api_metrics
from services.worker import metrics as worker_metrics
from shared.config.envfile import check
from shared.config.fields import fields
from shared.config.settings import Settings, Unit
from tests.unit.infra.test_cost import limit

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "infra" / "kubernetes"
TARGETS = ["base", "overlays/large", "overlays/large-cpu"]
UNITS: dict[str, Unit] = {"relay": "relay", "api": "api", "worker": "worker"}
#: Made by a person or an operator, with their keys; docs/kubernetes.md says how.
SECRETS = {
    "groundswell": {"valkey-url", "valkey-password", "qdrant-api-key", "api-token"},
    "groundswell-postgres-app": {"uri"},
}
#: What a secret could hold, so that settings can be judged.
VALUES = {
    "uri": "postgresql://groundswell:Zq8rT2vX@groundswell-postgres-rw:5432/groundswell",
    "valkey-url": "redis://:Zq8rT2vX@valkey:6379/0",
    "qdrant-api-key": "kkS8d7fqw2e9rT1y",
    "api-token": "d8f7g6h5j4k3l2q1w0e9",
}

Object = dict[str, Any]


def merged(base: Any, patch: Any) -> Any:
    """A strategic merge, as far as our patches go: lists of things with names are merged by name."""
    if isinstance(base, dict) and isinstance(patch, dict):
        return {**base, **{key: merged(base.get(key), value) for key, value in patch.items()}}
    if isinstance(base, list) and isinstance(patch, list) and all("name" in each for each in [*base, *patch]):
        known = {each["name"]: each for each in base}
        first = [merged(known.pop(each["name"], None), each) for each in patch]  # the patch's come first there
        return [*first, *known.values()]
    return copy.deepcopy(patch)


def key(thing: Object) -> tuple[str, str]:
    return thing["kind"], thing["metadata"]["name"]


def containers(thing: Object) -> list[Object]:
    spec = thing.get("spec", {}).get("template", {}).get("spec", {}) if thing["kind"] != "Cluster" else {}
    found: list[Object] = spec.get("containers", [])
    return found


def built(folder: Path) -> dict[tuple[str, str], Object]:
    """All objects of a kustomization by kind and name."""
    asked = yaml.safe_load((folder / "kustomization.yaml").read_text())
    known = {"apiVersion", "kind", "namespace", "resources", "components", "patches", "images"}
    assert asked.keys() <= known, f"{folder} uses what this test does not understand"
    things: dict[tuple[str, str], Object] = {}
    for part in [*asked.get("resources", []), *asked.get("components", [])]:
        place = (folder / part).resolve()
        assert place.is_relative_to(FOLDER)
        if place.is_dir():
            more = built(place)
        else:
            more = {key(thing): thing for thing in yaml.safe_load_all(place.read_text())}
        assert not things.keys() & more.keys(), f"{part} names something again"
        things |= more
    for patch in asked.get("patches", []):
        change = yaml.safe_load((folder / patch["path"]).read_text())
        things[key(change)] = merged(things[key(change)], change)
    for image in asked.get("images", []):
        for thing in things.values():
            for container in containers(thing):
                if container["image"] == image["name"]:
                    container["image"] = f"{image.get('newName', image['name'])}:{image['newTag']}"
    if space := asked.get("namespace"):
        for thing in things.values():
            if thing["kind"] != "Namespace":
                thing["metadata"]["namespace"] = space
    return things


@pytest.fixture(scope="module", params=TARGETS)
def things(request: pytest.FixtureRequest) -> dict[tuple[str, str], Object]:
    return built(FOLDER / request.param)


@pytest.fixture(scope="module", params=TARGETS[1:])
def large(request: pytest.FixtureRequest) -> dict[tuple[str, str], Object]:
    return built(FOLDER / request.param)


def all_containers(things: dict[tuple[str, str], Object]) -> Iterator[tuple[Object, Object, Object]]:
    """Each with its object and its pod's spec."""
    for thing in things.values():
        for container in containers(thing):
            yield thing, thing["spec"]["template"]["spec"], container


def environment(container: Object) -> dict[str, str]:
    """What it is given, secrets filled in."""
    values = {}
    for entry in container.get("env", []):
        source = entry.get("valueFrom", {})
        if "secretKeyRef" in source:
            values[entry["name"]] = VALUES.get(source["secretKeyRef"]["key"], "s3cr3tOfSixteen.")
        elif "fieldRef" in source:
            values[entry["name"]] = "0"
        else:
            values[entry["name"]] = entry["value"]
    return values


@pytest.mark.parametrize("target", TARGETS)
def test_kustomize_builds_the_same(target: str) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    said = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER / target)], capture_output=True, text=True, check=True
    ).stdout
    assert {key(thing): thing for thing in yaml.safe_load_all(said)} == built(FOLDER / target)


def test_each_object_fits_its_schema(things: dict[tuple[str, str], Object]) -> None:
    validate = pytest.importorskip("kubernetes_validate").validate
    for thing in things.values():
        if not thing["apiVersion"].startswith(("postgresql.cnpg.io/", "keda.sh/")):
            validate(thing, "1.32", strict=True)


def test_images_are_pinned(things: dict[tuple[str, str], Object]) -> None:
    for thing, _, container in all_containers(things):
        assert re.fullmatch(r"[\w./-]+:v?\d[\w.-]*", container["image"]), key(thing)
    for thing in things.values():
        if thing["kind"] == "Cluster":
            assert re.search(r":\d", thing["spec"]["imageName"])


def test_versions_are_those_of_compose(things: dict[tuple[str, str], Object]) -> None:
    compose = (ROOT / "compose.yaml").read_text()
    for _, _, container in all_containers(things):
        if container["image"].startswith(("qdrant/", "valkey/")):
            assert f":-{container['image']}}}" in compose


def test_pods_may_do_no_more_than_in_compose(things: dict[tuple[str, str], Object]) -> None:
    for thing, pod, container in all_containers(things):
        assert pod["automountServiceAccountToken"] is False, key(thing)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        if container["image"].startswith("groundswell"):
            assert pod["securityContext"]["runAsUser"] == 10001
        for port in container.get("ports", []):
            assert "hostPort" not in port


def test_every_container_is_bounded_and_ours_as_in_compose(things: dict[tuple[str, str], Object]) -> None:
    services: Object = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    for _, _, container in all_containers(things):
        assert {"cpu", "memory"} == container["resources"]["limits"].keys() == container["resources"]["requests"].keys()
        if container["name"] in (*UNITS, "frontend"):
            number, unit = re.fullmatch(r"(\d+)([MG])i", container["resources"]["limits"]["memory"]).groups()  # type: ignore[union-attr]
            assert int(number) * {"M": 2**20, "G": 2**30}[unit] == limit(services[container["name"]]["mem_limit"])


@pytest.mark.parametrize(("unit", "variable"), [("relay", "RELAY_METRICS_PORT"), ("worker", "WORKER_METRICS_PORT")])
def test_probes_ask_what_answers(things: dict[tuple[str, str], Object], unit: str, variable: str) -> None:
    for name, port in ((unit, None), ("api", Settings().api_port)):
        found = next(one for _, _, one in all_containers(things) if one["name"] == name)
        ports = {each["name"]: each["containerPort"] for each in found["ports"]}
        for probe, path in (("startup", "live"), ("liveness", "live"), ("readiness", "ready")):
            asked = found[f"{probe}Probe"]["httpGet"]
            assert asked["path"] == f"/health/{path}"
            assert ports[asked["port"]] == (port or int(environment(found)[f"GROUNDSWELL_{variable}"]))


def test_probes_of_others_name_ports_that_there_are(things: dict[tuple[str, str], Object]) -> None:
    for thing, _, container in all_containers(things):
        ports = {each["name"] for each in container.get("ports", [])}
        assert key(thing)[0] == "Job" or {"livenessProbe", "readinessProbe"} <= container.keys()
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if "httpGet" in container.get(probe, {}):
                assert container[probe]["httpGet"]["port"] in ports, key(thing)


@pytest.mark.parametrize("unit", UNITS)
def test_settings_are_known_right_and_its_own(things: dict[tuple[str, str], Object], unit: str) -> None:
    found = next(one for _, _, one in all_containers(things) if one["name"] == unit)
    findings = check(UNITS[unit], environment(found), container=True)
    assert [finding.line() for finding in findings] == []


def test_the_migration_is_told_what_it_judges(large: dict[tuple[str, str], Object]) -> None:
    told = {one["name"]: environment(one) for _, _, one in all_containers(large) if one["name"] in ("migrate", "relay")}
    replicas = large["StatefulSet", "relay"]["spec"]["replicas"]
    for name in ("migrate", "relay"):
        assert told[name]["GROUNDSWELL_RELAY_SHARDS"] == str(replicas) == "4"
    assert {finding.kind for finding in check("worker", told["migrate"], container=True)} <= {"doubt"}
    source = next(
        entry["valueFrom"]
        for entry in containers(large["StatefulSet", "relay"])[0]["env"]
        if entry["name"] == "GROUNDSWELL_RELAY_SHARD"
    )
    assert source == {"fieldRef": {"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}}, "from 0, as places"


def test_postgresql_has_connections_for_all_that_may_run(large: dict[tuple[str, str], Object]) -> None:
    ours = Settings()
    most = {}
    for name in ("api", "worker"):
        scaled = large.get(("ScaledObject", name)) or large["HorizontalPodAutoscaler", name]
        most[name] = scaled["spec"].get("maxReplicaCount") or scaled["spec"]["maxReplicas"]
    wanted = 4 * (1 + ours.relay_pool_size) + 1
    wanted += most["api"] * (ours.api_pool_size + ours.analysis_connections)
    wanted += most["worker"] * (ours.worker_pool_size + ours.llm_pool_size)
    allowed = int(large["Cluster", "groundswell-postgres"]["spec"]["postgresql"]["parameters"]["max_connections"])
    assert wanted <= 0.8 * allowed


def test_secrets_are_references_and_in_no_config_map(things: dict[tuple[str, str], Object]) -> None:
    secret = {field.variable for field in fields() if field.about.secret}
    for thing, _, container in all_containers(things):
        for entry in container.get("env", []):
            if entry["name"] in secret or re.search(r"PASSWORD|TOKEN|API_KEY|AUTH$", entry["name"]):
                asked = entry["valueFrom"]["secretKeyRef"]
                assert asked["key"] in SECRETS[asked["name"]], f"{key(thing)}: {asked}"
    for thing in things.values():
        assert thing["kind"] != "Secret", "secrets are made by a person, never written down"
        for value in thing.get("data", {}).values():
            for found in re.findall(r"(?:requirepass|masterauth|auth-pass \w+|AUTH) +\"?(\S+)", value):
                assert found.startswith("$"), found


def test_the_page_says_how_each_secret_is_made() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    for name, keys in SECRETS.items():
        assert name in page
        assert all(f"{each}=" in page for each in keys if name == "groundswell")


def test_selectors_match_and_what_is_named_exists(things: dict[tuple[str, str], Object]) -> None:
    labels = [thing["spec"]["template"]["metadata"]["labels"] for thing in things.values() if containers(thing)]
    labels += [{"cnpg.io/cluster": name} for kind, name in things if kind == "Cluster"]

    def somebody(selector: Object) -> bool:
        return any(selector.items() <= each.items() for each in labels)

    for thing in things.values():
        spec, name = thing.get("spec", {}), key(thing)
        if thing["kind"] in ("Deployment", "StatefulSet"):
            assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
        if thing["kind"] == "StatefulSet":
            assert things["Service", spec["serviceName"]]["spec"]["clusterIP"] == "None", name
        if thing["kind"] == "Service":
            assert somebody(spec["selector"]), name
            ports = {
                port["name"]
                for other in things.values()
                if containers(other)
                and spec["selector"].items() <= other["spec"]["template"]["metadata"]["labels"].items()
                for container in containers(other)
                for port in container.get("ports", [])
            }
            assert {port["targetPort"] for port in spec["ports"]} <= ports, name
        if thing["kind"] == "PodDisruptionBudget":
            assert somebody(spec["selector"]["matchLabels"]), name
        if thing["kind"] == "NetworkPolicy":
            assert somebody(spec["podSelector"].get("matchLabels", {})), name
            for source in [source for rule in spec.get("ingress", []) for source in rule.get("from", [])]:
                assert "podSelector" not in source or somebody(source["podSelector"]["matchLabels"]), name
        if thing["kind"] == "Ingress":
            for path in [path for rule in spec["rules"] for path in rule["http"]["paths"]]:
                assert ("Service", path["backend"]["service"]["name"]) in things
        if thing["kind"] in ("ScaledObject", "HorizontalPodAutoscaler"):
            assert ("Deployment", spec["scaleTargetRef"]["name"]) in things


def test_volumes_that_are_mounted_are_there(things: dict[tuple[str, str], Object]) -> None:
    for thing, pod, container in all_containers(things):
        there = {volume["name"] for volume in pod.get("volumes", [])}
        there |= {claim["metadata"]["name"] for claim in thing["spec"].get("volumeClaimTemplates", [])}
        assert {mount["name"] for mount in container.get("volumeMounts", [])} <= there, key(thing)
        for volume in pod.get("volumes", []):
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in things


def test_addresses_between_services_lead_to_services(large: dict[tuple[str, str], Object]) -> None:
    names = {name for kind, name in large if kind == "Service"}
    for thing, _, container in all_containers(large):
        for name, value in environment(container).items():
            for host, port in re.findall(r"(?:http://|@|^)([a-z-]+):(\d+)", value):
                if host.startswith("groundswell-postgres"):  # CloudNativePG makes it
                    continue
                assert host in names, f"{key(thing)}: {name}"
                assert int(port) in {each["port"] for each in large["Service", host]["spec"]["ports"]}
    for text in [value for thing in large.values() for value in thing.get("data", {}).values()]:
        for name, nodes in re.findall(r"\b([a-z]+)-\d\.([a-z-]+):", text):
            assert large["StatefulSet", name]["spec"]["serviceName"] == nodes


def test_what_scales_asks_for_metrics_that_there_are() -> None:
    waiting = worker_metrics.WAITING._name
    queries = [
        trigger["metadata"]["query"]
        for thing in built(FOLDER / "overlays/large").values()
        if thing["kind"] == "ScaledObject"
        for trigger in thing["spec"]["triggers"]
    ]
    known = {waiting, *(f"{api_metrics.REQUEST_SECONDS._name}{end}" for end in ("_sum", "_count", "_bucket"))}
    named = {name for query in queries for name in re.findall(r"groundswell_\w+", query)}
    assert named
    assert named <= known
    from services.worker.depths import KINDS

    for kind in [kind for query in queries for kind in re.findall(r'kind="(\w+)"', query)]:
        assert kind in KINDS


def test_the_two_ways_to_scale_exclude_each_other() -> None:
    kinds = {target: {kind for kind, _ in built(FOLDER / target)} for target in TARGETS}
    assert "ScaledObject" in kinds["overlays/large"] - kinds["overlays/large-cpu"]
    assert "HorizontalPodAutoscaler" in kinds["overlays/large-cpu"] - kinds["overlays/large"]


def test_valkey_is_found_where_it_writes(tmp_path: Path) -> None:
    """HAProxy's own judgement of its file, where it is installed."""
    haproxy = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
    if haproxy is None:
        pytest.skip("haproxy is not installed (Debian's package haproxy)")
    file = tmp_path / "haproxy.cfg"
    file.write_text(built(FOLDER / "overlays/large")["ConfigMap", "valkey-front"]["data"]["haproxy.cfg"])
    subprocess.run([haproxy, "-c", "-f", str(file)], check=True, env={"VALKEY_PASSWORD": "x"}, capture_output=True)


def test_the_script_that_begins_valkey_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "begin.sh"
    file.write_text(built(FOLDER / "overlays/large")["ConfigMap", "valkey"]["data"]["begin.sh"])
    subprocess.run(["sh", "-n", str(file)], check=True)

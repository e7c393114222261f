"""What it costs: the arithmetic, Docker's words, and that page and limits follow from what was measured."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from infra.cost import containers, measured
from infra.cost.bill import bills, cores_to_embed_all, disk_gb, free_cluster_hours, most_memory, prices
from infra.cost.measured import Measured, Run, Use
from infra.cost.page import BEGIN, END, block, put
from infra.cost.processes import of_tree

ROOT = Path(__file__).resolve().parents[3]
#: What Compose calls the services that were measured.
SERVICES = {"relay": "relay", "api": "api", "worker": "worker", "postgres": "postgres", "redis": "valkey"}


def run(**changes: object) -> Run:
    made = Run(
        combined=False, posts_asked=10, seconds=100, warm_seconds=10, events=8_000, posts=1_000, vectors=500,
        disk_bytes=6_000_000, vector_bytes=1_000_000, load=1, busy=0,
        services=[Use("postgres", 200_000_000, 300_000_000, 0.1), Use("relay", 300_000_000, 400_000_000, 0.4)],
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def test_a_bill_is_memory_processor_and_disk_at_their_prices() -> None:
    listed = prices()
    bill = next(iter(bills(Measured("2026-12-01", "a machine", "solo", [run()]), listed)))
    vectors = 10 * 86_400 * 3 / 1e6  # three hot days
    memory = 0.5 + 0.013 + vectors * 0.6
    disk = 5_000 * 10 * 86_400 * 30 / 1e9 + vectors * 2.3
    assert bill.memory_gb == pytest.approx(memory)
    assert bill.disk_gb == pytest.approx(disk)
    assert bill.cores == pytest.approx(0.1 + 0.4 / 0.5), "half the posts got a vector: the relay needs twice as much"
    assert bill.month == pytest.approx(memory * 10 + bill.cores * 20 + disk * 0.15)


def test_a_plan_costs_its_minimum() -> None:
    small = run(disk_bytes=1_000, vector_bytes=0, services=[Use("relay", 1_000_000, 1_000_000, 0.001)], vectors=1_000)
    free = [*bills(Measured("", "", "solo", [small]), prices())][1]
    assert "free cluster" in free.way
    assert free.compute + free.disk < 5 == free.month


def test_the_smallest_machine_that_is_large_enough_is_taken() -> None:
    def machine(one: Run) -> tuple[str, str]:
        bill = [*bills(Measured("", "", "solo", [one]), prices())][2]
        return bill.way, bill.remark

    assert "2 cores" in machine(run())[0]
    assert "4 cores" in machine(run(services=[Use("postgres", 3_000_000_000, 0, 0.1)]))[0]
    assert machine(run(services=[Use("relay", 1, 1, 9.0)]))[1].startswith("the largest on the list")


def test_the_free_cluster_holds_less_the_more_comes() -> None:
    hours = free_cluster_hours(run(), prices())
    assert hours == pytest.approx(1.0 / 0.6 * 1e6 / 10 / 3600)
    assert free_cluster_hours(run(posts_asked=100), prices()) == pytest.approx(hours / 10)


def test_the_page_is_what_the_figures_give() -> None:
    text = (ROOT / "docs" / "cost.md").read_text("utf-8")
    found = BEGIN + text.partition(BEGIN)[2].partition(END)[0] + END
    assert found == block(measured.read(), prices()), "run: make cost"


def test_both_shapes_were_measured_at_a_small_and_a_large_rate_and_stored_what_came() -> None:
    kept = measured.read()
    for combined in (False, True):
        assert {one.posts_asked for one in kept.runs if one.combined is combined} == {10.0, 100.0}
    for one in kept.runs:
        assert one.seconds >= 180
        assert one.rate == pytest.approx(one.posts_asked, rel=0.2)
        assert cores_to_embed_all(one) > 0
        assert disk_gb(one) > 0


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing to replace")
    with pytest.raises(ValueError, match="has no marks"):
        put(page, "figures")
    assert page.read_text() == "nothing to replace"


@pytest.mark.parametrize(
    ("text", "size"), [("57.5MiB", 57.5 * 2**20), ("1.2GiB", 1.2 * 2**30), ("900kB", 9e5), ("12B", 12.0)]
)
def test_dockers_sizes_are_read(text: str, size: float) -> None:
    assert containers.in_bytes(text) == pytest.approx(size)


@pytest.mark.parametrize("text", ["", "--", "12 potatoes", "MiB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        containers.in_bytes(text)


def test_containers_are_measured_by_what_docker_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker cannot be had here: a command that answers as it does."""
    names = {"relay": "aaa", "api": "bbb", "worker": "ccc", "postgres": "ddd", "redis": "eee"}
    ps = "\n".join(json.dumps({"ID": f"{name * 5}", "Service": service}) for service, name in names.items())
    stats = "\n".join(
        json.dumps({"ID": (name * 5)[:12], "MemUsage": "100MiB / 1GiB", "CPUPerc": "25.00%"}) for name in names.values()
    )
    answers = {"version": "2.40.0", "info": "", "ps": ps, "stats": stats, "exec": "1000 8000 500 5000000 100"}
    for name, said in answers.items():
        (tmp_path / name).write_text(said)
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\n[ "$1" = compose ] && shift\nexec cat {tmp_path}/"$1"\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(containers, "SAMPLE_SECONDS", 0.01)
    one = containers.measure(10.0, 0.05)
    assert {use.name for use in one.services} == {"relay", "api", "worker", "postgres", "valkey"}
    assert one.service("valkey") == Use("valkey", 100 * 2**20, 100 * 2**20, 0.25)


def test_a_process_is_counted_with_its_children() -> None:
    child = "import time, os; held = bytearray(50_000_000); print('held', flush=True); time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            sample = of_tree(process.pid)
        finally:
            subprocess.run(["pkill", "-P", str(process.pid)], check=False)
            process.kill()
    assert sample.memory > 50_000_000
    assert sample.cpu > 0


def limit(text: str) -> float:
    """ "${RELAY_MEMORY:-768m}" in bytes, as Compose reads it."""
    found = re.fullmatch(r"\$\{\w+:-(\d+)([mg])\}", text)
    assert found is not None, text
    return int(found[1]) * {"m": 2**20, "g": 2**30}[found[2]]


def test_limits_leave_half_as_much_again_as_was_measured() -> None:
    services: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    most = most_memory(measured.read(), SERVICES.values())
    for service, name in SERVICES.items():
        assert limit(services[service]["mem_limit"]) >= 1.5 * most[name], service
    for service in ("relay", "api"):
        assert limit(services[service]["mem_limit"]) <= 3 * most[SERVICES[service]], f"{service} is given too much"


def test_railways_limits_are_those_of_the_containers() -> None:
    spec = importlib.util.spec_from_file_location("railway_project", ROOT / ".railway" / "railway.py")
    assert spec is not None
    assert spec.loader is not None
    code = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(code)
    from railway_sdk import create_railway_context

    services: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    combined = most_memory(measured.read(), ["combined"])["combined"]
    for environment in ("production", "staging"):
        graph = code.railway(create_railway_context(environment=environment)).to_graph()
        for node in graph["resources"]:
            if node["type"] != "service":
                continue
            held = node["deploy"]["limitOverride"]["containers"]["memoryBytes"]
            if node["name"] == "combined":
                assert held >= 1.5 * combined
            else:
                assert held == limit(services[node["name"]]["mem_limit"]), node["name"]

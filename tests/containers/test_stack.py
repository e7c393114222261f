"""The stack in containers as a person starts it: what runs, what it may do, what it survives."""

from __future__ import annotations

import random
import subprocess
from typing import Any

import httpx
import pytest

from infra import stack
from tests.support.containers import HOW, Stack
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(1200)

ALL = ("postgres", "redis", "migrate", "simulator", "relay", "api", "worker", "frontend")
OWN = ("migrate", "relay", "api", "worker", "frontend", "simulator")


def attempt(ask: Any) -> Any:
    """What ``ask`` gives, ``None`` while the API is away."""
    try:
        return ask()
    except httpx.HTTPError:
        return None


def test_make_up_waits_until_all_is_healthy_and_says_where(up: Stack) -> None:
    assert f"s: {up.url}\n" in up.said
    assert "`make down` stops it and keeps the data." in up.said
    states = up.states()
    assert states.keys() == {*ALL, "prometheus", "alertmanager"}
    assert states["migrate"]["ExitCode"] == 0
    assert {states[name]["Health"] for name in ALL if name != "migrate"} == {"healthy"}
    secrets = stack.read(up.folder / ".env")
    assert not [value for value in secrets.values() if value in up.said], "secrets are not shown"


def test_the_dashboard_and_the_api_answer_under_one_address(up: Stack) -> None:
    with httpx.Client(base_url=up.url, trust_env=False) as nobody:
        page = nobody.get("/topics/anything")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        script = page.text.partition('src="')[2].partition('"')[0]
        assert "immutable" in nobody.get(script).headers["cache-control"]
        assert nobody.get("/assets/none.js").status_code == 404
        assert nobody.get("/api/v1/topics").status_code == 401
        assert nobody.get("/health/ready").status_code == 200
    assert up.get("/api/v1/topics")


def test_only_two_ports_are_reached_and_by_this_machine_alone(up: Stack) -> None:
    published = {
        (name, bound["HostIp"])
        for name in ALL
        for bounds in (up.inspect(name)["NetworkSettings"]["Ports"] or {}).values()
        for bound in bounds or ()
    }
    assert published == {("frontend", "127.0.0.1"), ("api", "127.0.0.1")}


@pytest.mark.parametrize("service", OWN)
def test_our_own_containers_hold_no_rights(up: Stack, service: str) -> None:
    found = up.inspect(service)
    assert found["Config"]["User"] == "10001:10001"
    assert found["HostConfig"]["ReadonlyRootfs"]
    assert found["HostConfig"]["CapDrop"] == ["ALL"]
    assert not found["HostConfig"]["CapAdd"]
    assert found["HostConfig"]["SecurityOpt"] == ["no-new-privileges:true"]
    assert found["HostConfig"]["Memory"] > 0
    if service != "migrate":
        status = subprocess.run(
            ["docker", "exec", found["Id"], "cat", "/proc/1/status"], capture_output=True, text=True, check=True
        ).stdout
        held = dict(line.split(":\t", 1) for line in status.splitlines() if line.startswith("Cap"))
        assert {int(value, 16) for value in held.values()} == {0}
        written = subprocess.run(["docker", "exec", found["Id"], "touch", "/here"], capture_output=True, check=False)
        assert written.returncode != 0


def test_the_main_job_goes_through(up: Stack) -> None:
    topics = until(lambda: up.get("/api/v1/topics")["topics"], 240, "topics")
    found = up.get("/api/v1/search?q=power+outage")
    assert found["mode"] == "text only", "Qdrant was left out"
    assert "Qdrant" in found["reason"] or "index" in found["reason"]
    assert found["hits"]
    with up.client() as client:
        run = client.post("/api/v1/runs", json={"topic": topics[0]["id"]}).raise_for_status().json()
        done = until(
            lambda: (now := up.get(f"/api/v1/runs/{run['id']}"))["status"] in ("done", "failed") and now,
            120,
            "briefing",
        )
        assert done["status"] == "done", done
        pdf = client.get(f"/api/v1/reports/{done['report']}/pdf")
    assert pdf.content.startswith(b"%PDF-")


def test_it_is_degraded_without_qdrant_and_nothing_else_is_missing(up: Stack) -> None:
    health = up.get("/api/v1/health")
    assert health["state"] == "degraded"
    assert not [part for part in health["components"] if part["state"] == "down"], health["components"]


@pytest.mark.parametrize("service", ["postgres", "redis", "relay", "api", "worker", "frontend", "simulator"])
def test_the_loss_of_one_is_survived_by_all(up: Stack, service: str) -> None:
    began = {name: up.inspect(name)["State"]["StartedAt"] for name in ALL}
    up.kill(service)
    until(lambda: up.inspect(service)["State"]["StartedAt"] != began[service], 60, "started again")
    up.wait_healthy(*ALL)
    others = [name for name in ALL if name not in (service, "migrate")]
    assert [up.inspect(name)["State"]["StartedAt"] for name in others] == [began[name] for name in others]
    posts = until(lambda: attempt(up.posts), 60, "the API answers")
    until(lambda: (attempt(up.posts) or 0) > posts, 60, "posts go on")


def orders() -> list[tuple[str, ...]]:
    """The wrong way round, each of them first, and some at random."""
    chance = random.Random(7)
    first = [(name, *(other for other in ALL if other != name)) for name in ALL]
    return [ALL[::-1], *first, *(tuple(chance.sample(ALL, len(ALL))) for _ in range(4))]


@pytest.mark.parametrize("order", orders(), ids="-".join)
def test_started_in_any_order_all_get_healthy(up: Stack, order: tuple[str, ...]) -> None:
    before = attempt(up.posts)
    up.compose("stop", "--timeout", "10", *ALL)
    containers = {name: up.states()[name]["ID"] for name in ALL}
    for name in order:
        subprocess.run(["docker", "start", containers[name]], capture_output=True, check=True)
    up.wait_healthy(*ALL)
    posts = until(lambda: attempt(up.posts), 60, "the API answers")
    assert posts >= (before or 0)
    until(lambda: (attempt(up.posts) or 0) > posts, 60, "posts go on")


def test_a_backup_is_taken_and_proven_in_the_workers_container(up: Stack) -> None:
    taken = up.compose("exec", "--no-TTY", "worker", "groundswell", "backup")
    assert "Keep a copy elsewhere" in taken
    assert "are as they were backed up" in up.compose(
        "exec", "--no-TTY", "worker", "groundswell", "restore", "--verify"
    )


def test_two_workers_share_the_work(up: Stack) -> None:
    def live(unit: dict[str, Any]) -> bool:
        return unit["unit"] == "worker" and not unit["silent"]

    up.compose("up", "--detach", "--no-build", "--no-deps", "--scale", "worker=2", "worker")
    workers = up.compose("ps", "--quiet", "worker").split()
    assert len(workers) == 2
    until(
        lambda: len({unit["instance"] for unit in up.get("/api/v1/processes")["units"] if live(unit)}) == 2,
        60,
        "both report",
    )


def test_down_keeps_the_data(up: Stack) -> None:
    before = up.posts()
    up.make("down")
    assert up.states() == {}
    up.make("up", *HOW)
    up.wait_healthy(*ALL)
    assert up.posts() >= before


def test_with_a_vector_server_search_goes_by_meaning(up: Stack) -> None:
    """With a stand-in that speaks Qdrant's calls, in a container of its own under Qdrant's name."""
    override = up.folder / "stand-in.yaml"
    override.write_text(
        """
services:
  qdrant:
    image: groundswell:local
    pull_policy: never
    entrypoint: [python, -m, tests.support.qdrant_server]
    command: ["0.0.0.0", "6333", "$QDRANT_API_KEY"]
    working_dir: /checkout
    volumes: ["./tests:/checkout/tests:ro"]
    environment: {PYTHONPATH: /checkout}
    healthcheck:
      test: [CMD, python, -IS, -c, "import socket; socket.create_connection(('127.0.0.1', 6333), 3)"]
"""
    )
    up.compose("-f", "compose.yaml", "-f", override.name, "up", "--detach", "--no-build", "--wait", "qdrant")

    def by_meaning() -> bool:
        found = up.get("/api/v1/search?q=power+outage")
        return found["mode"] == "hybrid" and any("meaning" in hit["matched"] for hit in found["hits"])

    until(lambda: attempt(by_meaning), 180, "vectors are filled in")
    up.compose("-f", "compose.yaml", "-f", override.name, "stop", "--timeout", "2", "qdrant")
    until(
        lambda: attempt(lambda: up.get("/api/v1/search?q=power+outage")["mode"] == "text only"), 60, "text only again"
    )

"""A stack in containers under a name and ports of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx

from infra import stack
from services.solo.folder import free_port
from tests.support.waiting import until

PROJECT = "groundswell-test"
#: How the tests start it: what no registry is needed for.
HOW = ("SOURCE=simulator", "PROFILE=observability", "WITHOUT=qdrant grafana")
#: Ours, in the order they are meant to start.
UNITS = ("migrate", "relay", "api", "worker", "frontend")


class Stack:
    """``folder`` is a checkout. ``said`` is what the last command wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.said = folder, ""
        self._compose = stack.find_compose()
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GROUNDSWELL_")},
            "COMPOSE_PROJECT_NAME": PROJECT,
            "FRONTEND_PORT": str(free_port()),
            "API_PORT": str(free_port()),
            "PROMETHEUS_PORT": str(free_port()),
            "RATE": "10",
        }
        self.url = f"http://localhost:{self._environment['FRONTEND_PORT']}"
        self.prometheus = f"http://localhost:{self._environment['PROMETHEUS_PORT']}"

    def make(self, *words: str) -> None:
        """A target of the Makefile, as a person types it. AssertionError with its output when it fails."""
        self._run(["make", "--no-print-directory", *words])

    def compose(self, *words: str) -> str:
        """Compose itself; what it wrote."""
        return self._run([*self._compose, "--profile", "simulator", "--profile", "observability", *words])

    def remove(self) -> None:
        """All of it, with its data."""
        if (self.folder / ".env").exists():
            self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")

    def client(self) -> httpx.Client:
        """Speaks to the API through the dashboard's address, with the token of ``.env``."""
        token = stack.read(self.folder / ".env")["GROUNDSWELL_API_TOKEN"]
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=20
        )

    def get(self, path: str) -> Any:
        """What the API answers."""
        with self.client() as client:
            return client.get(path).raise_for_status().json()

    def posts(self) -> int:
        """Posts in the record."""
        return int(self.get("/api/v1/health")["figures"]["posts_stored"] or 0)

    def part(self, name: str) -> dict[str, Any]:
        """State and reason of one part, as health tells; {} where it has none."""
        parts = self.get("/api/v1/health")["components"]
        return next((part for part in parts if part["name"] == name), {})

    def states(self) -> dict[str, dict[str, Any]]:
        """State of each container by its service."""
        lines = self.compose("ps", "--all", "--format", "json").splitlines()
        return {state["Service"]: state for state in map(json.loads, lines)}

    def wait_healthy(self, *services: str, seconds: float = 120) -> None:
        """Until these are healthy, or have ended well."""

        def well() -> bool:
            states = self.states()
            return all(
                states[name]["Health"] == "healthy"
                or (states[name]["State"] == "exited" and states[name]["ExitCode"] == 0)
                for name in services
            )

        until(well, seconds, f"{services} are healthy")

    def inspect(self, service: str) -> dict[str, Any]:
        """The engine's account of a service's container."""
        identity = self.states()[service]["ID"]
        said = subprocess.run(["docker", "inspect", identity], capture_output=True, text=True, check=True)
        found: dict[str, Any] = json.loads(said.stdout)[0]
        return found

    def kill(self, service: str) -> None:
        """SIGKILL to its first process, from outside: the engine takes it for a crash."""
        os.kill(self.inspect(service)["State"]["Pid"], signal.SIGKILL)

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False
        )
        self.said = done.stdout + done.stderr
        assert done.returncode == 0, self.said[-4000:]
        return done.stdout

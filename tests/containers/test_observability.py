"""A real Prometheus beside the stack: everything answers it, and every query of alerts and dashboards can be asked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from infra.observability import dashboards
from tests.support.containers import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(1200)

#: Panels that stay empty until what they show has happened once: calls of models, failures, alerts.
RARE = {
    "platform: Refused",
    "ingestion: Gaps",
    "ingestion: Left unread",
    "ingestion: Interruptions",
    "ingestion: Frames that could not be read",
    "ingestion: Vector searches",
    "ingestion: Removed for their age",
    "intelligence: Calls",
    "intelligence: Refused for money",
    "intelligence: Answers of before",
    "intelligence: Saved by them",
    "intelligence: Time of calls",
    "intelligence: Runs",
    "intelligence: Time of runs",
    "intelligence: Pipelines",
    "intelligence: Rejected stages",
    "intelligence: Reports printed",
    "intelligence: Alerts of watches",
    "intelligence: Deliveries",
}


def ask(up: Stack, path: str, **params: str) -> Any:
    """What Prometheus answers."""
    answer = httpx.get(f"{up.prometheus}/api/v1/{path}", params=params, trust_env=False, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_every_unit_is_read(up: Stack) -> None:
    def read() -> bool:
        targets = ask(up, "targets")["activeTargets"]
        well = {target["labels"]["job"] for target in targets if target["health"] == "up"}
        return well == {"prometheus", "alertmanager", "relay", "api", "worker"}

    until(read, 120, "all targets are up")


def test_prometheus_knows_the_alerts_and_whom_to_tell(up: Stack) -> None:
    rules = [rule for group in ask(up, "rules")["groups"] for rule in group["rules"]]
    assert len(rules) == 25
    until(
        lambda: all(r["health"] == "ok" for g in ask(up, "rules")["groups"] for r in g["rules"]), 60, "all are judged"
    )
    until(lambda: ask(up, "alertmanagers")["activeAlertmanagers"], 60, "Alertmanager is found")


@pytest.mark.parametrize(("panel", "query"), dashboards.queries())
def test_a_panel_shows_something(up: Stack, panel: str, query: str) -> None:
    if panel in RARE:
        ask(up, "query", query=query)  # it is a query, whatever it finds
    else:

        def shown() -> bool:
            up.get("/api/v1/topics")  # somebody asks, so that there are requests to draw
            return bool(ask(up, "query", query=query)["result"])

        until(shown, 120, f"{panel}: {query}")

"""What a unit says of itself on its internal port."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from services.solo.folder import free_port
from shared.errors import StoreUnavailable
from shared.telemetry import health, metrics
from shared.telemetry.health import Readiness, Reporter
from tests.support.waiting import until


class Store:
    """Takes reports, or does not."""

    def __init__(self) -> None:
        self.away = True

    def __call__(self, *_: object) -> None:
        if self.away:
            raise StoreUnavailable("away")


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def reporter(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reporter]:
    monkeypatch.setattr(health, "REPORT_EVERY_SECONDS", 0.02)
    monkeypatch.setattr(health, "GONE_SECONDS", 0.2)
    reporter = Reporter("relay", store)
    reporter.start()
    yield reporter
    reporter.stop()


def test_a_unit_is_ready_while_postgresql_takes_its_reports(store: Store, reporter: Reporter) -> None:
    readiness = Readiness()
    assert readiness.why_not() == "It waits for PostgreSQL and its schema."
    readiness.follow(reporter)
    assert readiness.why_not() == "PostgreSQL does not take its reports."
    store.away = False
    until(lambda: readiness.why_not() is None, 5)
    store.away = True
    until(lambda: readiness.why_not() == "PostgreSQL does not take its reports.", 5)


def test_a_unit_that_says_it_is_down_is_not_ready_and_one_whose_part_is_down_is(
    store: Store, reporter: Reporter
) -> None:
    store.away = False
    until(lambda: reporter.why_not() is None, 5)
    reporter.set("valkey", "down", "away")
    assert reporter.why_not() is None
    reporter.set("relay", "down", "no room")
    assert reporter.why_not() == "no room"


def test_the_internal_port_offers_metrics_and_both_probes() -> None:
    reasons: list[str | None] = ["not yet"]
    port = free_port()
    metrics.serve("127.0.0.1", port, lambda: reasons[-1])
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        live, ready = client.get("/health/live"), client.get("/health/ready")
        assert (live.status_code, live.json()) == (200, {"state": "ok"})
        assert (ready.status_code, ready.json()) == (503, {"state": "down", "reason": "not yet"})
        reasons.append(None)
        assert client.get("/health/ready").status_code == 200
        assert "python_info" in client.get("/metrics").text
    with pytest.raises(OSError, match="in use"):
        metrics.serve("127.0.0.1", port, lambda: None)

"""Pools and clocks as metrics."""

from __future__ import annotations

import threading

from prometheus_client import REGISTRY

from shared.config.settings import Settings
from shared.store.database import AsyncDatabase, Database
from shared.store.platform import QUEUES
from shared.store.unit_reports import teller
from tests.support.waiting import until


def figure(what: str, pool: str) -> float | None:
    return REGISTRY.get_sample_value(f"groundswell_store_pool_{what}", {"pool": pool})


def test_who_waits_for_a_connection_is_counted(postgres_url: str) -> None:
    database = Database(Settings(postgres_url=postgres_url), name="counted", size=1)
    database.open()
    with database.transaction():
        assert figure("limit_connections", "counted") == 1
        assert figure("connections", "counted") == 1
        assert figure("idle_connections", "counted") == 0
        waiting = threading.Thread(target=lambda: database.fetch(QUEUES))
        waiting.start()
        until(lambda: figure("waiting_requests", "counted") == 1, 5)
    waiting.join()
    assert figure("waiting_requests", "counted") == 0
    assert (figure("wait_seconds_total", "counted") or 0) > 0
    assert figure("requests_total", "counted") == 2
    database.close()
    assert figure("connections", "counted") is None, "a pool that is closed is no more"


async def _asked(postgres_url: str) -> float | None:
    database = AsyncDatabase(Settings(postgres_url=postgres_url), name="async-counted", size=2)
    await database.open()
    try:
        await database.fetch(QUEUES)
        return figure("requests_total", "async-counted")
    finally:
        await database.close()


def test_async_pools_are_counted_too(postgres_url: str) -> None:
    import asyncio

    assert asyncio.run(_asked(postgres_url)) == 1


def test_a_report_tells_how_far_the_clocks_are_apart(database: Database, monkeypatch: object) -> None:
    say = teller(database)
    say("relay", "here:1", "relay", "ok", None)
    drift = REGISTRY.get_sample_value("groundswell_store_clock_drift_seconds")
    assert drift is not None
    assert abs(drift) < 1, "the same machine"

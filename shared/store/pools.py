"""What pools of connections hold and who waits for them, as metrics of this process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakSet

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

#: Metrics by the name psycopg gives them in ``get_stats``, with the factor to our unit.
_GAUGES = {
    "pool_max": ("groundswell_store_pool_limit_connections", "Connections that a pool may hold."),
    "pool_size": ("groundswell_store_pool_connections", "Connections that a pool holds."),
    "pool_available": ("groundswell_store_pool_idle_connections", "Of them, those that nobody uses."),
    "requests_waiting": ("groundswell_store_pool_waiting_requests", "Callers that wait for a connection."),
}
_COUNTERS = {
    "requests_num": ("groundswell_store_pool_requests", "Connections asked for.", 1.0),
    "requests_wait_ms": ("groundswell_store_pool_wait_seconds", "Time that callers waited for a connection.", 1e-3),
    "requests_errors": ("groundswell_store_pool_refused", "Callers that waited in vain.", 1.0),
}


class Pools(Collector):
    """The pools that are open. Those that went are left out."""

    def __init__(self) -> None:
        self._pools: WeakSet[Any] = WeakSet()

    def add(self, pool: Any) -> None:
        """Count ``pool`` from now on. Several of one name are counted together."""
        self._pools.add(pool)

    def collect(self) -> Iterable[Metric]:
        """One family a figure, one sample a pool's name."""
        found: dict[str, dict[str, float]] = {}
        for pool in list(self._pools):
            if pool.closed:
                continue
            figures = found.setdefault(pool.name, {})
            for name, value in pool.get_stats().items():
                figures[name] = figures.get(name, 0.0) + value
        for key, (name, meaning) in _GAUGES.items():
            gauge = GaugeMetricFamily(name, meaning, labels=["pool"])
            for pool_name, figures in found.items():
                gauge.add_metric([pool_name], figures.get(key, 0.0))
            yield gauge
        for key, (name, meaning, factor) in _COUNTERS.items():
            counter = CounterMetricFamily(name, meaning, labels=["pool"])
            for pool_name, figures in found.items():
                counter.add_metric([pool_name], figures.get(key, 0.0) * factor)
            yield counter


POOLS = Pools()
REGISTRY.register(POOLS)

"""Prometheus metrics. Names: ``groundswell_<unit>_<what>_<unit of measure>``.

Metrics are declared as module constants by their unit (declaring does no I/O) and listed in
``docs/metrics.md``, which a test keeps complete.
"""

from __future__ import annotations

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, start_http_server

__all__ = ["Counter", "Gauge", "Histogram", "names", "serve"]


def serve(host: str, port: int) -> None:
    """Serve ``/metrics`` on an internal address from a daemon thread; port 0 means off."""
    if port:
        start_http_server(port, addr=host)


def names() -> list[str]:
    """Names of our metrics declared so far, sorted."""
    return sorted({metric.name for metric in REGISTRY.collect() if metric.name.startswith("groundswell_")})

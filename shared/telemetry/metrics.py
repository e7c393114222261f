"""Prometheus metrics. Names: ``groundswell_<unit>_<what>_<unit of measure>``.

Metrics are declared as module constants by their unit (declaring does no I/O) and listed in
``docs/metrics.md``, which a test keeps complete.
"""

from __future__ import annotations

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, start_http_server

__all__ = ["Counter", "Gauge", "Histogram", "described", "serve"]


def serve(host: str, port: int) -> None:
    """Serve ``/metrics`` on an internal address from a daemon thread; port 0 means off."""
    if port:
        start_http_server(port, addr=host)


def described() -> list[tuple[str, str, str]]:
    """(name, type, meaning) of our metrics declared so far, sorted by name."""
    return sorted(
        (family.name + ("_total" if family.type == "counter" else ""), family.type, family.documentation)
        for family in REGISTRY.collect()
        if family.name.startswith("groundswell_")
    )

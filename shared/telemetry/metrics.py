"""Prometheus metrics, and the internal port they are read from.

Names: ``groundswell_<unit>_<what>_<unit of measure>``. Metrics are declared as module constants by their unit
(declaring does no I/O) and listed in ``docs/metrics.md``, which a test keeps complete.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import msgspec
from prometheus_client import REGISTRY, Counter, Gauge, Histogram, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

__all__ = ["Counter", "Gauge", "Histogram", "described", "serve"]


def serve(host: str, port: int, why_not_ready: Callable[[], str | None]) -> None:
    """Serve the internal port from a daemon thread; port 0 means off. Raises OSError for one in use.

    ``/metrics``; ``/health/live``, 200 as long as the process answers; ``/health/ready``, 200, or 503 with the reason
    while ``why_not_ready`` gives one.
    """
    if not port:
        return
    server: Any = make_server(host, port, _application(why_not_ready), ThreadingWSGIServer, _Quiet)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="internal-port", daemon=True).start()


class _Quiet(WSGIRequestHandler):
    """A line for each reading would drown the log."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def _application(
    why_not_ready: Callable[[], str | None],
) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    exposition: Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]] = make_wsgi_app()

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO")
        if path not in ("/health/live", "/health/ready"):
            return exposition(environ, start)
        reason = why_not_ready() if path == "/health/ready" else None
        status = "503 Service Unavailable" if reason else "200 OK"
        start(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
        return [msgspec.json.encode({"state": "down", "reason": reason} if reason else {"state": "ok"})]

    return application


def described() -> list[tuple[str, str, str]]:
    """(name, type, meaning) of our metrics declared so far, sorted by name."""
    return sorted(
        (family.name + ("_total" if family.type == "counter" else ""), family.type, family.documentation)
        for family in REGISTRY.collect()
        if family.name.startswith("groundswell_")
    )

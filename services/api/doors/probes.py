"""For process managers: is the process up, can it serve. They say a state and nothing else."""

from __future__ import annotations

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from services.api.readiness import Readiness


def routes(readiness: Readiness) -> list[HTTPRouteHandler]:
    """``/health/live`` and ``/health/ready``."""

    @get("/health/live", name="live_probe", public=True, probe=True)
    async def live_probe() -> Response[bytes]:
        return Response(b'{"state":"ok"}', media_type="application/json", headers={"cache-control": "no-store"})

    @get("/health/ready", name="ready_probe", public=True, probe=True)
    async def ready_probe() -> Response[bytes]:
        readiness.check()
        return Response(b'{"state":"ok"}', media_type="application/json", headers={"cache-control": "no-store"})

    return [live_probe, ready_probe]

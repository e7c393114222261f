"""MCP over streamable HTTP at ``/mcp``, behind the same gate and the same tokens as everything else.

``/mcp/TOOLSET``, or the header ``X-Groundswell-Toolsets: ONE,ANOTHER``, offers other tools than the core ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from litestar import Litestar, asgi
from litestar.exceptions import MethodNotAllowedException
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from services.api.doors.mcp_tools import Tools, read_toolsets
from services.api.operations.context import Services
from services.api.operations.registry import TOOLSETS, Operation
from services.api.readiness import Readiness
from shared.telemetry.version import installed_version

if TYPE_CHECKING:
    from services.api.doors.mcp_server import Running

_HEADER = b"x-groundswell-toolsets"


class McpDoor:
    """Opens with the first request, so that who never uses it pays nothing for it."""

    def __init__(self, operations: Iterable[Operation[Any, Any]], services: Services, readiness: Readiness) -> None:
        self._tools = Tools(operations, services, readiness)
        self._running: Running | None = None
        self._opening = asyncio.Lock()

    def routes(self) -> list[ASGIRouteHandler]:
        """Exact addresses, not a mount: a mount at /mcp would take /mcpx as well."""

        @asgi(["/mcp", *(f"/mcp/{name}" for name in ("core", "all", *TOOLSETS))], name="mcp", copy_scope=True)
        async def mcp(scope: Scope, receive: Receive, send: Send) -> None:
            await self._handle(scope, receive, send)

        return [mcp]

    @asynccontextmanager
    async def life(self, _app: Litestar) -> AsyncIterator[None]:
        """The application's lifespan: ends what a request began."""
        try:
            yield
        finally:
            if self._running is not None:
                await self._running.close()

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "POST":
            # Without sessions there is nothing to listen to (GET) and nothing to end (DELETE).
            raise MethodNotAllowedException(headers={"allow": "POST"})
        asked = scope["path"].removeprefix("/mcp").strip("/") or _header(scope)
        scope["groundswell_toolsets"] = read_toolsets(asked)  # type: ignore[typeddict-unknown-key]
        running = await self._open()
        await running.manager.handle_request(scope, receive, send)  # type: ignore[arg-type]

    async def _open(self) -> Running:
        async with self._opening:
            if self._running is None:
                from services.api.doors.mcp_server import Running

                self._running = Running(self._tools, installed_version())
            await self._running.ready()
        return self._running


def _header(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == _HEADER), "")

"""The only home of the MCP library in the API. Imported on the first request: it takes 35 MB."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from services.api.doors.mcp_tools import INSTRUCTIONS, SERVER, Result, Tool, Tools, as_agent

#: A caller has no use for more, and it is read before it is checked.
BODY_BYTES_MOST = 65_536


class Running:
    """An MCP server for the life of the event loop. Stateless: any process answers any request."""

    def __init__(self, tools: Tools, version: str) -> None:
        logging.getLogger("mcp").setLevel(logging.WARNING)
        server: Server[Any] = Server(
            SERVER,
            version=version,
            title="Groundswell",
            instructions=INSTRUCTIONS,
            get_tool_input_schema=lambda _name: None,
            on_list_tools=self._list,
            on_call_tool=self._call,
        )
        self._tools = tools
        self.manager = StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, max_request_body_size=BODY_BYTES_MOST
        )
        self._stop = asyncio.Event()
        self._ready = asyncio.Event()
        # A task of its own: the library's task group must be left by the task that entered it.
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            async with self.manager.run():
                self._ready.set()
                await self._stop.wait()
        finally:
            self._ready.set()

    async def ready(self) -> None:
        """Until requests may be handed over."""
        await self._ready.wait()

    async def close(self) -> None:
        """End it; once only."""
        self._stop.set()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _list(self, ctx: Any, _params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        scope = ctx.request.scope
        offered = self._tools.offered(as_agent(scope["user"]), scope["groundswell_toolsets"])
        return types.ListToolsResult(tools=[_tool(tool) for tool in offered])

    async def _call(self, ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        scope = ctx.request.scope
        return _result(
            await self._tools.call(scope["user"], scope["groundswell_request"], params.name, params.arguments or {})
        )


def _tool(tool: Tool) -> types.Tool:
    hints = types.ToolAnnotations(
        read_only_hint=tool.read_only,
        destructive_hint=tool.destructive,
        idempotent_hint=tool.idempotent,
        open_world_hint=tool.open_world,
    )
    return types.Tool(name=tool.name, description=tool.description, input_schema=tool.schema, annotations=hints)


def _result(result: Result) -> types.CallToolResult:
    content: list[types.ContentBlock] = [types.TextContent(text=text) for text in result.texts]
    return types.CallToolResult(content=content, structured_content=result.data, is_error=result.is_error)

"""MCP over standard input and output on this side, over streamable HTTP on the other. Beside the API's door, the only
home of the MCP library.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
import mcp_types as types
import msgspec
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from services.api.doors.mcp_tools import INSTRUCTIONS
from shared.schemas.problem import Problem

T = TypeVar("T")


class Upstream:
    """The API's MCP address, with the headers that let one in."""

    def __init__(self, url: str, headers: dict[str, str], seconds: float) -> None:
        self._url, self._headers, self._seconds = url, headers, seconds

    async def tools(self) -> types.ListToolsResult:
        """The tools. Raises MCPError, in words, where there are none to be had."""
        problems: list[Problem] = []
        try:
            return await self._ask(problems, lambda client: client.list_tools())
        except* Exception:
            said = self._words(problems)
        raise MCPError(types.INTERNAL_ERROR, said.replace("\n", " "))

    async def call(self, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        """What the tool answers; an error in words if the platform does not."""
        problems: list[Problem] = []
        try:
            return await self._ask(problems, lambda client: client.call_tool(name, arguments))
        except* Exception:
            said = self._words(problems)
        return types.CallToolResult(content=[types.TextContent(text=said)], is_error=True)

    async def _ask(self, problems: list[Problem], work: Callable[[Client], Awaitable[T]]) -> T:
        async def note(response: httpx2.Response) -> None:
            if response.status_code >= 400:
                problems.append(_problem(response.status_code, await response.aread()))

        async with (
            httpx2.AsyncClient(headers=self._headers, timeout=self._seconds, event_hooks={"response": [note]}) as http,
            Client(streamable_http_client(self._url, http_client=http)) as client,
        ):
            return await work(client)

    def _words(self, problems: list[Problem]) -> str:
        """What, why, what to do: the API's own words where it had any."""
        if problems:
            last = problems[-1]
            do = "Set GROUNDSWELL_API_TOKEN to the operator's or to an access token." if last.status == 401 else last.do
            return "\n".join(part for part in (last.what, last.why, do) if part)
        return f"The API at {self._url} did not answer.\nIs it running? Start it with: make run"


def _problem(status: int, body: bytes) -> Problem:
    """The API's own words, or ours for what the MCP library or a proxy before it answers."""
    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
        return msgspec.json.decode(body, type=Problem)
    if status == 413:
        return Problem(status=status, what="The request is too large.", do="Send less at once.")
    return Problem(status=status, what=f"The API answered {status}.", do="Look at its log, or at the proxy before it.")


async def serve(upstream: Upstream) -> None:
    """Answer on standard output what is asked on standard input, until it ends."""
    logging.getLogger("mcp").setLevel(logging.CRITICAL)

    async def list_tools(_ctx: Any, _params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return await upstream.tools()

    async def call_tool(_ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        return await upstream.call(params.name, params.arguments or {})

    server: Server[Any] = Server(
        "groundswell",
        title="Groundswell",
        instructions=INSTRUCTIONS,
        get_tool_input_schema=lambda _name: None,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())

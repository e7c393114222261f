"""``python -m tests.support.show_mcp ADDRESS``: what MCP's official client sees of a running platform."""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

SHOWN = 240


async def show(client: Client, how: str) -> None:
    """List, find, describe, call, and call wrongly."""
    tools = (await client.list_tools()).tools
    say(f"{how}: {len(tools)} tools: {', '.join(tool.name for tool in tools)}")
    for name, arguments in (
        ("topics", {}),
        ("search_operations", {"q": "run a pipeline on a schedule"}),
        ("call_operation", {"operation": "pipelines", "arguments": {}}),
        ("posts", {"limit": "many"}),
    ):
        answer = await client.call_tool(name, arguments)
        texts = [part.text for part in answer.content]
        say(f"{name} {json.dumps(arguments)} -> {'error' if answer.is_error else 'answer'}: {shortened(texts)}")


def shortened(texts: list[Any]) -> str:
    whole = " | ".join(" ".join(str(text).split()) for text in texts)
    return whole if len(whole) <= SHOWN else f"{whole[:SHOWN]} ... ({len(whole):,} characters)"


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


async def main(address: str) -> None:
    say(f"mcp {version('mcp')}")
    async with (
        httpx2.AsyncClient(timeout=30) as http,
        Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client,
    ):
        await show(client, "over HTTP")
    arguments = ["-m", "services.cli.main", "mcp", "--port", str(urlsplit(address).port)]
    async with Client(StdioServerParameters(command=sys.executable, args=arguments)) as client:
        await show(client, "over standard input and output")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

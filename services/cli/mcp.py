"""``groundswell mcp``: the platform's tools for a client that starts a program and speaks MCP over its pipes.

It hands every question to the running API's own MCP address, so that both transports give the same tools, checks and
answers. The client may be started before the platform: each call connects anew.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from services.cli.reach import add_port
from services.solo.client import address_of
from services.solo.owner import token_of_running
from shared.config.load import load

#: A backtest may read a month of posts.
CALL_SECONDS = 120.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Where the platform is, and what is offered."""
    add_port(parser)
    parser.add_argument("--url", help="the API's address, if it is not on this machine (https://groundswell.example)")
    parser.add_argument("--toolsets", default="core", help="core, all, or names with commas between (default core)")


def run(options: argparse.Namespace) -> int:
    """Serve until the client closes its end."""
    # Imported when wanted: the library takes a second and 35 MB.
    from services.cli.mcp_bridge import Upstream, serve

    settings = load("solo", given={"api_port": options.port})
    headers = {"X-Groundswell-Toolsets": options.toolsets}
    token = settings.api_token
    if not token and not options.url and settings.loopback == "closed":
        token = token_of_running(Path(settings.data_dir)) or ""
    if token:
        headers["Authorization"] = f"Bearer {token}"
    upstream = Upstream(f"{(options.url or address_of(settings)).rstrip('/')}/mcp", headers, CALL_SECONDS)
    served: Any = serve(upstream)
    try:
        asyncio.run(served)
    except* BrokenPipeError:  # the client ended, and there is nobody left to tell anything
        pass
    return 0

"""A simulator's server in a thread with a loop of its own, for tests that block."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any, TypeVar

Server = TypeVar("Server")


@contextlib.contextmanager
def serving(server: Server) -> Iterator[Server]:
    """``server`` (an async context manager), entered until the block ends."""
    manager: Any = server
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(manager.__aenter__(), loop).result(20)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(manager.__aexit__(None, None, None), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

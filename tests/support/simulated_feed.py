"""The simulator's server in a thread of the test's own process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from services.solo.simulator import faults
from services.solo.simulator.server import SimulatorServer
from services.solo.simulator.stream import Stream


class SimulatedFeed:
    """A running server and how many connections it holds now."""

    def __init__(self, server: SimulatorServer, url: str) -> None:
        self.server, self.url = server, url

    @property
    def connections(self) -> int:
        assert self.server._server is not None
        return len(self.server._server.connections)


@contextmanager
def simulated_feed(stream: Stream, spec: str = "", **settings: Any) -> Iterator[SimulatedFeed]:
    """Serve ``stream`` with the faults of ``spec``; ``settings`` are the server's own."""
    server = SimulatorServer(stream, faults=faults.parse(spec), **settings)
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with server:
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield SimulatedFeed(server, server.url)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()

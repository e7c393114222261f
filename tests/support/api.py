"""A real API on a free port, in a thread, over whatever PostgreSQL and Valkey a test gives it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from services.api.operations.queries import SearchInput
from services.api.operations.watch_queries import BacktestInput
from services.api.server import Api
from shared.config.settings import Settings
from shared.schemas.backtest import Backtest
from shared.schemas.search import SearchResult
from shared.store.database import AsyncDatabase
from shared.telemetry.health import State


class Served:
    """A running API: its address, a client, and what it said of its parts."""

    def __init__(self, settings: Settings) -> None:
        self.searched: list[SearchInput] = []
        self.said: list[tuple[str, State, str | None]] = []
        self._api = Api(
            settings,
            pool_size=4,
            search=self._search,
            vectors_stored=self._vectors,
            backtest=self._backtest,
            say=lambda component, state, reason: self.said.append((component, state, reason)),
        )
        self._stop = threading.Event()
        # A daemon: where a loaded machine is too slow to start or stop it in time, the test fails and nothing hangs.
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._api.serve(self._stop)), name="api-under-test", daemon=True
        )
        self.port = self._api.port
        self.url = f"http://127.0.0.1:{self.port}"
        self.live = f"ws://127.0.0.1:{self.port}/api/v1/live"
        self.http = httpx.Client(base_url=self.url, timeout=20)

    def start(self) -> None:
        self._thread.start()
        assert self._api.started.wait(60)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()
        self.http.close()

    async def _search(self, _: AsyncDatabase, query: SearchInput) -> SearchResult:
        self.searched.append(query)
        return SearchResult(query=query.q, mode="hybrid", hits=[], took_ms=1.0, indexed=0, pending=0)

    async def _backtest(self, query: BacktestInput) -> Backtest:
        raise AssertionError(f"no test of these asks for a backtest: {query}")

    async def _vectors(self) -> int | None:
        return None


@contextmanager
def served(settings: Settings) -> Iterator[Served]:
    api = Served(settings)
    try:
        api.start()
        yield api
    finally:
        api.stop()

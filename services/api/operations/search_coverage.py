"""What a search can find: how many posts by meaning, since when, and how many are waiting. Asked seldom."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

import msgspec

from shared.embedding.embedder import Embedder
from shared.errors import GroundswellError
from shared.store import pending, search
from shared.store.database import AsyncDatabase
from shared.vectors.index import VectorIndex

#: Counting may be a scan: once in this time is enough.
COVERAGE_SECONDS = 15.0


class Covered(msgspec.Struct, frozen=True):
    """See ``SearchResult``."""

    indexed: int = 0
    pending: int = 0
    meaning_since: datetime | None = None


class Coverage:
    """What was known last; once it is older than ``COVERAGE_SECONDS``, it is asked anew behind the back of searches.

    Used by one event loop. Only the first search waits. Zero ``indexed`` where the index cannot say.
    """

    def __init__(self, index: VectorIndex, embedder: Embedder) -> None:
        self._index, self._embedder = index, embedder
        self._known: Covered | None = None
        self._asked = float("-inf")
        self._asking: asyncio.Task[Covered] | None = None

    async def __call__(self, database: AsyncDatabase) -> Covered:
        """Raises StoreUnavailable as long as nothing is known."""
        if self._known is not None and time.monotonic() - self._asked <= COVERAGE_SECONDS:
            return self._known
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(database))
            self._asking.add_done_callback(self._keep)
        return await asyncio.shield(self._asking) if self._known is None else self._known

    async def _ask(self, database: AsyncDatabase) -> Covered:
        indexed = await asyncio.to_thread(self._count)
        waiting = await database.fetch_one(pending.COUNT)
        oldest = await database.fetch_one(search.MEANING_SINCE)
        return Covered(indexed, waiting.count if waiting else 0, oldest.time if oldest else None)

    def _keep(self, asked: asyncio.Task[Covered]) -> None:
        self._asking = None
        if not asked.cancelled() and asked.exception() is None:
            self._known, self._asked = asked.result(), time.monotonic()

    def _count(self) -> int:
        try:
            return self._index.count(self._embedder.model) if self._embedder.available else 0
        except GroundswellError:
            return 0

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
    """``Covered``, no older than ``COVERAGE_SECONDS``; zero ``indexed`` where the index cannot say."""

    def __init__(self, index: VectorIndex, embedder: Embedder) -> None:
        self._index, self._embedder = index, embedder
        self._known = Covered()
        self._asked = float("-inf")

    async def __call__(self, database: AsyncDatabase) -> Covered:
        if time.monotonic() - self._asked > COVERAGE_SECONDS:
            indexed = await asyncio.to_thread(self._count)
            waiting = await database.fetch_one(pending.COUNT)
            oldest = await database.fetch_one(search.MEANING_SINCE)
            self._known = Covered(indexed, waiting.count if waiting else 0, oldest.time if oldest else None)
            self._asked = time.monotonic()
        return self._known

    def _count(self) -> int:
        try:
            return self._index.count(self._embedder.model) if self._embedder.available else 0
        except GroundswellError:
            return 0

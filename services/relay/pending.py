"""The rows of posts that want a vector, as the embed stage uses them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.relay.pipeline.embed import Wanted
from shared.store import ingest
from shared.store.database import Database


class StorePending:
    """``Pending`` over PostgreSQL. Raises StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, limit: int) -> list[Wanted]:
        """The newest ``limit`` that still want a vector."""
        rows = self._database.fetch(ingest.WAITING, {"limit": limit})
        return [Wanted(row.id, row.feed, row.event_time, row.text, tuple(row.languages)) for row in rows]

    def done(self, posts: Sequence[UUID]) -> None:
        """Their vectors are kept."""
        self._database.execute(ingest.VECTORS_KEPT, {"ids": list(posts)})

    def deleted(self, posts: Sequence[UUID]) -> list[UUID]:
        """Those among ``posts`` that are deleted by now."""
        return [row.id for row in self._database.fetch(ingest.DELETED_AMONG, {"ids": list(posts)})]

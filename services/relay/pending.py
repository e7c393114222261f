"""The rows of posts that want a vector, as the embed stage uses them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from shared.store import pending
from shared.store.database import Database
from shared.store.pending import PendingPost


class StorePending:
    """``Pending`` over PostgreSQL. Raises StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, limit: int) -> list[PendingPost]:
        """The newest ``limit`` that still want a vector."""
        return self._database.fetch(pending.TAKE, {"limit": limit})

    def done(self, posts: Sequence[PendingPost]) -> None:
        """Their vectors are kept."""
        row = {"posts": [post.id for post in posts], "versions": [post.version for post in posts]}
        self._database.execute(pending.DONE, row)

    def deleted(self, posts: Sequence[UUID]) -> list[UUID]:
        """Those among ``posts`` that are gone by now."""
        return [row.id for row in self._database.fetch(pending.GONE, {"posts": list(posts)})]

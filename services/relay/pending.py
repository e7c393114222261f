"""The rows of posts that want a vector and of models, as the embed stage uses them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from shared.contracts.shards import WHOLE, Shard
from shared.store import pending, removals, vector_models
from shared.store.database import Database
from shared.store.pending import PendingPost
from shared.store.vector_models import VectorModel


class _LeftOut(Exception):
    """Takes the transaction back."""


class StorePending:
    """``Pending`` over PostgreSQL. Raises StoreUnavailable.

    Of several relays each embeds the posts of its part of the authors, and the first removes what must go.
    """

    def __init__(self, database: Database, shard: Shard = WHOLE) -> None:
        self._database, self._shard = database, shard
        self._part = {"index": shard.index, "count": shard.count}

    def take(self, limit: int) -> list[PendingPost]:
        """The newest ``limit`` that still want a vector."""
        return self._database.fetch(pending.TAKE, {"limit": limit, **self._part})

    def newer(self, above: int, limit: int) -> list[PendingPost]:
        """The newest ``limit`` of those stored after the one with ``seq`` ``above``."""
        return self._database.fetch(pending.NEWER, {"above": above, "limit": limit, **self._part})

    def done(self, posts: Sequence[PendingPost], models: Sequence[str]) -> None:
        """Their vectors of ``models`` are kept. While a model that runs was left out, they stay pending."""
        row = {"posts": [post.id for post in posts], "versions": [post.version for post in posts]}
        with suppress(_LeftOut), self._database.transaction() as transaction:
            transaction.execute(pending.DONE, row)
            # After, not before: a model that comes later than this look goes through these posts itself.
            if transaction.fetch(vector_models.LEFT_OUT, {"models": list(models)}):
                raise _LeftOut

    def deleted(self, posts: Sequence[UUID]) -> list[UUID]:
        """Those among ``posts`` that are gone by now."""
        return [row.id for row in self._database.fetch(pending.GONE, {"posts": list(posts)})]

    def unwanted(self, limit: int) -> list[UUID]:
        """Posts whose vectors must go."""
        if self._shard.index > 0:
            return []
        return [row.post for row in self._database.fetch(removals.TAKE, {"limit": limit})]

    def removed(self, posts: Sequence[UUID]) -> None:
        """Their vectors are gone. A post that was stored again meanwhile wants one again."""
        with self._database.transaction() as transaction:
            transaction.execute(removals.WANT_AGAIN, {"posts": list(posts)})
            transaction.execute(removals.DONE, {"posts": list(posts)})


class StoreModelRows:
    """``ModelRows`` over PostgreSQL. Raises StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> list[VectorModel]:
        """All, the active one first."""
        return self._database.fetch(vector_models.READ)

    def adopt(self, model: str) -> None:
        """The first of this record."""
        self._database.execute(vector_models.ADOPT, {"model": model})

    def build(self, model: str) -> None:
        """Begin to bring ``model`` up to the active one."""
        with self._database.transaction() as transaction:
            transaction.execute(vector_models.ABANDON, {"model": model})
            transaction.execute(vector_models.BUILD, {"model": model})

    def abandon(self, model: str) -> None:
        """Give up what is building, ``model`` apart."""
        self._database.execute(vector_models.ABANDON, {"model": model})

    def next(self, after: UUID, limit: int) -> list[PendingPost]:
        """Stored posts with greater ids, in their order."""
        return self._database.fetch(pending.STORED, {"after": after, "limit": limit})

    def walked(self, model: str, after: UUID, done: int) -> None:
        """Its vectors are kept up to the post ``after``."""
        self._database.execute(vector_models.WALKED, {"model": model, "after": after, "done": done})

    def complete(self, model: str) -> None:
        """It lacks nothing; if it was building, it changes places with the active one."""
        with self._database.transaction() as transaction:
            for command in (vector_models.COMPLETE, vector_models.RETIRE, vector_models.ACTIVATE):
                transaction.execute(command, {"model": model})

    def lose(self, model: str) -> None:
        """Nothing runs it."""
        self._database.execute(vector_models.LOSE, {"model": model})

    def regain(self, model: str) -> None:
        """It runs again."""
        self._database.execute(vector_models.REGAIN, {"model": model})

"""The index in PostgreSQL itself, through pgvector: what solo uses, since several processes share it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from shared.errors import IndexUnavailable, StoreUnavailable
from shared.schemas.vector import Vectors
from shared.store import vectors as statements
from shared.store.database import Database
from shared.vectors.checks import check_vector, check_vectors
from shared.vectors.index import Entry, Filter, Match


class PgvectorIndex:
    """Exact cosine over the table ``post_vector``. Thread-safe, as its pool is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure(self, model: str) -> None:
        """Nothing to prepare: the migrations made the table."""

    def upsert(self, model: str, entries: Sequence[Entry], vectors: Vectors) -> None:
        check_vectors(vectors, len(entries))
        # The last of several vectors of one post wins, as it would one by one.
        latest = {entry.post: place for place, entry in enumerate(entries)}
        rows = (
            (entry.post, entry.feed, entry.time, list(entry.languages), vectors[place].tolist())
            for entry, place in ((entries[place], place) for place in latest.values())
        )
        with _translated(), self._database.transaction() as transaction:
            transaction.execute(statements.STAGE)
            transaction.copy_in(statements.STAGED, rows)
            transaction.execute(statements.UPSERT, {"model": model})

    def delete(self, posts: Sequence[UUID]) -> None:
        with _translated():
            self._database.execute(statements.DELETE, {"posts": list(posts)})

    def search(self, model: str, vector: Vectors, limit: int, where: Filter) -> list[Match]:
        check_vector(vector)
        params = {
            "model": model,
            "vector": vector.tolist(),
            "limit": limit,
            "feed": where.feed,
            "language": where.language,
            "since": where.since,
            "until": where.until,
        }
        with _translated():
            found = self._database.fetch(statements.NEAREST, params)
        return [Match(row.post, row.similarity) for row in found]

    def count(self, model: str) -> int:
        with _translated():
            row = self._database.fetch_one(statements.COUNT, {"model": model})
        return row.count if row else 0


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except StoreUnavailable as error:
        raise IndexUnavailable("The vector index did not answer.", why=str(error)) from error

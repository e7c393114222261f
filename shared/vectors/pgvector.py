"""The index in PostgreSQL itself, through pgvector: what solo uses, since several processes share it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

import numpy as np

from shared.errors import IndexUnavailable, StoreUnavailable
from shared.schemas.vector import DIMENSION, Vectors
from shared.store import vectors as statements
from shared.store.database import Database
from shared.store.vectors import Stored
from shared.vectors.checks import check_vector, check_vectors, unknown_place
from shared.vectors.index import Entry, Filter, Match, language_keys

#: Vectors that a transaction removes: short locks, little to redo.
BATCH = 2_000


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
            (
                *(entry.post, entry.feed, entry.time, list(entry.languages), language_keys(entry.languages)),
                *(entry.author, entry.linked, vectors[place].tolist()),
            )
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
            "language": None if where.language is None else where.language.lower(),
            "author": where.author,
            "linked": where.linked,
            "posts": None if where.posts is None else list(where.posts),
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

    def vectors(self, model: str, posts: Sequence[UUID]) -> dict[UUID, Vectors]:
        with _translated():
            rows = self._database.fetch(statements.SOME, {"model": model, "posts": list(posts)})
        return {row.post: vector for row, vector in zip(rows, _unpacked(rows), strict=True)}

    def recent(
        self, model: str, since: datetime, until: datetime, limit: int, after: UUID | None = None
    ) -> tuple[list[Entry], Vectors]:
        params: dict[str, object] = {
            "model": model,
            "since": since,
            "until": until,
            "limit": limit,
            "after": after,
            "after_time": None,
        }
        with _translated(), self._database.transaction() as transaction:
            if after is not None:
                place = transaction.fetch_one(statements.TIME_OF, {"model": model, "post": after})
                if place is None:
                    raise unknown_place(after)
                params["after_time"] = place.time
            rows = transaction.fetch(statements.RECENT, params)
        entries = [Entry(row.post, row.feed, row.time, tuple(row.languages), row.author, row.linked) for row in rows]
        return entries, _unpacked(rows)

    def scan(self, model: str, after: UUID | None, limit: int) -> list[UUID]:
        with _translated():
            rows = self._database.fetch(statements.SCAN, {"model": model, "after": after, "limit": limit})
        return [row.post for row in rows]

    def models(self) -> list[str]:
        with _translated():
            return [row.model for row in self._database.fetch(statements.MODELS)]

    def drop(self, model: str) -> None:
        with _translated():
            while self._database.execute(statements.DROP, {"model": model, "limit": BATCH}) == BATCH:
                pass


def _unpacked(rows: Sequence[Stored]) -> Vectors:
    halves = np.frombuffer(b"".join(row.embedding[4:] for row in rows), dtype=">f2")
    return halves.astype(np.float32).reshape(-1, DIMENSION)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except StoreUnavailable as error:
        raise IndexUnavailable("The vector index did not answer.", why=str(error)) from error

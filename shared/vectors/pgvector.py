"""The index in PostgreSQL itself, through pgvector: what solo uses, since several processes share it.

Vectors lie in chunks, filled one after another (decision 0021). The open chunk is compared row by row until it has
grown; that and sealed ones by their approximate indexes, unless a filter leaves so few rows that comparing them all
costs less.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from shared.errors import IndexUnavailable, StoreUnavailable
from shared.schemas.vector import Vectors
from shared.store import vector_chunks as chunks
from shared.store import vectors as statements
from shared.store.database import Database, Transaction
from shared.store.vector_chunks import Chunk
from shared.store.vectors import Arm
from shared.vectors.checks import check_vector, check_vectors, unknown_place
from shared.vectors.index import Entry, Filter, Match, language_keys

#: A chunk that holds so many is sealed.
CHUNK_ROWS = 50_000
#: Where a filter on time leaves at most so many rows of the indexed chunks, all of them are compared; where others
#: leave this part of that: their rows lie scattered, and each costs three times as much to come by.
EXACT_ROWS, SCATTERED = 20_000, 0.35
#: Rows that are looked at to know how many pass a filter.
SAMPLED_ROWS = 4_000
#: The share of an index's lists that is looked at where all of its rows pass, and their least number; for an
#: index of one language or feed more, since the query may be in another: then nothing is very near, and what is
#: nearest lies scattered. Where fewer rows pass, it lies in more lists: the share grows with the root of that.
PROBED, LEAST_PROBES = 0.08, 20
PROBED_PART, LEAST_PROBES_PART = 0.3, 30


class Plan(msgspec.Struct, frozen=True):
    """Which chunks to compare row by row, which by an index, and how many lists of each index."""

    exact: list[int]
    near: list[Arm]
    probes: int


class PgvectorIndex:
    """Cosine over the table ``post_vector``. Thread-safe, as its pool is."""

    def __init__(self, database: Database, *, chunk_rows: int = CHUNK_ROWS, exact_rows: int = EXACT_ROWS) -> None:
        self._database, self._chunk_rows, self._exact_rows = database, chunk_rows, exact_rows

    def ensure(self, model: str) -> None:
        """Nothing to prepare: the migrations made the table."""

    def upsert(self, model: str, entries: Sequence[Entry], vectors: Vectors) -> None:
        check_vectors(vectors, len(entries))
        if not entries:
            return
        # The last of several vectors of one post wins, as it would one by one.
        latest = {entry.post: place for place, entry in enumerate(entries)}
        embeddings = statements.packed(vectors)
        rows = (
            (
                *(entry.post, entry.feed, entry.time, list(entry.languages), language_keys(entry.languages)),
                *(entry.author, entry.linked, embeddings[place]),
            )
            for entry, place in ((entries[place], place) for place in latest.values())
        )
        with _translated(), self._database.transaction() as transaction:
            transaction.execute(chunks.LOCK)
            closed, chunk = self._open(transaction, model)
            if closed:
                transaction.execute(statements.REPLACED, {"chunks": closed, "posts": list(latest)})
            transaction.execute(statements.STAGE)
            transaction.copy_in(statements.STAGED, rows)
            transaction.execute(statements.upsert(chunk))

    def delete(self, posts: Sequence[UUID]) -> None:
        if not posts:
            return
        with _translated(), self._database.transaction() as transaction:
            transaction.execute(chunks.LOCK)
            transaction.execute(statements.DELETE, {"posts": list(posts)})

    def search(self, model: str, vector: Vectors, limit: int, where: Filter) -> list[Match]:
        check_vector(vector)
        params = _params(where) | {"model": model, "vector": vector.tolist(), "limit": limit}
        with _translated(), self._database.transaction() as transaction:
            found = transaction.fetch(chunks.BETWEEN, params)
            if not found:
                return []
            if where.posts is not None:
                by_chunk = _by_chunk(found, where.posts)
                if not by_chunk:
                    return []
                params |= {f"posts{chunk}": posts for chunk, posts in by_chunk.items()}
                statement, probes = statements.among([*by_chunk], statements.conditions(params)), 1
            else:
                plan = self._plan(transaction, found, where, params)
                statement = statements.nearest(plan.exact, plan.near, statements.conditions(params))
                probes = plan.probes
            transaction.execute(statements.PROBES, {"probes": probes})
            rows = transaction.fetch(statement, params)
        return [Match(row.post, row.similarity) for row in rows]

    def count(self, model: str) -> int:
        with _translated():
            row = self._database.fetch_one(chunks.COUNT, {"model": model})
        return row.count if row else 0

    def vectors(self, model: str, posts: Sequence[UUID]) -> dict[UUID, Vectors]:
        with _translated(), self._database.transaction() as transaction:
            params = {"chunks": _ids(transaction, model), "posts": list(posts)}
            rows = transaction.fetch(statements.SOME, params)
        return {row.post: vector for row, vector in zip(rows, statements.unpacked(rows), strict=True)}

    def recent(
        self, model: str, since: datetime, until: datetime, limit: int, after: UUID | None = None
    ) -> tuple[list[Entry], Vectors]:
        params: dict[str, Any] = {"since": since, "until": until, "limit": limit, "after": after, "after_time": None}
        with _translated(), self._database.transaction() as transaction:
            params["chunks"] = _ids(transaction, model)
            if after is not None:
                place = transaction.fetch_one(statements.TIME_OF, params | {"post": after})
                if place is None:
                    raise unknown_place(after)
                params["after_time"] = place.time
            rows = transaction.fetch(statements.RECENT, params)
        entries = [Entry(row.post, row.feed, row.time, tuple(row.languages), row.author, row.linked) for row in rows]
        return entries, statements.unpacked(rows)

    def scan(self, model: str, after: UUID | None, limit: int) -> list[UUID]:
        with _translated(), self._database.transaction() as transaction:
            params = {"chunks": _ids(transaction, model), "after": after, "limit": limit}
            return [row.post for row in transaction.fetch(statements.SCAN, params)]

    def models(self) -> list[str]:
        with _translated():
            return [row.model for row in self._database.fetch(chunks.MODELS)]

    def drop(self, model: str) -> None:
        with _translated():
            for chunk in self._database.fetch(chunks.OF_MODEL, {"model": model}):
                drop_chunk(self._database, chunk.id)

    def _open(self, transaction: Transaction, model: str) -> tuple[list[int], int]:
        """The model's closed chunks and its open one; where that is full, a new one."""
        found = transaction.fetch(chunks.OF_MODEL, {"model": model})
        last = next((chunk for chunk in found if chunk.state == "open"), None)
        if last is None or last.rows >= self._chunk_rows:
            if last is not None:
                transaction.execute(chunks.SEAL, {"chunk": last.id})
            last = transaction.fetch(chunks.ADD, {"model": model})[0]
            for command in chunks.make(last.id):
                transaction.execute(command)
        return [chunk.id for chunk in found if chunk.id != last.id], last.id

    def _plan(self, transaction: Transaction, found: Sequence[Chunk], where: Filter, params: dict[str, Any]) -> Plan:
        indexed = [chunk for chunk in found if chunk.near]
        rows = sum(chunk.rows for chunk in indexed)
        everything = Plan([chunk.id for chunk in found], [], 1)
        if rows <= self._exact_rows or where.author is not None:
            return everything
        kind = "language" if where.language is not None else "feed" if where.feed is not None else ""
        share = 1.0  # of the rows of an index, those that pass
        if where != Filter():
            sampling = {"chunks": [chunk.id for chunk in indexed], "percent": min(100.0, 100 * SAMPLED_ROWS / rows)}
            statement = statements.passing(statements.conditions(params), statements.conditions(params, [kind]))
            sample = transaction.fetch(statement, params | sampling)[0]
            by_time = msgspec.structs.replace(where, since=None, until=None) == Filter()
            most = self._exact_rows * (1 if by_time else SCATTERED)
            if sample.passing * rows <= most * max(sample.read, 1):
                return everything
            share = sample.passing / sample.part
        part = f"{kind}:{params[kind]}" if kind else ""
        near = [chunk for chunk in indexed if part in chunk.near]
        arms = [Arm(chunk.id, kind if chunk.near[part] else "") for chunk in near]
        lists = max((chunk.near[part] or chunk.near[""] for chunk in near), default=1)
        wanted = max(LEAST_PROBES_PART, lists * PROBED_PART) if kind else max(LEAST_PROBES, lists * PROBED)
        probes = min(lists, math.ceil(wanted / math.sqrt(share)))
        indexes = {chunk.id for chunk in near}
        return Plan([chunk.id for chunk in found if chunk.id not in indexes], arms, probes)


def drop_chunk(database: Database, chunk: int) -> None:
    """Forget a chunk with all in it. Raises StoreUnavailable while somebody reads for too long."""
    with database.transaction() as transaction:
        transaction.execute(chunks.LOCK)
        transaction.execute(chunks.drop(chunk))
        transaction.execute(chunks.FORGET, {"chunk": chunk})


def _ids(transaction: Transaction, model: str) -> list[int]:
    return [chunk.id for chunk in transaction.fetch(chunks.OF_MODEL, {"model": model})]


def _by_chunk(found: Sequence[Chunk], posts: Mapping[UUID, datetime]) -> dict[int, list[UUID]]:
    """``posts`` by the chunks that hold posts of their time: chunks follow time nearly, so most are sought in one."""
    order = sorted(posts, key=posts.__getitem__)
    times = [posts[post] for post in order]
    parts: dict[int, list[UUID]] = {}
    for chunk in found:
        if chunk.first_time is not None and chunk.last_time is not None:
            part = order[bisect_left(times, chunk.first_time) : bisect_right(times, chunk.last_time)]
            if part:
                parts[chunk.id] = part
    return parts


def _params(where: Filter) -> dict[str, Any]:
    return {
        "feed": where.feed,
        "language": None if where.language is None else where.language.lower(),
        "author": where.author,
        "linked": where.linked,
        "since": where.since,
        "until": where.until,
    }


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except StoreUnavailable as error:
        raise IndexUnavailable("The vector index did not answer.", why=str(error)) from error

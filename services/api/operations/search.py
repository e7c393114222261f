"""Search by meaning and by words at once; by words alone when there is no meaning to be had, and it says so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from services.api.operations.search_fusion import Fused, fuse
from shared.embedding.embedder import Embedder
from shared.errors import EmbedderUnavailable, GroundswellError, InputError
from shared.schemas.base import Schema
from shared.schemas.post import Post
from shared.schemas.search import SearchHit, SearchResult
from shared.store import pending, posts
from shared.store import search as statements
from shared.store.database import AsyncDatabase
from shared.telemetry import logs
from shared.vectors.index import Filter, Match, VectorIndex

#: Each arm gives this many times the posts asked for, since the arms overlap and some posts are gone.
_DEPTH = 3

Arm = Literal["meaning", "words"]

_log = logs.get(__name__)


class SearchQuery(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to look for. ``since`` is inclusive, ``until`` exclusive; ``q`` may use quotes, OR and -."""

    q: Annotated[str, Meta(min_length=1, max_length=500)]
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    feed: str | None = None
    language: str | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None


class _Meaning(msgspec.Struct, frozen=True):
    """What the meaning arm found; ``reason`` says why it could not look."""

    matches: list[Match] = []
    indexed: int = 0
    reason: str | None = None


async def search(database: AsyncDatabase, index: VectorIndex, embedder: Embedder, query: SearchQuery) -> SearchResult:
    """The best ``query.limit`` posts; without model or index it goes on with words.

    Raises InputError if ``query.q`` holds no text, and StoreUnavailable.
    """
    began = time.perf_counter()
    query = msgspec.structs.replace(query, q=_clean(query.q))
    if not query.q:
        raise InputError("The search is empty.", why="`q` holds no text.")
    meaning, by_words, waiting = await asyncio.gather(
        asyncio.to_thread(_search_meaning, index, embedder, query),
        _search_words(database, query),
        _count_pending(database),
    )
    arms: dict[Arm, list[UUID]] = {"meaning": [match.post for match in meaning.matches], "words": by_words}
    ranked = fuse(arms)
    kept = await _load(database, [found.item for found in ranked])
    return SearchResult(
        query=query.q,
        mode="hybrid" if meaning.reason is None else "text only",
        reason=meaning.reason,
        hits=_hits(ranked, kept, meaning.matches)[: query.limit],
        took_ms=round((time.perf_counter() - began) * 1000, 1),
        indexed=meaning.indexed,
        pending=waiting,
    )


def _search_meaning(index: VectorIndex, embedder: Embedder, query: SearchQuery) -> _Meaning:
    """Runs in a worker thread: both the model and the index block."""
    if not embedder.available:
        return _Meaning(reason=f"There is no embedding model: {embedder.reason}.")
    try:
        indexed = index.count(embedder.model)
        where = Filter(feed=query.feed, language=query.language, since=query.since, until=query.until)
        vector = embedder.embed([query.q], "query")[0]
        matches = index.search(embedder.model, vector, query.limit * _DEPTH, where)
    except GroundswellError as error:
        part = "embedding model" if isinstance(error, EmbedderUnavailable) else "vector index"
        _log.warning("search_by_meaning_failed", part=part, reason=str(error))
        return _Meaning(reason=f"The {part} failed: {error.what}")
    return _Meaning([match for match in matches if match.similarity >= embedder.floor], indexed)


async def _search_words(database: AsyncDatabase, query: SearchQuery) -> list[UUID]:
    params = {
        "words": statements.words(query.q),
        "patterns": statements.patterns(query.q),
        "limit": query.limit * _DEPTH,
        "feed": query.feed,
        "language": query.language,
        "since": query.since,
        "until": query.until,
    }
    statement = statements.SUBSTRINGS if statements.is_unspaced(query.q) else statements.WORDS
    return [row.id for row in await database.fetch(statement, params)]


async def _count_pending(database: AsyncDatabase) -> int:
    row = await database.fetch_one(pending.COUNT)
    return row.count if row else 0


async def _load(database: AsyncDatabase, ids: Sequence[UUID]) -> dict[UUID, Post]:
    """Those of ``ids`` that are in the record and not deleted: the index may lag behind it."""
    rows = await database.fetch(posts.SOME, {"ids": list(ids)})
    return {UUID(row.id): row.post() for row in rows}


def _hits(ranked: list[Fused[UUID, Arm]], kept: dict[UUID, Post], matches: list[Match]) -> list[SearchHit]:
    similarities = {match.post: match.similarity for match in matches}
    return [
        SearchHit(
            post=kept[found.item],
            score=found.score,
            matched=found.matched,
            similarity=similarities.get(found.item),
        )
        for found in ranked
        if found.item in kept
    ]


def _clean(text: str) -> str:
    """Without what PostgreSQL cannot hold (NUL, lone surrogates); control characters become spaces."""
    plain = text.encode("utf-8", "replace").decode()
    return "".join(character if character >= " " else " " for character in plain).strip()

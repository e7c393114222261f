"""What a vector index offers, whichever it is. One conformance suite runs over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from shared.schemas.vector import Vectors


class Entry(msgspec.Struct, frozen=True):
    """What is kept beside a vector, for filters.

    ``author`` is the post's ``author_hash`` (64 bits, signed); ``linked``: it has at least one link.
    """

    post: UUID
    feed: str
    time: datetime
    languages: tuple[str, ...] = ()
    author: int = 0
    linked: bool = False


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """All conditions must hold; ``None`` means any. ``since`` is inclusive, ``until`` exclusive.

    ``language`` "pt" finds "pt" and "pt-BR", "pt-BR" only itself; case does not matter. ``posts``: only
    among these, each with the time of its entry; none of them finds nothing.
    """

    feed: str | None = None
    language: str | None = None
    author: int | None = None
    linked: bool | None = None
    posts: Mapping[UUID, datetime] | None = None
    since: datetime | None = None
    until: datetime | None = None


class Match(msgspec.Struct, frozen=True):
    """``similarity`` is the cosine in [-1, 1]."""

    post: UUID
    similarity: float


class VectorIndex(Protocol):
    """Idempotent store of one unit vector per model and post. Raises IndexUnavailable when away.

    Sync; the API calls it from a worker thread. Vectors of two models never mix.
    """

    def ensure(self, model: str) -> None:
        """Prepare for vectors of ``model``. Idempotent."""
        ...

    def upsert(self, model: str, entries: Sequence[Entry], vectors: Vectors) -> None:
        """Add or replace. ``vectors`` is float32 (len(entries), DIMENSION)."""
        ...

    def delete(self, posts: Sequence[UUID]) -> None:
        """Remove from every model; unknown posts are ignored."""
        ...

    def search(self, model: str, vector: Vectors, limit: int, where: Filter) -> list[Match]:
        """Nearest by cosine, best first. ``vector`` is float32 (DIMENSION,)."""
        ...

    def count(self, model: str) -> int:
        """How many vectors of ``model`` there are."""
        ...

    def vectors(self, model: str, posts: Sequence[UUID]) -> dict[UUID, Vectors]:
        """Those it has, each float32 (DIMENSION,)."""
        ...

    def recent(
        self, model: str, since: datetime, until: datetime, limit: int, after: UUID | None = None
    ) -> tuple[list[Entry], Vectors]:
        """At most ``limit`` of the posts in [since, until), newest first, then by descending id.

        ``after`` goes on behind that post. Raises InputError if the index does not hold it (any more).
        """
        ...

    def scan(self, model: str, after: UUID | None, limit: int) -> list[UUID]:
        """At most ``limit`` ids above ``after``, ascending: to compare the index with the record."""
        ...

    def models(self) -> list[str]:
        """Every model that has vectors, sorted."""
        ...

    def drop(self, model: str) -> None:
        """Forget all vectors of ``model``. Idempotent."""
        ...


def language_keys(languages: Iterable[str]) -> list[str]:
    """What a filter may ask for to find posts in ``languages``: each tag and its primary subtag, lower-case."""
    lowered = [language.lower() for language in languages]
    return list(dict.fromkeys(key for tag in lowered for key in (tag, tag.partition("-")[0])))

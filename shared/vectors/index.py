"""What a vector index offers, whichever it is. One conformance suite runs over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from shared.schemas.vector import Vectors


class Entry(msgspec.Struct, frozen=True):
    """What is kept beside a vector, for filters."""

    post: UUID
    feed: str
    time: datetime
    languages: tuple[str, ...] = ()


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """All conditions must hold; ``None`` means any. ``since`` is inclusive, ``until`` exclusive."""

    feed: str | None = None
    language: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Match(msgspec.Struct, frozen=True):
    """``similarity`` is the cosine in [-1, 1]."""

    post: UUID
    similarity: float


class VectorIndex(Protocol):
    """Idempotent store of one unit vector per post, per model. Raises IndexUnavailable when away.

    Sync; the API calls it from a worker thread.
    """

    def ensure(self, model: str) -> None:
        """Prepare for vectors of ``model``. Idempotent."""
        ...

    def upsert(self, model: str, entries: Sequence[Entry], vectors: Vectors) -> None:
        """Add or replace. ``vectors`` is float32 (len(entries), DIMENSION)."""
        ...

    def delete(self, posts: Sequence[UUID]) -> None:
        """Remove; unknown posts are ignored."""
        ...

    def search(self, model: str, vector: Vectors, limit: int, where: Filter) -> list[Match]:
        """Nearest by cosine, best first. ``vector`` is float32 (DIMENSION,)."""
        ...

    def count(self, model: str) -> int:
        """How many vectors of ``model`` there are."""
        ...

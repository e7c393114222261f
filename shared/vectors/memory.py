"""The index as one process's memory: for tests, and the plainest statement of what an index does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import numpy as np

from shared.errors import IndexUnavailable
from shared.schemas.vector import DIMENSION, Vectors
from shared.vectors.checks import check_vector, check_vectors, unknown_place
from shared.vectors.index import Entry, Filter, Match, language_keys


class MemoryIndex:
    """Forgets on restart. Set ``away`` to see how callers bear its absence."""

    def __init__(self) -> None:
        self.away = False
        self._kept: dict[str, dict[UUID, tuple[Entry, Vectors]]] = {}

    def ensure(self, model: str) -> None:
        self._check_present()

    def upsert(self, model: str, entries: Sequence[Entry], vectors: Vectors) -> None:
        self._check_present()
        check_vectors(vectors, len(entries))
        kept = self._kept.setdefault(model, {})
        for entry, vector in zip(entries, vectors, strict=True):
            kept[entry.post] = (entry, vector.copy())

    def delete(self, posts: Sequence[UUID]) -> None:
        self._check_present()
        for kept in self._kept.values():
            for post in posts:
                kept.pop(post, None)

    def search(self, model: str, vector: Vectors, limit: int, where: Filter) -> list[Match]:
        check_vector(vector)
        found = [
            Match(post, _cosine(kept, vector))
            for post, (entry, kept) in self._of(model).items()
            if _meets(entry, where)
        ]
        return sorted(found, key=lambda match: -match.similarity)[:limit]

    def count(self, model: str) -> int:
        return len(self._of(model))

    def vectors(self, model: str, posts: Sequence[UUID]) -> dict[UUID, Vectors]:
        kept = self._of(model)
        return {post: kept[post][1].copy() for post in posts if post in kept}

    def recent(
        self, model: str, since: datetime, until: datetime, limit: int, after: UUID | None = None
    ) -> tuple[list[Entry], Vectors]:
        kept = self._of(model)
        if after is not None and after not in kept:
            raise unknown_place(after)
        below = _place(kept[after][0]) if after else None
        found = [
            entry
            for entry, _ in kept.values()
            if since <= entry.time < until and (below is None or _place(entry) < below)
        ]
        entries = sorted(found, key=_place, reverse=True)[:limit]
        vectors = [kept[entry.post][1] for entry in entries]
        return entries, np.array(vectors, dtype=np.float32).reshape(-1, DIMENSION)

    def scan(self, model: str, after: UUID | None, limit: int) -> list[UUID]:
        return sorted(post for post in self._of(model) if after is None or post > after)[:limit]

    def models(self) -> list[str]:
        self._check_present()
        return sorted(model for model, kept in self._kept.items() if kept)

    def drop(self, model: str) -> None:
        self._check_present()
        self._kept.pop(model, None)

    def _of(self, model: str) -> dict[UUID, tuple[Entry, Vectors]]:
        self._check_present()
        return self._kept.get(model, {})

    def _check_present(self) -> None:
        if self.away:
            raise IndexUnavailable("The vector index did not answer.", why="It was told to be away.")


def _place(entry: Entry) -> tuple[datetime, UUID]:
    return entry.time, entry.post


def _meets(entry: Entry, where: Filter) -> bool:
    return (
        (where.feed is None or entry.feed == where.feed)
        and (where.language is None or where.language.lower() in language_keys(entry.languages))
        and (where.author is None or entry.author == where.author)
        and (where.linked is None or entry.linked == where.linked)
        and (where.posts is None or entry.post in where.posts)
        and (where.since is None or entry.time >= where.since)
        and (where.until is None or entry.time < where.until)
    )


def _cosine(a: Vectors, b: Vectors) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))

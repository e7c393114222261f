"""The index as one process's memory: for tests, and the plainest statement of what an index does."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import numpy as np

from shared.errors import IndexUnavailable
from shared.schemas.vector import Vectors
from shared.vectors.checks import check_vector, check_vectors
from shared.vectors.index import Entry, Filter, Match


class MemoryIndex:
    """Forgets on restart. Set ``away`` to see how callers bear its absence."""

    def __init__(self) -> None:
        self.away = False
        self._kept: dict[UUID, tuple[str, Entry, Vectors]] = {}

    def ensure(self, model: str) -> None:
        self._check_present()

    def upsert(self, model: str, entries: Sequence[Entry], vectors: Vectors) -> None:
        self._check_present()
        check_vectors(vectors, len(entries))
        for entry, vector in zip(entries, vectors, strict=True):
            self._kept[entry.post] = (model, entry, vector.copy())

    def delete(self, posts: Sequence[UUID]) -> None:
        self._check_present()
        for post in posts:
            self._kept.pop(post, None)

    def search(self, model: str, vector: Vectors, limit: int, where: Filter) -> list[Match]:
        self._check_present()
        check_vector(vector)
        found = [
            Match(entry.post, _cosine(kept, vector))
            for owner, entry, kept in self._kept.values()
            if owner == model and _meets(entry, where)
        ]
        return sorted(found, key=lambda match: -match.similarity)[:limit]

    def count(self, model: str) -> int:
        self._check_present()
        return sum(owner == model for owner, _entry, _vector in self._kept.values())

    def _check_present(self) -> None:
        if self.away:
            raise IndexUnavailable("The vector index did not answer.", why="It was told to be away.")


def _meets(entry: Entry, where: Filter) -> bool:
    return (
        (where.feed is None or entry.feed == where.feed)
        and (where.language is None or where.language in entry.languages)
        and (where.since is None or entry.time >= where.since)
        and (where.until is None or entry.time < where.until)
    )


def _cosine(a: Vectors, b: Vectors) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))

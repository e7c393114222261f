"""Stand-ins for the model and the vector index: deterministic, in memory, and able to fail on demand."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

import numpy as np

from shared.errors import EmbedderUnavailable, IndexUnavailable
from shared.schemas.vector import DIMENSION, Vectors
from shared.vectors.index import Entry, Filter, Match


class FakeEmbedder:
    """Unit vectors seeded by the text's checksum."""

    model = "fake"
    reason = "a test asked for it"

    def __init__(self) -> None:
        self.available = True
        self.broken = False
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        if self.broken or not self.available:
            raise EmbedderUnavailable("The fake model is broken.")
        self.embedded += texts
        rows = [np.random.default_rng(zlib.crc32(text.encode())).normal(size=DIMENSION) for text in texts]
        found = np.asarray(rows, dtype=np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


class FakeIndex:
    """Remembers vectors by post."""

    def __init__(self) -> None:
        self.away = False
        self.vectors: dict[UUID, Entry] = {}
        self.deleted: list[UUID] = []

    def _check(self) -> None:
        if self.away:
            raise IndexUnavailable("The fake index is away.")

    def ensure(self, model: str) -> None:
        self._check()

    def upsert(self, model: str, entries: Sequence[Entry], vectors: Vectors) -> None:
        self._check()
        self.vectors |= {entry.post: entry for entry in entries}

    def delete(self, posts: Sequence[UUID]) -> None:
        self._check()
        self.deleted += posts
        for post in posts:
            self.vectors.pop(post, None)

    def search(self, model: str, vector: Vectors, limit: int, where: Filter) -> list[Match]:
        return []

    def count(self, model: str) -> int:
        return len(self.vectors)

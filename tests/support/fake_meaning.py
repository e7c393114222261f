"""Stand-ins for the model and the vector index: deterministic, in memory, and able to fail on demand."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

import numpy as np

from shared.errors import EmbedderUnavailable
from shared.schemas.vector import DIMENSION, Vectors
from shared.vectors.index import Entry
from shared.vectors.memory import MemoryIndex


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


class FakeIndex(MemoryIndex):
    """The index in memory, with what it was asked to forget."""

    def __init__(self) -> None:
        super().__init__()
        self.deleted: list[UUID] = []

    @property
    def entries(self) -> dict[UUID, Entry]:
        """By post, of whichever model."""
        return {post: entry for kept in self._kept.values() for post, (entry, _vector) in kept.items()}

    def delete(self, posts: Sequence[UUID]) -> None:
        super().delete(posts)
        self.deleted += posts

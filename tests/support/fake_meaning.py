"""Stand-ins for the model and the vector index: deterministic, in memory, and able to fail on demand."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any, Literal
from uuid import UUID

import numpy as np

from shared.errors import EmbedderUnavailable, TextsRefused
from shared.schemas.vector import DIMENSION, Vectors
from shared.store.vector_models import VectorModel
from shared.vectors.index import Entry
from shared.vectors.memory import MemoryIndex


class FakeEmbedder:
    """Unit vectors seeded by the text's checksum and the model."""

    floor = 0.8
    reason = "a test asked for it"
    turned_off = False

    def __init__(self, model: str = "fake") -> None:
        self.model = model
        self.available = True
        self.broken = False
        self.embedded: list[str] = []
        #: A text that this model gives no vector.
        self.refuses: str | None = None
        #: Called with each text first.
        self.before: Callable[[str], None] = lambda _text: None

    def refresh(self) -> None:
        """Nothing to try."""

    def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        if self.broken or not self.available:
            raise EmbedderUnavailable("The fake model is broken.")
        if self.refuses in texts:
            raise TextsRefused([place for place, text in enumerate(texts) if text == self.refuses], "A test says so.")
        for text in texts:
            self.before(text)
        self.embedded += texts
        salt = "" if self.model == "fake" else self.model
        rows = [np.random.default_rng(zlib.crc32((salt + text).encode())).normal(size=DIMENSION) for text in texts]
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


class FakeModelRows:
    """The rows of models in memory; one model, complete, unless told otherwise."""

    def __init__(self) -> None:
        self.rows: list[VectorModel] = []

    def read(self) -> list[VectorModel]:
        return list(self.rows)

    def adopt(self, model: str) -> None:
        zero = UUID(int=0)
        self.rows = [
            VectorModel(
                model=model, state="active", complete=True, after=zero, done=0, total=0, lost=False, settled=True
            )
        ]

    def _never(self, *_: object) -> Any:
        raise AssertionError("There is only one model here.")

    build = abandon = next = walked = complete = lose = regain = _never

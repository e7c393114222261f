"""The meaning arm of a search. Runs in a worker thread: both the model and the index block."""

from __future__ import annotations

import copy
from typing import Literal
from uuid import UUID

import msgspec

from services.api import metrics
from services.api.operations.search_yardstick import Yardstick
from shared.embedding.embedder import Embedder
from shared.errors import EmbedderUnavailable, GroundswellError
from shared.schemas.vector import Vectors
from shared.telemetry import logs
from shared.vectors.index import Filter, VectorIndex

_log = logs.get(__name__)


def says_something(text: str) -> bool:
    """Whether ``text`` is more than signs: letters, digits, emoji."""
    return any(character.isalnum() or character > "\u2190" for character in text)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for: ``text``, which is a query or that of ``post``; at most ``limit`` posts that meet ``where``."""

    text: str
    post: UUID | None
    kind: Literal["passage", "query"]
    limit: int
    where: Filter
    by_time: bool

    @property
    def has_meaning(self) -> bool:
        """Signs alone have none: to a model they are like anything."""
        return says_something(self.text)


class Meaning(msgspec.Struct, frozen=True):
    """``similarities`` of what was found, best first; ``reason`` says why it could not look."""

    similarities: dict[UUID, float] = {}
    reason: str | None = None


class Eye:
    """The index and the model through which meaning is looked for."""

    def __init__(self, index: VectorIndex, embedder: Embedder) -> None:
        self.index, self.embedder = index, embedder
        self._yardstick = Yardstick()

    def using(self, embedder: Embedder) -> Eye:
        """The same with ``embedder``, for one search; the yardstick is shared."""
        other = copy.copy(self)
        other.embedder = embedder
        return other

    def look(self, ask: Wanted) -> Meaning:
        """The closest posts that are close enough. Blocks; never raises for a model or index that is away."""
        if not self.embedder.available:
            return Meaning(reason=f"There is no embedding model: {self.embedder.reason}.")
        try:
            return Meaning(self._look(ask))
        except GroundswellError as error:
            part = "embedding model" if isinstance(error, EmbedderUnavailable) else "vector index"
            _log.warning("search_by_meaning_failed", part=part, reason=str(error))
            return Meaning(reason=f"The {part} failed: {error.what}")

    def _look(self, ask: Wanted) -> dict[UUID, float]:
        model = self.embedder.model
        if not ask.has_meaning:
            self.index.count(model)  # is it there?
            return {}
        vector = self._vector(ask)
        with metrics.VECTOR_SEARCH_SECONDS.time():
            found = self.index.search(model, vector, ask.limit, ask.where)
        bars = self._yardstick.bars(self.embedder, vector, by_time=ask.by_time)
        if not found or found[0].similarity < bars.best:
            return {}
        return {one.post: one.similarity for one in found if one.similarity >= bars.close}

    def _vector(self, ask: Wanted) -> Vectors:
        if ask.post is not None and ask.post in (known := self.index.vectors(self.embedder.model, [ask.post])):
            return known[ask.post]
        vector: Vectors = self.embedder.embed([ask.text], ask.kind)[0]
        return vector

"""Posts that mean what a watch says, through whichever vector index there is. Live and backtest alike."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

import msgspec

from services.api.watches.minutes import time_of
from services.api.watches.series import Stretch
from shared.embedding.embedder import Embedder
from shared.errors import EmbedderUnavailable, IndexUnavailable
from shared.schemas.vector import Vectors
from shared.schemas.watch import Meaning, WatchRule
from shared.vectors.index import Filter, VectorIndex

#: Neighbours asked for at once; a stretch that holds more is halved.
NEIGHBOURS = 2_000
#: Query vectors kept.
REMEMBERED = 256
#: The floor of the model on whose scale watches state their similarity.
SCALE_FLOOR = 0.80


class Model(Protocol):
    """An embedder that loads in the background, and may be exchanged."""

    def current(self) -> Embedder:
        """The one whose vectors are compared at this moment."""
        ...

    @property
    def settled(self) -> bool:
        """False until it is known whether there is a model."""
        ...


class Sight(msgspec.Struct, frozen=True):
    """``near``: posts of the stretch that mean it; ``None``: meaning is left out, and ``degraded`` may say why.

    ``blind``: without meaning the rule has nothing to go by; ``soon``: that will be known in a moment.
    """

    near: list[UUID] | None = None
    degraded: str | None = None
    blind: bool = False
    soon: bool = False


class Meanings:
    """Used from one thread at a time or several: the embedder and the index are safe to share."""

    def __init__(self, model: Model, index: VectorIndex) -> None:
        self._model, self._index = model, index
        self._vectors: dict[tuple[str, str], Vectors] = {}

    def look(self, rule: WatchRule, stretch: Stretch) -> Sight:
        """What ``rule`` means within ``stretch``. Never raises for a model or index that is away."""
        if rule.meaning is None:
            return Sight()
        if not self._model.settled:
            return Sight(blind=True, soon=True)
        try:
            embedder = self._model.current()
            if not embedder.available:
                return _without(rule, f"Meaning is off: {embedder.reason}.")
            return Sight(near=self._near(embedder, rule.meaning, stretch))
        except EmbedderUnavailable as error:
            return _without(rule, f"Meaning is off: the embedding model failed: {error.what}")
        except IndexUnavailable as error:
            return _without(rule, f"Meaning is off: the vector index failed: {error.what}")

    def _near(self, embedder: Embedder, meaning: Meaning, stretch: Stretch) -> list[UUID]:
        where = Filter(since=time_of(stretch.start), until=time_of(stretch.end))
        found = self._index.search(embedder.model, self._vector(embedder, meaning.text), NEIGHBOURS, where)
        least = cosine_of(meaning.similarity, embedder.floor)
        near = [match.post for match in found if match.similarity >= least]
        if len(near) < NEIGHBOURS or stretch.end - stretch.start == 1:
            return near
        half = (stretch.start + stretch.end) // 2
        return [
            *self._near(embedder, meaning, Stretch(stretch.start, half)),
            *self._near(embedder, meaning, Stretch(half, stretch.end)),
        ]

    def _vector(self, embedder: Embedder, text: str) -> Vectors:
        key = (embedder.model, text)
        if key not in self._vectors:
            if len(self._vectors) >= REMEMBERED:
                self._vectors.clear()
            self._vectors[key] = embedder.embed([text], "query")[0]
        return self._vectors[key]


def cosine_of(similarity: float, floor: float) -> float:
    """A watch's ``similarity``, which is the multilingual model's cosine, on the scale of a model with ``floor``.

    Between the floors and 1 the scales are taken as proportional, so that a watch goes on after a change of
    model; for that model itself nothing changes.
    """
    if similarity < SCALE_FLOOR:
        return similarity * floor / SCALE_FLOOR
    return floor + (similarity - SCALE_FLOOR) * (1 - floor) / (1 - SCALE_FLOOR)


def _without(rule: WatchRule, why: str) -> Sight:
    others = bool(rule.words.any or rule.words.all or rule.authors)
    rest = "Its other conditions still work." if others else "It has no other condition, so it waits."
    return Sight(degraded=f"{why} {rest}", blind=not others)

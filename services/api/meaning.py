"""Meaning for the API: the index and the query model, loaded in the background, used from threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal

from shared.embedding.embedder import Embedder
from shared.embedding.null import AbsentEmbedder
from shared.errors import GroundswellError
from shared.schemas.vector import Vectors
from shared.store.vector_models import VectorModel
from shared.telemetry import logs
from shared.telemetry.health import State
from shared.vectors.index import VectorIndex

#: Counting vectors may be a scan: once in this time is enough.
COUNT_SECONDS = 30.0
#: How soon the API follows a change of model. The old vectors stay for longer.
LOOK_SECONDS = 2.0


class LazyEmbedder:
    """The model of the active vectors, itself an ``Embedder``: null until it is loaded, exchanged for the next.

    Whoever embeds and compares takes ``current()`` once for both, for it may change in between. Safe to
    use from several threads.
    """

    def __init__(self) -> None:
        self._current: Embedder = AbsentEmbedder("none", "the model is loading")
        self._loaded: dict[str, Embedder] = {}
        self._wanted: Embedder | None = None
        #: False until it is known whether there is a model.
        self.settled = False

    def current(self) -> Embedder:
        """The model whose vectors search compares at this moment."""
        return self._current

    @property
    def model(self) -> str:
        """As of ``current()``, like the rest of an ``Embedder``."""
        return self._current.model

    @property
    def floor(self) -> float:
        return self._current.floor

    @property
    def available(self) -> bool:
        return self._current.available

    @property
    def turned_off(self) -> bool:
        return self._current.turned_off

    @property
    def reason(self) -> str:
        return self._current.reason

    def refresh(self) -> None:
        """``follow`` does it."""

    def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        return self._current.embed(texts, kind)

    def follow(
        self,
        read: Callable[[], Sequence[VectorModel]],
        load: Callable[[str | None], Embedder],
        say: Callable[[State, str | None], None],
        stop: threading.Event,
    ) -> None:
        """Keep to the rows that ``read`` gives until ``stop``; a thread's work. Never raises.

        ``load`` gives the model with an id, or for ``None`` the one that the settings name.
        """
        while not stop.is_set():
            try:
                self.look(read, load, say)
            except Exception as error:  # whatever a model library throws, the API must go on
                logs.get(__name__).warning("models_not_looked_at", error=str(error))
            if self.settled and self._current.turned_off:
                return
            stop.wait(LOOK_SECONDS)

    def look(
        self,
        read: Callable[[], Sequence[VectorModel]],
        load: Callable[[str | None], Embedder],
        say: Callable[[State, str | None], None],
    ) -> None:
        """Once: load what is active or will be, try again what failed, forget the rest."""
        try:
            rows = list(read())
        except GroundswellError:  # the store is away, or not migrated: as it was
            rows = None
        if rows is None and self.settled:
            return
        wanted = self._of(None, load)
        names = [wanted.model] if wanted.turned_off or not rows else [row.model for row in rows]
        for name in names:
            self._of(name, load).refresh()
        self._current, self.settled = self._of(names[0], load), True
        for name in self._loaded.keys() - {*names, wanted.model}:
            del self._loaded[name]
        state: State = "off" if wanted.turned_off else "ok" if self._current.available else "degraded"
        say(state, self._current.reason)

    def _of(self, model: str | None, load: Callable[[str | None], Embedder]) -> Embedder:
        if model is None:
            if self._wanted is None:
                self._wanted = load(None)
                self._loaded[self._wanted.model] = self._wanted
            return self._wanted
        if model not in self._loaded:
            self._loaded[model] = load(model)
        return self._loaded[model]


class VectorCount:
    """How many vectors there are, asked seldom; ``None`` when the index cannot say."""

    def __init__(self, index: VectorIndex, model: LazyEmbedder) -> None:
        self._index, self._model = index, model
        self._known: int | None = None
        self._asked = float("-inf")

    async def __call__(self) -> int | None:
        if time.monotonic() - self._asked > COUNT_SECONDS:
            self._asked = time.monotonic()
            self._known = await asyncio.to_thread(self._count)
        return self._known

    def _count(self) -> int | None:
        try:
            embedder = self._model.current()
            return self._index.count(embedder.model) if embedder.available else None
        except GroundswellError:
            return None


def model_in_use(embedder: LazyEmbedder, index: VectorIndex) -> tuple[str | None, str]:
    """The model whose vectors are to be compared, or ``None`` and why there is none.

    Comparing vectors needs no model here: where this process could not load one, the only one in the index will do.
    """
    if embedder.available:
        return embedder.model, ""
    if not embedder.settled:
        return None, "The embedding model is loading."
    known = index.models()
    if len(known) == 1:
        return known[0], ""
    return None, f"There is no embedding model: {embedder.reason}."

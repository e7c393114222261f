"""Meaning for the API: the index and the query model, loaded in the background, used from threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal

from shared.embedding.embedder import Embedder
from shared.errors import EmbedderUnavailable, GroundswellError
from shared.schemas.vector import Vectors
from shared.telemetry.health import State
from shared.vectors.index import VectorIndex

#: Counting vectors may be a scan: once in this time is enough.
COUNT_SECONDS = 30.0


class LazyEmbedder:
    """An ``Embedder`` that is null until its model is loaded, and safe to use from several threads."""

    model = "none"
    available = False
    reason = "the model is loading"
    #: False until it is known whether there is a model.
    settled = False

    def __init__(self) -> None:
        self._loaded: Embedder | None = None
        self._one_at_a_time = threading.Lock()

    def load(self, loader: Callable[[], Embedder], say: Callable[[State, str | None], None]) -> None:
        """Load now; slow. Never raises: without a model, search goes on with words."""
        try:
            loaded = loader()
        except Exception as error:  # whatever a model library throws, the API must go on
            self.reason = str(error) or type(error).__name__
            self.settled = True
            say("degraded", self.reason)
            return
        self._loaded = loaded
        self.model, self.available, self.reason = loaded.model, loaded.available, loaded.reason
        self.settled = True
        say("ok" if loaded.available else "off", loaded.reason)

    def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        """As ``Embedder.embed``. Raises EmbedderUnavailable while there is no model."""
        if self._loaded is None:
            raise EmbedderUnavailable("There is no embedding model.", why=self.reason)
        with self._one_at_a_time:
            return self._loaded.embed(texts, kind)


class VectorCount:
    """How many vectors there are, asked seldom; ``None`` when the index cannot say."""

    def __init__(self, index: VectorIndex, embedder: Embedder) -> None:
        self._index, self._embedder = index, embedder
        self._known: int | None = None
        self._asked = float("-inf")

    async def __call__(self) -> int | None:
        if time.monotonic() - self._asked > COUNT_SECONDS:
            self._asked = time.monotonic()
            self._known = await asyncio.to_thread(self._count)
        return self._known

    def _count(self) -> int | None:
        try:
            return self._index.count(self._embedder.model) if self._embedder.available else None
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

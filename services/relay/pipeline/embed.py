"""Vectors after the commit, from a thread of its own, newest posts first.

The queue is ``embedding_pending``: every post that wants a vector has its row there since its
commit, and loses it only once the vector is kept. So this stage holds one batch in memory, and may
fail or die at any point.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from services.relay import metrics
from services.relay.backoff import Backoff
from shared.embedding.embedder import Embedder
from shared.errors import GroundswellError, IndexUnavailable, StoreUnavailable
from shared.store.pending import PendingPost
from shared.telemetry import logs
from shared.telemetry.health import State
from shared.vectors.index import Entry, VectorIndex

#: Without being woken, how long until the pending rows are looked at again.
IDLE_SECONDS = 1.0
#: Deletions that wait for the index at most; search leaves deleted posts out by itself.
MAX_DELETIONS = 10_000


class Pending(Protocol):
    """The rows of posts without a vector. Raises StoreUnavailable."""

    def take(self, limit: int) -> list[PendingPost]:
        """The newest ``limit`` that still want one; their rows stay."""
        ...

    def done(self, posts: Sequence[PendingPost]) -> None:
        """Their vectors are kept. A post whose text changed meanwhile stays."""
        ...

    def deleted(self, posts: Sequence[UUID]) -> list[UUID]:
        """Those among ``posts`` that are gone by now."""
        ...


#: Says the state of a component ("embedding" or "vectors").
Say = Callable[[str, State, str | None], None]


class EmbedStage:
    """Embeds what is pending. Never blocks who wakes it."""

    def __init__(
        self, load: Callable[[], Embedder], index: VectorIndex, pending: Pending, batch_posts: int, say: Say
    ) -> None:
        self._load, self._index, self._pending, self._say = load, index, pending, say
        self._batch = batch_posts
        self._embedder: Embedder | None = None
        self._off = False
        self._woken = False
        self._deleted: deque[UUID] = deque(maxlen=MAX_DELETIONS)
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._prepared = False
        self._backoff = Backoff(0.5, 30.0)
        self._thread = threading.Thread(target=self._run, name="relay-embed", daemon=True)

    def start(self) -> None:
        """Begin. The model is loaded by the stage's own thread: storing posts does not wait for it."""
        self._thread.start()

    def stop(self) -> None:
        """End after the batch in hand; the rest is pending in the store."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def wake(self) -> None:
        """Posts were stored that want a vector."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def forget(self, posts: Sequence[UUID]) -> None:
        """``posts`` are deleted: their vectors go too."""
        if self._off or not posts:
            return
        with self._changed:
            self._deleted.extend(posts)
            self._changed.notify_all()

    def _run(self) -> None:
        while not self._stop.is_set() and not self._off:
            try:
                busy = self._turn(self._model())
            except Exception as error:  # a model's own failure must not end the thread unseen
                self._failed(error)
                self._stop.wait(self._backoff.next_seconds())
                continue
            self._backoff.reset()
            if not busy:
                with self._changed:
                    self._changed.wait_for(self._has_work, 0.0 if self._off else IDLE_SECONDS)

    def _has_work(self) -> bool:
        return self._stop.is_set() or self._woken or bool(self._deleted)

    def _model(self) -> Embedder | None:
        """The model, loaded on first use; ``None`` when meaning is off."""
        if self._embedder is None:
            self._say("embedding", "degraded", "The model is being loaded.")
            self._embedder = self._load()
            if self._embedder.available:
                logs.get(__name__).info("embedder_loaded", model=self._embedder.model, why=self._embedder.reason)
                self._say("embedding", "ok", None)
        return self._embedder if self._embedder.available else None

    def _turn(self, embedder: Embedder | None) -> bool:
        """One batch. False when there was nothing to do."""
        if embedder is None:
            self._turn_off()
            return False
        if not self._prepared:
            self._index.ensure(embedder.model)
            self._prepared = True
            self._say("vectors", "ok", None)
        self._delete()
        self._woken = False
        batch = self._pending.take(self._batch)
        if not batch:
            return False
        began = time.monotonic()
        vectors = embedder.embed([post.text for post in batch], "passage")
        self._say("embedding", "ok", None)
        entries = [
            Entry(post.id, post.feed, post.time, tuple(post.languages), post.author, post.linked) for post in batch
        ]
        self._index.upsert(embedder.model, entries, vectors)
        self._say("vectors", "ok", None)
        # A deletion may have passed while the vector was being made: it must win.
        if gone := self._pending.deleted([post.id for post in batch]):
            self._index.delete(gone)
        self._pending.done(batch)
        metrics.EMBEDDED.inc(len(batch))
        metrics.EMBED_SECONDS.observe(time.monotonic() - began)
        return True

    def _turn_off(self) -> None:
        self._off = True
        with self._changed:
            self._deleted.clear()
        self._say("embedding", "off", self._embedder.reason if self._embedder else None)
        self._say("vectors", "off", "There is no embedding model, so no vectors are made.")

    def _delete(self) -> None:
        with self._changed:
            gone = list(self._deleted)
            self._deleted.clear()
        if not gone:
            return
        try:
            self._index.delete(gone)
        except IndexUnavailable:
            with self._changed:
                self._deleted.extendleft(reversed(gone))
            raise

    def _failed(self, error: Exception) -> None:
        if isinstance(error, IndexUnavailable):
            self._prepared = False
            self._say("vectors", "degraded", str(error))
        elif not isinstance(error, StoreUnavailable):
            self._say("embedding", "degraded", str(error) or type(error).__name__)
        logs.get(__name__).debug("embedding_failed", error=str(error), exc_info=not isinstance(error, GroundswellError))

"""Vectors after the commit, from a thread of its own, newest posts first.

The queue is ``embedding_pending``: every post that wants a vector has its row there since its
commit, and loses it only once the vector is kept. So this stage holds one window in memory, and may
fail or die at any point.

While one batch goes through the model, the one before is stored beside it: the model never waits for the store
unless that takes longer than the model. No more than these two are in hand. If storing fails, what was embedded
meanwhile is let go too, and all of it is taken again.

A turn embeds one batch: what was stored since the window was taken, else the next batch of the window,
which is sorted by length so that no batch is padded much, else stored posts for a new model. So a new post
waits for one batch, however much is behind it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from services.relay import metrics
from services.relay.backoff import Backoff
from services.relay.lineup import Lineup, Working
from services.relay.pipeline.aside import Aside
from shared.errors import GroundswellError, IndexUnavailable, StoreUnavailable, TextsRefused
from shared.schemas.vector import Vectors
from shared.store.pending import PendingPost
from shared.telemetry import logs
from shared.telemetry.health import State
from shared.vectors.index import Entry, VectorIndex

#: Without being woken, how long until the pending rows are looked at again.
IDLE_SECONDS = 1.0
#: Posts sorted by length together.
WINDOW_POSTS = 2_048
#: A batch of a window takes about so long; its number of posts follows, up to MOST_BATCH_POSTS. Short, for new
#: posts wait for it, and long enough that storing its vectors is little beside making them.
BATCH_SECONDS = (0.2, 0.6)
MOST_BATCH_POSTS = 256
#: Vectors removed at once.
REMOVED_TOGETHER = 1_000
#: While a window is in hand, every so many turns go to a change of model.
WALK_EVERY = 4
#: A change of model says so often how far it is.
SAY_SECONDS = 5.0


class Pending(Protocol):
    """The rows of posts without a vector. Raises StoreUnavailable."""

    def take(self, limit: int) -> list[PendingPost]:
        """The newest ``limit`` that still want one; their rows stay."""
        ...

    def newer(self, above: int, limit: int) -> list[PendingPost]:
        """Of those, the ones stored after the post with ``seq`` ``above``."""
        ...

    def done(self, posts: Sequence[PendingPost], models: Sequence[str]) -> None:
        """Their vectors of ``models`` are kept. A post whose text changed meanwhile stays."""
        ...

    def deleted(self, posts: Sequence[UUID]) -> list[UUID]:
        """Those among ``posts`` that are gone by now."""
        ...

    def unwanted(self, limit: int) -> list[UUID]:
        """Posts whose vectors must go."""
        ...

    def removed(self, posts: Sequence[UUID]) -> None:
        """Their vectors are gone."""
        ...


#: Says the state of a component ("embedding" or "vectors").
Say = Callable[[str, State, str | None], None]


class EmbedStage:
    """Embeds what is pending. Never blocks who wakes it.

    ``leads`` says whether this relay is the one that embeds: of several on one database, one does.
    """

    def __init__(
        self,
        models: Lineup,
        index: VectorIndex,
        pending: Pending,
        batch_posts: int,
        say: Say,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._models, self._index, self._pending, self._say = models, index, pending, say
        self._batch, self._leads = batch_posts, leads
        self._room = batch_posts
        self._window: list[PendingPost] = []
        #: The greatest ``seq`` that a window or a batch of new posts began with.
        self._top = 0
        self._turns = 0
        self._woken = False
        self._said_at = 0.0
        self._ensured: set[str] = set()
        #: The index failed, and has done nothing for us since.
        self._distrusted = False
        self._storing = Aside("relay-embed-store")
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._backoff = Backoff(0.5, 30.0)
        self._thread = threading.Thread(target=self._run, name="relay-embed", daemon=True)

    def start(self) -> None:
        """Begin. The model is loaded by the stage's own thread: storing posts does not wait for it."""
        self._thread.start()

    def stop(self) -> None:
        """End once what is in hand is stored; the rest is pending in the store."""
        self._stop.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def wake(self) -> None:
        """Posts were stored that want a vector, or removed."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                busy = self._leads() and self._turn()
            except Exception as error:  # a model's own failure must not end the thread unseen
                self._failed(error)
                self._stop.wait(self._backoff.next_seconds())
                continue
            self._backoff.reset()
            if not busy:
                with self._changed:
                    self._changed.wait_for(lambda: self._stop.is_set() or self._woken, IDLE_SECONDS)
                    self._woken = self._woken and self._leads()
        try:
            self._storing.finish()
        except Exception as error:
            self._failed(error)

    def _turn(self) -> bool:
        """One batch. False when there was nothing to do, and all is stored."""
        if not self._storing.busy:
            self._remove()
        working = self._working()
        if not working:
            self._storing.finish()
            self._woken = False
            return False
        for work in working:
            if work.row.model not in self._ensured:
                self._index.ensure(work.row.model)
                self._ensured.add(work.row.model)
        if not self._distrusted:
            self._say("vectors", "ok", None)
        busy = self._newest(working) or self._walk_or_window(working)
        self._distrusted = self._distrusted and busy  # what failed would be pending
        return busy

    def _working(self) -> list[Working]:
        """The models that run, and their state said; loads on first use."""
        if self._models.unasked:
            self._say("embedding", "degraded", "The model is being loaded.")
        wanted = self._models.wanted
        if wanted.turned_off:
            self._say("embedding", "off", wanted.reason)
            self._say("vectors", "off", "There is no embedding model, so no vectors are made.")
            return []
        working = self._models.working()
        metrics.EMBEDDING_OFF.set(not working)
        if not working:
            self._say("embedding", "degraded", f"Embeddings are off: {wanted.reason}")
        elif time.monotonic() - self._said_at > SAY_SECONDS:
            self._said_at = time.monotonic()
            self._say("embedding", "ok", self._progress(working))
        return working

    def _progress(self, working: Sequence[Working]) -> str:
        """How far a change of model is; without one, what runs the model."""
        walking = self._models.walk(working)
        for model, left in self._reembedding(working).items():
            metrics.REEMBEDDING.labels(model).set(left)
        if walking is None:
            return working[0].sharing.embedder.reason
        row = walking.row
        return f"Re-embedding with {row.model}: {min(row.done, row.total):,} of {row.total:,} posts."

    def _reembedding(self, working: Sequence[Working]) -> dict[str, int]:
        return {work.row.model: 0 if work.row.complete else max(work.row.total - work.row.done, 0) for work in working}

    def _newest(self, working: Sequence[Working]) -> bool:
        """Posts stored since the window in hand was taken."""
        if self._window and not self._woken:
            return False
        self._woken = False
        if self._window:
            taken = self._pending.newer(self._top, self._batch)
        else:
            self._storing.finish()  # until then its posts are pending too
            taken = self._pending.take(WINDOW_POSTS)
        if not taken:
            return False
        self._top = max(post.seq for post in taken)
        if not self._window and len(taken) > self._batch:
            self._window = sorted(taken, key=lambda post: len(post.text.encode("utf-8", "replace")))
            return False
        self._embed(working, taken)
        return True

    def _walk_or_window(self, working: Sequence[Working]) -> bool:
        """The next batch of the window, and every fourth turn one of a change of model."""
        self._turns += 1
        walking = self._models.walk(working)
        if walking is not None and (not self._window or self._turns % WALK_EVERY == 0):
            self._walk(walking)
            return True
        batch, self._window = self._window[: self._room], self._window[self._room :]
        if not batch:
            return False
        took = self._embed(working, batch)
        if took < BATCH_SECONDS[0] and len(batch) == self._room:
            self._room = min(2 * self._room, max(MOST_BATCH_POSTS, self._batch))
        elif took > BATCH_SECONDS[1]:
            self._room = max(self._room // 2, self._batch)
        return True

    def _walk(self, walking: Working) -> None:
        self._storing.finish()
        posts = self._models.next(walking, self._batch)
        if posts:
            self._index.upsert(walking.row.model, *self._vectors(walking, posts))
            self._distrusted = False
            self._forget_gone(posts)
        self._models.walked(walking, posts)

    def _embed(self, working: Sequence[Working], posts: Sequence[PendingPost]) -> float:
        """Begin to store all vectors of ``posts``; the seconds it took to make them."""
        began = time.monotonic()
        made = [(work.row.model, *self._vectors(work, posts)) for work in working]
        took = time.monotonic() - began
        self._storing.begin(lambda: self._store(posts, made, began))
        return took

    def _store(
        self, posts: Sequence[PendingPost], made: Sequence[tuple[str, list[Entry], Vectors]], began: float
    ) -> None:
        """Keep the vectors that were ``made`` of each model, and only then call the posts done."""
        self._remove()
        for model, entries, vectors in made:
            self._index.upsert(model, entries, vectors)
        self._distrusted = False
        self._forget_gone(posts)
        self._pending.done(posts, [model for model, _entries, _vectors in made])
        metrics.EMBEDDED.inc(len(posts))
        metrics.EMBED_SECONDS.observe(time.monotonic() - began)

    def _vectors(self, work: Working, posts: Sequence[PendingPost]) -> tuple[list[Entry], Vectors]:
        """Vectors of one model. Texts that it refuses have none, and are not tried again."""
        shared = work.sharing.shared
        try:
            vectors = work.sharing.embed([post.text for post in posts])
        except TextsRefused as error:
            bad = set(error.places)
            metrics.REFUSED_TEXTS.inc(len(bad))
            logs.get(__name__).warning(
                "texts_not_embedded", posts=[str(posts[place].id) for place in error.places], why=error.why
            )
            posts = [post for place, post in enumerate(posts) if place not in bad]
            vectors = work.sharing.embed([post.text for post in posts])
        metrics.SHARED_VECTORS.inc(work.sharing.shared - shared)
        entries = [
            Entry(post.id, post.feed, post.time, tuple(post.languages), post.author, post.linked) for post in posts
        ]
        return entries, vectors

    def _forget_gone(self, posts: Sequence[PendingPost]) -> None:
        """A deletion may have passed while the vector was being made: it must win."""
        if gone := self._pending.deleted([post.id for post in posts]):
            self._index.delete(gone)

    def _remove(self) -> None:
        """Vectors of posts that are gone, before any new ones: a post may have come back since."""
        while unwanted := self._pending.unwanted(REMOVED_TOGETHER):
            self._index.delete(unwanted)
            self._distrusted = False
            self._pending.removed(unwanted)
            metrics.REMOVED_VECTORS.inc(len(unwanted))

    def _failed(self, error: Exception) -> None:
        self._window, self._said_at = [], 0.0
        if isinstance(error, IndexUnavailable):
            self._ensured.clear()
            self._distrusted = True
            self._say("vectors", "degraded", str(error))
        elif not isinstance(error, StoreUnavailable):
            self._say("embedding", "degraded", str(error) or type(error).__name__)
        logs.get(__name__).debug("embedding_failed", error=str(error), exc_info=not isinstance(error, GroundswellError))

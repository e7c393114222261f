"""The order of the stages, and the thread that drives them from the queue.

    decode -> share -> dedupe -> count -> store (one transaction) -> embed, publish

Only this module knows it. Nothing leaves a batch before it is durable: while PostgreSQL is away the
batch in hand is tried again, the queue fills, and the reader stops reading.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol
from uuid import UUID

import msgspec

from services.relay import metrics
from services.relay.backoff import Backoff
from services.relay.events import Batch, NewPost, Read, Refused
from services.relay.frames import Frame, FrameQueue, Resume
from services.relay.pipeline.count import count
from services.relay.pipeline.decode import decode
from services.relay.pipeline.dedupe import dedupe
from services.relay.pipeline.share import share
from services.relay.pipeline.store import Origin, Outcome, Place, store
from services.relay.rereading import Desk, Progress
from services.relay.state import DatabaseClock, FeedState
from services.relay.wires.jetstream import read_event
from shared.contracts.shards import WHOLE, Shard
from shared.errors import StoreRejected, StoreUnavailable
from shared.store.database import Database
from shared.store.ingest import is_data_fault
from shared.telemetry import logs

#: After ``stop``, how long what is queued may take to become durable. The feed keeps the rest for us:
#: an orderly end that takes long is worse than reading some frames again.
DRAIN_SECONDS = 2.0
#: A batch that begins with an event this fresh is of the present. A feed whose clock is so wrong that none
#: ever does has caught up after this long.
PRESENT_US, LONGEST_US = 5_000_000, 600_000_000


class Embedding(Protocol):
    """The part of the embed stage used here."""

    def wake(self) -> None:
        """Posts were stored that want a vector, or removed whose vectors must go."""
        ...


class Publishing(Protocol):
    """The part of the publish stage used here."""

    def posts(self, feed: str, posts: Sequence[NewPost]) -> None:
        """Posts stored just now."""
        ...

    def deleted(self, posts: Sequence[UUID]) -> None:
        """Posts that are gone."""
        ...


class Pipeline:
    """Frames of one feed, stored. Used by one thread."""

    def __init__(
        self,
        database: Database,
        origin: Origin,
        clock: DatabaseClock,
        position: int,
        read: Read = read_event,
        turn: AbstractContextManager[object] | None = None,
        host: str = "",
        shard: Shard = WHOLE,
    ) -> None:
        """``host`` is who gave the event at ``position``; empty: the one in ``origin``. ``shard`` is what is kept."""
        self._database, self.origin, self._clock = database, origin, clock
        self.position, self._read = position, read
        #: Held while a batch is stored: several feeds share few connections.
        self._turn = nullcontext() if turn is None else turn
        self._host, self._shard = host or origin.host, shard
        self._resume: Resume | None = None
        #: When the connection was opened whose change to live is still to be bounded; 0 for none.
        self._following_us = 0
        #: What the connection gives again: from its first event to where the one before stood.
        self._overlap: tuple[int, int] | None = None

    def process(self, frames: Sequence[Frame], again: Progress | None = None) -> list[tuple[Batch, Outcome]]:
        """Store ``frames``; what became of them, usually as one batch. With ``again`` they are of its stretch.

        A value that PostgreSQL refuses is found by halving and its frame quarantined, so that one
        bad event stops no other. Raises StoreUnavailable, and StoreRejected when the fault is not
        in the data; what was not stored by then may be processed again.
        """
        batch = self._prepare(frames, again)
        try:
            return [(batch, self._store(batch, again))]
        except StoreRejected as error:
            if not is_data_fault(error):
                raise
            if len(frames) > 1:
                half = len(frames) // 2
                return self.process(frames[:half], again) + self.process(frames[half:], again)
            batch = Batch(refused=[*batch.refused, Refused(frames[0], "rejected", error.why[:300])])
            return [(batch, self._store(batch, again))]

    def _prepare(self, frames: Sequence[Frame], again: Progress | None) -> Batch:
        batch = decode(frames, self._clock.now_us(), self._read)
        if again is not None:
            batch.resume = None
            again.keep_to_stretch(batch)
        elif batch.resume is None:
            batch.resume = self._resume
        elif batch.resume.host:
            # Frames of two connections never share a batch: the reader waits until the old are durable.
            self.origin = msgspec.structs.replace(self.origin, host=batch.resume.host)
        if self._shard.count > 1:
            share(batch, self._shard)
        dedupe(batch)
        count(batch.posts)
        return batch

    def _store(self, batch: Batch, again: Progress | None) -> Outcome:
        now_us = self._clock.now_us()
        following_us = self._following_us
        if again is None and batch.resume is not None and batch.first is not None:
            following_us = batch.resume.opened_us
        overlap = self._overlap
        if again is None and batch.resume is not None and batch.first_us is not None:
            overlap = (batch.first_us, self.position) if batch.first_us < self.position else None
        over = again is None and overlap is not None and batch.last_us is not None and batch.last_us > overlap[1]
        if again is None and batch.first_us is not None and following_us:
            batch.caught_up = batch.first_us >= min(now_us - PRESENT_US, following_us + LONGEST_US)
        place = Place(
            position=self.position,
            host=self._host,
            now_us=now_us,
            following=again is None and following_us > 0,
            overlap=overlap if over else None,
            again=again,
        )
        with self._turn:
            outcome = store(self._database, self.origin, batch, place)
        self._clock.set(outcome.cursor.now_us)
        if again is not None:
            again.stored(again.after(batch), batch, outcome.stored)
            return outcome
        # A resume waits for the first event that can be read: frames before it may all be refused.
        self._resume = batch.resume if batch.first is None else None
        self._following_us = 0 if batch.caught_up else following_us
        self._overlap = None if over else overlap
        if batch.first is not None:
            self._host = self.origin.host
        self.position = outcome.cursor.position
        return outcome


class Runner:
    """Takes batches from the queue until told to stop; retries while PostgreSQL is away."""

    def __init__(
        self,
        pipeline: Pipeline,
        queue: FrameQueue,
        state: FeedState,
        embedding: Embedding,
        publishing: Publishing,
        *,
        batch_events: int,
        batch_seconds: float,
        stop: threading.Event,
        desk: Desk | None = None,
    ) -> None:
        self._pipeline, self._queue, self._state = pipeline, queue, state
        self._desk = desk or Desk()
        self._embedding, self._publishing = embedding, publishing
        self._batch_events, self._batch_seconds = batch_events, batch_seconds
        self._stop = stop
        self._stopped_at: float | None = None
        self._backoff = Backoff(0.1, 5.0)

    def run(self) -> None:
        """The thread's work. After ``stop`` what is queued is stored, for at most ``DRAIN_SECONDS``."""
        feed = self._pipeline.origin.feed
        while not self._overdue():
            frames = self._queue.take(self._batch_events, self._batch_seconds, 0.2)
            metrics.QUEUE_EVENTS.labels(feed).set(len(self._queue))
            metrics.QUEUE_BYTES.labels(feed).set(self._queue.waiting_bytes)
            if not self._read_again():
                return
            if not frames:
                if self._stop.is_set():
                    return
                continue
            began = time.monotonic()
            results = self._until_durable(frames)
            if results is None:
                logs.get(__name__).warning("frames_left_to_the_feed", feed=feed, frames=len(frames) + len(self._queue))
                return
            self._queue.done()
            committed = time.monotonic()
            metrics.BATCH_SECONDS.labels(feed).observe(committed - began)
            metrics.FRESHNESS_SECONDS.labels(feed).observe(committed - self._queue.taken_since)
            for batch, outcome in results:
                self._after(batch, outcome)

    def _read_again(self) -> bool:
        """One batch of the stretch that is read again, if there is one. False when told to stop meanwhile."""
        progress = self._desk.progress
        if progress is None or progress.over.is_set() or self._stop.is_set():
            return True
        frames = progress.queue.take(self._batch_events, 0.0, 0.0)
        if not frames:
            return True
        results = self._until_durable(frames, progress)
        if results is None:
            return False
        progress.queue.done()
        for batch, outcome in results:
            self._after(batch, outcome)
            metrics.REREAD.labels(self._pipeline.origin.feed, "new").inc(outcome.stored)
            metrics.REREAD.labels(self._pipeline.origin.feed, "known").inc(batch.events - outcome.stored)
        return True

    def _until_durable(
        self, frames: Sequence[Frame], again: Progress | None = None
    ) -> list[tuple[Batch, Outcome]] | None:
        """Process ``frames`` however often it takes; ``None`` when told to stop before it worked."""
        while True:
            try:
                results = self._pipeline.process(frames, again)
            except (StoreUnavailable, StoreRejected) as error:
                self._state.store_away(error.why)
                metrics.STORE_RETRIES.labels(self._pipeline.origin.feed).inc()
                if self._overdue():
                    return None
                wait = self._backoff.next_seconds()
                logs.get(__name__).warning("batch_not_stored", error=str(error), again_in_seconds=round(wait, 2))
                if self._stop.wait(wait):
                    time.sleep(min(wait, 0.2))  # stopping: the event no longer makes anyone wait
                continue
            self._backoff.reset()
            return results

    def _overdue(self) -> bool:
        """Whether the time to drain after ``stop`` has passed."""
        if not self._stop.is_set():
            return False
        if self._stopped_at is None:
            self._stopped_at = time.monotonic()
        return time.monotonic() - self._stopped_at > DRAIN_SECONDS

    def _after(self, batch: Batch, outcome: Outcome) -> None:
        feed = self._pipeline.origin.feed
        moved = batch.events or batch.position is not None
        self._state.stored(batch.events, outcome.cursor.position if moved else None)
        gone = [*outcome.removed, *outcome.departed]
        if outcome.fresh or outcome.changed or gone:
            self._embedding.wake()
        if outcome.fresh:
            fresh = set(outcome.fresh).difference(gone)
            keys = {post.bytes for post in fresh}
            self._publishing.posts(feed, [post for post in batch.posts if post.id in keys])
        self._publishing.deleted(gone)
        observe(feed, batch, outcome)


def observe(feed: str, batch: Batch, outcome: Outcome) -> None:
    """Metrics of one committed batch."""
    metrics.BATCH_EVENTS.labels(feed).observe(batch.events)
    for name, number in (
        ("post", len(outcome.fresh)),
        ("replaced", len(outcome.changed)),
        ("like", outcome.likes),
        ("repost", outcome.reposts),
        ("undone", outcome.undone),
        ("delete", len(outcome.removed)),
        ("duplicate", outcome.duplicates),
        ("passed", batch.events - outcome.stored - outcome.duplicates),
    ):
        if number > 0:
            metrics.EVENTS.labels(feed, name).inc(number)
    if outcome.departures:
        metrics.DEPARTURES.labels(feed).inc(outcome.departures)
    metrics.DEPARTED_POSTS.inc(len(outcome.departed))
    for refused in batch.refused:
        metrics.QUARANTINED.labels(feed, refused.reason).inc()
    if outcome.gap_us:
        metrics.GAP_SECONDS.labels(feed).inc(outcome.gap_us / 1e6)
        logs.get(__name__).warning("feed_left_a_gap", feed=feed, seconds=round(outcome.gap_us / 1e6, 1))

"""The socket's thread of one feed: connect, read into the queue, say why it ended, connect again.

The stored cursor is the only truth about how far we are: no connection is opened while frames of
the one before are not durable. The queue is bounded; when it is full the socket stays unread, which
holds the feed back, and its state says so.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import msgspec

from services.relay import metrics
from services.relay.backoff import Backoff
from services.relay.drops import Drop, classify
from services.relay.frames import Evidence, Frame, FrameQueue, Resume
from services.relay.sources.base import TICK_SECONDS, Source
from services.relay.state import FeedState
from shared.errors import FeedUnavailable, StoreRejected, StoreUnavailable
from shared.store.cursors import READ_CURSOR, Cursor
from shared.store.database import Database
from shared.telemetry import logs

#: A connection left unread longer ago than this did not end for that: servers give up after seconds.
RECENT_SECONDS = 30.0


class Holds:
    """How long the socket was left unread, and until when. One connection's; used by one thread."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._ended: deque[tuple[float, float]] = deque()

    def add(self, seconds: float) -> None:
        """A hold of so many seconds ended now. What is no longer than it and older cannot be the longest."""
        while self._ended and self._ended[-1][1] <= seconds:
            self._ended.pop()
        self._ended.append((self._now(), seconds))

    def longest_seconds(self) -> float:
        """The longest hold that ended in the last ``RECENT_SECONDS``; 0 without any."""
        while self._ended and self._ended[0][0] < self._now() - RECENT_SECONDS:
            self._ended.popleft()
        return self._ended[0][1] if self._ended else 0.0


class Reader:
    """Keeps one feed's source open."""

    def __init__(
        self,
        feed: str,
        source: Source,
        queue: FrameQueue,
        state: FeedState,
        database: Database,
        stop: threading.Event,
        backoff: Backoff | None = None,
        *,
        rereads: bool = False,
    ) -> None:
        """``rereads``: what lies around a change from replay to live is to be read again."""
        self._feed, self._source, self._queue = feed, source, queue
        self._state, self._database, self._stop = state, database, stop
        self._backoff = backoff or Backoff(0.5, 30.0)
        self._rereads = rereads
        self._last_position = -1
        self._last_drop: Drop | None = None
        self._holds = Holds()

    def run(self) -> None:
        """The thread's work, until ``stop``."""
        while not self._stop.is_set():
            cursor, asked_at = self._durable_cursor(), time.monotonic()
            if cursor is None:
                continue
            if cursor.position > self._last_position:
                self._backoff.reset()
                self._last_position = cursor.position
            if self._last_drop is not None and self._stop.wait(self._backoff.next_seconds()):
                return
            drop = self._connection(_as_of_now(cursor, asked_at))
            if self._stop.is_set():
                return
            if drop.cause == "ended":  # a source that has no more, ever: what is queued is still stored
                self._state.ended(drop.reason)
                self._stop.wait()
                return
            self._last_drop = drop
            self._state.dropped(drop)
            metrics.DROPS.labels(self._feed, drop.cause).inc()
            logs.get(__name__).warning("feed_disconnected", feed=self._feed, **drop.evidence)

    def _durable_cursor(self) -> Cursor | None:
        """The stored cursor once it covers everything read so far; ``None`` to try again."""
        if not self._queue.wait_until_durable(TICK_SECONDS):
            return None
        try:
            cursor = self._database.fetch_one(READ_CURSOR, {"feed": self._feed})
        except (StoreUnavailable, StoreRejected) as error:
            self._state.store_away(error.why)
            self._stop.wait(TICK_SECONDS)
            return None
        if cursor is None:
            self._state.disconnected("This feed was removed.", stalled=False)
            self._stop.wait(TICK_SECONDS)
            return None
        self._state.store_away(None)
        return cursor

    def _connection(self, cursor: Cursor) -> Drop:
        """Read one connection to its end."""
        self._holds = Holds()
        try:
            requested = self._source.open(cursor)
            self._state.connected(self._source.note)
            logs.get(__name__).info(
                "feed_connected", feed=self._feed, host=self._source.host, cursor_us=requested, token=cursor.token
            )
            self._pump(self._resume(cursor, requested))
        except FeedUnavailable:
            logs.get(__name__).debug("feed_refused", feed=self._feed)
        finally:
            held_seconds = self._holds.longest_seconds()
            self._source.close()
        ending = self._source.ending(held_seconds)
        # The event stored last was this late: on a quiet feed the time since then is no lag.
        lag = self._state.behind_seconds
        return classify(msgspec.structs.replace(ending, lag_seconds=lag, host=self._source.host))

    def _resume(self, cursor: Cursor, requested: int) -> Resume:
        """What was asked for, and from which position a late answer would be a gap."""
        evidence: Evidence = {"cause": "start"} if self._last_drop is None else self._last_drop.evidence
        known = self._source.clamps and cursor.events > 0
        position = min(cursor.position, cursor.now_us) if known else 0
        opened_us = cursor.now_us if self._rereads else 0
        return Resume(requested, position, evidence, self._source.host, opened_us)

    def _pump(self, resume: Resume) -> None:
        """Frames into the queue until the connection ends."""
        first = True
        number, size = metrics.FRAMES.labels(self._feed), metrics.BYTES.labels(self._feed)
        for frame in self._source.frames(self._stop):
            if frame is None:
                continue
            number.inc()
            size.inc(frame.size)
            if first:
                frame, first = msgspec.structs.replace(frame, resume=resume), False
            if not self._queue.put(frame, 0.0) and not self._put_when_there_is_room(frame):
                return
            self._state.frames += 1

    def _put_when_there_is_room(self, frame: Frame) -> bool:
        """Hold the socket unread until ``frame`` fits. False when told to stop."""
        began = time.monotonic()
        self._state.held(True)
        try:
            while not self._queue.put(frame, TICK_SECONDS):
                if self._stop.is_set():
                    return False
            return True
        finally:
            held = time.monotonic() - began
            self._holds.add(held)
            metrics.HELD_SECONDS.labels(self._feed).inc(held)
            self._state.held(False)


def _as_of_now(cursor: Cursor, read_at: float) -> Cursor:
    """``cursor`` with the database's clock as it is by now."""
    return msgspec.structs.replace(cursor, now_us=cursor.now_us + round((time.monotonic() - read_at) * 1e6))

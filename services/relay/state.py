"""What a feed is doing right now, in a status and a sentence, from what its threads say."""

from __future__ import annotations

import threading
import time
from collections import deque

import msgspec

from shared.schemas.feed import FeedStatus

#: Further behind than this is catching up.
LIVE_LAG_SECONDS = 10.0
#: The rate is measured over so long.
RATE_SECONDS = 10.0


class DatabaseClock:
    """The database's time, kept between its answers by this machine's monotonic clock."""

    def __init__(self) -> None:
        self._offset_us: int | None = None

    def set(self, now_us: int) -> None:
        """The database said that it is ``now_us``."""
        self._offset_us = now_us - time.monotonic_ns() // 1_000

    def now_us(self) -> int:
        """Microseconds since 1970. Before the database spoke, this machine's time."""
        if self._offset_us is None:
            return time.time_ns() // 1_000
        return time.monotonic_ns() // 1_000 + self._offset_us


class View(msgspec.Struct, frozen=True):
    """One look at a feed."""

    status: FeedStatus
    reason: str | None
    rate: float
    lag_seconds: float | None


class FeedState:
    """Collects what reader and runner say. Thread-safe."""

    def __init__(self, clock: DatabaseClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._status: FeedStatus = "starting"
        self._reason: str | None = "Connecting for the first time."
        self._held = False
        self._store_away: str | None = None
        self._last_event_us: int | None = None
        self._stored: deque[tuple[float, int]] = deque()
        #: How far behind the present the event stored last was when it was stored.
        self.behind_seconds = 0.0
        #: Frames put into the queue since the start.
        self.frames = 0

    def connected(self) -> None:
        """A connection is open."""
        self._set("live", None)

    def disconnected(self, reason: str, *, stalled: bool) -> None:
        """There is no connection; ``reason`` is for people."""
        self._set("stalled" if stalled else "unreachable", reason)

    def held(self, held: bool) -> None:
        """Whether the socket is left unread because the queue is full."""
        self._held = held

    def store_away(self, reason: str | None) -> None:
        """PostgreSQL does not take batches, or takes them again (``None``)."""
        with self._lock:
            self._store_away = reason

    def stored(self, events: int, position: int | None) -> None:
        """A batch was committed."""
        with self._lock:
            self._store_away = None
            self._stored.append((time.monotonic(), events))
            if position is not None:
                self._last_event_us = max(position, self._last_event_us or 0)
                self.behind_seconds = max(self._clock.now_us() - position, 0) / 1e6

    def view(self) -> View:
        """Status and reason now; trouble with the store is said before trouble with the feed."""
        with self._lock:
            rate = self._rate()
            lag = self._lag()
            if self._store_away is not None:
                reason = f"PostgreSQL does not answer, so reading waits; nothing is lost. {self._store_away}"
                return View("stalled", reason, rate, lag)
            if self._status != "live":
                return View(self._status, self._reason, rate, lag)
            if self._held:
                return View("catching_up", "The feed sends faster than can be stored; reading waits.", rate, lag)
            if lag is not None and lag > LIVE_LAG_SECONDS:
                return View("catching_up", f"{_duration(lag)} behind.", rate, lag)
            return View("live", None, rate, lag)

    def _set(self, status: FeedStatus, reason: str | None) -> None:
        with self._lock:
            self._status, self._reason = status, reason

    def _lag(self) -> float | None:
        if self._last_event_us is None:
            return None
        return max(self._clock.now_us() - self._last_event_us, 0) / 1e6

    def _rate(self) -> float:
        """Events per second over the last seconds."""
        since = time.monotonic() - RATE_SECONDS
        while self._stored and self._stored[0][0] < since:
            self._stored.popleft()
        return sum(events for _, events in self._stored) / RATE_SECONDS


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3_600:.0f} hours"

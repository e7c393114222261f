"""What a feed is doing right now, in a status and a sentence, from what its threads say."""

from __future__ import annotations

import threading
import time
from collections import deque

import msgspec

from services.relay.drop_log import DropLog
from services.relay.drops import Drop
from services.relay.progress import Progress
from shared.schemas.feed import FeedStatus

#: Further behind than this is catching up.
LIVE_LAG_SECONDS = 10.0
#: The rate is measured over so long.
RATE_SECONDS = 10.0
#: A feed that gave nothing for so long has no more for us now, however old its last event is.
QUIET_SECONDS = 10.0


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
    """One look at a feed, as ``shared.schemas.feed.Feed`` explains it."""

    status: FeedStatus
    reason: str | None
    rate: float = 0.0
    lag_seconds: float | None = None
    behind_seconds: float | None = None
    catch_up_seconds: float | None = None


class FeedState:
    """Collects what reader and runner say. Thread-safe.

    ``last_event_us`` is the event time stored last, ``None`` for a feed never read.
    """

    def __init__(self, clock: DatabaseClock, feed: str = "", last_event_us: int | None = None) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._status: FeedStatus = "starting"
        self._reason: str | None = "Connecting for the first time."
        self._note: str | None = None
        self._held = False
        self._store_away: str | None = None
        self._last_event_us = last_event_us
        self._stored: deque[tuple[float, int]] = deque()
        self._progress = Progress()
        self._moved_at = time.monotonic()
        self._frames_seen = 0
        #: How far behind the present the event stored last was when it was stored.
        self.behind_seconds = 0.0
        #: Frames put into the queue since the start.
        self.frames = 0
        #: Connections that ended.
        self.drops = DropLog(feed, clock.now_us)

    def connected(self, note: str | None = None) -> None:
        """A connection is open. ``note`` is shown while it is."""
        self.drops.connected()
        with self._lock:
            self._note = note
            self._status, self._reason = "live", None
            self._progress.forget()
            self._moved_at = time.monotonic()

    def dropped(self, drop: Drop) -> None:
        """A connection ended, or none came about."""
        self.drops.ended(drop, self._last_event_us)
        self.disconnected(drop.reason, stalled=drop.cause == "stall")

    def disconnected(self, reason: str, *, stalled: bool) -> None:
        """There is no connection; ``reason`` is for people."""
        with self._lock:
            self._status, self._reason = ("stalled" if stalled else "unreachable"), reason

    def ended(self, reason: str) -> None:
        """There is no more to read, ever."""
        with self._lock:
            self._status, self._reason = "ended", reason

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
                self._progress.note(self._last_event_us)
                self._moved_at = time.monotonic()
                self.behind_seconds = max(self._clock.now_us() - position, 0) / 1e6

    def view(self) -> View:
        """Status and reason now; trouble with the store is said before trouble with the feed."""
        with self._lock:
            view = self._view()
            if self._note is None or view.status not in ("live", "catching_up"):
                return view
            return msgspec.structs.replace(view, reason=f"{view.reason or ''} {self._note}".lstrip())

    def _view(self) -> View:
        rate, lag = self._rate(), self._lag()
        behind = lag if lag is not None and lag > LIVE_LAG_SECONDS else None
        if self._store_away is not None:
            reason = f"PostgreSQL does not answer, so reading waits; nothing is lost. {self._store_away}"
            return View("stalled", reason, rate, lag, behind)
        if self._status == "ended":
            return View("ended", self._reason, rate, lag)
        if self._status != "live":
            return View(self._status, self._reason, rate, lag, behind)
        if self._held:
            waits = "The feed sends faster than can be stored; reading waits."
            reason = waits if behind is None else f"{self._when(behind)} {waits}"
            return View("catching_up", reason, rate, lag, behind, self._left(behind))
        if behind is None:
            return View("live", None, rate, lag)
        if self._quiet():
            return View("live", f"Quiet: its last event is {duration(behind)} old.", rate, lag)
        return View("catching_up", self._when(behind), rate, lag, behind, self._left(behind))

    def _quiet(self) -> bool:
        """Whether nothing has come or been stored for a while."""
        now = time.monotonic()
        if self.frames != self._frames_seen:
            self._frames_seen, self._moved_at = self.frames, now
        return now - self._moved_at > QUIET_SECONDS

    def _left(self, behind: float | None) -> float | None:
        return None if behind is None else self._progress.seconds_left(behind)

    def _when(self, behind: float) -> str:
        """How far behind, and when that ends."""
        left = self._progress.seconds_left(behind)
        if left is not None:
            return f"{duration(behind)} behind, caught up in about {duration(left)}."
        if self._progress.speed is not None:
            return f"{duration(behind)} behind, and not catching up at this speed."
        return f"{duration(behind)} behind."

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


def duration(seconds: float) -> str:
    """For people: in the largest unit of which there are two."""
    for size, unit in ((172_800, "day"), (7_200, "hour"), (120, "minute")):
        if seconds >= size:
            return f"{seconds / (size / 2):.0f} {unit}s"
    whole = max(round(seconds), 1)
    return f"{whole} second{'s' if whole > 1 else ''}"

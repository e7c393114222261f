"""Raw frames and the one bounded place where they wait between a feed's socket and the store."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Literal

import msgspec

#: Why a source could not hand a frame over whole; "" when it could.
Fault = Literal["", "binary", "oversize", "truncated", "zstd", "undecryptable", "iv_reused"]

#: Facts kept with a gap, for whoever asks why.
Evidence = dict[str, str | int | float | None]

#: Bytes that may wait beside the limit on their number: many large frames must not fill the memory.
MAX_WAITING_BYTES = 64 << 20
#: Bytes in one batch, for the same reason.
MAX_BATCH_BYTES = 16 << 20


class Resume(msgspec.Struct, frozen=True):
    """What was asked of the feed when a connection began; rides on its first frame.

    ``requested`` and ``position`` are microseconds: from where events were asked for, and the stored
    position that was taken from. ``position`` is 0 where a late first event proves nothing: a feed
    never read before, or one whose times its authors choose. ``evidence`` tells how the connection
    before ended, ``host`` who answers this one ("" keeps the last). ``opened_us`` is the database's clock
    then, where the feed's change from replay to live must be read again; 0 where it need not.
    """

    requested: int
    position: int
    evidence: Evidence
    host: str = ""
    opened_us: int = 0


class Missing(msgspec.Struct, frozen=True):
    """A stretch that the source knows it cannot read: [start_us, end_us) of event time."""

    start_us: int
    end_us: int
    cause: str
    evidence: Evidence


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One frame as received. ``size`` is its full length, ``data`` may be cut when ``fault`` is set.

    Its cursor: events move the stored position to their own time unless ``moves`` is false (what is
    read out of order must not); ``token`` is the feed's own cursor after this frame, where it has
    one. A frame with ``mark_us`` holds no event: all events up to that time have been handed over.
    ``missing`` rides on the first frame after a stretch that cannot be read.
    """

    data: bytes
    size: int
    fault: Fault = ""
    resume: Resume | None = None
    moves: bool = True
    token: int | None = None
    mark_us: int | None = None
    missing: Missing | None = None


class FrameQueue:
    """Frames in order, bounded by number and bytes. One thread puts, one takes."""

    def __init__(self, limit: int, max_bytes: int = MAX_WAITING_BYTES) -> None:
        self._limit, self._max_bytes = limit, max_bytes
        self._frames: deque[Frame] = deque()
        self._arrivals: deque[float] = deque()
        self._bytes = 0
        self._taken = 0
        self._wanted = 0
        self._changed = threading.Condition()
        #: When the first of what ``take`` gave out last was put here (monotonic seconds).
        self.taken_since = 0.0

    def put(self, frame: Frame, timeout: float) -> bool:
        """Append ``frame``; False when there was no room for ``timeout`` seconds (then nothing happened)."""
        with self._changed:
            if not self._has_room() and not self._changed.wait_for(self._has_room, timeout):
                return False
            self._frames.append(frame)
            self._arrivals.append(time.monotonic())
            self._bytes += len(frame.data)
            waiting = len(self._frames)
            if waiting == 1 or waiting == self._wanted or not self._has_room():
                self._changed.notify_all()
            return True

    def take(self, most: int, gather_seconds: float, wait_seconds: float) -> list[Frame]:
        """Up to ``most`` frames: waits for the first, then at most ``gather_seconds`` for the others.

        What was taken counts as unfinished until ``done`` is called.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._frames, wait_seconds):
                return []
            self._wanted = most
            until = time.monotonic() + gather_seconds
            while len(self._frames) < most and self._has_room() and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            taken: list[Frame] = []
            size = 0
            self.taken_since = self._arrivals[0]
            while self._frames and len(taken) < most and size < MAX_BATCH_BYTES:
                frame = self._frames.popleft()
                self._arrivals.popleft()
                size += len(frame.data)
                taken.append(frame)
            self._bytes -= size
            self._taken = len(taken)
            self._changed.notify_all()
            return taken

    def done(self) -> None:
        """What ``take`` gave out last is durable."""
        with self._changed:
            self._taken = 0
            self._changed.notify_all()

    def wait_until_durable(self, timeout: float) -> bool:
        """True once nothing waits and nothing is unfinished."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._frames and not self._taken, timeout)

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of all frames that wait."""
        return self._bytes

    def _has_room(self) -> bool:
        return len(self._frames) < self._limit and self._bytes < self._max_bytes

"""What a source of frames offers, whatever its protocol."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Protocol

from services.relay.drops import Ending
from services.relay.frames import Frame
from shared.store.cursors import Cursor

#: A source looks at ``stop`` and at its stall clock at least this often.
TICK_SECONDS = 1.0

#: Asked for again on every reconnect: another instance numbers events a little differently.
REWIND_US = 5_000_000


def resume_us(cursor: Cursor, rewind_us: int = REWIND_US) -> int:
    """The time to ask from: the position, with an overlap once something has been read.

    Never a position in the future, which a server answers with its live tail.
    """
    position = min(cursor.position, cursor.now_us)
    return position if cursor.events == 0 else max(position - rewind_us, 0)


class Source(Protocol):
    """One connection at a time to one feed. Used by one thread.

    ``clamps`` says that a server which no longer keeps the asked-for events answers from a later
    point without a word, so that a late first event on a busy stream is a gap.
    """

    @property
    def clamps(self) -> bool: ...

    @property
    def wire(self) -> str:
        """Name and version of the protocol; stored with the cursor."""
        ...

    @property
    def host(self) -> str:
        """Server now or last connected to; stored with the cursor."""
        ...

    @property
    def note(self) -> str | None:
        """What an operator should know of how this connection is read, though it works; a sentence."""
        ...

    def open(self, cursor: Cursor) -> int:
        """Connect and ask for everything after ``cursor``; the time asked from (microseconds, inclusive).

        The cursor's own ``token`` holds for its ``wire`` and ``host`` only; elsewhere its position
        does, asked for again with an overlap. Raises FeedUnavailable.
        """
        ...

    def frames(self, stop: threading.Event) -> Iterator[Frame | None]:
        """Frames as they come, ``None`` about once a second when none does. Ends with the connection or ``stop``."""
        ...

    def ending(self, held_seconds: float) -> Ending:
        """Why the last connection ended; the caller adds how long it kept the socket unread."""
        ...

    def close(self) -> None:
        """Give the connection back. Idempotent."""
        ...

"""What a source of frames offers, whatever its protocol."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Protocol

from services.relay.drops import Ending
from services.relay.frames import Frame

#: A source looks at ``stop`` and at its stall clock at least this often.
TICK_SECONDS = 1.0


class Source(Protocol):
    """One connection at a time to one feed. Used by one thread."""

    @property
    def wire(self) -> str:
        """Name and version of the protocol; stored with the cursor."""
        ...

    @property
    def host(self) -> str:
        """Server now or last connected to; stored with the cursor."""
        ...

    def open(self, position: int) -> None:
        """Connect and ask for everything from ``position`` (microseconds, inclusive) on.

        Raises FeedUnavailable.
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

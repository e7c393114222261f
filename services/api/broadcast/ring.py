"""The last live messages in memory, so that a browser that was away for a moment misses nothing.

Entries have the stream's ids (opaque to clients) and, here, consecutive numbers: a client's place is
the number of the next entry it wants, and nobody keeps a queue of its own.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from secrets import randbits

import msgspec

from shared.contracts.channels import LIVE_RING


class Live(msgspec.Struct, frozen=True):
    """``text`` is the encoded message with its id; empty for the mark an empty ring begins with."""

    id: str
    text: str


class Ring:
    """At most ``size`` entries. Not thread-safe: it belongs to one event loop."""

    def __init__(self, size: int = LIVE_RING) -> None:
        self._size = size
        self._entries: deque[Live] = deque(maxlen=size)
        self._next = 0
        self.reset([])

    @property
    def next(self) -> int:
        """Number of the entry that will come next."""
        return self._next

    @property
    def newest(self) -> str:
        """Id of the newest entry."""
        return self._entries[-1].id

    def reset(self, entries: list[Live]) -> None:
        """Begin anew: what came between the old entries and these is not known.

        An empty ring gets a mark with an id of its own, so that a client that saw nothing yet can
        resume too, and can only resume here.
        """
        self._entries = deque(entries or [Live(f"0-{randbits(52)}", "")], maxlen=self._size)
        self._next += len(self._entries)

    def append(self, entry: Live) -> None:
        """Add the newest; the oldest goes when the ring is full."""
        self._entries.append(entry)
        self._next += 1

    def place_after(self, entry: str) -> int | None:
        """Number of the entry after ``entry``, or ``None`` when the ring does not hold it."""
        for back, held in enumerate(reversed(self._entries)):
            if held.id == entry:
                return self._next - back
        return None

    def since(self, number: int, most: int) -> list[Live] | None:
        """Up to ``most`` entries from ``number`` on; ``None`` when some of them are gone."""
        skipped = number - (self._next - len(self._entries))
        if skipped < 0:
            return None
        return list(islice(self._entries, skipped, skipped + most))

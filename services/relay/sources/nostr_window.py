"""Reading one stretch of a relay's past whole, although it answers newest first and caps every answer. No I/O.

A page asks for [start, until]. Whatever the cap is, older events are missing only if the page was
full, so the next page asks again from the oldest second seen (inclusive, as several events may share
it), until a page brings nothing new.
"""

from __future__ import annotations

from typing import Any

from services.relay.frames import Evidence, Frame, Missing
from services.relay.sources.nostr_messages import Glance
from services.relay.wires.nostr import KINDS, SECOND_US

#: Events asked for at once; common relays cap at this or more.
PAGE = 500
#: Events and bytes of one window; a fuller one is cut into smaller ones.
MOST_EVENTS, MOST_BYTES = 10_000, 16 << 20


class Window:
    """The seconds [start, end], inclusive, read page by page. Bounded by MOST_EVENTS and MOST_BYTES.

    ``full`` is the smallest page that this relay is known to have cut off.
    """

    def __init__(self, start: int, end: int, full: int = PAGE) -> None:
        self.start, self.end, self.full = start, end, full
        self._until = end
        #: By the bytes received, so that a forgery under a true event's id cannot hide it.
        self._events: dict[bytes, int] = {}
        self._ids: set[str] = set()
        self._bytes = 0
        self._page: list[int] = []
        self._fresh = self._astray = 0
        self._largest = self._last = 0
        self._missing: Missing | None = None
        self.pages = 0

    @property
    def events(self) -> int:
        """Events found so far."""
        return len(self._events)

    @property
    def overflows(self) -> bool:
        """More than one window may hold."""
        return len(self._events) > MOST_EVENTS or self._bytes > MOST_BYTES

    def wanted(self) -> dict[str, Any]:
        """The filter of the next page."""
        return {"kinds": list(KINDS), "since": self.start, "until": self._until, "limit": PAGE}

    def add(self, event: Glance | None, data: bytes) -> bool:
        """One event of the page; ``data`` is its message as received. False when it is not kept here:
        its time cannot be read or was not asked for.
        """
        if event is None or not self.start <= event.created_at <= self._until:
            self._astray += 1
            return False
        self._page.append(event.created_at)
        if event.id not in self._ids:
            self._ids.add(event.id)
            self._fresh += 1
        _, _, content = data.partition(b"{")  # the subscription's name differs from page to page
        if content not in self._events:
            self._events[content] = event.created_at
            self._bytes += len(data)
        return True

    def page_ended(self) -> bool:
        """The relay said that the page is over. True when the window is whole, as far as can be known."""
        page, fresh, astray = self._page, self._fresh, self._astray
        self._page, self._fresh, self._astray = [], 0, 0
        self.pages += 1
        if not page:
            if astray:
                self.cannot_read("not_pageable", {"astray": astray}, self._until)
            return True
        if fresh and self._last:  # there was more, so the page before had been cut off
            self.full = min(self.full, self._last)
        uncut = len(page) < self._largest  # a relay that gave more before had room for all
        self._last, self._largest = len(page), max(self._largest, len(page))
        oldest = min(page)
        if uncut and not fresh:
            return True
        if oldest < self._until:
            self._until = oldest
            return False
        return self._one_second(len(page))

    def _one_second(self, size: int) -> bool:
        """All of a page is of its last second: go on below it, as no question can split a second."""
        if size >= self.full:
            self.cannot_read("full_second", {"events": size}, self._until, self._until)
        self._until -= 1
        return self._until < self.start

    def cannot_read(self, cause: str, evidence: Evidence, end: int, start: int | None = None) -> None:
        """Note that [start, end] (from the window's start by default) may hold more than was given."""
        first = (self.start if start is None else start) * SECOND_US
        last = (end + 1) * SECOND_US
        if self._missing is not None:
            first, last = min(first, self._missing.start_us), max(last, self._missing.end_us)
        self._missing = Missing(first, last, cause, evidence)

    def frames(self, mark_us: int) -> list[Frame]:
        """All events oldest first, which leave the cursor alone, and the mark that then moves it."""
        ordered = sorted(self._events.items(), key=lambda item: item[1])
        found = [Frame(data, len(data), moves=False) for data in (b'["EVENT","",{' + rest for rest, _ in ordered)]
        return [*found, Frame(b"", 0, mark_us=mark_us, missing=self._missing)]

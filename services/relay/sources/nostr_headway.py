"""How far one relay's past has been read, over connections: each goes on where the one before broke off. No I/O.

A relay may end every connection after so many frames or pages. So what is read again must never be
more than what was gained, a window that did not fit is asked for in halves, and one second that
does not fit is given up after some tries.
"""

from __future__ import annotations

from services.relay.sources.nostr_window import PAGE, Window

#: A window of the past begins with so many seconds and adapts to how much it holds.
FIRST_SPAN, MOST_SPAN = 600, 21_600
#: Seconds asked for again after a break while we have not been live yet: what lies before was read moments ago.
MOST_OVERLAP = 60
#: A fuller or longer window than this is followed by a shorter one.
_MOST_PAGES = 4


class Failures:
    """How often in a row one thing failed at one second."""

    def __init__(self) -> None:
        self._second, self._number = -1, 0

    def again(self, second: int) -> int:
        """It failed at ``second``; how often by now."""
        self._number = self._number + 1 if second == self._second else 1
        self._second = second
        return self._number

    def clear(self) -> None:
        """It went well."""
        self._number = 0


class Headway:
    """The second to go on from, and the seconds to ask for at once. Outlives connections; seconds are UTC."""

    def __init__(self) -> None:
        self.span = FIRST_SPAN
        #: The first second that was not read whole since we last were live; ``None`` when nothing was.
        self._next: int | None = None
        self._begun = self._gained = 0

    def begin(self, requested: int, position: int) -> int:
        """Where a new connection begins: ``requested``, or where the one before broke off, less an overlap.

        The overlap is at most half of what that one gained, so that it cannot eat up a connection.
        Never after ``position``, how far the record is known to be whole.
        """
        overlap, self._gained = min(self._gained // 2, MOST_OVERLAP), 0
        going_on = requested if self._next is None else min(self._next, position) - overlap
        self._begun = max(requested, going_on)
        return self._begun

    def read(self, window: Window) -> None:
        """``window`` was handed on whole."""
        before = window.start if self._next is None else self._next
        after = max(before, window.end + 1)
        self._next, self._gained = after, self._gained + after - before
        if window.events < PAGE // 4:
            self.span = min(self.span * 2, MOST_SPAN)
        elif window.pages > _MOST_PAGES:
            self.halve(window)

    def halve(self, window: Window) -> None:
        """``window`` took long, or held too much to be read at once."""
        self.span = max((window.end - window.start + 1) // 2, 1)

    def stuck(self, window: Window) -> bool:
        """Whether a whole connection had only ``window`` to read and it can be no shorter."""
        return window.events > 0 and window.start == window.end == self._begun

    def caught_up(self) -> None:
        """We are live: the next connection asks from the stored position again."""
        self._next, self._gained = None, 0

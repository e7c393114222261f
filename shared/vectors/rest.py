"""When to ask a server that does not answer again: whoever waits is better served without it than late."""

from __future__ import annotations

import time
from collections.abc import Callable

from shared.errors import IndexUnavailable

#: The first and the longest time in which nobody asks.
FIRST_SECONDS, LONGEST_SECONDS = 5.0, 60.0


class Rest:
    """Begins when a call went without an answer for ``silence`` seconds, and ends with one that has an answer.

    After each one, one call tries, while the others go on without. Thread-safe: at worst two try.
    """

    def __init__(self, silence: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._silence, self._clock = silence, clock
        self._pause, self._until = 0.0, 0.0

    @property
    def suspect(self) -> bool:
        """Whether the last call went unanswered."""
        return self._pause > 0

    def begin(self) -> float:
        """When a call begins. Raises IndexUnavailable while nobody is to ask."""
        now = self._clock()
        if now < self._until:
            raise IndexUnavailable(
                "The vector index does not answer.", why=f"It is asked again in {self._until - now:.0f} seconds."
            )
        if self.suspect:
            self._until = now + self._pause
        return now

    def failed(self, began: float) -> None:
        """A call that ``began`` then failed. One that failed fast costs nobody any time."""
        now = self._clock()
        if now - began >= self._silence:
            self._pause = min(2 * self._pause, LONGEST_SECONDS) or FIRST_SECONDS
            self._until = now + self._pause
        else:
            self.answered()

    def answered(self) -> None:
        """All is well."""
        self._pause = self._until = 0.0

"""A provider in trouble is left alone for a while, then tried by one call. Pauses between attempts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

#: Failures in a row that open the breaker.
FAILURES = 5
COOL_SECONDS = 15.0
MOST_COOL_SECONDS = 300.0

BASE_SECONDS = 0.5
MOST_SECONDS = 20.0


class Breaker:
    """Closed: calls pass. Open: none does, until its pause is over. Then one does, and decides."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures, self._openings = 0, 0
        self._open_until: float | None = None
        self._probing = False

    @property
    def state(self) -> str:
        """ "closed", "open" or "half-open"."""
        if self._open_until is None:
            return "closed"
        return "open" if self._clock() < self._open_until or self._probing else "half-open"

    def allow(self) -> bool:
        """Whether a call may pass now. Who gets True must report ``succeeded``, ``failed`` or ``forgot``."""
        state = self.state
        if state == "half-open":
            self._probing = True
        return state != "open"

    def succeeded(self) -> None:
        """The provider answered."""
        self._failures, self._openings, self._open_until, self._probing = 0, 0, None, False

    def failed(self) -> None:
        """The provider is in trouble."""
        self._failures += 1
        if self._probing or self._failures >= FAILURES:
            cool = min(COOL_SECONDS * 2**self._openings, MOST_COOL_SECONDS)
            self._open_until = self._clock() + cool
            self._openings += 1
            self._failures, self._probing = 0, False

    def forgot(self) -> None:
        """The call told nothing about the provider."""
        self._probing = False


def pause_seconds(attempt: int, retry_after: float | None, chance: random.Random) -> float:
    """Before the attempt after ``attempt`` (from 1): full jitter over an exponential span, never less than what the
    provider asked for (Brooker, "Exponential Backoff And Jitter", 2015)."""
    jitter = chance.uniform(0, min(MOST_SECONDS, BASE_SECONDS * 2.0 ** min(attempt - 1, 30)))
    return jitter if retry_after is None else retry_after + jitter

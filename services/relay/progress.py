"""How fast event time moves, and when a feed that is behind will have caught up."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

#: The speed is that of the last half minute; before so much is known of it, there is none.
WINDOW_SECONDS = 30.0
LEAST_SECONDS = 3.0
#: Less than this gained on the clock is no catching up: the end would be hours away and a guess.
LEAST_GAIN = 0.05
#: One sample a second is enough.
_EVERY_SECONDS = 1.0


class Progress:
    """Newest event times with the moments they were stored. Not thread-safe."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._samples: deque[tuple[float, int]] = deque()

    def note(self, event_us: int) -> None:
        """Everything up to ``event_us`` is stored."""
        now = self._monotonic()
        while self._samples and self._samples[0][0] < now - WINDOW_SECONDS:
            self._samples.popleft()
        if len(self._samples) > 1 and self._samples[-1][0] - self._samples[-2][0] < _EVERY_SECONDS:
            self._samples.pop()
        self._samples.append((now, event_us))

    def forget(self) -> None:
        """Begin anew: reading stopped, and what comes next says nothing about before."""
        self._samples.clear()

    @property
    def speed(self) -> float | None:
        """Seconds of event time stored in a second, over the window; ``None`` while too little is known.

        A pause counts, up to now: a feed that stands still slows down.
        """
        if not self._samples:
            return None
        now = self._monotonic()
        (began, first), (_, last) = self._samples[0], self._samples[-1]
        if now - began < LEAST_SECONDS or len(self._samples) < 2:
            return None
        return (last - first) / 1e6 / (now - began)

    def seconds_left(self, behind_seconds: float) -> float | None:
        """Until nothing is left at the present speed; ``None`` when unknown or never.

        The end moves on by one second each second while what is behind is read at ``speed``.
        """
        speed = self.speed
        if speed is None or speed - 1 < LEAST_GAIN:
            return None
        return behind_seconds / (speed - 1)

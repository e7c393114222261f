"""Waiting between attempts: exponential with full jitter, reset only by progress.

Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """``next_seconds`` is drawn from [0, min(most, first * 2^n)], n the attempts since ``reset``."""

    def __init__(self, first: float, most: float, draw: Callable[[], float] = random.random) -> None:
        self._first, self._most, self._draw = first, most, draw
        self.attempts = 0

    def next_seconds(self) -> float:
        """How long to wait before the next attempt."""
        ceiling = min(self._most, self._first * 2.0 ** min(self.attempts, 30))
        self.attempts += 1
        return self._draw() * ceiling

    def reset(self) -> None:
        """Progress was made."""
        self.attempts = 0

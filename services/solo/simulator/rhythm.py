"""How volume moves over the day, and how everyday topics wax and wane."""

from __future__ import annotations

import math

from services.solo.simulator.chance import lane, uniform

_DAY_US = 86_400_000_000
_BUSIEST_HOUR = 20.0


def daily(time_us: int) -> float:
    """Factor on the rate at a moment (UTC): mean 1.0 over a day, from 0.60 at 08:00 to 1.28 at 20:00."""
    angle = 2 * math.pi * ((time_us % _DAY_US) / _DAY_US - _BUSIEST_HOUR / 24)
    return 1 + 0.34 * math.cos(angle) - 0.06 * math.cos(2 * angle)


class TopicRhythm:
    """Weights of everyday topics: each swings slowly on its own period of 5 to 13 hours."""

    def __init__(self, seed: int, topics: int) -> None:
        start = lane(seed, "topic rhythm")
        self._base = [0.5 + 1.5 * uniform(start, topic, 0) for topic in range(topics)]
        self._period_us = [(5 + 8 * uniform(start, topic, 1)) * 3.6e9 for topic in range(topics)]
        self._phase = [2 * math.pi * uniform(start, topic, 2) for topic in range(topics)]
        self._minute = -1
        self._cumulative: list[float] = []

    def cumulative(self, time_us: int) -> list[float]:
        """Running sum of the weights at a moment, the last being 1; the same for a whole minute."""
        minute = time_us // 60_000_000
        if minute != self._minute:
            self._cumulative = self._at(minute * 60_000_000)
            self._minute = minute
        return self._cumulative

    def _at(self, time_us: int) -> list[float]:
        weights = [
            base * (1 + 0.5 * math.sin(2 * math.pi * time_us / period + phase))
            for base, period, phase in zip(self._base, self._period_us, self._phase, strict=True)
        ]
        total, running, sums = sum(weights), 0.0, []
        for weight in weights:
            running += weight / total
            sums.append(running)
        sums[-1] = 1.0
        return sums

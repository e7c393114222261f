"""A known fault of real servers: around the change from replay to live, events are lost and disordered.

They stay in the server's store, so that who reads the stretch again gets them, in order.
"""

from __future__ import annotations

from random import Random

#: Replay counts as ending this long before the present; the trouble lasts as long after it.
NEAR_US = 1_500_000
_LOST, _LATE, _RELEASED = 0.15, 0.2, 0.3


class Cutover:
    """Of one connection. ``lost`` counts what it never gave; nothing happens unless ``faulty``."""

    def __init__(self, rng: Random, *, faulty: bool) -> None:
        self._rng, self._armed = rng, faulty
        self._from_us = self._until_us = 0
        self._held: list[bytes] = []
        self.lost = 0

    def look(self, position_us: int, now_us: int) -> None:
        """Replay stands at ``position_us``: the trouble begins when that is near the present."""
        if self._armed and now_us - position_us < NEAR_US:
            self._armed = False
            self._from_us, self._until_us = position_us, now_us + NEAR_US

    def through(self, time_us: int, frame: bytes) -> list[bytes]:
        """What is sent now that ``frame`` is due."""
        if not self._from_us <= time_us < self._until_us:
            return [*self.left(), frame] if self._held else [frame]
        chance = self._rng.random()
        if chance < _LOST:
            self.lost += 1
            return []
        if chance < _LOST + _LATE:
            self._held.append(frame)
            return []
        return [frame, *self.left()] if self._rng.random() < _RELEASED else [frame]

    def left(self) -> list[bytes]:
        """Frames that were held back, in another order."""
        held, self._held = self._held, []
        self._rng.shuffle(held)
        return held

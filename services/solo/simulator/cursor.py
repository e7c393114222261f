"""Where a subscription begins, by time or by number, within what the server still keeps."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from services.solo.simulator.plan import SECOND_US
from services.solo.simulator.stream import Stream

#: Cursors below are numbers of events, others microseconds since 1970.
FIRST_TIME = 1_000_000_000_000_000


class TooOld(Exception):
    """A number below ``floor``, the oldest that is kept."""

    def __init__(self, asked: int, floor: int) -> None:
        super().__init__(f"cursor {asked} below lookback floor {floor}; re-backfill from your last seq")
        self.floor = floor


class Start(msgspec.Struct, frozen=True):
    """Event time to begin at; ``clamped`` when older events were asked for than are kept."""

    time_us: int
    clamped: bool = False


class Window:
    """What a server keeps of ``stream``: the last ``retention_us``, and nothing before ``floor()``.

    Its numbers begin after ``base``.
    """

    def __init__(
        self,
        stream: Stream,
        clock: Callable[[], int],
        retention_us: int,
        base: int = 0,
        *,
        floor: Callable[[], int] = lambda: 0,
    ) -> None:
        self._stream, self._clock, self._retention_us, self.base = stream, clock, retention_us, base
        self._floor = floor

    def start(self, cursor: int | None, *, numbered: bool, strict: bool = False) -> Start:
        """Where ``cursor`` begins; without one, or with one in the future, at the live tip.

        ``numbered``: a small cursor is a number. ``strict``: one that is no longer kept raises TooOld
        instead of being moved up.
        """
        now_us = self._clock()
        if cursor is None:
            return Start(now_us)
        by_number = numbered and cursor < FIRST_TIME
        time_us = self._time_of(cursor - self.base, now_us) if by_number else cursor
        if time_us > now_us:
            return Start(now_us)
        floor_us = max(self._stream.anchor_us, now_us - self._retention_us, self._floor())
        if time_us >= floor_us:
            return Start(time_us)
        if by_number and strict:
            raise TooOld(cursor, self.number_at(floor_us))
        return Start(floor_us, clamped=True)

    def number_at(self, time_us: int) -> int:
        """The number of the first event at or after a moment."""
        until_us = time_us
        while True:
            until_us += 10 * SECOND_US
            for event in self._stream.between(time_us, until_us):
                return event.seq + self.base

    def _time_of(self, number: int, now_us: int) -> int:
        """When event ``number`` happened; a number not given yet is in the future."""
        if self._stream.second_of(number) > self._stream.second_at(now_us):
            return now_us + 1
        return self._stream.time_of(number)

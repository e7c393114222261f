"""How many posts a watch usually matches: its own past days, without gaps. Pure.

The larger of the mean of the last seven days and the mean of the same time of day on those days, as the
momentum engine's expectation is (a half-hour profile beside a long mean): what comes every evening is usual in
the evening. The last 90 minutes before the window are left out, so that a story is not its own baseline.
"""

from __future__ import annotations

from array import array

import msgspec

DAY = 1440
DAYS = 7
LAG_MINUTES = 90
#: The same time of day is taken this much wider, on both sides.
AROUND_MINUTES = 30
#: With fewer observed minutes nothing is known; with fewer than a day it is provisional.
LEAST_MINUTES, SETTLED_MINUTES = 60, DAY


class Expected(msgspec.Struct, frozen=True):
    """``posts`` expected in the window; ``provisional``: from less than a day."""

    posts: float
    provisional: bool


def reach(window: int) -> int:
    """Minutes before a window's end that ``Usual.expected`` looks at."""
    return DAYS * DAY + LAG_MINUTES + window + AROUND_MINUTES


class Usual:
    """Counts of consecutive minutes from ``origin`` on. Holds at most twice its reach: older ones are dropped."""

    def __init__(self, origin: int, window: int) -> None:
        self._origin, self._window, self._reach = origin, window, reach(window)
        # Running totals: the sum over any stretch is a difference.
        self._posts, self._seen = array("q", [0]), array("q", [0])

    @property
    def end(self) -> int:
        """The minute that comes next."""
        return self._origin + len(self._posts) - 1

    def append(self, posts: int, *, missing: bool) -> None:
        """The next minute: how many matched, or that it was not observed."""
        self._posts.append(self._posts[-1] + (0 if missing else posts))
        self._seen.append(self._seen[-1] + (0 if missing else 1))
        if len(self._posts) > 2 * self._reach + 1:
            del self._posts[: self._reach], self._seen[: self._reach]
            self._origin += self._reach

    def expected(self, last: int) -> Expected | None:
        """For the window whose last minute is ``last``; ``None`` while too little was observed."""
        limit = last + 1 - self._window - LAG_MINUTES
        posts, seen = self._sums(limit - DAYS * DAY, limit)
        if seen < LEAST_MINUTES:
            return None
        rate = max(posts / seen, self._at_this_time_of_day(last, limit))
        return Expected(rate * self._window, seen < SETTLED_MINUTES)

    def _at_this_time_of_day(self, last: int, limit: int) -> float:
        total = minutes = days = 0
        for day in range(1, DAYS + 1):
            end = last + 1 - day * DAY + AROUND_MINUTES
            posts, seen = self._sums(end - self._window - 2 * AROUND_MINUTES, min(end, limit))
            total, minutes, days = total + posts, minutes + seen, days + (seen > 0)
        return total / minutes if days > 1 else 0.0

    def _sums(self, start: int, end: int) -> tuple[int, int]:
        low = min(max(start - self._origin, 0), len(self._posts) - 1)
        high = min(max(end - self._origin, low), len(self._posts) - 1)
        return self._posts[high] - self._posts[low], self._seen[high] - self._seen[low]

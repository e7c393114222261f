"""How fast a topic grew: its minutes filled in, its peak, and how quickly it doubled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from services.worker.pipelines.contracts import Gathered

MINUTE = timedelta(minutes=1)
#: Growth is measured on sums over so many minutes: single minutes jump.
WINDOW = 5
#: A window below this is too small to call twice of it a doubling.
LEAST = 5


class Minute(msgspec.Struct, frozen=True):
    """One minute. ``posts`` is ``None`` where a gap touches it; ``usual`` where nothing was counted."""

    start: datetime
    posts: int | None
    usual: float | None


class Doubling(msgspec.Struct, frozen=True):
    """The quickest doubling: from ``before`` to ``after`` posts (per window) in ``minutes``."""

    start: datetime
    minutes: int
    before: int
    after: int


def series(gathered: Gathered) -> list[Minute]:
    """Every minute of the range, oldest first. A minute without a row had no posts."""
    rows = {row.minute: row for row in gathered.minutes}
    filled = []
    start = gathered.range_start
    while start < gathered.range_end:
        row = rows.get(start)
        missing = any(gap.start_time < start + MINUTE and gap.end_time > start for gap in gathered.gaps)
        posts = None if missing else row.posts if row else 0
        filled.append(Minute(start, posts, row.usual if row else None))
        start += MINUTE
    return filled


def peak(minutes: Sequence[Minute]) -> Minute | None:
    """The earliest minute with the most posts; ``None`` if no minute has any."""
    known = [minute for minute in minutes if minute.posts]
    return max(known, key=lambda minute: minute.posts or 0, default=None)


def doubling(minutes: Sequence[Minute]) -> Doubling | None:
    """The shortest time in which posts per WINDOW minutes doubled, before the peak; ``None`` if never.

    Windows that touch a gap do not count. O(n^2) over at most a day of minutes, stopped at the best so far.
    """
    sums = [_window(minutes, end) for end in range(WINDOW, len(minutes) + 1)]
    best: Doubling | None = None
    for first, before in enumerate(sums):
        if before is None or before < LEAST:
            continue
        reach = best.minutes if best else len(sums)
        for step in range(1, min(reach, len(sums) - first)):
            after = sums[first + step]
            if after is not None and after >= 2 * before:
                best = Doubling(minutes[first].start, step, before, after)
                break
    return best


def _window(minutes: Sequence[Minute], end: int) -> int | None:
    total = 0
    for minute in minutes[end - WINDOW : end]:
        if minute.posts is None:
            return None
        total += minute.posts
    return total

"""How far event time has come, over feeds that move at different speeds."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

MINUTE_US = 60_000_000
#: A feed that has no more to read, further behind the foremost one than this, no longer holds the others
#: back. Less than the engine keeps open minutes.
SPAN_US = 60 * MINUTE_US


class Reach(msgspec.Struct, frozen=True):
    """One feed. ``time_us``: all its posts up to here were observed. ``drained``: no more are stored.

    ``silent``: nothing was stored for a minute, or it is paused or has ended.
    """

    time_us: int
    drained: bool
    silent: bool

    @property
    def moves(self) -> bool:
        """Whether it can still bring something now."""
        return not (self.drained and self.silent)


def watermark(reaches: Mapping[str, Reach]) -> int | None:
    """Event time up to which nothing more is expected; ``None`` without any feed.

    The smallest of the feeds that move and are not left behind; with none of those, the largest of all.
    """
    if not reaches:
        return None
    moving = [reach for reach in reaches.values() if reach.moves]
    if not moving:
        return max(reach.time_us for reach in reaches.values())
    foremost = max(reach.time_us for reach in moving)
    return min(reach.time_us for reach in moving if not reach.drained or reach.time_us >= foremost - SPAN_US)


def furthest_behind(reaches: Mapping[str, Reach]) -> str | None:
    """The feed to read next, so that all advance together; ``None`` when every feed is drained."""
    waiting = [(reach.time_us, feed) for feed, reach in reaches.items() if not reach.drained]
    return min(waiting)[1] if waiting else None

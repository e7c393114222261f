"""Stored minutes on a time axis. ``None`` is a minute that was not read whole, or before the first word on a topic.

It touches a gap, or is the one in which reading began (``began``, ``None`` where that is not known).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from shared.schemas.feed import Gap
from shared.schemas.topic import SeriesPoint
from shared.store.topics import Minute

MINUTE = timedelta(minutes=1)


class Axis(msgspec.Struct, frozen=True):
    """[start, end) in whole minutes of event time."""

    start: datetime
    end: datetime

    @classmethod
    def before(cls, end: datetime, minutes: int) -> Axis:
        """The ``minutes`` that are over at ``end``."""
        over = end.astimezone(UTC).replace(second=0, microsecond=0)
        return cls(over - minutes * MINUTE, over)

    @classmethod
    def since(cls, start: datetime | None, end: datetime, most: int) -> Axis:
        """From ``start`` to ``end``, but no more than ``most`` minutes."""
        longest = cls.before(end, most)
        return cls(max(start, longest.start), longest.end) if start and start < longest.end else longest.last(0)

    def last(self, minutes: int) -> Axis:
        """Its last ``minutes``, or all of it."""
        return Axis(max(self.start, self.end - minutes * MINUTE), self.end)


def minutes_between(axis: Axis) -> list[datetime]:
    """Every minute's start."""
    return [axis.start + index * MINUTE for index in range((axis.end - axis.start) // MINUTE)]


def by_topic(minutes: Sequence[Minute]) -> dict[str, list[Minute]]:
    """``minutes`` of each topic."""
    found: dict[str, list[Minute]] = {}
    for minute in minutes:
        found.setdefault(minute.topic, []).append(minute)
    return found


def series_of(axis: Axis, minutes: Sequence[Minute], gaps: Sequence[Gap], began: datetime | None) -> list[SeriesPoint]:
    """One topic's minutes as points."""
    stored = {minute.minute: minute for minute in minutes}
    first = min(stored, default=axis.end)
    torn = _torn(axis, gaps)
    points = []
    for start in minutes_between(axis):
        minute = stored.get(start)
        if start in torn or start < first or (began is not None and start <= began):
            points.append(SeriesPoint(start=start, posts=None, authors=None, usual=None))
        elif minute is None:
            points.append(SeriesPoint(start=start, posts=0, authors=0, usual=None))
        else:
            points.append(SeriesPoint(start=start, posts=minute.posts, authors=minute.authors, usual=minute.usual))
    return points


def values_of(axis: Axis, minutes: Sequence[Minute], gaps: Sequence[Gap], began: datetime | None) -> list[int | None]:
    """One topic's posts a minute."""
    return [point.posts for point in series_of(axis, minutes, gaps, began)]


def _torn(axis: Axis, gaps: Sequence[Gap]) -> set[datetime]:
    """Minutes of ``axis`` that touch a gap."""
    return {
        start for start in minutes_between(axis) if any(gap.start < start + MINUTE and gap.end > start for gap in gaps)
    }

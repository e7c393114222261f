"""When a schedule is due: a time of day in a zone, on some days of the week. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


def zone_of(name: str) -> ZoneInfo:
    """The IANA time zone ``name``. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(f"There is no time zone {name[:60]!r}; one is such as Europe/Berlin or UTC.") from error


def next_due(at: time, days: Collection[str], zone: ZoneInfo, after: datetime) -> datetime:
    """The first due time that is later than ``after``, in UTC. ``days`` of WEEKDAYS; none is every day.

    A local time that the clocks skip is due at the first moment that they show after it; one that they show twice is
    due the first time.
    """
    day = after.astimezone(zone).date() - _DAY
    while True:
        due = _moment(day, at, zone)
        if due > after and (not days or WEEKDAYS[day.weekday()] in days):
            return due
        day += _DAY


def last_due(at: time, days: Collection[str], zone: ZoneInfo, first: datetime, now: datetime) -> datetime:
    """The latest due time that is not after ``now``; ``first`` is one, and is given back if there is no later one."""
    # From a fortnight ago at most: every rule is due within a week and a day.
    due, following = first, next_due(at, days, zone, max(first, now - 14 * _DAY))
    while following <= now:
        due, following = following, next_due(at, days, zone, following)
    return due


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    local = datetime.combine(day, at)
    while not _exists(local, zone):
        local += _MINUTE
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _exists(local: datetime, zone: ZoneInfo) -> bool:
    return local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local

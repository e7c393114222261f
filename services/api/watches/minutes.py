"""Event time in whole minutes since 1970, which watches are judged by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def minute_of(time: datetime) -> int:
    """The minute that ``time`` lies in."""
    return (time - _EPOCH) // MINUTE


def time_of(minute: int) -> datetime:
    """When ``minute`` begins."""
    return _EPOCH + minute * MINUTE

"""Numbers and times as people read them. All times are UTC."""

from __future__ import annotations

from datetime import datetime, timedelta


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 post``, ``1,204 posts``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def share(part: int, whole: int) -> str:
    """Whole percent; "under 1 %" rather than 0 %."""
    percent = 100 * part / whole if whole else 0.0
    return "under 1 %" if 0 < percent < 1 else f"{percent:.0f} %"


#: Below it nothing is usual, and "times the usual" means nothing.
FEWEST = 1


def times(ratio: float) -> str:
    """A ratio with as many digits as it deserves."""
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def expected(number: float) -> str:
    """A usual count, which is rarely whole."""
    if number < FEWEST:
        return "fewer than one"
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}".removesuffix(".0")


def clock(time: datetime) -> str:
    """``14:05``"""
    return f"{time:%H:%M}"


def moment(time: datetime) -> str:
    """``14:05 UTC on 3 May 2026``"""
    return f"{time:%H:%M} UTC on {time.day} {time:%B %Y}"


def stretch(start: datetime, end: datetime) -> str:
    """``3 May 2026, 14:05 to 15:10 UTC``"""
    if start.date() == end.date():
        return f"{start.day} {start:%B %Y}, {start:%H:%M} to {end:%H:%M} UTC"
    return f"{start.day} {start:%B %Y}, {start:%H:%M} to {end.day} {end:%B %Y}, {end:%H:%M} UTC"


def length(span: timedelta) -> str:
    """``40 seconds``, ``12 minutes``, ``3.5 hours``, ``2 days``: one unit, rounded."""
    seconds = span.total_seconds()
    for unit, size, until in (("second", 1, 90), ("minute", 60, 90 * 60), ("hour", 3600, 48 * 3600)):
        if seconds < until:
            number = seconds / size
            shown = f"{number:.1f}".removesuffix(".0") if unit == "hour" else f"{number:.0f}"
            return f"{shown} {unit}{'' if shown == '1' else 's'}"
    return count(round(seconds / 86_400), "day")


def listing(items: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""

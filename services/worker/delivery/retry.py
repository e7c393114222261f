"""When to try again: full jitter (Brooker, "Exponential Backoff and Jitter", AWS 2015), and what the server asks."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_SECONDS, MOST_SECONDS = 5.0, 900.0
#: A server may ask for patience, but not for ever.
ASKED_MOST_SECONDS = 6 * 3600.0
#: Ten attempts would be over in twenty minutes: an outage of an hour must not lose an alert.
HOURS_MOST = 24.0


def pause_seconds(attempts: int, asked_seconds: float, chance: random.Random) -> float:
    """Before the next attempt, after ``attempts`` of them; at least what the server asked for."""
    most = min(MOST_SECONDS, FIRST_SECONDS * 2 ** min(attempts - 1, 20))
    return max(chance.uniform(0.0, most), min(asked_seconds, ASKED_MOST_SECONDS))


def retry_after_seconds(value: str | None, now: datetime | None = None) -> float:
    """The header Retry-After: seconds, or a date (RFC 9110, 10.2.3). 0 when it is absent or nonsense."""
    text = (value or "").strip()
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())

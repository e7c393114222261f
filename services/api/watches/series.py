"""Matching posts by minute, counted by PostgreSQL: the one reading that live judging and backtests share."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.api.watches.minutes import MINUTE, minute_of, time_of
from shared.schemas.feed import Gap
from shared.store import matching
from shared.store.database import Database


class Counted(msgspec.Struct, frozen=True):
    """Posts of one minute, and posts and authors within the window that ends with it."""

    posts: int
    window_posts: int
    window_authors: int


class Stretch(msgspec.Struct, frozen=True):
    """Minutes [start, end)."""

    start: int
    end: int


def count(database: Database, where: matching.Condition, window: int, stretch: Stretch) -> list[Counted]:
    """Every minute of ``stretch`` in order. Reads ``window`` minutes further back. Raises StoreUnavailable."""
    first = stretch.start - window + 1
    bounds = {"start": time_of(first), "end": time_of(stretch.end), "window": window}
    changes = {row.minute: row for row in database.fetch(matching.moves(where), where.params | bounds)}
    posts = [changes[minute].posts if minute in changes else 0 for minute in range(first, stretch.end)]
    counted, in_window, authors = [], 0, 0
    for index, minute in enumerate(range(first, stretch.end)):
        in_window += posts[index] - (posts[index - window] if index >= window else 0)
        authors += changes[minute].authors if minute in changes else 0
        if minute >= stretch.start:
            counted.append(Counted(posts[index], in_window, authors))
    return counted


def torn_minutes(gaps: Sequence[Gap], feeds: Sequence[str], stretch: Stretch) -> set[int]:
    """Minutes of ``stretch`` that touch a gap of one of ``feeds`` (of any, when none is named)."""
    torn: set[int] = set()
    for gap in gaps:
        if not feeds or gap.feed in feeds:
            first = max(minute_of(gap.start), stretch.start)
            torn.update(range(first, min(minute_of(gap.end - MINUTE / 60_000_000) + 1, stretch.end)))
    return torn

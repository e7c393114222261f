"""What the relay keeps of feeds, as operators read it: cursors, gaps, rechecks, quarantine, departures."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.schemas.feed_record import Cursor, Departures, GapEntry, QuarantineReason, Recheck
from shared.store.database import Command, Statement

#: By the index on ``(end_time, id)``; ``before`` is the last one of the page before.
GAPS = Statement(
    """SELECT id::text, feed, start_time AS start, end_time AS "end", cause, created_at AS found_at, evidence,
              extract(epoch FROM end_time - start_time)::float8 AS seconds, acknowledged_at
         FROM feed_gap
        WHERE (%(before)s::uuid IS NULL OR (end_time, feed_gap.id) <
                (SELECT b.end_time, b.id FROM feed_gap b WHERE b.id = %(before)s::uuid))
          AND (NOT %(open)s OR acknowledged_at IS NULL)
        ORDER BY end_time DESC, feed_gap.id DESC LIMIT %(limit)s""",
    GapEntry,
)


class Count(Schema, frozen=True, kw_only=True):
    """How many."""

    count: int


GAPS_OPEN = Statement("SELECT count(*) FROM feed_gap WHERE acknowledged_at IS NULL", Count)
#: Those named, or with NULL all.
ACKNOWLEDGE = Command(
    """UPDATE feed_gap SET acknowledged_at = now()
        WHERE acknowledged_at IS NULL AND (%(gaps)s::uuid[] IS NULL OR id = ANY(%(gaps)s::uuid[]))"""
)

CURSOR = Statement(
    """SELECT feed, wire, host, position, token, event_time,
              greatest(extract(epoch FROM now() - event_time), 0)::float8 AS behind_seconds,
              events, posts, likes, reposts, deletes, duplicates, quarantined, updated_at
         FROM feed_cursor WHERE feed = %(feed)s""",
    Cursor,
)

RECHECKS = Statement(
    """SELECT id, cause, host, timestamptz 'epoch' + start_us * interval '1 microsecond' AS start,
              timestamptz 'epoch' + end_us * interval '1 microsecond' AS "end",
              attempts, try_after, events, found, done_at
         FROM feed_recheck WHERE feed = %(feed)s
        ORDER BY done_at DESC NULLS FIRST, start_us DESC LIMIT %(limit)s""",
    Recheck,
)


class FrameRow(Schema, frozen=True, kw_only=True):
    """A frame as stored; ``raw`` only where it was asked for."""

    id: str
    feed: str
    reason: str
    detail: str
    size: int
    times: int
    received_at: datetime
    raw: bytes | None = None


_FRAME = "SELECT id::text, feed, reason, left(detail, 500) AS detail, size, times, received_at"
FRAMES = Statement(
    f"""{_FRAME} FROM quarantine
         WHERE (%(feed)s::text IS NULL OR feed = %(feed)s)
         ORDER BY received_at DESC, quarantine.id LIMIT %(limit)s""",
    FrameRow,
)
FRAME = Statement(
    f"{_FRAME}, substring(raw FROM 1 FOR %(bytes)s) AS raw FROM quarantine WHERE id = %(frame)s", FrameRow
)
REASONS = Statement(
    """SELECT reason, count(*) AS frames, sum(times)::bigint AS times FROM quarantine
        WHERE (%(feed)s::text IS NULL OR feed = %(feed)s) GROUP BY reason ORDER BY times DESC, reason LIMIT 50""",
    QuarantineReason,
)

DEPARTURES = Statement(
    """SELECT count(*) FILTER (WHERE gone) AS gone,
              count(*) FILTER (WHERE gone AND swept_at IS NULL) AS waiting,
              count(*) FILTER (WHERE gone AND swept_at IS NOT NULL) AS swept,
              count(*) FILTER (WHERE NOT gone) AS came_back,
              min(noted_at) FILTER (WHERE gone AND swept_at IS NULL) AS oldest_waiting_since
         FROM account_departure""",
    Departures,
)

"""Stretches of a feed to be read again: opened with a connection, closed when it has caught up, then due.

All times are microseconds of event time; see ``migrations/0005`` for the table and decision 0015 for why.
"""

from __future__ import annotations

from shared.schemas.base import Schema
from shared.store.database import Command, Statement

#: A server changes from replay to live no earlier than so long before the connection was asked for, by
#: our clock, and no later than so long after we have caught up.
BEFORE_US, AFTER_US = 10_000_000, 5_000_000
#: A stretch is read again once the feed has moved on by so much: then it lies wholly in the replayed past.
SETTLED_US = 5_000_000

#: A connection ended before it had caught up: what it may have left out lies before ``position``. One
#: that never came near its change to live has nothing to read again.
CLOSE = Command(
    f"""WITH closed AS (
         UPDATE feed_recheck SET end_us = greatest(%(position)s::bigint, start_us)
          WHERE feed = %(feed)s AND end_us IS NULL AND done_at IS NULL
            AND %(position)s::bigint > opened_us - {BEFORE_US})
        DELETE FROM feed_recheck
         WHERE feed = %(feed)s AND end_us IS NULL AND done_at IS NULL
           AND %(position)s::bigint <= opened_us - {BEFORE_US}"""
)

ADD = Command(
    """INSERT INTO feed_recheck (feed, cause, host, start_us, end_us, opened_us)
       VALUES (%(feed)s, %(cause)s, %(host)s, %(start_us)s, %(end_us)s, %(opened_us)s)"""
)

#: An open stretch begins at the last event that surely came before the change; with ``end_us`` it closes.
FOLLOW = Command(
    f"""UPDATE feed_recheck
          SET start_us = CASE WHEN %(position)s::bigint <= opened_us - {BEFORE_US}
                              THEN greatest(start_us, %(position)s::bigint) ELSE start_us END,
              end_us = %(end_us)s::bigint
        WHERE feed = %(feed)s AND cause = 'cutover' AND end_us IS NULL AND done_at IS NULL"""
)


class Due(Schema, frozen=True, kw_only=True):
    """One stretch that can be read now. ``host`` is who served the event at ``start_us``."""

    id: int
    cause: str
    host: str
    start_us: int
    end_us: int
    attempts: int
    now_us: int


DUE = Statement(
    f"""SELECT r.id, r.cause, r.host, r.start_us, r.end_us, r.attempts,
              (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now_us
         FROM feed_recheck r JOIN feed_cursor c ON c.feed = r.feed
        WHERE r.feed = %(feed)s AND r.done_at IS NULL AND r.end_us + {SETTLED_US} <= c.position
          AND r.try_after <= now()
        ORDER BY r.start_us, r.id LIMIT 1000""",
    Due,
)

#: One reading for several stretches that touch.
MERGE = Command(
    """WITH longer AS (UPDATE feed_recheck SET end_us = %(end_us)s WHERE id = %(id)s AND done_at IS NULL)
       DELETE FROM feed_recheck WHERE id = ANY(%(others)s::bigint[]) AND done_at IS NULL"""
)

POSTPONE = Command(
    """UPDATE feed_recheck SET attempts = attempts + 1,
              try_after = now() + least(2 * 2 ^ least(attempts, 10), 300) * interval '1 second'
        WHERE id = %(id)s"""
)

#: A reading broke off after it had given back everything up to ``mark_us``.
ADVANCE = Command(
    """UPDATE feed_recheck SET start_us = %(mark_us)s, attempts = 0, try_after = now() + interval '1 second'
        WHERE id = %(id)s AND done_at IS NULL"""
)
ADVANCE_GAP = Command(
    """WITH same AS (
         SELECT id, end_time, timestamptz 'epoch' + %(mark_us)s * interval '1 microsecond' AS mark FROM feed_gap
          WHERE feed = %(feed)s AND start_time = timestamptz 'epoch' + %(start_us)s * interval '1 microsecond'
            AND end_time <= timestamptz 'epoch' + %(end_us)s * interval '1 microsecond'),
       shorter AS (
         UPDATE feed_gap g SET start_time = same.mark FROM same WHERE g.id = same.id AND same.mark < same.end_time)
       DELETE FROM feed_gap g USING same WHERE g.id = same.id AND same.mark >= same.end_time"""
)

TALLY = Command("UPDATE feed_recheck SET events = events + %(events)s, found = found + %(found)s WHERE id = %(id)s")

FINISH = Command(
    """WITH done AS (UPDATE feed_recheck SET done_at = now() WHERE id = %(id)s)
       DELETE FROM feed_recheck WHERE feed = %(feed)s AND done_at < now() - interval '7 days'"""
)


class Known(Schema, frozen=True, kw_only=True):
    """Whether the record held an event already."""

    known: bool


#: A removal is known as a tombstone, an undoing as an undone reaction.
KNOWN = Statement(
    """SELECT EXISTS (SELECT FROM post WHERE id = %(id)s AND (deleted_at IS NOT NULL OR NOT %(undoing)s))
           OR (NOT %(undoing)s AND EXISTS (SELECT FROM post_archive_key WHERE id = %(id)s))
           OR EXISTS (SELECT FROM reaction WHERE id = %(id)s AND (deleted OR NOT %(undoing)s)) AS known""",
    Known,
)


#: A gap that was read back from ``until_us`` on ends there, and is gone when nothing is left of it.
SHRINK_GAP = Command(
    """WITH same AS (
         SELECT id FROM feed_gap
          WHERE feed = %(feed)s AND start_time = timestamptz 'epoch' + %(start_us)s * interval '1 microsecond'
            AND end_time <= timestamptz 'epoch' + %(end_us)s * interval '1 microsecond'),
       shorter AS (
         UPDATE feed_gap SET cause = %(cause)s,
                end_time = least(timestamptz 'epoch' + %(until_us)s * interval '1 microsecond', end_time)
          WHERE id IN (SELECT id FROM same) AND %(until_us)s::bigint > %(start_us)s::bigint)
       DELETE FROM feed_gap
        WHERE id IN (SELECT id FROM same) AND %(until_us)s::bigint <= %(start_us)s::bigint"""
)

#: A later connection, asked for with an overlap, gave [first_us, until_us] after all.
FILL_GAPS = Command(
    """WITH within AS (
         SELECT id, start_time, timestamptz 'epoch' + %(first_us)s * interval '1 microsecond' AS first FROM feed_gap
          WHERE feed = %(feed)s AND cause IN ('clamped', 'future')
            AND end_time > timestamptz 'epoch' + %(first_us)s * interval '1 microsecond'
            AND end_time <= timestamptz 'epoch' + %(until_us)s * interval '1 microsecond'),
       shorter AS (
         UPDATE feed_gap g SET end_time = within.first FROM within
          WHERE g.id = within.id AND within.start_time < within.first)
       DELETE FROM feed_gap g USING within WHERE g.id = within.id AND within.start_time >= within.first"""
)

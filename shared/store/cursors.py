"""How far each feed was read, what it could not give us, and what the relay last said of it."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.store.database import Command, Statement

#: A new feed begins at ``start_us``, or without one at its backfill by the database's clock. An
#: existing position stays. A new part of a feed begins where the same feed, divided otherwise, was read by all of its
#: parts: until there nothing is missing, and what comes again is known.
ENSURE_CURSOR = Command(
    """INSERT INTO feed_cursor (feed, wire, host, position, event_time)
       SELECT %(feed)s, %(wire)s, %(host)s, (extract(epoch FROM start) * 1000000)::bigint, start
         FROM (SELECT coalesce(timestamptz 'epoch' + %(start_us)s::bigint * interval '1 microsecond',
                               (SELECT max(reached) FROM (
                                  SELECT timestamptz 'epoch' + min(c.position) * interval '1 microsecond' AS reached
                                    FROM feed mine
                                    JOIN feed other ON other.kind = mine.kind AND other.url = mine.url
                                     AND other.id <> mine.id
                                    JOIN feed_cursor c ON c.feed = other.id
                                    CROSS JOIN LATERAL (SELECT coalesce(nullif(split_part(
                                      other.options ->> 'shard', '/', 2), ''), '1')::integer AS parts) divided
                                   WHERE mine.id = %(feed)s AND mine.options ->> 'shard' <> ''
                                   GROUP BY parts HAVING count(*) = parts) whole),
                               now() - make_interval(mins => %(backfill_minutes)s)) AS start) begin
       ON CONFLICT (feed) DO NOTHING"""
)


class Cursor(Schema, frozen=True, kw_only=True):
    """How far a feed was read (``position``, microseconds) and the database's clock (``now_us``).

    ``token`` is the feed's own cursor there, which means something on this ``wire`` and ``host`` only.
    """

    wire: str
    host: str
    position: int
    token: int | None
    events: int
    now_us: int


READ_CURSOR = Statement(
    """SELECT wire, host, position, token, events, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now_us
         FROM feed_cursor WHERE feed = %(feed)s""",
    Cursor,
)

#: Never moves back, and never past the database's clock: a position in the future would make the
#: feed answer with its live tail and lose what came between.
MOVE_CURSOR = Statement(
    """WITH clock AS (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now_us),
       target AS (SELECT now_us, least(coalesce(%(position)s::bigint, 0), now_us) AS position FROM clock)
       UPDATE feed_cursor c
          SET token = coalesce(%(token)s::bigint,
                CASE WHEN (c.wire, c.host) = (%(wire)s, %(host)s) THEN c.token END),
              wire = %(wire)s, host = %(host)s,
              position = greatest(c.position, target.position),
              event_time = greatest(c.event_time,
                timestamptz 'epoch' + target.position * interval '1 microsecond'),
              events = c.events + %(events)s, posts = c.posts + %(posts)s, likes = c.likes + %(likes)s,
              reposts = c.reposts + %(reposts)s, deletes = c.deletes + %(deletes)s,
              duplicates = c.duplicates + %(duplicates)s, quarantined = c.quarantined + %(quarantined)s,
              updated_at = now()
         FROM target
        WHERE c.feed = %(feed)s
       RETURNING c.wire, c.host, c.position, c.token, c.events, target.now_us""",
    Cursor,
)

ADD_GAP = Command(
    """INSERT INTO feed_gap (feed, start_time, end_time, cause, evidence)
       VALUES (%(feed)s, timestamptz 'epoch' + %(start_us)s * interval '1 microsecond',
               timestamptz 'epoch' + %(end_us)s * interval '1 microsecond', %(cause)s, %(evidence)s::jsonb)
       ON CONFLICT (feed, start_time, end_time) DO NOTHING"""
)

REPORT = Command(
    """INSERT INTO feed_report (feed, status, reason, rate, behind_seconds, catch_up_seconds)
       VALUES (%(feed)s, %(status)s, %(reason)s, %(rate)s, %(behind_seconds)s, %(catch_up_seconds)s)
       ON CONFLICT (feed) DO UPDATE SET
         since = CASE WHEN feed_report.status = excluded.status THEN feed_report.since ELSE now() END,
         status = excluded.status, reason = excluded.reason, rate = excluded.rate,
         behind_seconds = excluded.behind_seconds, catch_up_seconds = excluded.catch_up_seconds,
         reported_at = now()"""
)


class Counters(Schema, frozen=True, kw_only=True):
    """Everything counted of a feed so far."""

    position: int
    event_time: datetime
    events: int
    posts: int
    likes: int
    reposts: int
    deletes: int
    duplicates: int
    quarantined: int


COUNTERS = Statement(
    """SELECT position, event_time, events, posts, likes, reposts, deletes, duplicates, quarantined
         FROM feed_cursor WHERE feed = %(feed)s""",
    Counters,
)

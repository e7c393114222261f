"""Feeds, how far each was read, what it could not give us, and what the relay last said of it."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.schemas.feed import Feed
from shared.store.database import Command, Statement

ENSURE_FEED = Command(
    """INSERT INTO feed (id, kind, url, backfill_minutes)
       VALUES (%(feed)s, %(kind)s, %(url)s, %(backfill_minutes)s)
       ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, url = excluded.url,
         backfill_minutes = excluded.backfill_minutes
       WHERE (feed.kind, feed.url, feed.backfill_minutes)
             IS DISTINCT FROM (excluded.kind, excluded.url, excluded.backfill_minutes)"""
)

#: A new feed begins at ``start_us``, or without one at its backfill by the database's clock. An
#: existing position stays.
ENSURE_CURSOR = Command(
    """INSERT INTO feed_cursor (feed, wire, host, position, event_time)
       SELECT %(feed)s, %(wire)s, %(host)s, (extract(epoch FROM start) * 1000000)::bigint, start
         FROM (SELECT coalesce(timestamptz 'epoch' + %(start_us)s::bigint * interval '1 microsecond',
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
    """INSERT INTO feed_report (feed, status, reason, rate)
       VALUES (%(feed)s, %(status)s, %(reason)s, %(rate)s)
       ON CONFLICT (feed) DO UPDATE SET
         since = CASE WHEN feed_report.status = excluded.status THEN feed_report.since ELSE now() END,
         status = excluded.status, reason = excluded.reason, rate = excluded.rate, reported_at = now()"""
)

FEED = Statement(
    """SELECT f.id, f.kind, f.url, f.enabled, r.status, r.reason, r.since, r.reported_at,
              CASE WHEN c.events > 0 THEN c.event_time END AS last_event_time,
              CASE WHEN c.events > 0
                   THEN greatest(extract(epoch FROM now() - c.event_time), 0)::double precision
              END AS lag_seconds,
              r.rate, c.events, c.posts, c.deletes, c.quarantined
         FROM feed f JOIN feed_cursor c ON c.feed = f.id JOIN feed_report r ON r.feed = f.id
        WHERE f.id = %(feed)s""",
    Feed,
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

"""Reading feeds as interfaces show them: state as the relay last said it, gaps, counts by minute."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.schemas.feed import Feed, FeedMinute, Gap, GapDetail
from shared.store.database import Statement

#: An address as shown: without a user's name, password or what a parameter keeps secret.
_SHOWN_URL = """regexp_replace(regexp_replace(feed.url, '//[^/@]*@', '//', 'g'),
           '([?&][^=&]*(token|secret|passw|api_?key|auth|signature|credential)[^=&]*=)[^&]*', '\\1...', 'gi')"""

_FEED = f"""
  SELECT feed.id, feed.kind, {_SHOWN_URL} AS url, feed.enabled,
         CASE WHEN feed.removing THEN 'removing'
              WHEN NOT feed.enabled THEN 'paused'
              WHEN said.feed IS NULL THEN 'starting'
              WHEN said.status = 'ended' THEN 'ended'
              WHEN said.reported_at < now() - interval '30 seconds' THEN 'unreachable'
              ELSE said.status END AS status,
         CASE WHEN feed.removing THEN 'Its posts are being removed.'
              WHEN NOT feed.enabled THEN NULL
              WHEN said.feed IS NULL THEN 'The relay has not opened it yet.'
              WHEN said.status <> 'ended' AND said.reported_at < now() - interval '30 seconds'
              THEN 'The relay is not running.' ELSE said.reason END AS reason,
         coalesce(said.since, feed.created_at) AS since,
         coalesce(said.reported_at, feed.created_at) AS reported_at,
         CASE WHEN at.events > 0 THEN at.event_time END AS last_event_time,
         CASE WHEN at.events > 0
              THEN greatest(extract(epoch FROM now() - at.event_time), 0)::float8 END AS lag_seconds,
         CASE WHEN fresh THEN said.behind_seconds END AS behind_seconds,
         CASE WHEN fresh THEN said.catch_up_seconds END AS catch_up_seconds,
         CASE WHEN fresh THEN said.rate ELSE 0 END AS rate,
         coalesce(at.events, 0) AS events, coalesce(at.posts, 0) AS posts,
         coalesce(at.deletes, 0) AS deletes, coalesce(at.quarantined, 0) AS quarantined,
         feed.managed, feed.backfill_minutes, feed.options, feed.queue_events, feed.queue_bytes, feed.created_at
    FROM feed
    LEFT JOIN feed_cursor AS at ON at.feed = feed.id
    LEFT JOIN feed_report AS said ON said.feed = feed.id
   CROSS JOIN LATERAL (SELECT feed.enabled AND NOT feed.removing
                              AND coalesce(said.reported_at >= now() - interval '30 seconds', false) AS fresh) heard"""

ALL = Statement(f"{_FEED} ORDER BY feed.id", Feed)
ONE = Statement(f"{_FEED} WHERE feed.id = %(feed)s", Feed)

_GAP = 'SELECT id::text, feed, start_time AS start, end_time AS "end", cause FROM feed_gap'

#: Gaps of every feed that touch [start, end).
GAPS_BETWEEN = Statement(
    f"{_GAP} WHERE end_time > %(start)s AND start_time < %(end)s ORDER BY start_time, feed_gap.id LIMIT 1000", Gap
)
#: Gaps of the last 24 hours by the database's clock.
GAPS_RECENT = Statement(
    f"{_GAP} WHERE end_time > now() - interval '24 hours' ORDER BY start_time, feed_gap.id LIMIT 1000", Gap
)

#: Gaps of one feed by their end, newest first; ``before`` is the last one of the page before.
GAPS_OF_FEED = Statement(
    """SELECT id::text, feed, start_time AS start, end_time AS "end", cause, created_at AS found_at, evidence,
              extract(epoch FROM end_time - start_time)::float8 AS seconds
         FROM feed_gap
        WHERE feed = %(feed)s
          AND (%(before)s::uuid IS NULL OR (end_time, feed_gap.id) <
                (SELECT b.end_time, b.id FROM feed_gap b WHERE b.id = %(before)s::uuid))
        ORDER BY end_time DESC, feed_gap.id DESC LIMIT %(limit)s""",
    GapDetail,
)


class Stretch(Schema, frozen=True, kw_only=True):
    """[start, end) in whole minutes."""

    start: datetime
    end: datetime


#: The ``minutes`` up to now, or up to the last event of a feed that is further behind (a recording).
STRETCH = Statement(
    """SELECT date_trunc('minute', last - make_interval(mins => %(minutes)s)) AS start,
              date_trunc('minute', last) + interval '1 minute' AS "end"
         FROM feed LEFT JOIN feed_cursor AS at ON at.feed = feed.id,
              LATERAL (SELECT CASE WHEN at.event_time < now() - make_interval(mins => %(minutes)s)
                              THEN at.event_time ELSE now() END AS last) AS ends
        WHERE feed.id = %(feed)s""",
    Stretch,
)

#: Whole minutes: reading began within the first one, and the last one is not over.
MINUTES = Statement(
    """SELECT minute AS start, posts, likes, reposts, deletes FROM feed_minute
        WHERE feed = %(feed)s AND minute >= %(start)s AND minute < %(end)s
          AND minute > (SELECT min(minute) FROM feed_minute WHERE feed = %(feed)s)
          AND minute + interval '1 minute' <= (SELECT event_time FROM feed_cursor WHERE feed = %(feed)s)
        ORDER BY minute""",
    FeedMinute,
)

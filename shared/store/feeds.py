"""Reading feeds: their state as the relay last said it, their gaps and their counts by minute."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.schemas.feed import Feed, FeedMinute, Gap
from shared.store.database import Statement

_FEED = """
  SELECT feed.id, feed.kind, feed.url, feed.enabled,
         CASE WHEN NOT feed.enabled THEN 'paused'
              WHEN said.feed IS NULL THEN 'starting'
              WHEN said.reported_at < now() - interval '30 seconds' THEN 'unreachable'
              ELSE said.status END AS status,
         CASE WHEN feed.enabled AND said.reported_at < now() - interval '30 seconds'
              THEN 'The relay is not running.' ELSE said.reason END AS reason,
         coalesce(said.since, feed.created_at) AS since,
         coalesce(said.reported_at, feed.created_at) AS reported_at,
         at.event_time AS last_event_time,
         extract(epoch FROM now() - at.event_time)::float8 AS lag_seconds,
         CASE WHEN said.reported_at >= now() - interval '30 seconds' THEN said.rate ELSE 0 END AS rate,
         coalesce(at.events, 0) AS events, coalesce(at.posts, 0) AS posts,
         coalesce(at.deletes, 0) AS deletes, coalesce(at.quarantined, 0) AS quarantined
    FROM feed
    LEFT JOIN feed_cursor AS at ON at.feed = feed.id
    LEFT JOIN feed_report AS said ON said.feed = feed.id"""

ALL = Statement(f"{_FEED} ORDER BY feed.id", Feed)

_GAP = 'SELECT id::text, feed, start_time AS start, end_time AS "end", cause FROM feed_gap'

#: Gaps of every feed that touch [start, end).
GAPS_BETWEEN = Statement(
    f"{_GAP} WHERE end_time > %(start)s AND start_time < %(end)s ORDER BY start_time, feed_gap.id LIMIT 1000", Gap
)
#: Gaps of the last 24 hours by the database's clock.
GAPS_RECENT = Statement(
    f"{_GAP} WHERE end_time > now() - interval '24 hours' ORDER BY start_time, feed_gap.id LIMIT 1000", Gap
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

MINUTES = Statement(
    """SELECT minute AS start, posts, likes, reposts, deletes FROM feed_minute
        WHERE feed = %(feed)s AND minute >= %(start)s AND minute < %(end)s ORDER BY minute""",
    FeedMinute,
)

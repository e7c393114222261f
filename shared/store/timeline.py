"""Counts over long stretches, from the minutes that ingestion keeps: posts are not read."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.schemas.timeline import Day, Overlap, WatchMinute
from shared.store.database import Statement


class Bucket(Schema, frozen=True, kw_only=True):
    """One feed's counts in one bucket."""

    feed: str
    start: datetime
    posts: int
    likes: int
    reposts: int
    deletes: int


#: Buckets of ``minutes`` in [start, end), counted from ``start``.
BUCKETS = Statement(
    """SELECT feed, date_bin(make_interval(mins => %(minutes)s), minute, %(start)s::timestamptz) AS start,
              sum(posts)::bigint AS posts, sum(likes)::bigint AS likes, sum(reposts)::bigint AS reposts,
              sum(deletes)::bigint AS deletes
         FROM feed_minute
        WHERE feed = ANY(SELECT id FROM feed WHERE %(feed)s::text IS NULL OR id = %(feed)s)
          AND minute >= %(start)s AND minute < %(end)s
        GROUP BY feed, 2 ORDER BY feed, 2""",
    Bucket,
)


class Reach(Schema, frozen=True, kw_only=True):
    """The database's time, and how far the feeds have come; ``None`` before the first event."""

    now: datetime
    newest: datetime | None


REACH = Statement("SELECT now() AS now, (SELECT max(event_time) FROM feed_cursor WHERE events > 0) AS newest", Reach)

#: The last ``days`` days (UTC), the present one included.
DAYS = Statement(
    """WITH span AS (
         SELECT d::date AS day, d AT TIME ZONE 'UTC' AS from_time, (d + interval '1 day') AT TIME ZONE 'UTC' AS to_time
           FROM generate_series((now() AT TIME ZONE 'UTC')::date - (%(days)s - 1),
                                (now() AT TIME ZONE 'UTC')::date, interval '1 day') AS d),
       counted AS (
         SELECT (minute AT TIME ZONE 'UTC')::date AS day, sum(posts)::bigint AS posts, sum(likes)::bigint AS likes,
                sum(reposts)::bigint AS reposts, sum(deletes)::bigint AS deletes
           FROM feed_minute
          WHERE feed = ANY(SELECT id FROM feed) AND minute >= (SELECT min(from_time) FROM span) GROUP BY 1)
       SELECT day, coalesce(posts, 0) AS posts, coalesce(likes, 0) AS likes, coalesce(reposts, 0) AS reposts,
              coalesce(deletes, 0) AS deletes,
              (SELECT count(*) FROM topic
                WHERE updated_at >= from_time AND detected_at >= from_time AND detected_at < to_time) AS topics,
              (SELECT count(*) FROM alert WHERE raised_at >= from_time AND raised_at < to_time) AS alerts,
              (SELECT count(*) FROM run WHERE created_at >= from_time AND created_at < to_time) AS runs,
              (SELECT count(*) FROM report WHERE created_at >= from_time AND created_at < to_time) AS reports,
              (SELECT coalesce(sum(extract(epoch FROM least(end_time, to_time) - greatest(start_time, from_time))), 0)
                 FROM feed_gap WHERE end_time > from_time AND start_time < to_time)::float8 AS gap_seconds
         FROM span LEFT JOIN counted USING (day) ORDER BY day DESC""",
    Day,
)

#: Each pair of ``topics`` with what they share.
OVERLAPS = Statement(
    """WITH newest AS MATERIALIZED (
         SELECT t.topic, p.post FROM unnest(%(topics)s::text[]) AS t (topic), LATERAL (
           SELECT post FROM topic_post WHERE topic_post.topic = t.topic ORDER BY event_time DESC LIMIT 2000) AS p),
       people AS MATERIALIZED (
         SELECT DISTINCT topic, author_hash FROM newest JOIN every_post ON id = newest.post WHERE deleted_at IS NULL)
       SELECT a.topic AS first, b.topic AS second,
              (SELECT count(*) FROM newest x JOIN newest y USING (post)
                WHERE x.topic = a.topic AND y.topic = b.topic) AS posts,
              (SELECT count(*) FROM people x JOIN people y USING (author_hash)
                WHERE x.topic = a.topic AND y.topic = b.topic) AS people
         FROM unnest(%(topics)s::text[]) AS a (topic) JOIN unnest(%(topics)s::text[]) AS b (topic) ON a.topic < b.topic
        ORDER BY 1, 2""",
    Overlap,
)

WATCH_MINUTES = Statement(
    """SELECT minute AS start, posts FROM watch_minute
        WHERE watch = %(watch)s AND minute > %(end)s::timestamptz - make_interval(mins => %(minutes)s)
          AND minute <= %(end)s
        ORDER BY minute""",
    WatchMinute,
)

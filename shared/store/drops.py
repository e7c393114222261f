"""Connections that ended: written by the relay, bounded by number and by age."""

from __future__ import annotations

from shared.schemas.feed import FeedDrop
from shared.store.database import Command, Statement

#: Rows kept of each feed, the newest.
KEPT = 1_000


def _time(name: str) -> str:
    return f"timestamptz 'epoch' + %({name})s::bigint * interval '1 microsecond'"


#: Written again when it is known that the feed is back.
PUT = Command(
    f"""INSERT INTO feed_drop (id, feed, cause, code, detail, evidence, position, connected_at, ended_at,
                              reconnected_at, attempts)
        VALUES (%(id)s, %(feed)s, %(cause)s, %(code)s, %(detail)s, %(evidence)s::jsonb, %(position)s,
                {_time("connected_us")}, {_time("ended_us")}, {_time("reconnected_us")}, %(attempts)s)
        ON CONFLICT (id) DO UPDATE SET
          reconnected_at = excluded.reconnected_at, attempts = excluded.attempts, evidence = excluded.evidence"""
)

#: A connection is open, so whatever an earlier process left unfinished is over.
CLOSE = Command(
    f"""UPDATE feed_drop SET reconnected_at = greatest(ended_at, {_time("reconnected_us")})
         WHERE feed = %(feed)s AND reconnected_at IS NULL AND ended_at <= {_time("reconnected_us")}"""
)

TRIM = Command(
    f"""DELETE FROM feed_drop WHERE feed = %(feed)s AND (ended_at, id) <= (
          SELECT ended_at, id FROM feed_drop WHERE feed = %(feed)s
           ORDER BY ended_at DESC, id DESC OFFSET {KEPT} LIMIT 1)"""
)

#: Newest first; ``before`` is the last one of the page before.
OF_FEED = Statement(
    """SELECT id::text, feed, cause, code, detail, (evidence->>'held_seconds')::float8 AS held_seconds,
              (evidence->>'idle_seconds')::float8 AS idle_seconds,
              timestamptz 'epoch' + position * interval '1 microsecond' AS event_time,
              connected_at, ended_at, reconnected_at, attempts,
              extract(epoch FROM ended_at - connected_at)::float8 AS lasted_seconds,
              greatest(extract(epoch FROM coalesce(reconnected_at, now()) - ended_at), 0)::float8 AS away_seconds
         FROM feed_drop
        WHERE feed = %(feed)s
          AND (%(before)s::uuid IS NULL OR (ended_at, feed_drop.id) <
                (SELECT b.ended_at, b.id FROM feed_drop b WHERE b.id = %(before)s::uuid))
        ORDER BY ended_at DESC, feed_drop.id DESC LIMIT %(limit)s""",
    FeedDrop,
)

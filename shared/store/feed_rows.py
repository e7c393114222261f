"""Feeds as rows: added, changed and removed by the API, kept open by the relay."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.schemas.base import Schema
from shared.store.database import Command, Statement


class FeedRow(Schema, frozen=True, kw_only=True):
    """What a feed is, as stored. ``url`` may hold what must not be shown."""

    id: str
    kind: str
    url: str
    backfill_minutes: int
    options: dict[str, Any]
    queue_events: int | None
    queue_bytes: int | None
    enabled: bool
    removing: bool
    managed: str


_ROW = """SELECT id, kind, url, backfill_minutes, options, queue_events, queue_bytes, enabled, removing, managed
            FROM feed"""

#: Feeds that are the relay's, in the order of who comes first when there are too many.
ALL = Statement(f"{_ROW} WHERE managed <> 'replay' OR removing ORDER BY managed <> 'settings', created_at, id", FeedRow)
#: Locks the row until the transaction ends.
LOCK = Statement(f"{_ROW} WHERE id = %(feed)s FOR UPDATE", FeedRow)

#: A row of the settings or of a replay follows its source; whether it is on is the operator's.
ENSURE = Command(
    """INSERT INTO feed (id, kind, url, backfill_minutes, managed, options)
       VALUES (%(feed)s, %(kind)s, %(url)s, %(backfill_minutes)s, %(managed)s, %(options)s::jsonb)
       ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, url = excluded.url, options = excluded.options,
         backfill_minutes = excluded.backfill_minutes, managed = excluded.managed
       WHERE (feed.kind, feed.url, feed.backfill_minutes, feed.managed, feed.options) IS DISTINCT FROM
             (excluded.kind, excluded.url, excluded.backfill_minutes, excluded.managed, excluded.options)"""
)

#: What the settings named before and name no more is paused and becomes the operator's. Each relay looks after the
#: feeds that are its own to read: relay ``index`` of ``count``.
RELEASE = Command(
    """UPDATE feed SET managed = 'operator', enabled = false
        WHERE managed = 'settings' AND id IS DISTINCT FROM %(feed)s::text
          AND coalesce(nullif(split_part(options ->> 'shard', '/', 1), ''), '0')::integer %% %(count)s = %(index)s"""
)

ADD = Command(
    """INSERT INTO feed (id, kind, url, backfill_minutes, options, queue_events, queue_bytes, enabled)
       VALUES (%(id)s, %(kind)s, %(url)s, %(backfill_minutes)s, %(options)s::jsonb, %(queue_events)s,
               %(queue_bytes)s, %(enabled)s)
       ON CONFLICT (id) DO NOTHING"""
)

CHANGE = Command(
    """UPDATE feed SET url = %(url)s, backfill_minutes = %(backfill_minutes)s, options = %(options)s::jsonb,
              queue_events = %(queue_events)s, queue_bytes = %(queue_bytes)s, enabled = %(enabled)s
        WHERE id = %(id)s"""
)

#: What the relay said last is of the feed as it was; it says more once it has opened it anew.
OPEN_ANEW = Command(
    """UPDATE feed_report SET status = 'starting', reason = 'The relay has not opened it yet.', rate = 0,
              behind_seconds = NULL, catch_up_seconds = NULL, since = now(), reported_at = now()
        WHERE feed = %(feed)s"""
)
MARK_FOR_REMOVAL = Command("UPDATE feed SET removing = true, enabled = false WHERE id = %(feed)s")


class Number(Schema, frozen=True, kw_only=True):
    """A number of rows."""

    rows: int


#: Feeds that are on. Whoever counts to add one holds ``ONE_AT_A_TIME``.
COUNT_ON = Statement("SELECT count(*) AS rows FROM feed WHERE enabled AND NOT removing AND managed <> 'replay'", Number)
ONE_AT_A_TIME = Command("SELECT pg_advisory_xact_lock(hashtext('groundswell-feeds'))")

#: Posts of a feed, tombstones included, counted to ``most``.
COUNT_POSTS = Statement(
    """SELECT count(*) AS rows FROM (SELECT 1 FROM every_post WHERE feed = %(feed)s LIMIT %(most)s) AS held""", Number
)


class GonePost(Schema, frozen=True, kw_only=True):
    """A post that was removed."""

    id: UUID


_WITH_THEM = """matched AS (DELETE FROM topic_post USING gone WHERE topic_post.post = gone.id),
       liked AS (DELETE FROM reaction USING gone WHERE reaction.subject = gone.id AND NOT reaction.deleted)
       SELECT id FROM gone"""

#: At most ``limit`` posts of a feed that is being removed, with all that only they have.
REMOVE_POSTS = Statement(
    f"""WITH gone AS (
         DELETE FROM post WHERE ctid = ANY (ARRAY(
           SELECT post.ctid FROM post JOIN feed ON feed.id = post.feed
            WHERE post.feed = %(feed)s AND feed.removing LIMIT %(limit)s))
         RETURNING id),
       pending AS (DELETE FROM embedding_pending USING gone WHERE embedding_pending.post = gone.id),
       unplaced AS (INSERT INTO vector_removal (post) SELECT id FROM gone ON CONFLICT DO NOTHING),
       {_WITH_THEM}""",
    GonePost,
)
#: The same of cold posts.
REMOVE_COLD_POSTS = Statement(
    f"""WITH picked AS MATERIALIZED (
         SELECT a.id, a.event_time FROM post_archive a JOIN feed ON feed.id = a.feed
          WHERE a.feed = %(feed)s AND feed.removing LIMIT %(limit)s),
       gone AS (
         DELETE FROM post_archive a USING picked WHERE a.id = picked.id AND a.event_time = picked.event_time
         RETURNING a.id),
       unkeyed AS (DELETE FROM post_archive_key k USING gone WHERE k.id = gone.id),
       {_WITH_THEM}""",
    GonePost,
)
#: Whether a feed that is being removed has posts left, hot or cold: 0 or 1.
COUNT_LEFT = Statement(
    """SELECT count(*) AS rows FROM (
         SELECT 1 FROM every_post JOIN feed ON feed.id = every_post.feed
          WHERE every_post.feed = %(feed)s AND feed.removing LIMIT 1) AS held""",
    Number,
)
REMOVE_DELETIONS = Command(
    """DELETE FROM post_deletion
        WHERE feed = %(feed)s AND EXISTS (SELECT 1 FROM feed WHERE feed.id = %(feed)s AND feed.removing)"""
)
#: A recording's feed that never held an event, with what could not be read of it.
FORGET_EMPTY = Command(
    """DELETE FROM feed WHERE id = %(feed)s AND managed = 'replay'
          AND NOT EXISTS (SELECT FROM feed_cursor WHERE feed_cursor.feed = feed.id AND events > 0)"""
)
#: Takes cursor, gaps, drops, counts, quarantine and what the relay said along.
REMOVE = Command("DELETE FROM feed WHERE id = %(feed)s AND removing")

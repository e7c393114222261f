"""Removing what is older than the retention, in bounded batches, by the database's clock."""

from __future__ import annotations

from shared.schemas.base import Schema
from shared.store import archive
from shared.store.database import Command, Statement


class Leased(Schema, frozen=True, kw_only=True):
    """The lease is held by the caller; ``epoch`` rose when it changed hands."""

    epoch: int


#: Takes or renews the lease ``name``. No row: somebody else holds it.
LEASE = Statement(
    """INSERT INTO lease (name, holder, expires_at)
       VALUES (%(name)s, %(holder)s, now() + make_interval(secs => %(seconds)s))
       ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at,
         epoch = lease.epoch + (lease.holder <> excluded.holder)::integer
       WHERE lease.holder = excluded.holder OR lease.expires_at < now()
       RETURNING epoch""",
    Leased,
)


def _old(table: str, column: str) -> Command:
    """Delete at most ``limit`` rows of ``table`` whose ``column`` is older than ``days``."""
    return Command(
        f"""DELETE FROM {table} WHERE ctid = ANY (ARRAY(
              SELECT ctid FROM {table} WHERE {column} < now() - make_interval(days => %(days)s) LIMIT %(limit)s))"""
    )


#: Posts leave with what waits for their vector, so that nobody embeds a post that is gone; the vector
#: itself leaves the index soon. Deleted ones are left out: the index on the event time does not know them.
_POSTS = Command(
    """WITH gone AS (
         DELETE FROM post WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM post
            WHERE deleted_at IS NULL AND event_time < now() - make_interval(days => %(days)s) LIMIT %(limit)s))
         RETURNING id),
       pending AS (DELETE FROM embedding_pending USING gone WHERE embedding_pending.post = gone.id),
       unplaced AS (INSERT INTO vector_removal (post) SELECT id FROM gone ON CONFLICT DO NOTHING)
       SELECT id FROM gone"""
)

#: A tombstone stays at least so long: a stretch that is read again must not bring back what was deleted.
#: Servers of Jetstream keep one to three days, and a new feed begins a day back at most.
TOMBSTONE_DAYS = 7

#: A deletion leaves with the tombstone it made, or would have made anew. Looks at the oldest ``limit``
#: only, so that a pass that finds nothing costs little; a row that came out of order waits for its turn.
_DELETIONS = Command(
    f"""WITH oldest AS (SELECT seq, event_time FROM post_deletion ORDER BY seq LIMIT %(limit)s),
       gone AS (
         DELETE FROM post_deletion USING oldest
          WHERE post_deletion.seq = oldest.seq
            AND oldest.event_time < now() - make_interval(days => greatest(%(days)s, {TOMBSTONE_DAYS}))
         RETURNING post_deletion.post),
       tombstones AS (DELETE FROM post USING gone WHERE post.id = gone.post AND post.deleted_at IS NOT NULL)
       SELECT post FROM gone"""
)

#: A gap leaves with the minutes it is drawn over, but not while it may still be read again.
_GAPS = Command(
    """DELETE FROM feed_gap WHERE id = ANY (ARRAY(
         SELECT id FROM feed_gap g
          WHERE end_time < now() - make_interval(days => %(days)s)
            AND NOT EXISTS (
              SELECT FROM feed_recheck r
               WHERE r.feed = g.feed AND r.done_at IS NULL
                 AND r.start_us <= extract(epoch FROM g.end_time) * 1000000
                 AND coalesce(r.end_us >= extract(epoch FROM g.start_time) * 1000000, true))
          ORDER BY end_time LIMIT %(limit)s))"""
)

#: Calls of language models are the bill: they stay for more than a year, however short the retention is.
CALL_DAYS = 400
_CALLS = Command(
    f"""DELETE FROM llm_call WHERE id = ANY (ARRAY(
          SELECT id FROM llm_call
           WHERE created_at < now() - make_interval(days => greatest(%(days)s, {CALL_DAYS})) AND ended_at IS NOT NULL
           ORDER BY created_at LIMIT %(limit)s))"""
)

#: In order: what refers to posts before the posts. A topic takes its minutes and posts along.
BATCHES: dict[str, Command] = {
    "delivery": _old("delivery", "created_at"),
    "alert": _old("alert", "raised_at"),
    "notice": _old("notice", "raised_at"),
    "watch_minute": _old("watch_minute", "minute"),
    "topic_post": _old("topic_post", "event_time"),
    "topic_minute": _old("topic_minute", "minute"),
    "topic": _old("topic", "updated_at"),
    "reaction": _old("reaction", "event_time"),
    "post": _POSTS,
    "post_archive": archive.REMOVE_OLD,
    "post_deletion": _DELETIONS,
    "quarantine": _old("quarantine", "received_at"),
    "feed_minute": _old("feed_minute", "minute"),
    "feed_gap": _GAPS,
    "feed_drop": _old("feed_drop", "ended_at"),
    "feed_recheck": _old("feed_recheck", "done_at"),
    "account_departure": _old("account_departure", "noted_at"),
    "approval": _old("approval", "created_at"),
    "access_token": _old("access_token", "least(expires_at, revoked_at)"),
    "audit": _old("audit", "at"),
    "sign_in": _old("sign_in", "expires_at"),
    "browser_session": _old("browser_session", "expires_at"),
    "person": _old("person", "signed_in_at"),
    "llm_call": _CALLS,
}

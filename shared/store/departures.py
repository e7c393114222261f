"""Accounts that are gone for good: what was said of each last, and the removal of what they had posted.

Removal is a walk along the index on event times, newest first, which holds the authors' hashes: no post
is read but those that go (decision 0017).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shared.schemas.base import Schema
from shared.store.database import Command, Statement
from shared.store.tombstones import ALONG, SET_GONE


class Noted(Schema, frozen=True, kw_only=True):
    """A word about an account that was newer than what was known."""

    gone: bool


class Departure(Schema, frozen=True, kw_only=True):
    """An account whose posts up to ``event_time`` are still to go."""

    author: str
    event_time: datetime


class Page(Schema, frozen=True, kw_only=True):
    """A stretch of the walk: its oldest post, and those in it that may have to go."""

    time: datetime
    id: UUID
    posts: list[UUID]


class Gone(Schema, frozen=True, kw_only=True):
    """A post that is gone now."""

    id: UUID


#: What is said side by side of ``authors``, each once; ``times`` in microseconds since 1970. Older words change
#: nothing; of two at the same moment the departure counts, whichever comes first.
NOTE = Statement(
    """INSERT INTO account_departure AS known (author, author_hash, gone, event_time)
       SELECT author, author_hash, gone, timestamptz 'epoch' + time_us * interval '1 microsecond'
         FROM unnest(%(authors)s::text[], %(hashes)s::bigint[], %(gone)s::boolean[], %(times)s::bigint[])
              AS said (author, author_hash, gone, time_us)
       ON CONFLICT (author) DO UPDATE
         SET gone = excluded.gone, event_time = excluded.event_time, noted_at = now(), swept_at = NULL
       WHERE (excluded.event_time, excluded.gone) > (known.event_time, known.gone)
       RETURNING gone""",
    Noted,
)


#: Those among ``posts`` whose authors are gone. The caller holds ``ingest.LOCK``: who follows the record relies on
#: its order.
REMOVE = Statement(
    f"""WITH gone AS (
         UPDATE post p
            SET {SET_GONE}
           FROM account_departure d
          WHERE p.id = ANY(%(posts)s::uuid[]) AND p.deleted_at IS NULL
            AND d.author = p.author AND d.gone AND p.event_time <= d.event_time
         RETURNING p.id, p.feed, p.event_time),
       {ALONG}
       SELECT id FROM gone""",
    Gone,
)

#: Whose posts are still to go, those known longest first.
WAITING = Statement(
    """SELECT author, event_time FROM account_departure
        WHERE gone AND swept_at IS NULL ORDER BY noted_at LIMIT %(limit)s""",
    Departure,
)
#: The next ``limit`` posts before (``time``, ``id``), newest first. No row: there are no more.
PAGE = Statement(
    """WITH page AS MATERIALIZED (
         SELECT id, event_time, author_hash FROM post
          WHERE deleted_at IS NULL AND (event_time, id) < (%(time)s, %(id)s)
          ORDER BY event_time DESC, id DESC LIMIT %(limit)s)
       SELECT last.event_time AS time, last.id,
              ARRAY(SELECT page.id FROM page JOIN account_departure d ON d.author_hash = page.author_hash
                     WHERE d.gone AND d.swept_at IS NULL AND page.event_time <= d.event_time) AS posts
         FROM (SELECT event_time, id FROM page ORDER BY event_time, id LIMIT 1) last""",
    Page,
)
#: Cold posts, at most ``limit``, of those whose posts are still to go; the hash finds them, the name tells.
COLD = Statement(
    """SELECT a.id FROM account_departure d JOIN post_archive a ON a.author_hash = d.author_hash
        WHERE d.gone AND d.swept_at IS NULL AND a.author = d.author AND a.event_time <= d.event_time
        LIMIT %(limit)s""",
    Gone,
)
#: The walk for ``authors`` as they had left at ``times`` is over. Who left once more since then waits again.
SWEPT = Command(
    """UPDATE account_departure d SET swept_at = now()
         FROM unnest(%(authors)s::text[], %(times)s::timestamptz[]) AS walked (author, event_time)
        WHERE d.author = walked.author AND d.event_time = walked.event_time AND d.gone AND d.swept_at IS NULL"""
)
#: Who came back needs no row once nothing older about them can still come.
FORGET_RETURNED = Command(
    """DELETE FROM account_departure
        WHERE NOT gone AND swept_at IS NULL AND noted_at < now() - interval '2 days'"""
)
#: The operator wants an account's posts gone: as if it had left now, by the database's clock.
FORGET = Statement(
    """INSERT INTO account_departure AS known (author, author_hash, gone, event_time)
       VALUES (%(author)s, %(hash)s, true, now())
       ON CONFLICT (author) DO UPDATE
         SET gone = true, event_time = greatest(known.event_time, excluded.event_time), noted_at = now(),
             swept_at = NULL
       RETURNING author, event_time""",
    Departure,
)

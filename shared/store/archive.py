"""Cold posts: moving them out of ``post``, back into it, and the days they lie in (decision 0022).

``post`` and ``post_archive`` never hold the same post: a move is one transaction, and it waits for
ingestion's lock, so that no event of a post is being stored while the post moves. Readers see both
through the view ``every_post``. Only the database's clock says what is old (invariant 4).
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from shared.schemas.base import Schema
from shared.store.database import Command, Statement
from shared.store.ingest import LOCK_NAME

#: Shared: two movers work side by side, while ingestion and everybody else who changes posts waits.
LOCK = Command(f"SELECT pg_advisory_xact_lock_shared({LOCK_NAME})")


class Day(Schema, frozen=True, kw_only=True):
    """A day (UTC) that posts are to be moved to. ``there``: it has its partition."""

    day: date
    there: bool


class Moved(Schema, frozen=True, kw_only=True):
    """Posts that went from hot to cold. ``known``: of these the archive had one already, which stands."""

    posts: int
    known: int


class Lag(Schema, frozen=True, kw_only=True):
    """How far the oldest post that should have been moved is past the hot window; 0 when there is none."""

    seconds: float


class Size(Schema, frozen=True, kw_only=True):
    """What is hot and what is cold. Posts are the planner's estimates, which cost nothing; bytes include indexes."""

    hot_from: datetime | None
    hot_posts: int
    hot_bytes: int
    cold_posts: int
    cold_bytes: int
    cold_days: int


class EmptyDay(Schema, frozen=True, kw_only=True):
    """A day without posts; none will be moved to it any more."""

    day: date


#: Posts that are to be moved: out of the hot window, and not so old that the retention takes them where they are.
_OLD = """deleted_at IS NULL AND event_time < now() - make_interval(secs => %(hot_seconds)s)
            AND (%(keep_days)s = 0 OR event_time >= now() - make_interval(days => %(keep_days)s))"""
_DAY = "(event_time AT TIME ZONE 'UTC')::date"
_PARTITION = "'post_archive_' || to_char({day}, 'YYYYMMDD')"

#: Days of the oldest ``limit`` posts that are to be moved.
DAYS = Statement(
    f"""SELECT day, to_regclass({_PARTITION.format(day="day")}) IS NOT NULL AS there
          FROM (SELECT DISTINCT {_DAY} AS day
                  FROM (SELECT event_time FROM post WHERE {_OLD} ORDER BY event_time, id LIMIT %(limit)s) AS oldest
               ) AS wanted ORDER BY day""",
    Day,
)

#: One at a time makes or drops days. Held to the end of the transaction.
ONE_AT_A_TIME = Command("SELECT pg_advisory_xact_lock(hashtext('groundswell-archive-days'))")


def make_day(day: date) -> Command:
    """Make the partition of ``day`` unless it is there. Readers and movers of other days do not wait for it."""
    name, after = f"post_archive_{day:%Y%m%d}", date.fromordinal(day.toordinal() + 1)
    return Command(
        f"""DO $$ BEGIN
              IF to_regclass('{name}') IS NULL THEN
                CREATE TABLE {name} (LIKE post_archive INCLUDING ALL);
                ALTER TABLE post_archive ATTACH PARTITION {name}
                  FOR VALUES FROM ('{day} 00:00:00+00') TO ('{after} 00:00:00+00');
              END IF;
            END $$"""
    )


#: The oldest ``limit`` posts that lie in ``days`` and that no other mover has in hand: in one statement they
#: leave ``post``, what waits for their vectors and, later, the vector index; and they are in the archive.
MOVE = Statement(
    f"""WITH taken AS MATERIALIZED (
         SELECT id FROM post WHERE {_OLD} AND {_DAY} = ANY(%(days)s::date[])
          ORDER BY event_time, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED),
       gone AS (
         DELETE FROM post USING taken WHERE post.id = taken.id
         RETURNING post.id, seq, feed, uri, author, author_hash, event_time, claimed_time, text, languages, tags,
                   links, terms, fingerprint, reply_to),
       keyed AS (
         INSERT INTO post_archive_key (id, event_time) SELECT id, event_time FROM gone
         ON CONFLICT (id) DO NOTHING RETURNING id),
       archived AS (
         INSERT INTO post_archive (id, seq, feed, uri, author, author_hash, event_time, claimed_time, text, languages,
                                   tags, links, terms, fingerprint, reply_to)
         SELECT gone.* FROM gone JOIN keyed USING (id) ORDER BY event_time, id),
       unwanted AS (DELETE FROM embedding_pending e USING gone WHERE e.post = gone.id),
       unplaced AS (INSERT INTO vector_removal (post) SELECT id FROM gone ORDER BY id ON CONFLICT DO NOTHING),
       reached AS (
         INSERT INTO post_archive_reach (feed, seq) SELECT feed, max(seq) FROM gone GROUP BY feed ORDER BY feed
         ON CONFLICT (feed) DO UPDATE SET seq = greatest(post_archive_reach.seq, excluded.seq))
       SELECT count(*) AS posts, count(*) - (SELECT count(*) FROM keyed) AS known FROM gone""",
    Moved,
)

_BACK = """unkeyed AS (DELETE FROM post_archive_key k USING cold WHERE k.id = cold.id)
       INSERT INTO post (id, seq, feed, uri, author, author_hash, event_time, claimed_time, text, languages, tags,
                         links, terms, fingerprint, reply_to, likes, reposts)
       OVERRIDING SYSTEM VALUE
       SELECT cold.id, cold.seq, cold.feed, cold.uri, cold.author, cold.author_hash, cold.event_time,
              cold.claimed_time, cold.text, cold.languages, cold.tags, cold.links, cold.terms, cold.fingerprint,
              cold.reply_to, r.likes, r.reposts
         FROM cold CROSS JOIN LATERAL (
           SELECT count(*) FILTER (WHERE kind = 1) AS likes, count(*) FILTER (WHERE kind = 2) AS reposts
             FROM reaction WHERE subject = cold.id AND NOT deleted) r"""


def _back(others: str, which: str) -> Command:
    return Command(
        f"""WITH cold AS (
              DELETE FROM post_archive a USING post_archive_key k{others}
               WHERE a.id = k.id AND a.event_time = k.event_time AND {which}
              RETURNING a.*),
            {_BACK}"""
    )


# Whoever changes or takes back a cold post brings it back first, in the same transaction and under
# ``ingest.LOCK``: then one way to do it is enough, and a tombstone is where all tombstones are.

#: ``posts``, wherever the caller has them from.
BACK = _back("", "k.id = ANY(%(posts)s::uuid[])")
#: What ``ingest``'s staged removals take back and staged posts replace.
BACK_REMOVED = _back(", staged_removal s", "k.id = s.id AND a.author = s.author")
BACK_REPLACED = _back(
    ", staged_post s",
    """k.id = s.id AND s.replaces AND (a.text, a.languages, a.tags, a.links, a.reply_to)
                    IS DISTINCT FROM (s.text, s.languages, s.tags, s.links, s.reply_to)""",
)


class Staged(Schema, frozen=True, kw_only=True):
    """Whether anything staged is about a cold post. Cheap: most often nothing is."""

    cold: bool


ANY_REMOVED = Statement(
    "SELECT EXISTS (SELECT FROM staged_removal s JOIN post_archive_key k ON k.id = s.id) AS cold", Staged
)
ANY_REPLACED = Statement(
    "SELECT EXISTS (SELECT FROM staged_post s JOIN post_archive_key k ON k.id = s.id WHERE s.replaces) AS cold", Staged
)


class Gone(Schema, frozen=True, kw_only=True):
    """A cold post that was found or removed."""

    id: UUID


#: Cold posts that are past the retention.
REMOVE_OLD = Command(
    """WITH picked AS MATERIALIZED (
         SELECT id, event_time FROM post_archive WHERE event_time < now() - make_interval(days => %(days)s)
          ORDER BY event_time LIMIT %(limit)s),
       gone AS (
         DELETE FROM post_archive a USING picked WHERE a.id = picked.id AND a.event_time = picked.event_time
         RETURNING a.id),
       unkeyed AS (DELETE FROM post_archive_key k USING gone WHERE k.id = gone.id)
       SELECT id FROM gone"""
)

#: Days past the retention, oldest first. One that still holds posts is not dropped (``drop_day``).
PAST_DAYS = Statement(
    """SELECT to_date(right(relid::regclass::text, 8), 'YYYYMMDD') AS day FROM pg_partition_tree('post_archive')
        WHERE isleaf AND to_date(right(relid::regclass::text, 8), 'YYYYMMDD') + 1
                         <= ((now() - make_interval(days => %(days)s)) AT TIME ZONE 'UTC')::date
        ORDER BY 1""",
    EmptyDay,
)


def drop_day(day: date) -> Command:
    """Drop the partition of ``day`` if it is there and empty, unless somebody reads the archive just now.

    Then nothing happens, since whoever reads next would have to wait behind us.
    """
    name = f"post_archive_{day:%Y%m%d}"
    return Command(
        f"""DO $$ BEGIN
              SET LOCAL lock_timeout = '100ms';
              IF to_regclass('{name}') IS NOT NULL THEN
                LOCK TABLE post_archive, {name} IN ACCESS EXCLUSIVE MODE;
                IF NOT EXISTS (SELECT FROM {name}) THEN DROP TABLE {name}; END IF;
              END IF;
            EXCEPTION WHEN lock_not_available THEN NULL;
            END $$"""
    )


LAG = Statement(
    f"""SELECT coalesce(extract(epoch FROM now() - min(event_time)) - %(hot_seconds)s, 0)::float8 AS seconds
          FROM (SELECT event_time FROM post WHERE {_OLD} ORDER BY event_time LIMIT 1) AS oldest""",
    Lag,
)

SIZE = Statement(
    """SELECT (SELECT min(event_time) FROM post WHERE deleted_at IS NULL) AS hot_from,
              greatest((SELECT reltuples FROM pg_class WHERE oid = 'post'::regclass), 0)::bigint AS hot_posts,
              pg_total_relation_size('post') AS hot_bytes,
              coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint AS cold_posts,
              (coalesce(sum(pg_total_relation_size(c.oid)), 0) + pg_total_relation_size('post_archive_key'))::bigint
                AS cold_bytes,
              count(c.oid)::integer AS cold_days
         FROM pg_partition_tree('post_archive') t JOIN pg_class c ON c.oid = t.relid WHERE t.isleaf""",
    Size,
)

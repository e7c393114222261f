"""Writing a feed's events: staged by binary COPY, then moved by statements that tolerate replays.

Deletions leave tombstones that win whatever order events come in, and every counter moves by what
a statement really inserted or removed, so any interleaving with replays ends in the same state.
One ingest transaction runs at a time (``BEGIN``): sequence numbers become visible in their order,
and a reaction never slips between a post and its counting. Cold posts are known by their key alone;
one that is changed or taken back comes back to ``post`` first (``archive.BACK_REMOVED``).
"""

from __future__ import annotations

from struct import Struct
from uuid import UUID

from shared.errors import StoreRejected
from shared.schemas.base import Schema
from shared.store.database import Command, CopyIn, Statement
from shared.store.tombstones import ALONG, SET_GONE

#: PostgreSQL sends a timestamptz as whole microseconds since 2000: staged times are that integer,
#: which spares a ``datetime`` for every row.
POSTGRES_EPOCH_US = 946_684_800_000_000

#: The advisory lock of those who change posts. The mover takes it too, shared among movers (``archive.LOCK``).
LOCK_NAME = "hashtext('groundswell-ingest')"
_LOCK = f"SELECT pg_advisory_xact_lock({LOCK_NAME})"
#: For who changes posts, or notes deletions, without ingesting.
LOCK = Command(_LOCK)

BEGIN = Command(
    f"""{_LOCK};
       SET LOCAL client_min_messages = warning;
       CREATE TEMP TABLE IF NOT EXISTS staged_post (
         id uuid, uri text, author text, author_hash bigint, event_time timestamptz, claimed_time timestamptz,
         text text, languages text[], tags text[], links text[], terms text[], fingerprint bigint,
         reply_to uuid, replaces boolean, tombstone uuid, place integer) ON COMMIT DELETE ROWS;
       CREATE TEMP TABLE IF NOT EXISTS staged_reaction (
         id uuid, subject uuid, kind smallint, event_time timestamptz) ON COMMIT DELETE ROWS;
       CREATE TEMP TABLE IF NOT EXISTS staged_undoing (
         id uuid, kind smallint, event_time timestamptz) ON COMMIT DELETE ROWS;
       CREATE TEMP TABLE IF NOT EXISTS staged_removal (
         id uuid, uri text, author text, author_hash bigint, event_time timestamptz,
         tombstone uuid) ON COMMIT DELETE ROWS"""
)

COPY_POSTS = CopyIn(
    "staged_post",
    (
        *("id", "uri", "author", "author_hash", "event_time", "claimed_time", "text", "languages"),
        *("tags", "links", "terms", "fingerprint", "reply_to", "replaces", "tombstone"),
        "place",
    ),
    (
        *("uuid", "text", "text", "int8", "int8", "int8", "text", "text[]"),
        *("text[]", "text[]", "text[]", "int8", "uuid", "bool", "uuid"),
        "int4",
    ),
)
COPY_REACTIONS = CopyIn("staged_reaction", ("id", "subject", "kind", "event_time"), ("uuid", "uuid", "int2", "int8"))
COPY_UNDOINGS = CopyIn("staged_undoing", ("id", "kind", "event_time"), ("uuid", "int2", "int8"))
COPY_REMOVALS = CopyIn(
    "staged_removal",
    ("id", "uri", "author", "author_hash", "event_time", "tombstone"),
    ("uuid", "text", "text", "int8", "int8", "uuid"),
)


# A row is the number of its columns, then each value after its length. They are packed here: reactions are two
# thirds of all traffic and their rows have a fixed form, so this is a third of what psycopg's dumpers cost.
_REACTION = Struct(">h i16s i16s ih iq")
_UNDOING = Struct(">h i16s ih iq")


def reaction_row(key: bytes, subject: bytes | None, kind: int, time_us: int) -> bytes:
    """One row of ``COPY_REACTIONS``; keys have 16 bytes, the time counts from 2000."""
    return _REACTION.pack(4, 16, key, 16, subject, 2, kind, 8, time_us)


def undoing_row(key: bytes, kind: int, time_us: int) -> bytes:
    """One row of ``COPY_UNDOINGS``."""
    return _UNDOING.pack(3, 16, key, 2, kind, 8, time_us)


_LENGTH, _INT8, _BOOL, _INT4 = (Struct(form).pack for form in (">i", ">iq", ">i?", ">ii"))
_KEY, _HASH_AND_TIME, _ARRAY = (Struct(form).pack for form in (">hi16s", ">iqiq", ">iiiIii"))
_TEXT_OID = 25
_NULL, _NO_TEXTS = _LENGTH(-1), Struct(">iiiI").pack(12, 0, 0, _TEXT_OID)


def post_row(
    key: bytes,
    uri: str,
    author: str,
    author_hash: int,
    time_us: int,
    claimed_us: int | None,
    text: str,
    lists: tuple[list[str], list[str], list[str], list[str]],
    fingerprint: int,
    reply_to: bytes | None,
    replaces: bool,
    tombstone: bytes | None,
    place: int,
) -> bytes:
    """One row of ``COPY_POSTS``; ``lists`` are languages, tags, links and terms, times count from 2000.

    Posts are few, but with their lists the dumpers took half of all that storing costs.
    """
    return b"".join(
        (
            _KEY(16, 16, key),
            _text(uri),
            _text(author),
            _HASH_AND_TIME(8, author_hash, 8, time_us),
            _NULL if claimed_us is None else _INT8(8, claimed_us),
            _text(text),
            *map(_texts, lists),
            _INT8(8, fingerprint),
            _NULL if reply_to is None else _LENGTH(16) + reply_to,
            _BOOL(1, replaces),
            _NULL if tombstone is None else _LENGTH(16) + tombstone,
            _INT4(4, place),
        )
    )


def _text(value: str) -> bytes:
    raw = value.encode()
    return _LENGTH(len(raw)) + raw


def _texts(values: list[str]) -> bytes:
    """A ``text[]``: one dimension, no nulls, the type, how many from index 1 on, and they."""
    if not values:
        return _NO_TEXTS
    body = b"".join([_LENGTH(len(raw)) + raw for raw in map(str.encode, values)])
    return _ARRAY(20 + len(body), 1, 0, _TEXT_OID, len(values), 1) + body


class Stored(Schema, frozen=True, kw_only=True):
    """A post that was not there before. ``late``: its author had left for good by then, so it is to go at once."""

    id: UUID
    seq: int
    late: bool


class Changed(Schema, frozen=True, kw_only=True):
    """A post whose content was replaced, or that is gone; ``held`` tells a tombstone made for an unseen one."""

    id: UUID
    held: bool = True


class Reactions(Schema, frozen=True, kw_only=True):
    """How many reactions a statement really added or undid."""

    likes: int
    reposts: int


#: A post's counters begin with the reactions that came before it.
INSERT_POSTS = Statement(
    """WITH fresh AS (
         INSERT INTO post (id, feed, uri, author, author_hash, event_time, claimed_time, text, languages, tags,
                           links, terms, fingerprint, reply_to, likes, reposts)
         SELECT s.id, %(feed)s, s.uri, s.author, s.author_hash, s.event_time, s.claimed_time, s.text, s.languages,
                s.tags, s.links, s.terms, s.fingerprint, s.reply_to, r.likes, r.reposts
           FROM staged_post s
           CROSS JOIN LATERAL (
             SELECT count(*) FILTER (WHERE kind = 1) AS likes, count(*) FILTER (WHERE kind = 2) AS reposts
               FROM reaction WHERE subject = s.id AND NOT deleted) r
          WHERE NOT EXISTS (SELECT FROM post p WHERE p.id = s.id)
            AND NOT EXISTS (SELECT FROM post p WHERE p.id = s.tombstone)
            AND NOT EXISTS (SELECT FROM post_archive_key k WHERE k.id = s.id)
          ORDER BY s.place
         ON CONFLICT (id) DO NOTHING
         RETURNING id, seq, author, event_time, text),
       waiting AS (
         INSERT INTO embedding_pending (post, seq) SELECT id, seq FROM fresh WHERE text <> ''
         ON CONFLICT DO NOTHING),
       counted AS (
         INSERT INTO feed_minute (feed, minute, posts)
         SELECT %(feed)s, date_trunc('minute', event_time), count(*) FROM fresh GROUP BY 2
         ON CONFLICT (feed, minute) DO UPDATE SET posts = feed_minute.posts + excluded.posts)
       SELECT id, seq, EXISTS (SELECT FROM account_departure d
                                WHERE d.author = fresh.author AND d.gone AND fresh.event_time <= d.event_time) AS late
         FROM fresh""",
    Stored,
)

REPLACE_POSTS = Statement(
    """WITH changed AS (
         UPDATE post p
            SET text = s.text, languages = s.languages, tags = s.tags, links = s.links, terms = s.terms,
                fingerprint = s.fingerprint, claimed_time = s.claimed_time, reply_to = s.reply_to
           FROM staged_post s
          WHERE s.replaces AND p.id = s.id AND p.deleted_at IS NULL
            AND (p.text, p.languages, p.tags, p.links, p.reply_to)
                IS DISTINCT FROM (s.text, s.languages, s.tags, s.links, s.reply_to)
         RETURNING p.id, p.seq, p.text),
       waiting AS (
         INSERT INTO embedding_pending (post, seq) SELECT id, seq FROM changed WHERE text <> ''
         ON CONFLICT DO NOTHING)
       SELECT id FROM changed""",
    Changed,
)

INSERT_REACTIONS = Statement(
    """WITH fresh AS (
         INSERT INTO reaction (id, subject, kind, event_time)
         SELECT id, subject, kind, event_time FROM staged_reaction
         ON CONFLICT (id) DO NOTHING
         RETURNING subject, kind, event_time),
       moved AS (
         UPDATE post p SET likes = p.likes + d.likes, reposts = p.reposts + d.reposts
           FROM (SELECT subject, count(*) FILTER (WHERE kind = 1) AS likes,
                        count(*) FILTER (WHERE kind = 2) AS reposts
                   FROM fresh GROUP BY subject) d
          WHERE p.id = d.subject AND p.deleted_at IS NULL),
       counted AS (
         INSERT INTO feed_minute (feed, minute, likes, reposts)
         SELECT %(feed)s, date_trunc('minute', event_time), count(*) FILTER (WHERE kind = 1),
                count(*) FILTER (WHERE kind = 2)
           FROM fresh GROUP BY 2
         ON CONFLICT (feed, minute) DO UPDATE
           SET likes = feed_minute.likes + excluded.likes, reposts = feed_minute.reposts + excluded.reposts)
       SELECT count(*) FILTER (WHERE kind = 1) AS likes, count(*) FILTER (WHERE kind = 2) AS reposts FROM fresh""",
    Reactions,
)

#: One never seen leaves a tombstone too, so that its creation, arriving late, stays undone.
UNDO_REACTIONS = Statement(
    """WITH undone AS (
         UPDATE reaction r SET deleted = true FROM staged_undoing s
          WHERE r.id = s.id AND NOT r.deleted
         RETURNING r.subject, r.kind),
       unseen AS (
         INSERT INTO reaction (id, subject, kind, event_time, deleted)
         SELECT id, NULL, kind, event_time, true FROM staged_undoing
         ON CONFLICT (id) DO NOTHING
         RETURNING kind),
       moved AS (
         UPDATE post p SET likes = p.likes - d.likes, reposts = p.reposts - d.reposts
           FROM (SELECT subject, count(*) FILTER (WHERE kind = 1) AS likes,
                        count(*) FILTER (WHERE kind = 2) AS reposts
                   FROM undone GROUP BY subject) d
          WHERE p.id = d.subject AND p.deleted_at IS NULL),
       both_kinds AS (SELECT kind FROM undone UNION ALL SELECT kind FROM unseen)
       SELECT count(*) FILTER (WHERE kind = 1) AS likes, count(*) FILTER (WHERE kind = 2) AS reposts
         FROM both_kinds""",
    Reactions,
)

#: Only an author takes a post back. Where an address does not name its author, a deletion that comes
#: first lies under an id made of both, so that nobody can forbid somebody else's post.
REMOVE_POSTS = Statement(
    f"""WITH gone AS (
         UPDATE post p
            SET {SET_GONE}
           FROM staged_removal s
          WHERE p.id = s.id AND p.author = s.author AND p.deleted_at IS NULL
         RETURNING p.id, p.feed, s.event_time),
       unseen AS (
         INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, deleted_at)
         SELECT coalesce(s.tombstone, s.id), %(feed)s, s.uri, s.author, s.author_hash, s.event_time, '', now()
           FROM staged_removal s
          WHERE NOT EXISTS (SELECT FROM post p WHERE p.id = s.id AND p.author = s.author)
            AND NOT EXISTS (SELECT FROM post_archive_key k WHERE k.id = coalesce(s.tombstone, s.id))
         ON CONFLICT (id) DO NOTHING
         RETURNING id, event_time),
       {ALONG},
       every AS (SELECT id, event_time, true AS held FROM gone UNION ALL SELECT id, event_time, false FROM unseen),
       counted AS (
         INSERT INTO feed_minute (feed, minute, deletes)
         SELECT %(feed)s, date_trunc('minute', event_time), count(*) FROM every GROUP BY 2
         ON CONFLICT (feed, minute) DO UPDATE SET deletes = feed_minute.deletes + excluded.deletes),
       listed AS (
         INSERT INTO post_deletion (feed, post, event_time, unseen)
         SELECT %(feed)s, id, event_time, true FROM unseen ORDER BY event_time, id)
       SELECT id, held FROM every""",
    Changed,
)

#: The same bytes again only count up: a feed that repeats itself does not fill the disk.
QUARANTINE = Command(
    """INSERT INTO quarantine (id, feed, reason, detail, size, raw, times)
       SELECT q.id, %(feed)s, q.reason, q.detail, q.size, q.raw, q.times
         FROM unnest(%(ids)s::uuid[], %(reasons)s::text[], %(details)s::text[], %(sizes)s::integer[],
                     %(raws)s::bytea[], %(times)s::integer[]) AS q (id, reason, detail, size, raw, times)
       ON CONFLICT (id) DO UPDATE SET times = quarantine.times + excluded.times"""
)


def is_data_fault(error: StoreRejected) -> bool:
    """Whether a value in the rows was refused (SQLSTATE class 22 or 23) rather than the statement itself."""
    state = getattr(error.__cause__, "sqlstate", None) or ""
    return state[:2] in ("22", "23")

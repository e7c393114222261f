"""Accounts and conversations, read by author and by reply."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.author import Person
from shared.schemas.base import Schema
from shared.store.database import Statement
from shared.store.posts import COLUMNS, PostRow

#: Posts of an account that are looked at, the newest.
LOOKED_AT = 1_000
#: Posts of a topic that are looked at, the newest.
TOPIC_LOOKED_AT = 2_000
#: How far a conversation is followed upwards.
ANSWERS_MOST = 20

_OF_AUTHOR = f"""SELECT {COLUMNS} FROM every_post AS post
                  WHERE author_hash = %(hash)s AND author = %(author)s AND deleted_at IS NULL"""
_NEWEST_FIRST = "ORDER BY event_time DESC, post.id DESC LIMIT %(limit)s"

LATEST = Statement(f"{_OF_AUTHOR} {_NEWEST_FIRST}", PostRow)
LATEST_BEFORE = Statement(f"{_OF_AUTHOR} AND (event_time, post.id) < (%(time)s, %(id)s) {_NEWEST_FIRST}", PostRow)
EARLIEST_AFTER = Statement(
    f"""{_OF_AUTHOR} AND (event_time, post.id) > (%(time)s, %(id)s)
         ORDER BY event_time, post.id LIMIT %(limit)s""",
    PostRow,
)

#: What ``post`` answers, from there upwards.
ANSWERS = Statement(
    f"""WITH RECURSIVE above AS (
          SELECT id, reply_to, 0 AS depth FROM every_post WHERE id = %(id)s AND deleted_at IS NULL
           UNION ALL
          SELECT p.id, p.reply_to, depth + 1 FROM above, LATERAL (
            SELECT id, reply_to FROM every_post WHERE id = above.reply_to AND deleted_at IS NULL) AS p
           WHERE depth < {ANSWERS_MOST})
        SELECT {COLUMNS} FROM every_post AS post
          JOIN (SELECT id AS above_id, max(depth) AS depth FROM above WHERE depth > 0 GROUP BY id) AS a ON above_id = id
         WHERE deleted_at IS NULL ORDER BY depth DESC""",
    PostRow,
)


class Figures(Schema, frozen=True, kw_only=True):
    """An account's newest posts in figures."""

    looked_at: int
    first: datetime | None
    last: datetime | None
    replies: int
    with_links: int
    copies: int
    likes: int
    reposts: int
    hours: list[int]


FIGURES = Statement(
    f"""WITH newest AS MATERIALIZED (
          SELECT event_time, reply_to, links, fingerprint, likes, reposts FROM every_post
           WHERE author_hash = %(hash)s AND author = %(author)s AND deleted_at IS NULL
           ORDER BY event_time DESC, id DESC LIMIT {LOOKED_AT})
        SELECT count(*) AS looked_at, min(event_time) AS first, max(event_time) AS last,
               count(reply_to) AS replies, count(*) FILTER (WHERE links <> '{{}}') AS with_links,
               count(*) FILTER (WHERE fingerprint <> 0) - count(DISTINCT fingerprint) FILTER (WHERE fingerprint <> 0)
                 AS copies,
               coalesce(sum(likes), 0)::bigint AS likes, coalesce(sum(reposts), 0)::bigint AS reposts,
               (SELECT array_agg((SELECT count(*) FROM newest
                                   WHERE extract(hour FROM event_time AT TIME ZONE 'UTC') = h) ORDER BY h)
                  FROM generate_series(0, 23) AS h) AS hours
          FROM newest""",
    Figures,
)

PEOPLE = Statement(
    f"""WITH newest AS MATERIALIZED (
          SELECT post FROM topic_post WHERE topic = %(topic)s ORDER BY event_time DESC LIMIT {TOPIC_LOOKED_AT})
        SELECT author, count(*) AS posts, min(event_time) AS first, max(event_time) AS last,
               sum(likes + reposts)::bigint AS reactions
          FROM newest JOIN every_post ON id = newest.post WHERE deleted_at IS NULL
         GROUP BY author ORDER BY posts DESC, first LIMIT %(limit)s""",
    Person,
)


class Counted(Schema, frozen=True, kw_only=True):
    """Posts of a topic that were looked at, and their authors."""

    posts: int
    people: int


PEOPLE_COUNT = Statement(
    f"""WITH newest AS MATERIALIZED (
          SELECT post FROM topic_post WHERE topic = %(topic)s ORDER BY event_time DESC LIMIT {TOPIC_LOOKED_AT})
        SELECT count(*) AS posts, count(DISTINCT author) AS people
          FROM newest JOIN every_post ON id = newest.post WHERE deleted_at IS NULL""",
    Counted,
)

"""Vectors of posts beside the posts, in pgvector's half precision: 384 numbers, 776 bytes.

A post has one vector a model.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from shared.store.database import Command, CopyIn, Statement


class Neighbour(msgspec.Struct, frozen=True):
    """A post and the cosine of its vector with the one asked for."""

    post: UUID
    similarity: float


class Count(msgspec.Struct, frozen=True):
    """A number of rows."""

    count: int


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A post's vector as pgvector sends it: two numbers of 16 bits, then the halves, all big-endian."""

    post: UUID
    embedding: bytes


class Placed(Stored, frozen=True, kw_only=True):
    """A post's vector and what is kept beside it."""

    feed: str
    time: datetime
    languages: list[str]
    author: int
    linked: bool


class Name(msgspec.Struct, frozen=True):
    """A model."""

    model: str


class Id(msgspec.Struct, frozen=True):
    """A post."""

    post: UUID


class Time(msgspec.Struct, frozen=True):
    """When a post was."""

    time: datetime


#: One a connection, emptied by each commit. COPY has no binary form of halfvec from here, hence the array.
STAGE = Command(
    """CREATE TEMPORARY TABLE IF NOT EXISTS post_vector_stage (
         post uuid, feed text, event_time timestamptz, languages text[], spoken text[], author bigint,
         linked boolean, embedding real[]
       ) ON COMMIT DELETE ROWS"""
)

STAGED = CopyIn(
    "post_vector_stage",
    ("post", "feed", "event_time", "languages", "spoken", "author", "linked", "embedding"),
    ("uuid", "text", "timestamptz", "text[]", "text[]", "int8", "bool", "float4[]"),
)

UPSERT = Command(
    """INSERT INTO post_vector (post, model, feed, event_time, languages, spoken, author, linked, embedding)
       SELECT post, %(model)s, feed, event_time, languages, spoken, author, linked, embedding::halfvec(384)
         FROM post_vector_stage
       ON CONFLICT (model, post) DO UPDATE SET
         feed = excluded.feed, event_time = excluded.event_time, languages = excluded.languages,
         spoken = excluded.spoken, author = excluded.author, linked = excluded.linked,
         embedding = excluded.embedding"""
)

DELETE = Command("DELETE FROM post_vector WHERE post = ANY(%(posts)s::uuid[])")

#: Every vector that passes the filters is compared: exact, and a few milliseconds per 10,000.
NEAREST = Statement(
    """SELECT post, 1 - (embedding <=> %(vector)s::real[]::halfvec(384)) AS similarity
         FROM post_vector
        WHERE model = %(model)s
          AND (%(feed)s::text IS NULL OR feed = %(feed)s)
          AND (%(language)s::text IS NULL OR %(language)s = ANY(spoken))
          AND (%(author)s::bigint IS NULL OR author = %(author)s)
          AND (%(linked)s::boolean IS NULL OR linked = %(linked)s)
          AND (%(posts)s::uuid[] IS NULL OR post = ANY(%(posts)s))
          AND (%(since)s::timestamptz IS NULL OR event_time >= %(since)s)
          AND (%(until)s::timestamptz IS NULL OR event_time < %(until)s)
        ORDER BY embedding <=> %(vector)s::real[]::halfvec(384)
        LIMIT %(limit)s""",
    Neighbour,
)

COUNT = Statement("SELECT count(*) AS count FROM post_vector WHERE model = %(model)s", Count)

SOME = Statement(
    """SELECT post, halfvec_send(embedding) AS embedding FROM post_vector
        WHERE model = %(model)s AND post = ANY(%(posts)s::uuid[])""",
    Stored,
)

#: Newest first, behind the post ``after`` at ``after_time`` if there is one.
RECENT = Statement(
    """SELECT post, feed, event_time AS time, languages, author, linked, halfvec_send(embedding) AS embedding
         FROM post_vector
        WHERE model = %(model)s AND event_time >= %(since)s AND event_time < %(until)s
          AND (%(after)s::uuid IS NULL OR (event_time, post) < (%(after_time)s, %(after)s))
        ORDER BY event_time DESC, post DESC
        LIMIT %(limit)s""",
    Placed,
)

TIME_OF = Statement("SELECT event_time AS time FROM post_vector WHERE model = %(model)s AND post = %(post)s", Time)

#: Ascending. Every id is above the lowest but that one, which no hash gives.
SCAN = Statement(
    """SELECT post FROM post_vector
        WHERE model = %(model)s AND post > coalesce(%(after)s::uuid, '00000000-0000-0000-0000-000000000000')
        ORDER BY post LIMIT %(limit)s""",
    Id,
)

#: From one model to the next in the index, rather than over all rows.
MODELS = Statement(
    """WITH RECURSIVE found AS (
         SELECT min(model) AS model FROM post_vector
         UNION ALL
         SELECT (SELECT min(model) FROM post_vector v WHERE v.model > found.model) FROM found WHERE model IS NOT NULL)
       SELECT model FROM found WHERE model IS NOT NULL""",
    Name,
)

#: At most ``limit`` vectors of a model that is forgotten.
DROP = Command(
    """DELETE FROM post_vector WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM post_vector WHERE model = %(model)s LIMIT %(limit)s))"""
)

"""Vectors of posts beside the posts, in pgvector's half precision: 384 numbers, 776 bytes.

A post has one vector: a new model's replaces the old one's.
"""

from __future__ import annotations

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


#: One a connection, emptied by each commit. COPY has no binary form of halfvec from here, hence the array.
STAGE = Command(
    """CREATE TEMPORARY TABLE IF NOT EXISTS post_vector_stage (
         post uuid, feed text, event_time timestamptz, languages text[], embedding real[]
       ) ON COMMIT DELETE ROWS"""
)

STAGED = CopyIn(
    "post_vector_stage",
    ("post", "feed", "event_time", "languages", "embedding"),
    ("uuid", "text", "timestamptz", "text[]", "float4[]"),
)

UPSERT = Command(
    """INSERT INTO post_vector (post, model, feed, event_time, languages, embedding)
       SELECT post, %(model)s, feed, event_time, languages, embedding::halfvec(384)
         FROM post_vector_stage
       ON CONFLICT (post) DO UPDATE SET
         model = excluded.model, feed = excluded.feed, event_time = excluded.event_time,
         languages = excluded.languages, embedding = excluded.embedding"""
)

DELETE = Command("DELETE FROM post_vector WHERE post = ANY(%(posts)s::uuid[])")

#: Every vector that passes the filters is compared: exact, and a few milliseconds per 10,000.
NEAREST = Statement(
    """SELECT post, 1 - (embedding <=> %(vector)s::real[]::halfvec(384)) AS similarity
         FROM post_vector
        WHERE model = %(model)s
          AND (%(feed)s::text IS NULL OR feed = %(feed)s)
          AND (%(language)s::text IS NULL OR %(language)s = ANY(languages))
          AND (%(since)s::timestamptz IS NULL OR event_time >= %(since)s)
          AND (%(until)s::timestamptz IS NULL OR event_time < %(until)s)
        ORDER BY embedding <=> %(vector)s::real[]::halfvec(384)
        LIMIT %(limit)s""",
    Neighbour,
)

COUNT = Statement("SELECT count(*) AS count FROM post_vector WHERE model = %(model)s", Count)

"""Vectors of posts beside the posts, in pgvector's half precision: 384 numbers, 776 bytes.

A post has one vector a model. Rows lie in chunks (``shared/store/vector_chunks.py``), which are partitions;
``chunks`` names those of the model in question.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import numpy as np

from shared.schemas.vector import DIMENSION, Vectors
from shared.store.database import Command, CopyIn, Statement


class Neighbour(msgspec.Struct, frozen=True):
    """A post and the cosine of its vector with the one asked for."""

    post: UUID
    similarity: float


class Count(msgspec.Struct, frozen=True):
    """A number of rows."""

    count: int


class Passing(msgspec.Struct, frozen=True):
    """Of ``read`` rows looked at, how many pass a filter, and how many the part of it that has an index."""

    passing: int
    part: int
    read: int


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A post's vector as pgvector sends it: two numbers of 16 bits, then the halves, all big-endian."""

    post: UUID
    embedding: bytes


def packed(vectors: Vectors) -> list[bytes]:
    """``vectors``, float32 (n, DIMENSION), as pgvector receives each: see ``Stored``."""
    head = struct.pack(">HH", DIMENSION, 0)
    return [head + halves.tobytes() for halves in vectors.astype(">f2")]


def unpacked(rows: Sequence[Stored]) -> Vectors:
    """The vectors of ``rows``, float32 (len(rows), DIMENSION)."""
    halves = np.frombuffer(b"".join(row.embedding[4:] for row in rows), dtype=">f2")
    return halves.astype(np.float32).reshape(-1, DIMENSION)


class Placed(Stored, frozen=True, kw_only=True):
    """A post's vector and what is kept beside it."""

    feed: str
    time: datetime
    languages: list[str]
    author: int
    linked: bool


class Id(msgspec.Struct, frozen=True):
    """A post."""

    post: UUID


class Time(msgspec.Struct, frozen=True):
    """When a post was."""

    time: datetime


#: One a connection, emptied by each commit.
STAGE = Command(
    """CREATE TEMPORARY TABLE IF NOT EXISTS post_vector_stage (
         post uuid, feed text, event_time timestamptz, languages text[], spoken text[], author bigint,
         linked boolean, embedding halfvec(384)
       ) ON COMMIT DELETE ROWS"""
)

STAGED = CopyIn(
    "post_vector_stage",
    ("post", "feed", "event_time", "languages", "spoken", "author", "linked", "embedding"),
    # COPY sends bytes and no types: what is called bytea here is a halfvec as ``packed`` makes it.
    ("uuid", "text", "timestamptz", "text[]", "text[]", "int8", "bool", "bytea"),
)

#: Vectors that ``posts`` have in chunks that take no more.
REPLACED = Command(
    """WITH gone AS (
         DELETE FROM post_vector WHERE chunk = ANY(%(chunks)s::integer[]) AND post = ANY(%(posts)s::uuid[])
         RETURNING chunk)
       UPDATE vector_chunk SET rows = vector_chunk.rows - counted.rows
         FROM (SELECT chunk, count(*) AS rows FROM gone GROUP BY chunk) AS counted
        WHERE vector_chunk.id = counted.chunk"""
)

#: From every chunk of every model.
DELETE = Command(
    """WITH gone AS (DELETE FROM post_vector WHERE post = ANY(%(posts)s::uuid[]) RETURNING chunk)
       UPDATE vector_chunk SET rows = vector_chunk.rows - counted.rows
         FROM (SELECT chunk, count(*) AS rows FROM gone GROUP BY chunk) AS counted
        WHERE vector_chunk.id = counted.chunk"""
)

SOME = Statement(
    """SELECT post, halfvec_send(embedding) AS embedding FROM post_vector
        WHERE chunk = ANY(%(chunks)s::integer[]) AND post = ANY(%(posts)s::uuid[])""",
    Stored,
)

#: Newest first, behind the post ``after`` at ``after_time`` if there is one.
RECENT = Statement(
    """SELECT post, feed, event_time AS time, languages, author, linked, halfvec_send(embedding) AS embedding
         FROM post_vector
        WHERE chunk = ANY(%(chunks)s::integer[]) AND event_time >= %(since)s AND event_time < %(until)s
          AND (%(after)s::uuid IS NULL OR (event_time, post) < (%(after_time)s, %(after)s))
        ORDER BY event_time DESC, post DESC
        LIMIT %(limit)s""",
    Placed,
)

TIME_OF = Statement(
    "SELECT event_time AS time FROM post_vector WHERE chunk = ANY(%(chunks)s::integer[]) AND post = %(post)s", Time
)

#: Ascending. Every id is above the lowest but that one, which no hash gives.
SCAN = Statement(
    """SELECT post FROM post_vector
        WHERE chunk = ANY(%(chunks)s::integer[])
          AND post > coalesce(%(after)s::uuid, '00000000-0000-0000-0000-000000000000')
        ORDER BY post LIMIT %(limit)s""",
    Id,
)

#: How many lists of each approximate index are looked at, in this transaction. The scan goes on through
#: further lists as long as filters leave fewer than were asked for.
PROBES = Command(
    """SELECT set_config('ivfflat.probes', %(probes)s::text, true),
              set_config('ivfflat.iterative_scan', 'relaxed_order', true), set_config('jit', 'off', true),
              set_config('plan_cache_mode', 'force_custom_plan', true)"""
)

_CONDITIONS = {
    "feed": "feed = %(feed)s",
    "language": "spoken @> ARRAY[%(language)s::text]",
    "author": "author = %(author)s::bigint",
    "linked": "linked = %(linked)s::boolean",
    "since": "event_time >= %(since)s",
    "until": "event_time < %(until)s",
}
_QUERY = "%(vector)s::real[]::halfvec(384)"
# Vectors have unit length: the inner product is the cosine, at a third of the arithmetic.
_NEAREST = """(SELECT post, -(embedding <#> {query}) AS similarity FROM post_vector
               WHERE {where} ORDER BY {by} LIMIT %(limit)s)"""


class Operator(msgspec.Struct, frozen=True):
    """A distance of pgvector's and the family of its index."""

    sign: str
    family: str


#: Of vectors of unit length all distances give one order. Each kind of index has another, so that the order
#: asked for decides which one is used, and not a guess of the planner.
OPERATORS = {
    "": Operator("<#>", "halfvec_ip_ops"),
    "language": Operator("<=>", "halfvec_cosine_ops"),
    "feed": Operator("<->", "halfvec_l2_ops"),
}


class Arm(msgspec.Struct, frozen=True):
    """One chunk, by its index of ``kind``."""

    chunk: int
    kind: str


def upsert(chunk: int) -> Command:
    """What is staged, into the open ``chunk``. By its own table: through the parent nobody tells new from old."""
    return Command(
        f"""WITH put AS (
              INSERT INTO post_vector_{int(chunk)} AS kept
                     (post, chunk, feed, event_time, languages, spoken, author, linked, embedding)
              SELECT post, {int(chunk)}, feed, event_time, languages, spoken, author, linked, embedding
                FROM post_vector_stage
              ON CONFLICT (post, chunk) DO UPDATE SET
                feed = excluded.feed, event_time = excluded.event_time, languages = excluded.languages,
                spoken = excluded.spoken, author = excluded.author, linked = excluded.linked,
                embedding = excluded.embedding
              RETURNING event_time, kept.xmax = 0 AS fresh),
            counted AS (
              SELECT count(*) FILTER (WHERE fresh) AS rows, min(event_time) AS first_time,
                     max(event_time) AS last_time
                FROM put)
            UPDATE vector_chunk
               SET rows = vector_chunk.rows + counted.rows,
                   first_time = least(vector_chunk.first_time, counted.first_time),
                   last_time = greatest(vector_chunk.last_time, counted.last_time)
              FROM counted WHERE vector_chunk.id = {int(chunk)}"""
    )


def conditions(params: dict[str, Any], names: Sequence[str] = tuple(_CONDITIONS)) -> str:
    """SQL that holds for the rows that pass: one condition for each filter in ``params`` that is not null."""
    return " AND ".join(_CONDITIONS[name] for name in names if params.get(name) is not None) or "true"


def nearest(exact: Sequence[int], near: Sequence[Arm], where: str) -> Statement[Neighbour]:
    """The nearest ``limit`` rows of the chunks that meet ``where``, compared one by one or by their indexes."""
    arms = []
    if exact:
        chunks = ", ".join(str(int(chunk)) for chunk in exact)
        # Adding nothing keeps an approximate index from being used.
        arms.append(_arm(f"chunk IN ({chunks}) AND {where}", f"(embedding <#> {_QUERY}) + 0"))
    for arm in near:
        arms.append(_arm(f"chunk = {int(arm.chunk)} AND {where}", f"embedding {OPERATORS[arm.kind].sign} {_QUERY}"))
    return _merged(arms)


def among(chunks: Sequence[int], where: str) -> Statement[Neighbour]:
    """The nearest ``limit`` of the posts named for each of ``chunks`` (``posts7`` for 7), compared one by one."""
    by = f"(embedding <#> {_QUERY}) + 0"
    arms = [_arm(f"chunk = {int(c)} AND post = ANY(%(posts{int(c)})s::uuid[]) AND {where}", by) for c in chunks]
    return _merged(arms)


def passing(where: str, part: str) -> Statement[Passing]:
    """Of ``percent`` of the pages of ``chunks``: rows that meet ``where``, and those that meet ``part``."""
    return Statement(
        f"""SELECT count(*) FILTER (WHERE {where}) AS passing, count(*) FILTER (WHERE {part}) AS part, count(*) AS read
              FROM post_vector TABLESAMPLE SYSTEM (%(percent)s) WHERE chunk = ANY(%(chunks)s::integer[])""",
        Passing,
    )


def _merged(arms: Sequence[str]) -> Statement[Neighbour]:
    return Statement(
        f"SELECT post, similarity FROM ({' UNION ALL '.join(arms)}) AS found ORDER BY similarity DESC LIMIT %(limit)s",
        Neighbour,
    )


def _arm(where: str, by: str) -> str:
    return _NEAREST.format(query=_QUERY, where=where, by=by)

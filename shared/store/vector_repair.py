"""Comparing the record with the vector index, in the order of post ids (``shared/vectors/repair.py``)."""

from __future__ import annotations

from uuid import UUID

import msgspec

from shared.store.database import Command, Statement


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """One look at all posts for ``model``: how far it is, what it found, and whether it is due (again)."""

    model: str
    after: UUID | None
    missing: int
    extra: int
    due: bool


class Known(msgspec.Struct, frozen=True):
    """A post of the record; ``wants``: it should have a vector, and nothing waits to give it one."""

    id: UUID
    wants: bool


#: Begin a pass, or go on with the one that was begun. One that ended is due ``seconds`` later.
BEGIN = Statement(
    """INSERT INTO vector_repair AS known (model) VALUES (%(model)s)
       ON CONFLICT (model) DO UPDATE SET model = excluded.model
       RETURNING model, after, missing, extra,
                 ended_at IS NULL OR ended_at < now() - make_interval(secs => %(seconds)s) AS due""",
    Pass,
)
#: A pass that ended begins anew.
AGAIN = Command(
    """UPDATE vector_repair SET after = NULL, missing = 0, extra = 0, started_at = now(), ended_at = NULL
        WHERE model = %(model)s AND ended_at IS NOT NULL"""
)
#: A pass begins anew, whether the last one ended or not.
ANEW = Command(
    """INSERT INTO vector_repair AS known (model) VALUES (%(model)s)
       ON CONFLICT (model) DO UPDATE SET after = NULL, missing = 0, extra = 0, started_at = now(), ended_at = NULL"""
)
MOVE = Command(
    """UPDATE vector_repair SET after = %(after)s, missing = missing + %(missing)s, extra = extra + %(extra)s,
              ended_at = CASE WHEN %(last)s THEN now() END
        WHERE model = %(model)s"""
)

#: The next ``limit`` posts that may have a vector.
POSTS = Statement(
    """SELECT id, NOT EXISTS (SELECT FROM embedding_pending e WHERE e.post = post.id) AS wants
         FROM post
        WHERE id > coalesce(%(after)s::uuid, '00000000-0000-0000-0000-000000000000')
          AND deleted_at IS NULL AND text <> ''
        ORDER BY id LIMIT %(limit)s""",
    Known,
)


class Expected(msgspec.Struct, frozen=True):
    """Posts that have a vector, as far as the record knows."""

    posts: int


EXPECTED = Statement(
    """SELECT (SELECT count(*) FROM post WHERE deleted_at IS NULL AND text <> '')
              - (SELECT count(*) FROM embedding_pending) AS posts""",
    Expected,
)
#: ``posts`` get a vector (again), unless they are gone by now.
WANT = Command(
    """INSERT INTO embedding_pending (post, seq)
       SELECT id, seq FROM post WHERE id = ANY(%(posts)s::uuid[]) AND deleted_at IS NULL AND text <> ''
       ON CONFLICT DO NOTHING"""
)
#: The vectors of ``posts`` go, unless the record has them after all.
REMOVE = Command(
    """INSERT INTO vector_removal (post)
       SELECT wanted.id FROM unnest(%(posts)s::uuid[]) AS wanted (id)
        WHERE NOT EXISTS (SELECT FROM post WHERE post.id = wanted.id AND deleted_at IS NULL AND text <> '')
       ON CONFLICT DO NOTHING"""
)


class Name(msgspec.Struct, frozen=True):
    """A model."""

    model: str


#: Those that every post should have a vector of by now.
COMPLETE = Statement("SELECT model FROM vector_model WHERE complete AND NOT lost ORDER BY model", Name)

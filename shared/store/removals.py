"""Posts whose vectors must go from the index, whichever it is: written with what removes the posts."""

from __future__ import annotations

from uuid import UUID

import msgspec

from shared.store.database import Command, Statement


class Unwanted(msgspec.Struct, frozen=True):
    """A post that must not have a vector."""

    post: UUID


TAKE = Statement("SELECT post FROM vector_removal ORDER BY added_at LIMIT %(limit)s", Unwanted)

#: After the index has forgotten ``posts``.
DONE = Command("DELETE FROM vector_removal WHERE post = ANY(%(posts)s::uuid[])")

#: Posts of ``posts`` that are in the record again: the vector just removed may have been theirs.
WANT_AGAIN = Command(
    """INSERT INTO embedding_pending (post, seq)
       SELECT id, seq FROM post WHERE id = ANY(%(posts)s::uuid[]) AND deleted_at IS NULL AND text <> ''
       ON CONFLICT (post) DO NOTHING"""
)

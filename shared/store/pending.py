"""Posts that still want a vector. The relay takes the newest, embeds them, stores the vectors, marks them done.

A crash between those steps repeats work and loses none, since vectors are stored by post. Rows stand for
posts that are new or changed, whichever models embed them; what a new model lacks of the old posts is
walked through instead (``vector_models.py``).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from shared.store.database import Command, Statement
from shared.store.vectors import Count


class PendingPost(msgspec.Struct, frozen=True, kw_only=True):
    """What an embedder and an index need of a post.

    ``author`` is a hash; ``version`` tells one text of the post from another; a greater ``seq`` was stored later.
    """

    id: UUID
    seq: int
    text: str
    feed: str
    time: datetime
    languages: list[str]
    author: int
    linked: bool
    version: int


class Gone(msgspec.Struct, frozen=True):
    """A post that must not have a vector."""

    id: UUID


_COLUMNS = """p.id, p.seq, p.text, p.feed, p.event_time AS time, p.languages, p.author_hash AS author,
              cardinality(p.links) > 0 AS linked, hashtextextended(p.text, 0) AS version"""

#: The part ``index`` of ``count`` of all authors, as relays share them (``shared.contracts.shards``).
_OURS = "((p.author_hash %% %(count)s::bigint) + %(count)s) %% %(count)s = %(index)s"

#: The newest ``limit`` first: what people look at now matters more than a backlog.
TAKE = Statement(
    f"""SELECT {_COLUMNS}
         FROM embedding_pending e JOIN post p ON p.id = e.post
        WHERE p.deleted_at IS NULL AND {_OURS}
        ORDER BY e.seq DESC LIMIT %(limit)s""",
    PendingPost,
)

#: Of those stored after ``above`` only.
NEWER = Statement(
    f"""SELECT {_COLUMNS}
         FROM embedding_pending e JOIN post p ON p.id = e.post
        WHERE e.seq > %(above)s AND p.deleted_at IS NULL AND {_OURS}
        ORDER BY e.seq DESC LIMIT %(limit)s""",
    PendingPost,
)

#: Stored posts, pending or not, in the order of their ids.
STORED = Statement(
    f"""SELECT {_COLUMNS}
         FROM post p
        WHERE p.id > %(after)s AND p.deleted_at IS NULL AND p.text <> ''
        ORDER BY p.id LIMIT %(limit)s""",
    PendingPost,
)

#: ``posts`` and their ``versions``, side by side. A post edited since it was taken stays pending.
DONE = Command(
    """DELETE FROM embedding_pending e
        USING unnest(%(posts)s::uuid[], %(versions)s::bigint[]) AS done (post, version), post p
        WHERE e.post = done.post AND p.id = e.post AND hashtextextended(p.text, 0) = done.version"""
)

#: Which of ``posts`` were deleted, or removed for their age, while their vectors were made.
GONE = Statement(
    """SELECT wanted.id FROM unnest(%(posts)s::uuid[]) AS wanted (id)
        WHERE NOT EXISTS (SELECT 1 FROM post p WHERE p.id = wanted.id AND p.deleted_at IS NULL)""",
    Gone,
)

#: Drops entries whose post is gone; they can never be done.
FORGET_GONE = Command(
    """DELETE FROM embedding_pending e
        WHERE NOT EXISTS (SELECT 1 FROM post p WHERE p.id = e.post AND p.deleted_at IS NULL)"""
)

COUNT = Statement("SELECT count(*) AS count FROM embedding_pending", Count)

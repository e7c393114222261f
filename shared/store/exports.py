"""Posts for a file, oldest first."""

from __future__ import annotations

from shared.store.database import Statement
from shared.store.posts import COLUMNS, PostRow

#: What is NULL does not narrow. ``after`` is a post that comes right before.
POSTS = Statement(
    f"""SELECT {COLUMNS} FROM every_post AS post
         WHERE deleted_at IS NULL
           AND event_time >= %(since)s AND event_time < %(until)s
           AND (%(feed)s::text IS NULL OR feed = %(feed)s)
           AND (%(hash)s::bigint IS NULL OR author_hash = %(hash)s)
           AND (%(language)s::text IS NULL OR EXISTS (
                 SELECT FROM unnest(languages) AS tag WHERE split_part(lower(tag), '-', 1) = %(language)s))
           AND (%(topic)s::text IS NULL OR post.id IN (SELECT post FROM topic_post WHERE topic = %(topic)s))
           AND (%(after)s::uuid IS NULL OR (event_time, post.id) >
                 (SELECT b.event_time, b.id FROM every_post b WHERE b.id = %(after)s::uuid))
         ORDER BY event_time, post.id LIMIT %(limit)s""",
    PostRow,
)

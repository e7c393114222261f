"""What the record holds, as one query."""

from __future__ import annotations

from shared.schemas.base import Schema

#: Posts that wait for a vector have none yet; posts without text never get one.
SQL = """SELECT (SELECT count(*) FROM post) AS posts,
              (SELECT count(*) FROM post) + (SELECT count(*) FROM reaction) AS events,
              (SELECT count(*) FROM post WHERE text <> '')
                - (SELECT count(DISTINCT post) FROM embedding_pending) AS vectors,
              pg_database_size(current_database()) AS disk_bytes,
              (SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
                WHERE relkind = 'r' AND relname ~ '^(post_vector|vector_)') AS vector_bytes"""


class Counts(Schema, frozen=True, kw_only=True):
    """A row of it. ``disk_bytes`` is the database's size, its log not included; ``vector_bytes`` the part of it that
    vectors have, which leave with the hot window."""

    posts: int
    events: int
    vectors: int
    disk_bytes: int
    vector_bytes: int

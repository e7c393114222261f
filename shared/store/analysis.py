"""What can be queried, as PostgreSQL's own catalogue tells it."""

from __future__ import annotations

from shared.schemas.base import Schema
from shared.store.database import Statement


class ColumnRow(Schema, frozen=True, kw_only=True):
    """A column of one of the views; ``about`` are the comments of the migration that made them."""

    table: str
    table_about: str | None
    name: str
    type: str
    type_number: int
    about: str | None


COLUMNS = Statement(
    """SELECT c.relname AS table, obj_description(c.oid) AS table_about, a.attname AS name,
              format_type(a.atttypid, NULL) AS type, a.atttypid::bigint AS type_number,
              col_description(c.oid, a.attnum) AS about
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = to_regnamespace('analysis') AND c.relkind = 'v'
        ORDER BY array_position(ARRAY['posts', 'reactions', 'topics', 'topic_minutes', 'topic_posts', 'feeds',
                                      'feed_minutes', 'gaps'], c.relname::text), c.relname, a.attnum""",
    ColumnRow,
)

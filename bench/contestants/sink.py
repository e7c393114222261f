"""PostgreSQL for the peers: binary COPY into a staging table, then ON CONFLICT, one transaction a batch.

The best way we know, and the position is stored in the same transaction, so that the peers are as
durable as we are. They keep no counts a minute, no likes a post and no list of posts to embed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from bench.contestants.rows import Row

#: Microseconds from 1970 to 2000, where PostgreSQL's own count begins.
_EPOCH_US = 946_684_800_000_000
_STAGES = """
    CREATE TEMP TABLE s_post (id uuid, uri text, author text, author_hash bigint, event_time timestamptz,
      claimed_time timestamptz, text text, languages text[], tags text[], links text[], reply_to uuid)
      ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE s_reaction (id uuid, subject uuid, kind smallint, event_time timestamptz) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE s_undo (id uuid, kind smallint, event_time timestamptz) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE s_delete (id uuid, uri text, author text, author_hash bigint, event_time timestamptz)
      ON COMMIT DELETE ROWS"""
_TYPES: dict[str, tuple[str, ...]] = {
    "post": ("uuid", "text", "text", "int8", "int8", "int8", "text", "text[]", "text[]", "text[]", "uuid"),
    "reaction": ("uuid", "uuid", "int2", "int8"),
    "undo": ("uuid", "int2", "int8"),
    "delete": ("uuid", "text", "text", "int8", "int8"),
}
_COPY = {kind: f"COPY s_{kind} FROM STDIN (FORMAT BINARY)" for kind in _TYPES}
_MOVE: dict[str, tuple[str, ...]] = {
    "post": (
        """INSERT INTO post (id, feed, uri, author, author_hash, event_time, claimed_time, text, languages, tags,
                             links, reply_to)
           SELECT id, 'bench', uri, author, author_hash, event_time, claimed_time, text, languages, tags, links,
                  reply_to FROM s_post ON CONFLICT (id) DO NOTHING""",
    ),
    "reaction": (
        """INSERT INTO reaction (id, subject, kind, event_time)
           SELECT id, subject, kind, event_time FROM s_reaction ON CONFLICT (id) DO NOTHING""",
    ),
    "undo": (
        "UPDATE reaction r SET deleted = true FROM s_undo s WHERE r.id = s.id",
        """INSERT INTO reaction (id, kind, event_time, deleted) SELECT id, kind, event_time, true FROM s_undo
           ON CONFLICT (id) DO NOTHING""",
    ),
    "delete": (
        """UPDATE post p SET text = '', languages = '{}', tags = '{}', links = '{}', deleted_at = now()
             FROM s_delete s WHERE p.id = s.id AND p.deleted_at IS NULL""",
        """INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, deleted_at)
           SELECT id, 'bench', uri, author, author_hash, event_time, '', now() FROM s_delete
           ON CONFLICT (id) DO NOTHING""",
    ),
}
BEGIN = """INSERT INTO feed (id, kind, url) VALUES ('bench', 'jetstream', 'ws://bench.example');
    INSERT INTO feed_cursor (feed, wire, host, position, event_time)
    VALUES ('bench', 'jetstream/1', 'bench.example', 0, 'epoch')"""
POSITION = "UPDATE feed_cursor SET position = greatest(position, %s), events = events + %s WHERE feed = 'bench'"


class Sink:
    """One connection and its staging tables."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute(BEGIN)
        self._connection.execute(_STAGES)

    def write(self, rows: Sequence[Row], events: int | None = None) -> None:
        """``rows`` and the position after them in one transaction. ``events`` were read, doubles among them."""
        by_kind: dict[str, list[Row]] = {}
        for row in rows:
            by_kind.setdefault(row.kind, []).append(row)
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for kind in ("post", "reaction", "undo", "delete"):
                if some := by_kind.get(kind):
                    self._copy(cursor, kind, some)
            cursor.execute(POSITION, (max(row.time_us for row in rows), len(rows) if events is None else events))

    def _copy(self, cursor: psycopg.Cursor[Any], kind: str, rows: Iterable[Row]) -> None:
        with cursor.copy(_COPY[kind]) as copy:
            copy.set_types(_TYPES[kind])
            for row in rows:
                copy.write_row(staged(row))
        for statement in _MOVE[kind]:
            cursor.execute(statement)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()


def staged(row: Row) -> tuple[Any, ...]:
    """The values of ``row`` with times as PostgreSQL counts them."""
    values: tuple[Any, ...] = row.values
    match row.kind:
        case "post":
            claimed = None if values[5] is None else values[5] - _EPOCH_US
            return (*values[:4], values[4] - _EPOCH_US, claimed, *values[6:])
        case _:
            return (*values[:-1], values[-1] - _EPOCH_US)

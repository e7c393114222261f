"""What one would write first: ``json`` and ``executemany ... ON CONFLICT``, a batch a transaction."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg

from bench.contestants.measure import run
from bench.contestants.rows import Row, distinct, row_from
from bench.contestants.sink import BEGIN, POSITION

_SQL: dict[str, str] = {
    "post": """INSERT INTO post (id, feed, uri, author, author_hash, event_time, claimed_time, text, languages, tags,
                                 links, reply_to)
               VALUES (%s, 'bench', %s, %s, %s, to_timestamp(%s / 1e6), to_timestamp(%s / 1e6), %s, %s, %s, %s, %s)
               ON CONFLICT (id) DO NOTHING""",
    "reaction": """INSERT INTO reaction (id, subject, kind, event_time)
                   VALUES (%s, %s, %s, to_timestamp(%s / 1e6)) ON CONFLICT (id) DO NOTHING""",
    "undo": """INSERT INTO reaction (id, kind, event_time, deleted) VALUES (%s, %s, to_timestamp(%s / 1e6), true)
               ON CONFLICT (id) DO UPDATE SET deleted = true""",
    "delete": """INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, deleted_at)
                 VALUES (%s, 'bench', %s, %s, %s, to_timestamp(%s / 1e6), '', now())
                 ON CONFLICT (id) DO UPDATE SET text = '', languages = '{}', tags = '{}', links = '{}',
                   deleted_at = now()""",
}


def ingest(url: str, path: str, batch: int) -> None:
    """The file's frames, stored."""
    with Path(path).open("rb") as file, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(BEGIN)
        while lines := list(islice(file, batch)):
            rows = distinct(row_from(json.loads(line)) for line in lines)
            with connection.transaction(), connection.cursor() as cursor:
                _write(cursor, rows, len(lines))


def _write(cursor: psycopg.Cursor[Any], rows: list[Row], events: int) -> None:
    for kind, statement in _SQL.items():
        if values := [row.values for row in rows if row.kind == kind]:
            cursor.executemany(statement, values)
    cursor.execute(POSITION, (max(row.time_us for row in rows), events))


if __name__ == "__main__":
    run(ingest)

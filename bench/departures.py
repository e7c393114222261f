"""What looking for the posts of departed accounts costs, by the index it uses. ``python -m bench.departures [POSTS]``.

Three databases hold the same posts: with the index on event times as it is (it holds the authors' hashes), with
one that does not, and with an index by author beside it. Each walks for an account that never posted, and stores
more posts; the first also removes the posts of a hundred accounts.
"""

from __future__ import annotations

import sys
import time

from services.relay.departures import PAGE, Departures
from shared.config.settings import Settings
from shared.schemas.base import Schema
from shared.store.database import Command, Database, Statement
from tests.support.engines import postgres_server
from tests.support.folders import disk_folder

MORE, DEPARTED = 50_000, 100
#: Posts of authors by a law as uneven as people are, in the order of their times.
_FILL = Command(
    """INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, terms)
       SELECT gen_random_uuid(), 'bench', 'at://' || author || '/' || n, author, hashtextextended(author, 0),
              timestamptz '2026-03-01' + n * interval '40 ms', repeat(md5(n::text) || ' ', 4),
              ARRAY[md5(n::text), 'one', 'two', 'three', 'four']
         FROM (SELECT n, 'did:plc:' || md5(((random() ^ 3) * 300000)::integer::text) AS author
                 FROM generate_series(%(first)s::integer, %(last)s::integer) AS n) AS made"""
)
_LEAVE = Command(
    """INSERT INTO account_departure (author, author_hash, gone, event_time)
       SELECT author, hashtextextended(author, 0), true, '2030-01-01' FROM unnest(%(authors)s::text[]) AS author"""
)
_AUTHORS = """SELECT author AS text FROM (SELECT DISTINCT author FROM post) AS every
               ORDER BY md5(author) LIMIT %(limit)s"""
_PLAIN = """DROP INDEX post_event_time;
            CREATE INDEX post_event_time ON post (event_time DESC, id DESC) WHERE deleted_at IS NULL"""
_INDEXES = {
    "hash in the index on times": "",
    "index on times alone": _PLAIN,
    "index by author beside it": f"{_PLAIN}; CREATE INDEX post_author ON post (author_hash) WHERE deleted_at IS NULL",
}


class _Text(Schema, frozen=True, kw_only=True):
    text: str


class _Number(Schema, frozen=True, kw_only=True):
    n: int


_READ = Statement(
    """SELECT (heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit)::bigint AS n
         FROM pg_statio_user_tables WHERE relname = 'post'""",
    _Number,
)
_WAL = Statement("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint AS n", _Number)


def main() -> None:
    """Print a row for each index."""
    posts = int(sys.argv[1]) if len(sys.argv) > 1 else 600_000
    rows = []
    with postgres_server(disk_folder) as server:
        for name, change in _INDEXES.items():
            with server.fresh() as url:
                database = Database(Settings(postgres_url=url, statement_timeout_seconds=600), name="bench", size=2)
                database.open()
                rows.append(_measure(database, name, change, posts))
                if not change:
                    removed = _remove(database)
                database.close()
    print(f"\n{posts:,} posts, {PAGE:,} a page; then {MORE:,} more are stored\n")
    print("| index | walk, s | blocks of 8 kB read | WAL of more posts, MB |\n| --- | ---: | ---: | ---: |")
    print("\n".join(rows))
    print(f"\n{removed}")


def _measure(database: Database, name: str, change: str, posts: int) -> str:
    database.execute(Command("INSERT INTO feed (id, kind, url) VALUES ('bench', 'jetstream', 'wss://x')"))
    database.execute(_FILL, {"first": 1, "last": posts})
    if change:
        database.execute(Command(change))
    _settle(database)
    database.execute(_LEAVE, {"authors": ["did:plc:nobody"]})
    walk = Departures(database, lambda _: None, "bench")
    read, began = _number(database, _READ), time.perf_counter()
    assert walk.turn() == 0
    seconds = time.perf_counter() - began
    # Sessions tell their counters when they are idle, a second later at the latest.
    time.sleep(1.5)
    blocks = _number(database, _READ) - read
    wal = _number(database, _WAL)
    database.execute(_FILL, {"first": posts + 1, "last": posts + MORE})
    return f"| {name} | {seconds:.2f} | {blocks:,} | {(_number(database, _WAL) - wal) / 1e6:.1f} |"


def _remove(database: Database) -> str:
    authors = [row.text for row in database.fetch(Statement(_AUTHORS, _Text), {"limit": DEPARTED})]
    database.execute(_LEAVE, {"authors": authors})
    began = time.perf_counter()
    gone = Departures(database, lambda _: None, "bench").turn()
    return f"Removing the {gone:,} posts of {DEPARTED} accounts: {time.perf_counter() - began:.2f} s with its pauses."


def _settle(database: Database) -> None:
    """As after a night: what autovacuum does, and no full pages in the log for what was written before."""
    with database._pool.connection() as connection:
        connection.execute("VACUUM ANALYZE post")
        connection.execute("CHECKPOINT")


def _number(database: Database, statement: Statement[_Number]) -> int:
    return database.fetch(statement)[0].n


if __name__ == "__main__":
    main()

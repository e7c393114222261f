"""Backtests over generated posts: how long each kind of rule takes. ``python -m bench.watches [POSTS]``."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta

from services.api.meaning import LazyEmbedder
from services.api.operations.watch_queries import BacktestInput
from services.api.watches.backtest import Backtester
from services.api.watches.meaning import Meanings
from shared.config.settings import Settings
from shared.schemas.watch import Threshold, WatchRule, Words
from shared.store.database import Command, Database
from shared.vectors.memory import MemoryIndex
from tests.support.engines import postgres_server
from tests.support.folders import disk_folder

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 8
#: Eight days of posts of twelve words out of 50,000 by Zipf's law, half of them Japanese at every tenth.
_FILL = Command(
    """INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, languages)
       SELECT gen_random_uuid(), 'bench', 'u' || n, 'a' || (n::bigint * 7919 %% 40000), (n::bigint * 7919 %% 40000),
              %(start)s + make_interval(secs => n * %(step)s),
              (SELECT string_agg('w' || floor(exp(random() * ln(50000)))::integer, ' ') FROM generate_series(1, 12)
                WHERE n > 0) || CASE WHEN n %% 10 = 0 THEN ' 東京で地震がありました' ELSE '' END,
              CASE WHEN n %% 10 = 0 THEN '{ja}'::text[] ELSE '{en}' END
         FROM generate_series(1, %(posts)s) AS n"""
)
_RULES = {
    "rare word": WatchRule(words=Words(any=["w40001", "w40002"]), threshold=Threshold(posts=2)),
    "common word, times usual": WatchRule(
        words=Words(any=["w5"]), threshold=Threshold(posts=20, authors=10, times_usual=2)
    ),
    "half of all posts": WatchRule(words=Words(any=["w1", "w2", "w3", "w4", "w5"]), threshold=Threshold(posts=50)),
    "script without spaces": WatchRule(words=Words(any=["地震"]), threshold=Threshold(posts=20)),
    "hashtag": WatchRule(words=Words(any=["#w7"]), threshold=Threshold(posts=2)),
    "window of a day": WatchRule(words=Words(any=["w50"]), threshold=Threshold(posts=20, minutes=1440)),
    "by author": WatchRule(authors=["a7", "a8", "a9"], threshold=Threshold(posts=2)),
}


def main() -> None:
    """Print a line for each rule."""
    posts = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    with postgres_server(disk_folder) as server, server.fresh() as url:
        database = Database(Settings(postgres_url=url, statement_timeout_seconds=600), name="bench", size=2)
        database.open()
        step = DAYS * 86_400 / posts
        database.execute(Command("INSERT INTO feed (id, kind, url) VALUES ('bench', 'jetstream', 'wss://x')"))
        database.execute(_FILL, {"posts": posts, "start": START, "step": step})
        database.execute(
            Command("INSERT INTO feed_minute (feed, minute, posts) VALUES ('bench', %(at)s, 1)"), {"at": START}
        )
        database.execute(
            Command(
                """INSERT INTO feed_cursor (feed, wire, host, position, event_time)
                   VALUES ('bench', 'jetstream', 'x', 1, %(at)s)"""
            ),
            {"at": START + timedelta(days=DAYS)},
        )
        database.execute(Command("ANALYZE post"))
        database.close()
        database = Database(Settings(postgres_url=url), name="bench", size=2)
        database.open()
        ask = Backtester(database, Meanings(LazyEmbedder(), MemoryIndex()))
        print(f"{posts:,} posts in {DAYS} days; backtest of the last 7 with a statement timeout of 30 s")
        for name, rule in _RULES.items():
            began = time.perf_counter()
            found = asyncio.run(ask(BacktestInput(rule=rule)))
            seconds = time.perf_counter() - began
            print(f"  {name:28} {seconds:6.2f} s  {found.matched:8,} matched  {found.fired:4} alerts")
        database.close()


if __name__ == "__main__":
    main()

"""Events through decode and store: our pipeline against the plain way, same frames, same PostgreSQL.

    python -m bench.ingest

The peer decodes with ``json`` and writes with ``executemany ... ON CONFLICT DO NOTHING``, batch by
batch, rows and cursor in one transaction: what one would write first. Client CPU-seconds count this
process only, so that a busy machine and the database's own work do not blur the comparison.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from services.relay.feed import ensure_feed
from services.relay.frames import Frame
from services.relay.pipeline.runner import Pipeline
from services.relay.pipeline.store import Origin
from services.relay.spec import FeedSpec
from services.relay.state import DatabaseClock
from shared.config.settings import Settings
from shared.contracts.ids import author_hash, post_id
from shared.store.database import Database
from tests.support import wire
from tests.support.engines import postgres_server

EVENTS, BATCH = 30_000, 5_000
_WORDS = [f"{first}{last}" for first in ("rain", "light", "storm", "city", "music", "game") for last in "abcdefghij"]
_SPEC = FeedSpec("bench", "jetstream", "ws://bench.example", 0)
_ORIGIN = Origin("bench", "jetstream/1", "bench.example")


def main() -> None:
    """Run both and print events per client CPU-second, and their ratio."""
    frames = [wire.encode(event) for event in _events(EVENTS)]
    mean = sum(map(len, frames)) / len(frames)
    print(f"{EVENTS} events, {mean:.0f} bytes each on average, in batches of {BATCH}")
    with postgres_server() as server:
        ours = _measure("decode, count, binary COPY", server.fresh, frames, _ours)
        bare = _measure("the same without terms", server.fresh, frames, _without_terms)
        peer = _measure("json, executemany", server.fresh, frames, _peer)
    print(f"ratio {ours / peer:.1f} with terms and fingerprints, {bare / peer:.1f} without (the peer makes none)")


def _measure(
    name: str, fresh: Callable[[], Any], frames: list[bytes], run: Callable[[str, list[bytes]], None]
) -> float:
    with fresh() as url:
        began, cpu = time.perf_counter(), time.process_time()
        run(url, frames)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    rate = len(frames) / cpu_seconds
    print(f"{name:28} {rate:9,.0f} events per client CPU-second {len(frames) / seconds:9,.0f} per second of wall time")
    return rate


def _events(number: int) -> Iterator[dict[str, Any]]:
    """Likes, posts and the rest in the shares that Bluesky shows (see docs), with a fixed seed."""
    chance = random.Random(7)
    posts: list[str] = ["at://did:plc:nobody/app.bsky.feed.post/none"]
    for n in range(number):
        time_us, author, key = wire.T0 + n * 3_000, chance.randrange(5_000), f"3k{n:09d}"
        draw = chance.random()
        if draw < 0.11:
            posts.append(wire.uri(author, key))
            text = " ".join(chance.choices(_WORDS, k=25))
            yield wire.post(author, key, time_us, text, tags=[chance.choice(_WORDS)])
        elif draw < 0.80:
            yield wire.like(author, key, time_us, chance.choice(posts[-500:]))
        elif draw < 0.90:
            yield wire.repost(author, key, time_us, chance.choice(posts[-500:]))
        elif draw < 0.95:
            yield wire.delete(author, f"3j{n:09d}", time_us, wire.LIKE)
        else:
            yield wire.identity(author, time_us)


def _pipeline(url: str) -> tuple[Database, Pipeline]:
    database = Database(Settings(postgres_url=url), name="bench", size=2)
    database.open()
    cursor = ensure_feed(database, _SPEC, _ORIGIN, start_us=wire.T0 - 1)
    return database, Pipeline(database, _ORIGIN, DatabaseClock(), cursor.position)


def _ours(url: str, frames: list[bytes]) -> None:
    database, pipeline = _pipeline(url)
    for start in range(0, len(frames), BATCH):
        pipeline.process([Frame(data, len(data)) for data in frames[start : start + BATCH]])
    database.close()


def _without_terms(url: str, frames: list[bytes]) -> None:
    from services.relay.pipeline import runner

    counting, runner.count = runner.count, lambda posts: None
    try:
        _ours(url, frames)
    finally:
        runner.count = counting


_POST = """INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, languages, tags)
           VALUES (%s, 'bench', %s, %s, %s, to_timestamp(%s / 1e6), %s, %s, %s) ON CONFLICT (id) DO NOTHING"""
_REACTION = """INSERT INTO reaction (id, subject, kind, event_time)
               VALUES (%s, %s, %s, to_timestamp(%s / 1e6)) ON CONFLICT (id) DO NOTHING"""
_UNDO = "UPDATE reaction SET deleted = true WHERE id = %s"
_CURSOR = "UPDATE feed_cursor SET position = %s, events = events + %s WHERE feed = 'bench'"


def _peer(url: str, frames: list[bytes]) -> None:
    database, _ = _pipeline(url)
    database.close()
    with psycopg.connect(url) as connection:
        for start in range(0, len(frames), BATCH):
            events = [json.loads(data) for data in frames[start : start + BATCH]]
            with connection.transaction(), connection.cursor() as cursor:
                _peer_batch(cursor, events)


def _peer_batch(cursor: psycopg.Cursor[Any], events: list[dict[str, Any]]) -> None:
    posts, reactions, undone = [], [], []
    for event in events:
        commit = event.get("commit")
        if commit is None:
            continue
        uri = f"at://{event['did']}/{commit['collection']}/{commit['rkey']}"
        if commit["operation"] == "delete":
            undone.append((post_id(uri),))
        elif commit["collection"] == wire.POST:
            record, did = commit["record"], event["did"]
            row = (post_id(uri), uri, did, author_hash(did), event["time_us"], record["text"])
            posts.append((*row, record["langs"], record["tags"]))
        else:
            kind = 1 if commit["collection"] == wire.LIKE else 2
            reactions.append((post_id(uri), post_id(commit["record"]["subject"]["uri"]), kind, event["time_us"]))
    for sql, rows in ((_POST, posts), (_REACTION, reactions), (_UNDO, undone)):
        if rows:
            cursor.executemany(sql, rows)
    cursor.execute(_CURSOR, (events[-1]["time_us"], len(events)))


if __name__ == "__main__":
    main()

"""Two movers whose clocks are an hour apart, killed again and again, while everything else goes on."""

from __future__ import annotations

import random
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.relay.feed import ensure_feed
from services.relay.frames import Frame
from services.relay.pipeline.runner import Pipeline
from services.relay.pipeline.store import Origin
from services.relay.spec import FeedSpec
from services.relay.state import DatabaseClock
from shared.config.settings import Settings
from shared.contracts.ids import post_id
from shared.schemas.base import Schema
from shared.store.database import Database, Statement
from tests.support import wire
from tests.support.movers import HOUR, Movers
from tests.support.waiting import until

HOT = 2 * 86_400.0
ORIGIN = Origin("jetstream", "jetstream/1", "feed.example")
SPEC = FeedSpec("jetstream", "jetstream", "wss://feed.example/subscribe", 0)
#: Before the boundary and after it: as far from it as neither movers nor the test can drift, and well within the
#: hour by which the clocks are wrong.
OLD, YOUNG, MARGIN = 1_500, 300, timedelta(minutes=4)
SECONDS = 12.0


class Row(Schema, frozen=True, kw_only=True):
    id: str
    text: str
    likes: int
    deleted: bool


class Once(Schema, frozen=True, kw_only=True):
    """How often the posts that the test began with are in the record, and how many there are of each."""

    rows: int
    ids: int
    of_all: int
    of_all_ids: int


class Number(Schema, frozen=True, kw_only=True):
    rows: int


class Clock(Schema, frozen=True, kw_only=True):
    now: datetime


NOW = Statement("SELECT now() AS now", Clock)
#: One statement, one snapshot.
EACH_ONCE = Statement(
    """SELECT count(*) FILTER (WHERE uri LIKE '%/base%') AS rows,
              count(DISTINCT id) FILTER (WHERE uri LIKE '%/base%') AS ids,
              count(*) AS of_all, count(DISTINCT id) AS of_all_ids FROM every_post""",
    Once,
)
EVERY = Statement("SELECT id::text, text, likes, deleted_at IS NOT NULL AS deleted FROM every_post", Row)
HOT_LIVE = Statement("SELECT id::text, text, likes, false AS deleted FROM post WHERE deleted_at IS NULL", Row)
COLD = Statement("SELECT count(*) AS rows FROM post_archive", Number)
KEYS = Statement("SELECT count(*) AS rows FROM post_archive JOIN post_archive_key USING (id, event_time)", Number)
ALL_KEYS = Statement("SELECT count(*) AS rows FROM post_archive_key", Number)
REMOVALS = Statement("SELECT count(*) AS rows FROM vector_removal JOIN post_archive ON id = post", Number)


@pytest.mark.timeout(180)
def test_two_movers_with_clocks_an_hour_apart_killed_anywhere_skip_and_repeat_no_post(
    database: Database, postgres_url: str, tmp_path: Path
) -> None:
    # given posts on both sides of the hot window's edge, all within what the movers' clocks are wrong by
    chance = random.Random(22)
    edge = database.fetch(NOW)[0].now - timedelta(seconds=HOT)
    ensure_feed(database, SPEC, ORIGIN, start_us=_us(edge - timedelta(days=3)))
    pipeline = Pipeline(database, ORIGIN, DatabaseClock(), 0)
    texts: dict[str, str] = {}
    likes: dict[str, int] = {}
    deleted: set[str] = set()
    lock = threading.Lock()

    def send(*events: dict[str, Any]) -> None:
        raw = [wire.encode(event) for event in events]
        pipeline.process([Frame(data, len(data)) for data in raw])

    def made(number: int, at: datetime, kind: str) -> dict[str, Any]:
        uri = wire.uri(number, f"{kind}{number}")
        texts[str(post_id(uri))], likes[str(post_id(uri))] = f"text {number}", 0
        return wire.post(number, f"{kind}{number}", _us(at), f"text {number}")

    old = [edge - MARGIN - timedelta(seconds=chance.uniform(0, 1_500)) for _ in range(OLD)]
    old[:40] = [edge - timedelta(days=1 + n % 2, seconds=n) for n in range(40)]  # days of their own, out of order
    young = [edge + MARGIN + timedelta(seconds=chance.uniform(0, 1_500)) for _ in range(YOUNG)]
    times = old + young
    send(*(made(number, at, "base") for number, at in enumerate(times)))
    ids = list(texts)
    # when both movers run, are killed at random, and posts, replays, likes, edits and deletions keep coming
    stop = threading.Event()
    failures: list[str] = []
    checks = 0

    def read() -> None:
        nonlocal checks
        reader = Database(Settings(postgres_url=postgres_url), name="reader", size=1)
        reader.open()
        while not stop.is_set():
            found = reader.fetch(EACH_ONCE)[0]
            checks += 1
            if (found.rows, found.ids) != (OLD + YOUNG, OLD + YOUNG) or found.of_all != found.of_all_ids:
                failures.append(f"a snapshot held {found}")
        reader.close()

    def write() -> None:
        step = 0
        while not stop.is_set():
            step += 1
            number = chance.randrange(OLD + YOUNG)
            with lock:
                id, uri = ids[number], wire.uri(number, f"base{number}")
                now = datetime.now(UTC)
                events = [made(10_000 + step, now, "live"), wire.post(number, f"base{number}", _us(times[number]))]
                match step % 4:
                    case 0:
                        events.append(wire.delete(number, f"base{number}", _us(now)))
                        deleted.add(id)
                    case 1 if id not in deleted:
                        texts[id] = f"edited {step}"
                        edit = wire.post(number, f"base{number}", _us(now), texts[id], operation="update")
                        events.append(edit)
                    case _:
                        events.append(wire.like(20_000 + step, f"l{step}", _us(now), uri))
                        likes[id] += 1
                send(*events)

    movers = Movers(postgres_url, HOT, tmp_path)
    threads = [threading.Thread(target=read), threading.Thread(target=write)]
    try:
        movers.start()
        for thread in threads:
            thread.start()
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends or movers.kills < 6:
            before = sum(len(movers.batches(name)) for name in ("ahead", "behind"))
            until(lambda: sum(len(movers.batches(name)) for name in ("ahead", "behind")) > before, 60)  # noqa: B023
            time.sleep(chance.uniform(0.0, 0.15))
            movers.kill(chance.choice(("ahead", "behind")))
            movers.start()
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    # and then are left in peace until nothing is left to move
    expected_hot = {id for id, at in zip(ids, times, strict=True) if at > edge} | set(list(texts)[len(ids) :])
    expected_hot -= deleted
    try:
        until(lambda: {row.id for row in database.fetch(HOT_LIVE)} <= expected_hot, 60, "an empty queue")
    finally:
        movers.stop()
    # then no snapshot ever showed a post twice or not at all
    assert failures == []
    assert checks > 20
    # and both moved posts, each believing another hour
    assert sum(posts for posts, _ in movers.batches("ahead")) > 0, movers.log("ahead")
    assert sum(posts for posts, _ in movers.batches("behind")) > 0, movers.log("behind")
    apart = movers.batches("ahead")[-1][1] - movers.batches("behind")[-1][1]
    assert abs(apart - HOUR) < 120
    # and exactly what the database calls old is cold, with its key, and leaves the vector index
    assert {row.id for row in database.fetch(HOT_LIVE)} == expected_hot
    cold = database.fetch(COLD)[0].rows
    assert cold == len(texts) - len(expected_hot) - len(deleted)
    assert [database.fetch(what)[0].rows for what in (KEYS, ALL_KEYS, REMOVALS)] == [cold] * 3
    # and every post is what the events make of it, wherever it lies
    found = {row.id: row for row in database.fetch(EVERY)}
    assert found.keys() == texts.keys()
    wrong = [
        (row, texts[id], likes[id])
        for id, row in found.items()
        if (row.text, row.likes, row.deleted) != (("", 0, True) if id in deleted else (texts[id], likes[id], False))
    ]
    assert wrong == []


def _us(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)

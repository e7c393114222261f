"""While PostgreSQL is away the relay stops reading, whatever the feeds send, and memory stays bounded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import msgspec
import pytest
import redis

from services.relay import entry
from services.relay.feed import FeedUnit
from shared.config.settings import Settings
from shared.contracts.channels import LIVE_STREAM
from shared.schemas.feed import Feed
from shared.schemas.live import FeedUpdated, Message
from shared.store import cursors, feed_rows
from shared.store.database import Database
from tests.support import wire
from tests.support.relay import Relay
from tests.support.scripted_feed import ScriptedFeed, scripted_feed
from tests.support.severable import severable
from tests.support.waiting import until
from tests.support.wire import SECOND

FEEDS = ("number", "bytes")
EVENTS, TEXT = 4_500, "x" * 2_000
QUEUE_EVENTS, QUEUE_BYTES, BATCH = 300, 1 << 20, 50


@pytest.fixture
def units(monkeypatch: pytest.MonkeyPatch) -> dict[str, FeedUnit]:
    """The units that the relay opens, by feed."""
    opened: dict[str, FeedUnit] = {}

    def opening(spec: Any, *given: Any, **more: Any) -> FeedUnit:
        opened[spec.id] = FeedUnit(spec, *given, **more)
        return opened[spec.id]

    monkeypatch.setattr(entry, "FeedUnit", opening)
    return opened


@pytest.fixture
def served_feeds(database: Database) -> Iterator[dict[str, ScriptedFeed]]:
    """Two feeds with more to give than may wait; one bounded by number, one by bytes."""
    with ExitStack() as stack:
        feeds = {feed: stack.enter_context(scripted_feed()) for feed in FEEDS}
        for feed, limits in (("number", (QUEUE_EVENTS, None)), ("bytes", (None, QUEUE_BYTES))):
            row = {"id": feed, "kind": "jetstream", "url": feeds[feed].url, "backfill_minutes": 60, "enabled": True}
            row |= {"options": "{}", "queue_events": limits[0], "queue_bytes": limits[1]}
            database.execute(feed_rows.ADD, row)
        yield feeds


def posts(author: int, start: int, end: int) -> list[dict[str, Any]]:
    base_us = int(time.time()) * SECOND - 900 * SECOND
    return [wire.post(author, f"p{n}", base_us + n * 1_000, TEXT) for n in range(start, end)]


def told(valkey_url: str) -> dict[str, list[Feed]]:
    """What the live stream said of each feed, oldest first."""
    said: dict[str, list[Feed]] = {feed: [] for feed in FEEDS}
    with redis.Redis.from_url(valkey_url) as client:
        for _, fields in client.xrange(LIVE_STREAM):
            message = msgspec.json.decode(fields[b"m"], type=Message)
            if isinstance(message, FeedUpdated):
                said[message.feed.id].append(message.feed)
    return said


def stored(database: Database, feed: str) -> int:
    found = database.fetch_one(cursors.COUNTERS, {"feed": feed})
    return found.posts if found else 0


@pytest.mark.parametrize("how", ["cut", "freeze"])
def test_with_postgresql_away_no_feed_holds_more_than_its_bounds(
    how: str,
    database: Database,
    postgres_url: str,
    valkey_url: str,
    units: dict[str, FeedUnit],
    served_feeds: dict[str, ScriptedFeed],
) -> None:
    with severable(postgres_url) as (line, url):
        settings = Settings(
            postgres_url=url,
            valkey_url=valkey_url,
            statement_timeout_seconds=1,
            relay_batch_events=BATCH,
            relay_batch_milliseconds=5,
        )
        for number, feed in enumerate(FEEDS):
            served_feeds[feed].emit(*posts(number, 0, 20))
        with Relay(settings) as relay:
            until(lambda: all(stored(database, feed) == 20 for feed in FEEDS))
            until(lambda: all(told(valkey_url).values()))
            # when PostgreSQL goes, or is silent with its connections open, and the feeds send as fast as they can
            line.cut() if how == "cut" else line.freeze()
            for number, feed in enumerate(FEEDS):
                served_feeds[feed].emit(*posts(number, 20, EVENTS))
            queues = {feed: units[feed].queue for feed in FEEDS}
            until(lambda: len(queues["number"]) == QUEUE_EVENTS, 60)
            until(lambda: queues["bytes"].waiting_bytes >= QUEUE_BYTES, 60)
            # then each feed's status says so on the live stream, which needs no PostgreSQL
            until(lambda: all(said[-1].status == "stalled" for said in told(valkey_url).values()), 60)
            assert all("PostgreSQL does not answer" in str(said[-1].reason) for said in told(valkey_url).values())
            # and no frame more is read, however long it takes: two more reports later all is as it was
            read = {feed: units[feed].state.frames for feed in FEEDS}
            reports = {feed: len(said) for feed, said in told(valkey_url).items()}
            until(lambda: all(len(said) >= reports[feed] + 2 for feed, said in told(valkey_url).items()), 60)
            assert {feed: units[feed].state.frames for feed in FEEDS} == read
            assert read["number"] <= 20 + QUEUE_EVENTS + BATCH
            # by at most the frame that filled it
            assert queues["bytes"].waiting_bytes < QUEUE_BYTES + 4_000
            assert read["bytes"] < EVENTS / 2
            # when it is back, then everything is stored, once
            line.mend()
            until(lambda: all(stored(database, feed) == EVENTS for feed in FEEDS), 120)
            assert relay.code is None
            found = [database.fetch_one(cursors.COUNTERS, {"feed": feed}) for feed in FEEDS]
            assert [(counters.posts, counters.quarantined) for counters in found if counters] == [(EVENTS, 0)] * 2
